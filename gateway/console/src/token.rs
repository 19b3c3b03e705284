//! What a program shows instead of a password: nothing that anybody could guess, so a plain digest is kept of it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::sessions::random;

/// What each begins with, so that scanners of repositories know one.
const PREFIX: &str = "tidegate_console_";

/// As long as 256 bits are in base64.
const RANDOM_CHARS: usize = 43;

/// What is kept of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    /// SHA-256, hexadecimal.
    digest: String,
    /// It is not taken from then on.
    pub(crate) until: Timestamp,
}

impl Token {
    /// A new one, with what is told of it once. None if the system has no randomness.
    pub(crate) fn new(until: Timestamp) -> Option<(String, Self)> {
        let told = format!("{PREFIX}{}", random()?);
        let digest = hex::encode(Sha256::digest(&told));
        Some((told, Self { digest, until }))
    }

    /// Whether it looks like one: of anything else nobody need be asked.
    pub(crate) fn could_be(shown: &str) -> bool {
        let random = shown.strip_prefix(PREFIX);
        random.is_some_and(|it| it.len() == RANDOM_CHARS)
    }

    /// Tells it from any other.
    pub(crate) fn mark(&self) -> [u8; 32] {
        Sha256::digest(&self.digest).into()
    }

    /// Whether `shown` is it, and is taken at `now`.
    pub(crate) fn is(&self, shown: &str, now: Timestamp) -> bool {
        let digest = hex::encode(Sha256::digest(shown));
        let same = verify_slices_are_equal(digest.as_bytes(), self.digest.as_bytes());
        same.is_ok() && now < self.until
    }
}
