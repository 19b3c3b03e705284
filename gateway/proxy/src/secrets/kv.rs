//! Version 2 of the KV engine, as HashiCorp Vault and OpenBao have it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};
use vault::Credential;
use zeroize::Zeroizing;

use super::{Secret, StoreFault, at, document, escaped, text};
use crate::Upstream;

pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Vault answers nothing that comes by a request which somebody was made to send.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// A field of a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Kv {
    /// Scheme, authority and base path.
    pub address: Uri,
    /// Where the engine is mounted: `secret`.
    pub mount: String,
    /// The secret: `agents/openai`.
    pub path: String,
    /// Which of its fields.
    pub field: String,
    /// The namespace, where there are any.
    pub namespace: Option<HeaderValue>,
    /// How the gateway proves itself.
    pub login: Login,
}

/// How the gateway proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// It shows a token.
    Token,
    /// It shows the secret id of a role, for a token.
    AppRole {
        /// Where the method is mounted: `approle`.
        mount: String,
        /// The role's id.
        role: String,
    },
    /// It shows a JWT, for a token: Kubernetes, or any issuer that is known there.
    Jwt {
        /// Where the method is mounted: `jwt`, `kubernetes`.
        mount: String,
        /// The role's name.
        role: String,
    },
}

impl Kv {
    pub(super) async fn ask(
        &self,
        client: &Upstream,
        shown: &Credential,
    ) -> Result<Secret, StoreFault> {
        let shown = str::from_utf8(shown.expose()).map_err(|_| StoreFault::Unproven)?;
        let given = match &self.login {
            Login::Token => None,
            Login::AppRole { mount, role } => {
                let body = json!({ "role_id": role, "secret_id": shown });
                Some(self.token(client, mount, &body).await?)
            }
            Login::Jwt { mount, role } => {
                let body = json!({ "role": role, "jwt": shown });
                Some(self.token(client, mount, &body).await?)
            }
        };
        let token = given.as_ref().map_or(shown.as_bytes(), |it| it);
        let read = self.read(client, token).await;
        if given.is_some() {
            // Else it would lie there until it expires, and so would the next one.
            let (path, none) = ("v1/auth/token/revoke-self", String::new());
            let revoked = self
                .send(client, Method::POST, path, Some(token), none)
                .await;
            if revoked.is_err() {
                tracing::debug!("a token of a store of secrets was not given back");
            }
        }
        read
    }

    async fn read(&self, client: &Upstream, token: &[u8]) -> Result<Secret, StoreFault> {
        let path = format!("v1/{}/data/{}", self.mount, self.path);
        let none = String::new();
        let told = self
            .send(client, Method::GET, &path, Some(token), none)
            .await?;
        let version = told
            .pointer("/data/metadata/version")
            .and_then(Value::as_u64);
        Ok(Secret {
            value: text(&told, &format!("/data/data/{}", escaped(&self.field)))?,
            version: version.and_then(|it| it.try_into().ok()).unwrap_or(0),
        })
    }

    /// Logs in.
    async fn token(
        &self,
        client: &Upstream,
        mount: &str,
        body: &Value,
    ) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        let path = format!("v1/auth/{mount}/login");
        let told = self
            .send(client, Method::POST, &path, None, body.to_string())
            .await;
        match told {
            // A wrong role or secret is a request that is wrong.
            Err(StoreFault::Unreadable(400)) => Err(StoreFault::Denied),
            told => text(&told?, "/auth/client_token"),
        }
    }

    async fn send(
        &self,
        client: &Upstream,
        method: Method,
        path: &str,
        token: Option<&[u8]>,
        body: String,
    ) -> Result<Value, StoreFault> {
        let mut headers = headers(self.namespace.as_ref());
        if let Some(token) = token {
            let mut token = HeaderValue::from_bytes(token).map_err(|_| StoreFault::Unproven)?;
            token.set_sensitive(true);
            headers.insert(TOKEN, token);
        }
        let uri = at(&self.address, path)?;
        let (status, body) = client.call(method, uri, headers, body.into()).await?;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        document(status, &body)
    }
}

/// What every request has.
pub(super) fn headers(namespace: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(REQUEST, HeaderValue::from_static("true"));
    if let Some(namespace) = namespace {
        headers.insert(NAMESPACE, namespace.clone());
    }
    headers
}
