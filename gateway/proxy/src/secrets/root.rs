//! Providers of others that wrap the root of a keyring: AWS KMS, and the Transit engine of HashiCorp Vault and OpenBao.
//! The root goes to them, over TLS; what they keep it by never leaves them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::{Value, json};
use vault::{Credential, Root};
use zeroize::Zeroizing;

use super::{StoreFault, at, aws::Call, document, kv, text};
use crate::{Upstream, clock};

/// As which KMS signs.
const KMS: &str = "kms";

/// By which name a KMS is told which log a root is of; whoever may use the key for one log alone is told so by a
/// condition on `kms:EncryptionContext:tidegate:log`.
const CONTEXT: &str = "tidegate:log";

/// Where the key is that wraps a root.
#[derive(Clone, Debug, PartialEq)]
pub enum RootKeeper {
    /// AWS KMS: `Encrypt`, `Decrypt`.
    Kms {
        /// Where the service is.
        endpoint: Uri,
        /// Its region.
        region: String,
        /// The key's id, ARN or alias.
        key: String,
    },
    /// Transit: `encrypt`, `decrypt`, with the log as associated data.
    Transit {
        /// Scheme, authority and base path.
        address: Uri,
        /// Where the engine is mounted.
        mount: String,
        /// The key's name.
        key: String,
        /// The namespace, where there are any.
        namespace: Option<HeaderValue>,
    },
}

impl RootKeeper {
    /// Has `root` wrapped for the log named `log`; `shown` is what the gateway proves itself by.
    ///
    /// # Errors
    /// If the keeper is away, or refuses.
    pub async fn wrap(
        &self,
        client: &Upstream,
        shown: &Credential,
        root: &Root,
        log: &str,
    ) -> Result<Vec<u8>, StoreFault> {
        let plain = Zeroizing::new(BASE64_STANDARD.encode(root.expose()));
        match self {
            Self::Kms { key, .. } => {
                let question = json!({ "KeyId": key, "Plaintext": *plain, "EncryptionContext": { CONTEXT: log } });
                let target = "TrentService.Encrypt";
                let told = self.kms(client, shown, target, &question).await?;
                decoded(&told, "/CiphertextBlob").map(|it| it.to_vec())
            }
            Self::Transit { .. } => {
                let question = json!({ "plaintext": *plain, "associated_data": context(log) });
                let told = self.transit(client, shown, "encrypt", &question).await?;
                text(&told, "/data/ciphertext").map(|it| it.to_vec())
            }
        }
    }

    /// Has what [`wrap`](Self::wrap) gave for the same `log` opened.
    ///
    /// # Errors
    /// If the keeper is away, or refuses, or this is not its own.
    pub async fn unwrap(
        &self,
        client: &Upstream,
        shown: &Credential,
        wrapped: &[u8],
        log: &str,
    ) -> Result<Root, StoreFault> {
        let root = match self {
            Self::Kms { key, .. } => {
                let question = json!({
                    "KeyId": key,
                    "CiphertextBlob": BASE64_STANDARD.encode(wrapped),
                    "EncryptionContext": { CONTEXT: log },
                });
                let target = "TrentService.Decrypt";
                let told = self.kms(client, shown, target, &question).await?;
                decoded(&told, "/Plaintext")?
            }
            Self::Transit { .. } => {
                let wrapped = str::from_utf8(wrapped).map_err(|_| StoreFault::Unusable)?;
                let question = json!({ "ciphertext": wrapped, "associated_data": context(log) });
                let told = self.transit(client, shown, "decrypt", &question).await?;
                decoded(&told, "/data/plaintext")?
            }
        };
        Root::new(&root).ok_or(StoreFault::Unusable)
    }

    async fn kms(
        &self,
        client: &Upstream,
        shown: &Credential,
        target: &'static str,
        question: &Value,
    ) -> Result<Value, StoreFault> {
        let Self::Kms {
            endpoint, region, ..
        } = self
        else {
            return Err(StoreFault::Unusable);
        };
        let call = Call {
            endpoint,
            region,
            service: KMS,
            target,
        };
        call.ask(client, shown, clock::now(), question).await
    }

    async fn transit(
        &self,
        client: &Upstream,
        shown: &Credential,
        act: &str,
        question: &Value,
    ) -> Result<Value, StoreFault> {
        let Self::Transit {
            address,
            mount,
            key,
            namespace,
        } = self
        else {
            return Err(StoreFault::Unusable);
        };
        let mut headers: HeaderMap = kv::headers(namespace.as_ref());
        let mut token =
            HeaderValue::from_bytes(shown.expose()).map_err(|_| StoreFault::Unproven)?;
        token.set_sensitive(true);
        headers.insert(kv::TOKEN, token);
        let uri = at(address, &format!("v1/{mount}/{act}/{key}"))?;
        let body = question.to_string().into();
        let (status, body) = client.call(Method::POST, uri, headers, body).await?;
        document(status, &body)
    }
}

fn context(log: &str) -> String {
    BASE64_STANDARD.encode(log)
}

fn decoded(told: &Value, pointer: &str) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
    let decoded = BASE64_STANDARD.decode(&*text(told, pointer)?);
    decoded
        .map(Zeroizing::new)
        .map_err(|_| StoreFault::Unusable)
}
