//! A log's keys, as its keyring has them.

use std::sync::Arc;

use vault::{Former, KeyProvider, Keyring, LogSigner, PublicKeys, VaultError};

use crate::checkpoint::{Authority, MalformedKey};

/// The keys a log needs.
pub struct Keys {
    /// Signs its checkpoints.
    pub signer: Arc<LogSigner>,
    /// Who signed them before, in order.
    pub former: Vec<Former>,
    /// Who signs them next, or does already: the log says which.
    pub next: Option<Arc<LogSigner>>,
    /// Wraps its data keys.
    pub provider: Arc<dyn KeyProvider>,
}

impl Keys {
    /// All from one keyring.
    pub fn from_keyring(keyring: &Keyring) -> Result<Self, VaultError> {
        Ok(Self {
            signer: Arc::new(keyring.signer()?),
            former: keyring.public_keys()?.former,
            next: keyring.next_signer()?.map(Arc::new),
            provider: Arc::new(keyring.provider()),
        })
    }

    /// Whose checkpoints count.
    pub fn authority(&self) -> Result<Authority, MalformedKey> {
        authority(&PublicKeys {
            former: self.former.clone(),
            current: self.signer.verifier_key(),
            next: self.next.as_ref().map(|next| next.verifier_key()),
        })
    }
}

/// Whose checkpoints count of a log with these keys.
pub fn authority(keys: &PublicKeys) -> Result<Authority, MalformedKey> {
    let former = keys.former.iter().map(|it| it.verifier.as_str());
    let mut all = former.chain([keys.current.as_str()]);
    let mut authority = Authority::parse(all.next().unwrap_or_default())?;
    for (former, key) in keys.former.iter().zip(all) {
        authority = authority.succeeded(former.until, key)?;
    }
    match &keys.next {
        Some(next) => authority.expecting(next),
        None => Ok(authority),
    }
}
