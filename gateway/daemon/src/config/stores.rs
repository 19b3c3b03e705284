//! Stores of somebody else's that credentials come from.

use std::{path::PathBuf, str::FromStr as _, sync::Arc, time::Duration};

use http::{HeaderValue, Uri};
use miette::Result;
use proxy::secrets::{Kv, Login, SecretsManager, Store};
use serde_saphyr::Spanned;

use super::{
    credentials::CredentialPlace,
    file,
    resolve::{Resolver, is_loopback},
};
use crate::credentials::StorePlace;

/// After how long a store is asked again, if nothing is said.
const REFRESH: Duration = Duration::from_mins(5);

impl Resolver<'_> {
    /// A field of a secret in HashiCorp Vault or OpenBao, and what it is called on record.
    pub(super) fn kv(&self, typed: &Spanned<file::Kv>) -> Result<(Arc<str>, CredentialPlace)> {
        let kv = &typed.value;
        let address = self.store_address(&kv.address)?;
        let (login, shown) = login(&kv.login);
        let mount = match &login {
            Login::Token => None,
            Login::AppRole { mount, .. } | Login::Jwt { mount, .. } => Some(mount),
        };
        let odd = [Some(&kv.mount), Some(&kv.path), mount];
        let odd = odd.into_iter().flatten().find(|path| !is_path(path));
        if let Some(path) = odd {
            let message = format!("`{}` is no path of a secret", path.escape_debug());
            let help = "`mount: secret`, `path: agents/openai`: letters, digits, `-`, `_`, `.` and single slashes";
            return Err(self.fault(typed, message, help));
        }
        let namespace = kv.namespace.as_deref().map(HeaderValue::from_str);
        let namespace = namespace.transpose().map_err(|_| {
            let help = "such as `namespace: teams/agents`";
            self.fault(typed, "the namespace cannot be sent", help)
        })?;
        let name = format!(
            "vault:{}{}/{}/{}#{}",
            whole(&address),
            kv.namespace
                .as_deref()
                .map_or_else(String::new, |it| format!("/{it}")),
            kv.mount,
            kv.path,
            kv.field
        )
        .into();
        let store = Store::Kv(Kv {
            address,
            mount: kv.mount.clone(),
            path: kv.path.clone(),
            field: kv.field.clone(),
            namespace,
            login,
        });
        let place = self.stored(store, shown, kv.refresh.as_ref(), &kv.networks)?;
        Ok((name, place))
    }

    /// A secret of AWS Secrets Manager, and what it is called on record.
    pub(super) fn secrets_manager(
        &self,
        typed: &Spanned<file::SecretsManager>,
    ) -> Result<(Arc<str>, CredentialPlace)> {
        let secret = &typed.value;
        let plain = |text: &str| {
            text.bytes()
                .all(|it| it.is_ascii_alphanumeric() || it == b'-')
        };
        if secret.region.is_empty() || !plain(&secret.region) || secret.id.is_empty() {
            let help = "`aws_secret: { region: eu-central-1, id: agents/openai, keys: FILE }`";
            return Err(self.fault(typed, "no secret of AWS", help));
        }
        let endpoint = if let Some(endpoint) = &secret.endpoint {
            self.store_address(endpoint)?
        } else {
            let usual = format!("https://secretsmanager.{}.amazonaws.com/", secret.region);
            Uri::from_str(&usual).map_err(|_| {
                let help = "such as `region: eu-central-1`";
                self.fault(typed, "no region of AWS", help)
            })?
        };
        let field = secret.field.as_ref().map(|field| format!("#{field}"));
        let name = format!(
            "aws:{}{}:{}{}",
            secret.region,
            secret
                .endpoint
                .as_ref()
                .map_or_else(String::new, |_| format!("@{}", whole(&endpoint))),
            secret.id,
            field.unwrap_or_default()
        )
        .into();
        let store = Store::SecretsManager(SecretsManager {
            endpoint,
            region: secret.region.clone(),
            id: secret.id.clone(),
            field: secret.field.clone(),
        });
        let refresh = secret.refresh.as_ref();
        let place = self.stored(store, &secret.keys, refresh, &secret.networks)?;
        Ok((name, place))
    }

    fn stored(
        &self,
        store: Store,
        shown: &Spanned<PathBuf>,
        refresh: Option<&Spanned<String>>,
        networks: &[Spanned<String>],
    ) -> Result<CredentialPlace> {
        Ok(CredentialPlace::Store(Arc::new(StorePlace {
            store,
            shown: self.directory.join(&shown.value),
            refresh: self.timeout(refresh, REFRESH)?,
            networks: self.networks(networks)?,
        })))
    }

    fn store_address(&self, typed: &Spanned<String>) -> Result<Uri> {
        let uri = self.uri(typed)?;
        if uri.scheme_str() == Some("https") || is_loopback(&uri) {
            return Ok(uri);
        }
        let help = "write `https://`; only loopback may do without";
        Err(self.fault(typed, "secrets are not fetched in the clear", help))
    }
}

/// How the gateway proves itself, and by which file.
fn login(typed: &file::Login) -> (Login, &Spanned<PathBuf>) {
    let mount = |typed: &Option<String>, usual: &str| {
        let typed = typed.as_deref();
        typed.unwrap_or(usual).to_owned()
    };
    match typed {
        file::Login::Token(file) => (Login::Token, file),
        file::Login::AppRole(typed) => {
            let mount = mount(&typed.mount, "approle");
            let role = typed.role_id.clone();
            (Login::AppRole { mount, role }, &typed.secret_id)
        }
        file::Login::Jwt(typed) => {
            let mount = mount(&typed.mount, "jwt");
            let role = typed.role.clone();
            (Login::Jwt { mount, role }, &typed.token)
        }
    }
}

/// An address without its scheme: of two stores on one host, each has its own.
fn whole(address: &Uri) -> String {
    let authority = address.authority().map_or("", |it| it.as_str());
    format!("{authority}{}", address.path().trim_end_matches('/'))
}

/// Whether it is made of plain segments.
fn is_path(path: &str) -> bool {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
    path.split('/').all(|segment| {
        !segment.is_empty() && !segment.bytes().all(|it| it == b'.') && segment.bytes().all(plain)
    })
}
