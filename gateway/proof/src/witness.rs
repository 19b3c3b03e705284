//! Witnesses: others who say that a log only ever grew (C2SP tlog-cosignature, tlog-witness).
//!
//! A witness signs a checkpoint after it has seen a proof that the tree continues the one it signed
//! before. A log that shows two histories needs it as an accomplice.

mod request;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH, Signature, VerifyingKey};
use serde::Serialize;
use signed_note::{Note, Verifier};

pub use request::{MalformedRequest, REQUEST_BYTES_MAX, Request};

use crate::checkpoint::{NOTE_BYTES_MAX, Only};

/// The signature type of cosignatures by Ed25519, first in a verifier key.
pub const ALGORITHM_COSIGNATURE: u8 = 4;

/// The time, before the signature (seconds since 1970, big-endian).
const TIME_BYTES: usize = 8;

/// No more witnesses can be demanded: their cosignatures would not fit a note.
pub const WITNESSES_MAX: usize = 16;

/// The media type of the body of a 409, in which a witness tells which size it knows.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// What a witness signs at `time`, seconds since 1970, for the text of a checkpoint.
pub fn message(time: u64, text: &[u8]) -> Vec<u8> {
    let mut message = format!("cosignature/v1\ntime {time}\n").into_bytes();
    message.extend_from_slice(text);
    message
}

/// The signature of a cosignature's line: the time, then what the witness made of [`message`].
pub fn stamped(time: u64, signature: &[u8]) -> Vec<u8> {
    [&time.to_be_bytes(), signature].concat()
}

/// A witness's key is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key of a witness is not of the form `<name>+<key id>+<base64>`, with signature type 4"
)]
pub struct MalformedWitness;

/// The public key of a witness.
#[derive(Clone, Debug)]
pub struct WitnessKey {
    key: String,
    name: String,
    id: u32,
    verifying: VerifyingKey,
}

impl WitnessKey {
    /// From a C2SP verifier key of type 4.
    pub fn parse(key: &str) -> Result<Self, MalformedWitness> {
        let key = key.trim();
        let mut parts = key.splitn(3, '+');
        let mut part = || parts.next().ok_or(MalformedWitness);
        let (name, id, encoded) = (part()?, part()?, part()?);
        let material = BASE64_STANDARD.decode(encoded);
        let material = material.map_err(|_| MalformedWitness)?;
        let expected = signed_note::key_id(name, &material);
        let Some((&ALGORITHM_COSIGNATURE, public)) = material.split_first() else {
            return Err(MalformedWitness);
        };
        if id != format!("{expected:08x}") || !signed_note::is_key_name_valid(name) {
            return Err(MalformedWitness);
        }
        let public: &[u8; PUBLIC_KEY_LENGTH] = public.try_into().map_err(|_| MalformedWitness)?;
        Ok(Self {
            key: key.to_owned(),
            name: name.to_owned(),
            id: expected,
            verifying: VerifyingKey::from_bytes(public).map_err(|_| MalformedWitness)?,
        })
    }

    /// As it was given.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// When this witness signed `note`, in seconds since 1970, if it did.
    pub fn signed_at(&self, note: &Note) -> Option<u64> {
        let (signatures, _) = note.verify(&Only(self)).ok()?;
        let stamp = signatures.first()?.signature().first_chunk()?;
        Some(u64::from_be_bytes(*stamp))
    }
}

impl Verifier for WitnessKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], stamped: &[u8]) -> bool {
        let Some((time, signature)) = stamped.split_first_chunk::<TIME_BYTES>() else {
            return false;
        };
        let Ok(signature) = <&[u8; SIGNATURE_LENGTH]>::try_from(signature) else {
            return false;
        };
        let time = u64::from_be_bytes(*time);
        let Ok(_within) = i64::try_from(time) else {
            return false;
        };
        let signature = Signature::from_bytes(signature);
        let message = message(time, text);
        self.verifying.verify_strict(&message, &signature).is_ok()
    }
}

/// That enough witnesses signed, and since when they had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cosigned {
    /// How many of those that are trusted.
    pub witnesses: usize,
    /// The moment at which there were enough, in seconds since 1970, by the witnesses' clocks.
    pub at: u64,
}

/// Which witnesses are trusted, and how many of them it takes.
#[derive(Clone, Debug, Default)]
pub struct Witnesses {
    keys: Vec<WitnessKey>,
    quorum: usize,
}

/// Witnesses that make no sense together.
#[derive(Debug, thiserror::Error)]
pub enum WitnessesError {
    /// More are wanted than there are.
    #[error("a quorum of {quorum} cannot be had of {witnesses} witness(es)")]
    Quorum {
        /// How many it takes.
        quorum: usize,
        /// How many there are.
        witnesses: usize,
    },
    /// One counts twice.
    #[error("the witness `{0}` is named twice")]
    Twice(String),
    /// There are too many.
    #[error("there are more than {WITNESSES_MAX} witnesses")]
    TooMany,
}

impl Witnesses {
    /// Any `quorum` of `keys`.
    pub fn new(keys: Vec<WitnessKey>, quorum: usize) -> Result<Self, WitnessesError> {
        let witnesses = keys.len();
        if witnesses > WITNESSES_MAX {
            return Err(WitnessesError::TooMany);
        }
        if quorum > witnesses || (quorum == 0 && witnesses > 0) {
            return Err(WitnessesError::Quorum { quorum, witnesses });
        }
        for (at, key) in keys.iter().enumerate() {
            let others = keys.iter().take(at);
            // One key under two names is one witness.
            if others.into_iter().any(|it| it.verifying == key.verifying) {
                return Err(WitnessesError::Twice(key.name.clone()));
            }
        }
        Ok(Self { keys, quorum })
    }

    /// How many it takes; 0: none are demanded.
    pub fn quorum(&self) -> usize {
        self.quorum
    }

    /// Those that are trusted.
    pub fn keys(&self) -> &[WitnessKey] {
        &self.keys
    }

    /// Whether enough of them signed `note`.
    pub fn judge(&self, note: &Note) -> Option<Cosigned> {
        let mut times: Vec<u64> = self
            .keys
            .iter()
            .filter_map(|it| it.signed_at(note))
            .collect();
        times.sort_unstable();
        let at = times.get(self.quorum.checked_sub(1)?)?;
        Some(Cosigned {
            witnesses: times.len(),
            at: *at,
        })
    }
}

/// Adds to `note` the lines of `cosignatures` that are by `witness`, in the place of earlier ones of its. None
/// if there are none, or it would get too long.
pub fn attach(note: &str, cosignatures: &str, witness: &WitnessKey) -> Option<String> {
    let is_theirs = |line: &&str| {
        let line = signed_note::Signature::from_bytes(line.as_bytes());
        line.is_ok_and(|it| it.name() == witness.name && it.id() == witness.id)
    };
    let (text, signatures) = note.rsplit_once("\n\n")?;
    let theirs = cosignatures.lines().find(is_theirs)?;
    let mut made = format!("{text}\n\n");
    for line in signatures.lines().filter(|line| !is_theirs(line)) {
        made.push_str(line);
        made.push('\n');
    }
    made.push_str(theirs);
    made.push('\n');
    let parsed = Note::from_bytes(made.as_bytes()).ok()?;
    (made.len() <= NOTE_BYTES_MAX && witness.signed_at(&parsed).is_some()).then_some(made)
}

#[cfg(test)]
mod tests;
