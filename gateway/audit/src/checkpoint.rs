//! Signed tree heads: C2SP tlog-checkpoint in a C2SP signed-note.
//!
//! The origin line is the log's name, which is also the name of the key that signs. One signature
//! covers a whole commit group, never a single record.

use serde::Serialize;
use signed_note::{Note, NoteError, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint as Text, Hash};
use vault::LogSigner;

use crate::tree::{Digest, Tree};

/// Three short lines and a signature; a longer note is not ours.
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
pub fn sign(tree: &Tree, signer: &LogSigner) -> Result<String, Unsigned> {
    let origin = signed_note::Signer::name(signer);
    let text = Text::new(origin, tree.size(), Hash(tree.root()), "").map_err(|_| Unsigned)?;
    let mut note = Note::new(&text.to_bytes(), &[]).map_err(|_| Unsigned)?;
    note.add_sigs(&[signer]).map_err(|_| Unsigned)?;
    String::from_utf8(note.to_bytes()).map_err(|_| Unsigned)
}

/// Whose signatures count.
pub struct Authority {
    key: String,
    origin: String,
    verifiers: VerifierList,
}

impl Authority {
    /// From a C2SP verifier key.
    pub fn parse(key: &str) -> Result<Self, MalformedKey> {
        let verifier = StandardVerifier::new(key.trim()).map_err(MalformedKey)?;
        Ok(Self {
            key: key.trim().to_owned(),
            origin: signed_note::Verifier::name(&verifier).to_owned(),
            verifiers: VerifierList::new(vec![Box::new(verifier)]),
        })
    }

    /// The log it speaks for.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether this is its verifier key.
    pub fn is(&self, key: &str) -> bool {
        self.key == key
    }

    /// The checkpoint in `note`, if this authority signed it.
    pub fn check(&self, note: &[u8]) -> Result<Checkpoint, Forgery> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(Forgery::Malformed);
        }
        let note = Note::from_bytes(note).map_err(|_| Forgery::Malformed)?;
        note.verify(&self.verifiers).map_err(|error| match error {
            NoteError::InvalidSignature { .. } => Forgery::BadSignature,
            _ => Forgery::UnknownKey,
        })?;
        let text = Text::from_bytes(note.text()).map_err(|_| Forgery::Malformed)?;
        if text.origin() != self.origin {
            return Err(Forgery::WrongOrigin);
        }
        Ok(Checkpoint {
            size: text.size(),
            root: text.hash().0,
        })
    }
}

#[cfg(test)]
mod tests;
