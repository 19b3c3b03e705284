//! What a token is bound to: a key that whoever shows it must prove to hold (RFC 7800, `cnf`).

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::TokenError;

/// A SHA-256 digest of a public key or a certificate.
pub type Thumbprint = [u8; 32];

/// The keys that a token is bound to. At least one is there, and all that are must be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// `jkt`: the key that signs a proof for each request (RFC 9449, 6.1; the digest is RFC 7638's).
    pub key: Option<Thumbprint>,
    /// `x5t#S256`: the certificate that the client shows in TLS (RFC 8705, 3.1).
    pub certificate: Option<Thumbprint>,
}

/// `cnf` as a token has it.
#[derive(Debug, Deserialize)]
pub(crate) struct Confirmation {
    jkt: Option<String>,
    #[serde(rename = "x5t#S256")]
    certificate: Option<String>,
}

impl Confirmation {
    /// What it binds to. A token that is bound in a way that is not known here is not believed: to
    /// whom it is bound could not be told.
    pub(crate) fn check(&self) -> Result<Binding, TokenError> {
        let read = |text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| thumbprint(text).ok_or(TokenError::Confirmation))
                .transpose()
        };
        let binding = Binding {
            key: read(&self.jkt)?,
            certificate: read(&self.certificate)?,
        };
        if binding.key.is_none() && binding.certificate.is_none() {
            return Err(TokenError::Confirmation);
        }
        Ok(binding)
    }
}

/// The digest of a certificate in DER, as a token is bound to it.
pub fn certificate_thumbprint(der: &[u8]) -> Option<Thumbprint> {
    let hash = digest::digest(&digest::SHA256, der);
    hash.as_ref().try_into().ok()
}

/// A digest as these claims write it.
pub(crate) fn thumbprint(text: &str) -> Option<Thumbprint> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    bytes.try_into().ok()
}
