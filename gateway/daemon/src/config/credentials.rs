//! What services want for a key.

use std::{path::PathBuf, sync::Arc};

use http::HeaderName;
use miette::Result;
use proxy::credential::{Form, Presented};
use serde_saphyr::Spanned;
use vault::is_credential_name;

use super::{
    file::{self, CredentialForm, File},
    resolve::{Resolver, is_loopback},
};

/// Where a credential is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CredentialPlace {
    /// In the vault, under its name.
    Vault,
    /// In a file.
    File(PathBuf),
}

impl Resolver<'_> {
    /// Where the credentials of all services are, each once.
    pub(super) fn places(&self, file: &File) -> Result<Vec<(Arc<str>, CredentialPlace)>> {
        let mut places: Vec<(Arc<str>, CredentialPlace)> = Vec::new();
        for service in &file.services {
            let Some((presented, place)) = self.presented(service)? else {
                continue;
            };
            if places.iter().all(|(name, _)| *name != presented.name) {
                places.push((presented.name, place));
            }
        }
        Ok(places)
    }

    /// The credential of a service, and where it is, if it wants one.
    pub(super) fn presented(
        &self,
        service: &file::Service,
    ) -> Result<Option<(Presented, CredentialPlace)>> {
        let Some(typed) = &service.credential else {
            return Ok(None);
        };
        for (at, upstream) in self.uris(service)? {
            if upstream.scheme_str() != Some("https") && !is_loopback(&upstream) {
                let help = "write `https://`; only loopback may do without";
                return Err(self.fault(at, "a credential is not sent in the clear", help));
            }
        }
        self.credential(typed).map(Some)
    }

    fn credential(
        &self,
        typed: &Spanned<file::Credential>,
    ) -> Result<(Presented, CredentialPlace)> {
        let (name, place) = match (&typed.value.name, &typed.value.file) {
            (Some(name), None) if is_credential_name(&name.value) => {
                (name.value.as_str().into(), CredentialPlace::Vault)
            }
            (Some(name), None) => {
                let message = format!("`{}` is no name of a credential", name.value);
                let help = "letters, digits, `-`, `_` and `.`, up to 64";
                return Err(self.fault(name, message, help));
            }
            (None, Some(file)) => {
                let path = self.directory.join(&file.value);
                let name: Arc<str> = format!("file:{}", path.display()).into();
                (name, CredentialPlace::File(path))
            }
            _ => {
                let help = "`{ name: openai, as: bearer }`, set by `tidegate credentials set openai`, \
                            or `{ file: PATH, as: bearer }`";
                return Err(self.fault(typed, "a credential comes from one place", help));
            }
        };
        let form = typed.value.form.as_ref().ok_or_else(|| {
            let help =
                "`as: bearer`, `{ header: x-api-key }`, `{ basic: USER }` or `{ query: key }`";
            self.fault(typed, "nobody says how the credential is presented", help)
        })?;
        let form = self.form(form)?;
        Ok((Presented { name, form }, place))
    }

    fn form(&self, typed: &Spanned<CredentialForm>) -> Result<Form> {
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic());
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
            CredentialForm::Basic(text) | CredentialForm::Query(text) => {
                let message = format!("`{}` cannot be sent", text.escape_debug());
                let help = "`as: { basic: USER }` or `as: { query: PARAMETER }`, in plain ASCII";
                return Err(self.fault(typed, message, help));
            }
        })
    }
}
