//! SPIFFE ids: `spiffe://trust.domain/path`, as the SPIFFE-ID standard writes them (section 2).

use std::{fmt, str::FromStr, sync::Arc};

/// SPIFFE-ID section 2.3: at most 2048 bytes.
const ID_BYTES_MAX: usize = 2048;

/// SPIFFE-ID section 2.1: at most 255 bytes.
const TRUST_DOMAIN_BYTES_MAX: usize = 255;

pub(crate) const SCHEME: &str = "spiffe://";

/// The name of an agent.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId(Arc<str>);

/// Why a text is not a SPIFFE id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeIdError {
    /// It does not begin as one.
    #[error("it does not begin with `spiffe://`")]
    Scheme,
    /// It is too long.
    #[error("it has more than {ID_BYTES_MAX} bytes")]
    Length,
    /// The trust domain is empty, too long, or of other characters.
    #[error("its trust domain must be 1 to 255 of `a-z`, `0-9`, `.`, `-`, `_`")]
    TrustDomain,
    /// The path is missing, or has an empty, `.` or `..` segment or other characters.
    #[error(
        "its path must be segments of `a-z`, `A-Z`, `0-9`, `.`, `-`, `_`, none of them empty, \
         `.` or `..`"
    )]
    Path,
}

impl SpiffeId {
    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its trust domain, with the scheme: `spiffe://acme.example`.
    pub fn trust_domain(&self) -> &str {
        let path = self.0.get(SCHEME.len()..).and_then(|rest| rest.find('/'));
        let end = path.map_or(self.0.len(), |at| SCHEME.len() + at);
        self.0.get(..end).unwrap_or_default()
    }

    /// The whole id, shared.
    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        if text.len() > ID_BYTES_MAX {
            return Err(SpiffeIdError::Length);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(SpiffeIdError::Scheme)?;
        // An id without a path names a trust domain, never a workload.
        let (domain, path) = rest.split_once('/').ok_or(SpiffeIdError::Path)?;
        let in_domain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        let length = domain.len();
        if !(1..=TRUST_DOMAIN_BYTES_MAX).contains(&length) || !domain.bytes().all(in_domain) {
            return Err(SpiffeIdError::TrustDomain);
        }
        let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let segment =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(in_path);
        if !path.split('/').all(segment) {
            return Err(SpiffeIdError::Path);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
