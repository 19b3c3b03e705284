//! Another key that signs the log, by a record of the log itself.
//!
//! The key is in the keyring's file before anything is signed by it, and the private half of the one before stays until
//! the record is on disk, under a checkpoint of both. In between the log itself says which of them signs, so that
//! whoever finds both there makes the record, or finds it, and has the older one go.

use audit::Successor;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vault::{Keyring, Root, SealedKeyring};

use super::Rotation;
use crate::{cli::now, keyring};

/// A succession that is on record.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Succeeded {
    /// The verifier key of the one that signs from now on.
    pub(crate) key: String,
    /// The record of it.
    pub(crate) record: u64,
}

impl Rotation {
    /// Has another key sign the log: in the keyring's file, then on record, and then alone.
    pub(crate) async fn succeed(&self, uid: u32) -> Result<Succeeded> {
        let _hold = self.hold().await?;
        let (mut keyring, sealed) = self.read().await?;
        if keyring.public_keys().into_diagnostic()?.next.is_none() {
            keyring = keyring.succeeding().into_diagnostic()?;
            self.write(&keyring, sealed.as_ref())?;
        }
        let concluded = self.conclude(&keyring, sealed.as_ref(), uid).await;
        if concluded.is_err() {
            self.due.notify_one();
        }
        concluded.wrap_err("the succession is begun and not finished; the gateway goes on with it")
    }

    /// Finishes a succession that was begun, if there is one.
    pub(super) async fn finish_succession(&self) -> Result<Option<Succeeded>> {
        if keyring::public_keys(&self.data)?.next.is_none() {
            return Ok(None);
        }
        let _hold = self.hold().await?;
        let (keyring, sealed) = self.read().await?;
        let uid = rustix::process::getuid().as_raw();
        let concluded = self.conclude(&keyring, sealed.as_ref(), uid).await?;
        tracing::warn!("a succession of the log's signing key was begun before, and is finished");
        Ok(Some(concluded))
    }

    /// On record, if it is not so far; the older key goes.
    async fn conclude(
        &self,
        keyring: &Keyring,
        sealed: Option<&(SealedKeyring, Root)>,
        uid: u32,
    ) -> Result<Succeeded> {
        let next = keyring.next_signer().into_diagnostic()?;
        let next = next.ok_or_else(|| miette!("the keyring is another than before"))?;
        let said = Successor {
            at: now(),
            uid,
            before: keyring.public_keys().into_diagnostic()?.current,
            after: next.verifier_key(),
        };
        let record = self.trail.succeed(&said, Arc::new(next)).await;
        let record = record.into_diagnostic().wrap_err("it is not on record")?;
        let last = keyring.succeeded(record).into_diagnostic()?;
        self.write(&last, sealed)?;
        self.told(last)?;
        let key = said.after;
        tracing::info!(key, record, "another key signs the log");
        Ok(Succeeded { key, record })
    }
}
