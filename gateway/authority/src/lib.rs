//! A certificate authority of this host's own, for agents that believe to speak to a service itself.
//!
//! A [`Root`] may vouch for the hosts of configured services and for nothing else, because its
//! certificate says so (name constraints, RFC 5280 section 4.2.1.10): whoever trusts it trusts it for
//! those. An [`Authority`] mints a leaf for a host when a client first asks for it, which lives for a day.
//! The root's key stays in `vault`, which signs.

mod mint;
mod root;

pub use mint::{Authority, LEAF_LIFETIME};
pub use root::{About, PURPOSE, ROOT_LIFETIME, Root};

/// Why a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A name that no certificate can have.
    #[error("`{0}` is no name that a certificate can have")]
    Name(String),
    /// There is nothing to vouch for.
    #[error("no service has a `host`, so there is nothing to vouch for")]
    NoNames,
    /// The certificate cannot be written.
    #[error("the certificate cannot be written")]
    Certificate(#[source] rcgen::Error),
    /// The key cannot be had.
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
    /// The key of a leaf cannot be used for TLS.
    #[error("the certificate cannot be used for TLS")]
    Tls(#[source] rustls::Error),
}
