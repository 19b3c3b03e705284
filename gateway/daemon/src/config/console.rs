//! Where people look at the log with a browser, and who may.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use console::{NameClaim, OpenId, Role};
use flows::Network;
use http::Uri;
use miette::Result;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    credentials::plain,
    file::{ClientAuth, Tls},
    resolve::{Resolver, is_loopback},
};

/// The console, as it is typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedConsole {
    /// Its address.
    listen: Spanned<SocketAddr>,
    /// The file of its users.
    users: PathBuf,
    /// What it shows to browsers; only an address of this host alone may do without.
    tls: Option<Tls>,
    /// Whose certificates users may log in by.
    certificates: Option<TypedPeople>,
    /// Where else people log in.
    openid: Option<TypedOpenId>,
}

/// A provider of `OpenID` Connect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedOpenId {
    /// Who it is, exactly as it says itself.
    issuer: Spanned<String>,
    client_id: Spanned<String>,
    /// The file of the client's secret.
    client_secret: PathBuf,
    #[serde(default)]
    client_auth: ClientAuth,
    /// How browsers reach the console.
    public_url: Spanned<String>,
    /// What is asked for beside `openid`.
    #[serde(default)]
    scopes: Vec<String>,
    /// The claim that has somebody's groups: `groups` if absent.
    groups_claim: Option<String>,
    /// The claim that people are called by: `sub` if absent.
    #[serde(default)]
    name_claim: NameClaim,
    /// What a group may do.
    roles: Spanned<BTreeMap<String, Role>>,
    /// Addresses that are not public, and that its names may stand for.
    #[serde(default)]
    networks: Vec<Spanned<String>>,
}

/// Who vouches for users.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedPeople {
    /// Certificates of authorities, PEM.
    ca: Spanned<PathBuf>,
    /// What each of them revoked, PEM.
    crl: Option<PathBuf>,
}

/// The console.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    pub(crate) listen: SocketAddr,
    pub(crate) users: PathBuf,
    pub(crate) tls: Option<proxy::tls::Files>,
    /// Who vouches for users that show a certificate.
    pub(crate) people: Option<proxy::tls::People>,
    /// Where else people log in.
    pub(crate) openid: Option<Provider>,
}

/// A provider of logins, and where it may be.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) typed: OpenId,
    pub(crate) issuer: Uri,
    pub(crate) networks: Vec<Network>,
}

impl Resolver<'_> {
    pub(super) fn console(&self, typed: Option<&TypedConsole>) -> Result<Option<Console>> {
        typed.map(|typed| self.shown(typed)).transpose()
    }

    fn shown(&self, typed: &TypedConsole) -> Result<Console> {
        let listen = typed.listen.value;
        if typed.tls.is_none() && !listen.ip().is_loopback() {
            let message = "passwords are not sent in the clear";
            let help = "add `tls`, or listen at `127.0.0.1`";
            return Err(self.fault(&typed.listen, message, help));
        }
        if let Some(tls) = typed.tls.as_ref().filter(|tls| tls.ask_certificate) {
            let message = "nobody says whose certificates are good here";
            let help = "take `ask_certificate` off; `certificates: { ca: PEM }` beside `tls` lets users log in by one";
            return Err(self.fault(&tls.certificate, message, help));
        }
        if let (Some(people), None) = (&typed.certificates, &typed.tls) {
            let message = "a certificate is shown within TLS alone";
            return Err(self.fault(&people.ca, message, "add `tls` beside `certificates`"));
        }
        let people = typed.certificates.as_ref();
        let openid = typed.openid.as_ref();
        Ok(Console {
            openid: openid.map(|openid| self.openid(openid)).transpose()?,
            listen,
            users: self.directory.join(&typed.users),
            tls: typed.tls.as_ref().map(|tls| self.tls(tls)),
            people: people.map(|people| proxy::tls::People {
                ca: self.directory.join(&people.ca.value),
                crl: people.crl.as_ref().map(|crl| self.directory.join(crl)),
            }),
        })
    }

    fn openid(&self, typed: &TypedOpenId) -> Result<Provider> {
        let issuer = self.shown_to_browsers(&typed.issuer)?;
        let public = self.shown_to_browsers(&typed.public_url)?;
        if public.path() != "/" {
            let help = "such as `https://console.acme.example`: the console is at the root of it";
            let message = "the console has no path of its own";
            return Err(self.fault(&typed.public_url, message, help));
        }
        let is_scope = |scope: &String| plain(scope) && !scope.contains(['"', '\\']);
        if !plain(&typed.client_id.value) || !typed.scopes.iter().all(is_scope) {
            let help = "`client_id: console`, `scopes: [groups, email]`";
            return Err(self.fault(&typed.client_id, "no id or scope of a client", help));
        }
        if typed.roles.value.is_empty() {
            let help = "`roles: { tidegate-auditors: auditor }`: what a group there may do here";
            return Err(self.fault(
                &typed.roles,
                "no group has a role, so nobody could log in",
                help,
            ));
        }
        let claim = typed.groups_claim.clone();
        Ok(Provider {
            typed: OpenId {
                issuer: typed.issuer.value.clone(),
                client: typed.client_id.value.clone(),
                secret: self.directory.join(&typed.client_secret),
                in_body: typed.client_auth == ClientAuth::Body,
                public: typed.public_url.value.trim_end_matches('/').to_owned(),
                scopes: typed.scopes.clone(),
                groups: claim.unwrap_or_else(|| "groups".to_owned()),
                roles: typed.roles.value.clone(),
                name: typed.name_claim,
            },
            issuer,
            networks: self.networks(&typed.networks)?,
        })
    }

    /// An address that browsers are led to: in the clear on this host alone.
    fn shown_to_browsers(&self, typed: &Spanned<String>) -> Result<Uri> {
        let uri = self.uri(typed)?;
        let is_clear = uri.scheme_str() != Some("https");
        if is_clear && !is_loopback(&uri) {
            let help = "write `https://`; only loopback may do without";
            return Err(self.fault(typed, "nobody logs in in the clear", help));
        }
        let has_more = uri.query().is_some() || typed.value.contains('#');
        if has_more {
            let help = "such as `https://login.acme.example/realms/staff`";
            return Err(self.fault(typed, "a query or a fragment is no part of it", help));
        }
        Ok(uri)
    }
}
