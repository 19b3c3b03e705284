//! Signed tree heads: C2SP tlog-checkpoint in a C2SP signed-note.
//!
//! The origin line is the log's name, which is also the name of the key that signs. One signature
//! covers a whole commit group, never a single record.

mod lineage;

use serde::Serialize;
use signed_note::{Note, Signature, Signer, VerificationError, Verifier, Verifiers};
use tlog_tiles::{Checkpoint as Text, Hash};

pub use self::lineage::Lineage;
pub(crate) use self::lineage::Place;
use crate::{
    tree::{Digest, SIZE_MAX, Tree, leaf_hash},
    witness::{Cosigned, Witnesses},
};

/// Three short lines, a signature, and those of some witnesses; a longer note is not ours.
pub const NOTE_BYTES_MAX: usize = 4096;

/// A tree head whose signature was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many records it covers.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
}

/// Why a checkpoint is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// It is not a signed note with a checkpoint in it.
    #[error("it is no signed checkpoint")]
    Malformed,
    /// It is signed by somebody, but not by this log.
    #[error("it is signed by an unknown key")]
    UnknownKey,
    /// It names this log's key, but the signature is not by it.
    #[error("its signature is false")]
    BadSignature,
    /// This log's key signed a head of another log.
    #[error("it is about another log")]
    WrongOrigin,
    /// A key of this log signed it that was not in force any more.
    #[error("it is signed by a key that was superseded before")]
    Superseded,
}

/// The public key is no C2SP verifier key for Ed25519.
#[derive(Debug, thiserror::Error)]
#[error("the public key is not of the form `<name>+<key id>+<base64>`")]
pub struct MalformedKey(#[source] pub(crate) signed_note::VerifierError);

/// Checkpoints could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the checkpoint cannot be signed")]
pub struct Unsigned;

/// Signs the head of `tree`.
pub fn sign(tree: &Tree, signer: &impl Signer) -> Result<String, Unsigned> {
    sign_by(tree, &[signer])
}

/// The same by several keys of one log: where one succeeds another, by both.
pub fn sign_by(tree: &Tree, signers: &[&dyn Signer]) -> Result<String, Unsigned> {
    let name = signers.first().ok_or(Unsigned)?.name();
    let text = Text::new(name, tree.size(), Hash(tree.root()), "").map_err(|_| Unsigned)?;
    let mut note = Note::new(&text.to_bytes(), &[]).map_err(|_| Unsigned)?;
    note.add_sigs(signers).map_err(|_| Unsigned)?;
    String::from_utf8(note.to_bytes()).map_err(|_| Unsigned)
}

/// Whose signatures count.
#[derive(Clone)]
pub struct Authority {
    lineage: Lineage,
    witnesses: Witnesses,
}

/// A checkpoint, and who else signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined {
    /// What this log's key signed.
    pub checkpoint: Checkpoint,
    /// What enough witnesses signed, if they did.
    pub cosigned: Option<Cosigned>,
}

impl Authority {
    /// From a C2SP verifier key.
    pub fn parse(key: &str) -> Result<Self, MalformedKey> {
        Ok(Self {
            lineage: Lineage::new(key)?,
            witnesses: Witnesses::default(),
        })
    }

    /// By this key from the record at `index` on, which says so; it is known from elsewhere that it does.
    pub fn succeeded(mut self, index: u64, key: &str) -> Result<Self, MalformedKey> {
        self.lineage.push(index, key)?;
        Ok(self)
    }

    /// By this key as well behind all that is known: it is the next, and whether a record says so already is not known.
    pub fn expecting(mut self, key: &str) -> Result<Self, MalformedKey> {
        self.lineage.expect(key)?;
        Ok(self)
    }

    /// Demanding the cosignatures of these witnesses as well.
    #[must_use]
    pub fn with_witnesses(mut self, witnesses: Witnesses) -> Self {
        self.witnesses = witnesses;
        self
    }

    /// The log it speaks for.
    pub fn origin(&self) -> &str {
        self.lineage.name()
    }

    /// Its verifier key; of several the newest.
    pub fn key(&self) -> &str {
        self.lineage.newest()
    }

    /// Whether this is a verifier key of it.
    pub fn knows(&self, key: &str) -> bool {
        self.lineage.knows(key)
    }

    /// Its verifier keys, as they succeed each other.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    pub(crate) fn lineage_mut(&mut self) -> &mut Lineage {
        &mut self.lineage
    }

    /// Whose cosignatures are demanded.
    pub fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    /// A hash of all that a verification goes by: these keys, the checkpoints that were kept, and `head`, where what is
    /// verified begins with one. What an earlier one left counts for no other.
    pub fn purpose(&self, head: Option<&[u8]>, anchors: &[Vec<u8>]) -> String {
        let keys = self.witnesses.keys().iter().map(|it| it.key().as_bytes());
        let quorum = self.witnesses.quorum().to_be_bytes();
        let own = self.lineage.keys().map(|(_, key)| key.as_bytes());
        let parts = own.chain([&quorum[..]]).chain(keys);
        let parts = parts.chain(anchors.iter().map(Vec::as_slice)).chain(head);
        let hashes: Vec<Digest> = parts.map(leaf_hash).collect();
        hex::encode(leaf_hash(&hashes.concat()))
    }

    /// The checkpoint in `note`, if this authority signed it.
    pub fn check(&self, note: &[u8]) -> Result<Checkpoint, Forgery> {
        self.examine(note).map(|examined| examined.checkpoint)
    }

    /// The checkpoint in `note`, if this authority signed it by the key that was in force, and which witnesses did, too.
    pub fn examine(&self, note: &[u8]) -> Result<Examined, Forgery> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(Forgery::Malformed);
        }
        let note = Note::from_bytes(note).map_err(|_| Forgery::Malformed)?;
        let text = Text::from_bytes(note.text()).map_err(|_| Forgery::Malformed);
        let size = text.as_ref().map_or(0, Text::size);
        self.lineage.signed(&note, size)?;
        let text = text?;
        if text.origin() != self.origin() {
            return Err(Forgery::WrongOrigin);
        }
        if text.size() > SIZE_MAX {
            return Err(Forgery::Malformed);
        }
        Ok(Examined {
            checkpoint: Checkpoint {
                size: text.size(),
                root: text.hash().0,
            },
            cosigned: self.witnesses.judge(&note),
        })
    }
}

/// The origin line of the checkpoint in `note`, signed by anybody.
pub fn origin(note: &[u8]) -> Option<String> {
    unsigned(note).map(|text| text.origin().to_owned())
}

/// The size of the checkpoint in `note`, signed by anybody.
pub fn size(note: &[u8]) -> Option<u64> {
    unsigned(note).map(|text| text.size())
}

fn unsigned(note: &[u8]) -> Option<Text> {
    if note.len() > NOTE_BYTES_MAX {
        return None;
    }
    Text::from_bytes(Note::from_bytes(note).ok()?.text()).ok()
}

/// Whether `note` is a checkpoint of the log named `origin`, and says that it is signed under that name, by whatever key.
pub fn is_named(note: &[u8], origin: &str) -> bool {
    let is_of = unsigned(note).is_some_and(|text| text.origin() == origin);
    is_of && !signers(note, origin).is_empty()
}

/// The ids of the keys under this name that signed `note`, as it says.
pub(crate) fn signers(note: &[u8], name: &str) -> Vec<u32> {
    let text = std::str::from_utf8(note).unwrap_or_default();
    let (_, lines) = text.rsplit_once("\n\n").unwrap_or_default();
    let signatures = lines
        .lines()
        .map(|line| Signature::from_bytes(line.as_bytes()));
    let own = signatures.flatten().filter(|it| it.name() == name);
    own.map(|it| it.id()).collect()
}

/// One key, and no other.
pub(crate) struct Only<'a>(pub(crate) &'a dyn Verifier);

impl Verifiers for Only<'_> {
    fn verifier(&self, name: &str, id: u32) -> Result<&dyn Verifier, VerificationError> {
        if self.0.name() == name && self.0.key_id() == id {
            return Ok(self.0);
        }
        let name = name.to_owned();
        Err(VerificationError::UnknownKey { name, id })
    }
}
