//! Asks the stores of others for secrets: the KV engine of HashiCorp Vault and OpenBao, and AWS Secrets Manager; and has the root
//! of a keyring wrapped by the key services of the same.
//!
//! Nothing of what a store says is told but the secret that was asked for, and no redirect is followed.

mod aws;
mod kv;
mod root;

use http::{StatusCode, Uri};
use serde_json::Value;
use vault::{Credential, is_credential, is_pem};
use zeroize::Zeroizing;

pub use self::{
    aws::SecretsManager,
    kv::{Kv, Login},
    root::RootKeeper,
};
use crate::{Upstream, clock, post::PostFault};

/// Where a secret is, and how its store is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Store {
    /// Version 2 of the KV engine.
    Kv(Kv),
    /// AWS Secrets Manager.
    SecretsManager(SecretsManager),
}

/// A secret, as a store had it.
pub struct Secret {
    /// Its bytes.
    pub value: Zeroizing<Vec<u8>>,
    /// The store's own number of its version; 0 if it numbers none.
    pub version: u32,
}

/// Why there is none. No variant holds what a store said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// What the gateway shows the store cannot be read.
    #[error("what the gateway would show it cannot be read")]
    Unproven,
    /// It could not be reached, or broke off.
    #[error("it could not be reached")]
    Unreachable,
    /// It took too long.
    #[error("it did not answer in time")]
    Late,
    /// It does not let the gateway read this.
    #[error("it does not let the gateway read this")]
    Denied,
    /// There is no such secret, or no such field in it.
    #[error("it has no such secret, or no such field in it")]
    Missing,
    /// Its key is not to be used.
    #[error("its key is disabled, or waits to be deleted")]
    Disabled,
    /// It has another key.
    #[error("what it was shown was not wrapped by that key, or for another log")]
    Foreign,
    /// It answered something else than it should.
    #[error("its answer cannot be read (status {0})")]
    Unreadable(u16),
    /// What it holds is no credential.
    #[error("what it holds is no credential")]
    Unusable,
}

impl From<PostFault> for StoreFault {
    fn from(fault: PostFault) -> Self {
        match fault {
            PostFault::Deadline => Self::Late,
            PostFault::Unreachable | PostFault::Status(_) => Self::Unreachable,
        }
    }
}

impl Store {
    /// Where it is.
    pub fn address(&self) -> &Uri {
        match self {
            Self::Kv(kv) => &kv.address,
            Self::SecretsManager(manager) => &manager.endpoint,
        }
    }

    /// Asks for the secret; `shown` is what the gateway proves itself by.
    ///
    /// # Errors
    /// If there is none to be had.
    pub async fn ask(&self, client: &Upstream, shown: &Credential) -> Result<Secret, StoreFault> {
        let secret = match self {
            Self::Kv(kv) => kv.ask(client, shown).await?,
            Self::SecretsManager(manager) => manager.ask(client, shown, clock::now()).await?,
        };
        if is_credential(&secret.value) || is_pem(&secret.value) {
            Ok(secret)
        } else {
            Err(StoreFault::Unusable)
        }
    }
}

/// The document that a store answered with.
fn document(status: StatusCode, body: &[u8]) -> Result<Value, StoreFault> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(StoreFault::Denied),
        StatusCode::NOT_FOUND => Err(StoreFault::Missing),
        status if status.is_success() => {
            serde_json::from_slice(body).map_err(|_| StoreFault::Unreadable(status.as_u16()))
        }
        status => Err(StoreFault::Unreadable(status.as_u16())),
    }
}

/// The text at this place, without the line's end that whoever put it there may have left.
fn text(document: &Value, pointer: &str) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
    let text = document.pointer(pointer).and_then(Value::as_str);
    let text = text.ok_or(StoreFault::Missing)?;
    Ok(Zeroizing::new(
        text.trim_end_matches(['\r', '\n']).as_bytes().to_vec(),
    ))
}

/// What names this member to a JSON Pointer (RFC 6901 section 4).
fn escaped(member: &str) -> String {
    member.replace('~', "~0").replace('/', "~1")
}

/// This path at that address.
fn at(address: &Uri, path: &str) -> Result<Uri, StoreFault> {
    let mut parts = address.clone().into_parts();
    let base = address.path().trim_end_matches('/');
    parts.path_and_query = format!("{base}/{path}").parse().ok();
    Uri::from_parts(parts).map_err(|_| StoreFault::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_document_or_says_why_there_is_none() {
        let of = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).expect("a status");
            document(status, body.as_bytes())
        };
        assert!(of(200, "{}").is_ok());
        assert_eq!(of(200, "<html>").err(), Some(StoreFault::Unreadable(200)));
        assert_eq!(of(302, "{}").err(), Some(StoreFault::Unreadable(302)));
        assert_eq!(of(403, "{}").err(), Some(StoreFault::Denied));
        assert_eq!(of(404, "").err(), Some(StoreFault::Missing));
        assert_eq!(of(503, "{}").err(), Some(StoreFault::Unreadable(503)));
    }

    #[test]
    fn a_path_is_put_behind_that_of_the_address() {
        for (address, expected) in [
            ("https://bao.example:8200", "https://bao.example:8200/v1/a"),
            ("https://bao.example/base/", "https://bao.example/base/v1/a"),
        ] {
            let address: Uri = address.parse().expect("an address");
            assert_eq!(at(&address, "v1/a").expect("an address"), expected);
        }
    }
}
