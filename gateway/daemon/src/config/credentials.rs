//! What services want for a key.

use std::{path::PathBuf, sync::Arc};

use http::HeaderName;
use miette::Result;
use proxy::credential::{Form, Grant, Presented, Registration, ShownAs, SigV4};
use serde_saphyr::Spanned;
use vault::is_credential_name;

use crate::credentials::StorePlace;

use super::{
    file::{self, CredentialForm, File},
    inbound::scheme,
    resolve::{Resolver, is_loopback},
};

/// Where a credential is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CredentialPlace {
    /// In the vault, under its name.
    Vault,
    /// In a file.
    File(PathBuf),
    /// In a store of somebody else's.
    Store(Arc<StorePlace>),
}

impl Resolver<'_> {
    /// Where the credentials of all services are, each once.
    pub(super) fn places(&self, file: &File) -> Result<Vec<(Arc<str>, CredentialPlace)>> {
        let mut places: Vec<(Arc<str>, CredentialPlace)> = Vec::new();
        for service in &file.services {
            let presented = service.credential.as_ref();
            let verified = service.inbound.as_ref().map(|it| &it.secret);
            for typed in presented.into_iter().chain(verified) {
                let (name, place) = self.kept(typed)?;
                match places.iter().find(|(known, _)| *known == name) {
                    None => places.push((name, place)),
                    Some((_, known)) if *known == place => {}
                    Some(_) => {
                        let message =
                            format!("`{name}` of another service is kept, or asked for, otherwise");
                        let help = "one secret is asked for in one way: make `login`, `keys`, `refresh` and `networks` alike";
                        return Err(self.fault(typed, message, help));
                    }
                }
            }
        }
        Ok(places)
    }

    /// The credential of a service, if it wants one.
    pub(super) fn presented(&self, service: &file::Service) -> Result<Option<Presented>> {
        let Some(typed) = &service.credential else {
            return Ok(None);
        };
        for (at, upstream) in self.uris(service)? {
            if upstream.scheme_str() != Some("https") && !is_loopback(&upstream) {
                let help = "write `https://`; only loopback may do without";
                return Err(self.fault(at, "a credential is not sent in the clear", help));
            }
            if upstream.scheme_str() != Some("https") && typed.value.is_certificate() {
                let help = "write `https://`";
                return Err(self.fault(at, "a certificate is shown within TLS alone", help));
            }
        }
        if service.health.is_some() && typed.value.is_certificate() {
            let message = "upstreams that want a certificate cannot be asked for their `health`";
            let help = "take `health` off: nobody is asked with a credential outside of a call";
            return Err(self.fault(typed, message, help));
        }
        self.credential(typed).map(Some)
    }

    fn credential(&self, typed: &Spanned<file::Credential>) -> Result<Presented> {
        let (name, _) = self.kept(typed)?;
        let form = typed.value.form.as_ref().ok_or_else(|| {
            let help = "`as: bearer`, `{ header: x-api-key }`, `{ basic: USER }`, `{ query: key }`, \
                        `sigv4`, `oauth`, `{ signature: standard }` or `certificate`";
            self.fault(typed, "nobody says how the credential is presented", help)
        })?;
        let form = self.form(form)?;
        Ok(Presented { name, form })
    }

    /// What a secret is called, and where it is.
    pub(super) fn kept(
        &self,
        typed: &Spanned<file::Credential>,
    ) -> Result<(Arc<str>, CredentialPlace)> {
        let stores = (&typed.value.vault, &typed.value.aws_secret);
        Ok(match (&typed.value.name, &typed.value.file, stores) {
            (None, None, (Some(kv), None)) => self.kv(kv)?,
            (None, None, (None, Some(secret))) => self.secrets_manager(secret)?,
            (Some(name), None, (None, None)) if is_credential_name(&name.value) => {
                (name.value.as_str().into(), CredentialPlace::Vault)
            }
            (Some(name), None, (None, None)) => {
                let message = format!("`{}` is no name of a credential", name.value);
                let help = "letters, digits, `-`, `_` and `.`, up to 64";
                return Err(self.fault(name, message, help));
            }
            (None, Some(file), (None, None)) => {
                let path = self.directory.join(&file.value);
                let name: Arc<str> = format!("file:{}", path.display()).into();
                (name, CredentialPlace::File(path))
            }
            _ => {
                let help = "`{ name: openai, as: bearer }`, set by `tidegate credentials set openai`, \
                            `{ file: PATH, as: bearer }`, `vault` or `aws_secret`";
                return Err(self.fault(typed, "a credential comes from one place", help));
            }
        })
    }

    fn form(&self, typed: &Spanned<CredentialForm>) -> Result<Form> {
        Ok(match &typed.value {
            CredentialForm::Bearer => Form::Bearer,
            CredentialForm::Header(name) => {
                let name = HeaderName::try_from(name.as_str()).map_err(|_| {
                    let message = format!("`{}` is no field of HTTP", name.escape_debug());
                    self.fault(typed, message, "such as `as: { header: x-api-key }`")
                })?;
                Form::Header(name)
            }
            CredentialForm::Basic(user) if plain(user) && !user.contains(':') => {
                Form::Basic(user.clone())
            }
            CredentialForm::Query(name) if plain(name) && !name.contains(['&', '=', '#', '%']) => {
                Form::Query(name.clone())
            }
            CredentialForm::SigV4(for_what)
                if plain(&for_what.region) && plain(&for_what.service) =>
            {
                Form::SigV4(SigV4 {
                    region: for_what.region.clone(),
                    service: for_what.service.clone(),
                })
            }
            CredentialForm::SigV4(_) => {
                let help = "such as `as: { sigv4: { region: eu-central-1, service: s3 } }`";
                return Err(self.fault(typed, "no region or service of AWS", help));
            }
            CredentialForm::OAuth(client) => {
                Form::OAuth(Arc::new(Grant::new(self.registration(typed, client)?)))
            }
            CredentialForm::Signature(typed) => Form::Signature(scheme(*typed)),
            CredentialForm::Certificate => Form::Certificate,
            CredentialForm::Basic(text) | CredentialForm::Query(text) => {
                let message = format!("`{}` cannot be sent", text.escape_debug());
                let help = "`as: { basic: USER }` or `as: { query: PARAMETER }`, in plain ASCII";
                return Err(self.fault(typed, message, help));
            }
        })
    }

    fn registration(
        &self,
        typed: &Spanned<CredentialForm>,
        client: &file::OAuth,
    ) -> Result<Registration> {
        let endpoint = self.uri(&client.token_endpoint)?;
        if endpoint.scheme_str() != Some("https") && !is_loopback(&endpoint) {
            let help = "write `https://`; only loopback may do without";
            let message = "a client's secret is not sent in the clear";
            return Err(self.fault(&client.token_endpoint, message, help));
        }
        // RFC 6749 section 3.3.
        let is_scope = |scope: &String| plain(scope) && !scope.contains(['"', '\\']);
        if client.client_id.is_empty() || !client.scopes.iter().all(is_scope) {
            let help = "`client_id: gateway`, `scopes: [orders.read, orders.write]`";
            return Err(self.fault(typed, "no id or scope of a client of OAuth", help));
        }
        let ours = ["grant_type", "scope", "client_id", "client_secret"];
        if let Some(taken) = ours.iter().find(|it| client.parameters.contains_key(**it)) {
            let message = format!("`{taken}` is no further parameter");
            let help = "`client_id`, `client_auth` and `scopes` say it";
            return Err(self.fault(typed, message, help));
        }
        Ok(Registration {
            endpoint,
            networks: self.networks(&client.networks)?,
            client: client.client_id.clone(),
            shown: match client.client_auth {
                file::ClientAuth::Basic => ShownAs::Basic,
                file::ClientAuth::Body => ShownAs::Body,
            },
            scopes: client.scopes.clone(),
            more: client.parameters.clone().into_iter().collect(),
        })
    }
}

/// Whether it is visible ASCII.
pub(super) fn plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic())
}
