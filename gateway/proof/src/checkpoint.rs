//! Signed tree heads: C2SP tlog-checkpoint in a C2SP signed-note.
//!
//! The origin line is the log's name, which is also the name of the key that signs. One signature
//! covers a whole commit group, never a single record.

use serde::Serialize;
use signed_note::{
    Note, NoteError, Signer, StandardVerifier, VerificationError, Verifier, Verifiers,
};
use tlog_tiles::{Checkpoint as Text, Hash};

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
}

/// The public key is no C2SP verifier key for Ed25519.
#[derive(Debug, thiserror::Error)]
#[error("the public key is not of the form `<name>+<key id>+<base64>`")]
pub struct MalformedKey(#[source] signed_note::VerifierError);

/// Checkpoints could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the checkpoint cannot be signed")]
pub struct Unsigned;

/// Signs the head of `tree`.
pub fn sign(tree: &Tree, signer: &impl Signer) -> Result<String, Unsigned> {
    let text =
        Text::new(signer.name(), tree.size(), Hash(tree.root()), "").map_err(|_| Unsigned)?;
    let mut note = Note::new(&text.to_bytes(), &[]).map_err(|_| Unsigned)?;
    note.add_sigs(&[signer]).map_err(|_| Unsigned)?;
    String::from_utf8(note.to_bytes()).map_err(|_| Unsigned)
}

/// Whose signatures count.
#[derive(Clone)]
pub struct Authority {
    key: String,
    log: StandardVerifier,
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
            key: key.trim().to_owned(),
            log: StandardVerifier::new(key.trim()).map_err(MalformedKey)?,
            witnesses: Witnesses::default(),
        })
    }

    /// Demanding the cosignatures of these witnesses as well.
    #[must_use]
    pub fn with_witnesses(mut self, witnesses: Witnesses) -> Self {
        self.witnesses = witnesses;
        self
    }

    /// The log it speaks for.
    pub fn origin(&self) -> &str {
        self.log.name()
    }

    /// Its verifier key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether this is its verifier key.
    pub fn is(&self, key: &str) -> bool {
        self.key == key
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
        let parts = [self.key.as_bytes(), &quorum].into_iter().chain(keys);
        let parts = parts.chain(anchors.iter().map(Vec::as_slice)).chain(head);
        let hashes: Vec<Digest> = parts.map(leaf_hash).collect();
        hex::encode(leaf_hash(&hashes.concat()))
    }

    /// The checkpoint in `note`, if this authority signed it.
    pub fn check(&self, note: &[u8]) -> Result<Checkpoint, Forgery> {
        self.examine(note).map(|examined| examined.checkpoint)
    }

    /// The checkpoint in `note`, if this authority signed it, and which witnesses did, too.
    pub fn examine(&self, note: &[u8]) -> Result<Examined, Forgery> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(Forgery::Malformed);
        }
        let note = Note::from_bytes(note).map_err(|_| Forgery::Malformed)?;
        note.verify(&Only(&self.log)).map_err(|error| match error {
            NoteError::InvalidSignature { .. } => Forgery::BadSignature,
            _ => Forgery::UnknownKey,
        })?;
        let text = Text::from_bytes(note.text()).map_err(|_| Forgery::Malformed)?;
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
