//! What a service wants for a key, as it is typed.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Signature;

/// The credential of a service, from exactly one place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credential {
    /// Its name in the vault (`tidegate credentials set`).
    pub(crate) name: Option<Spanned<String>>,
    /// A file with it, which is read again when it changes.
    pub(crate) file: Option<Spanned<PathBuf>>,
    /// A field of a secret in HashiCorp Vault or OpenBao.
    pub(crate) vault: Option<Spanned<Kv>>,
    /// A secret of AWS Secrets Manager.
    pub(crate) aws_secret: Option<Spanned<SecretsManager>>,
    /// How it is presented; as the service's profile says if absent.
    #[serde(rename = "as")]
    pub(crate) form: Option<Spanned<CredentialForm>>,
}

impl Credential {
    /// Whether it is shown in the handshake of TLS.
    pub(crate) fn is_certificate(&self) -> bool {
        let form = self.form.as_ref().map(|form| &form.value);
        matches!(form, Some(CredentialForm::Certificate))
    }
}

/// How it is presented.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CredentialForm {
    /// `Authorization: Bearer ...`
    Bearer,
    /// As this field.
    Header(String),
    /// As the password of this user.
    Basic(String),
    /// As this parameter of the query.
    Query(String),
    /// As a signature of each request: it is `ID:SECRET`, or `ID:SECRET:TOKEN`.
    SigV4(SigV4),
    /// As a client's secret, for access tokens.
    OAuth(OAuth),
    /// As the secret of a signature of each message.
    Signature(Signature),
    /// In the handshake of TLS: it is a certificate chain and its key, PEM.
    Certificate,
}

/// For what requests are signed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SigV4 {
    pub(crate) region: String,
    /// By which name the service signs.
    pub(crate) service: String,
}

/// A client of an authorization server (RFC 6749 section 4.4).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth {
    pub(crate) token_endpoint: Spanned<String>,
    pub(crate) client_id: String,
    #[serde(default)]
    pub(crate) client_auth: ClientAuth,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// More of what it is asked: `resource`, `audience`.
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    /// Addresses that are not public, and that its name may stand for.
    #[serde(default)]
    pub(crate) networks: Vec<Spanned<String>>,
}

/// How the secret is shown.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientAuth {
    /// As the password of a pair.
    #[default]
    Basic,
    /// In the body.
    Body,
}

/// A field of a secret of the KV engine, version 2.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kv {
    pub(crate) address: Spanned<String>,
    pub(crate) mount: String,
    pub(crate) path: String,
    pub(crate) field: String,
    pub(crate) namespace: Option<String>,
    pub(crate) login: Login,
    /// After how long it is asked for again: five minutes if absent.
    pub(crate) refresh: Option<Spanned<String>>,
    /// Addresses that are not public, and that its name may stand for.
    #[serde(default)]
    pub(crate) networks: Vec<Spanned<String>>,
}

/// How the gateway proves itself: each by a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Login {
    Token(Spanned<PathBuf>),
    AppRole(AppRole),
    Jwt(JwtRole),
}

/// A role, and the file of its secret id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppRole {
    pub(crate) role_id: String,
    pub(crate) secret_id: Spanned<PathBuf>,
    /// `approle` if absent.
    pub(crate) mount: Option<String>,
}

/// A role, and the file of a JWT.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JwtRole {
    pub(crate) role: String,
    pub(crate) token: Spanned<PathBuf>,
    /// `jwt` if absent.
    pub(crate) mount: Option<String>,
}

/// A secret of AWS Secrets Manager.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretsManager {
    pub(crate) region: String,
    /// Its name or ARN.
    pub(crate) id: String,
    /// Which member of it, where it is a JSON object.
    pub(crate) field: Option<String>,
    /// The file of `ID:SECRET` or `ID:SECRET:TOKEN`.
    pub(crate) keys: Spanned<PathBuf>,
    /// Where the service is, if not where AWS has it.
    pub(crate) endpoint: Option<Spanned<String>>,
    /// After how long it is asked for again: five minutes if absent.
    pub(crate) refresh: Option<Spanned<String>>,
    /// Addresses that are not public, and that its name may stand for.
    #[serde(default)]
    pub(crate) networks: Vec<Spanned<String>>,
}
