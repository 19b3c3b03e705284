//! Who issues tokens, where their keys are, and how their tokens are read.

use std::{collections::HashMap, path::PathBuf, str::FromStr as _};

use http::Uri;
use identity::{Mapping, SpiffeId};
use jiff::SignedDuration;
use miette::Result;
use serde_saphyr::Spanned;

use super::{
    file::{self, File},
    resolve::{Resolver, TOKEN_LIFETIME, is_loopback},
};

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub(crate) enum JwksSource {
    File(PathBuf),
    Url(Uri),
    /// As this issuer publishes.
    Issuer(Uri),
    /// The bundle of this trust domain (`spiffe://acme.example`), by the Workload API.
    TrustDomain(String),
}

impl std::fmt::Display for JwksSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Url(uri) | Self::Issuer(uri) => write!(f, "`{uri}`"),
            Self::TrustDomain(name) => write!(f, "the bundle of `{name}`"),
        }
    }
}

/// One token issuer; its keys are fetched later.
#[derive(Clone, Debug)]
pub(crate) struct IssuerEntry {
    pub(crate) name: String,
    pub(crate) audience: String,
    pub(crate) source: JwksSource,
    pub(crate) lifetime_max: SignedDuration,
    pub(crate) mapping: Mapping,
}

impl Resolver<'_> {
    pub(super) fn issuers(&self, typed: Vec<file::Issuer>) -> Result<Vec<IssuerEntry>> {
        typed.into_iter().map(|it| self.issuer(it)).collect()
    }

    fn issuer(&self, issuer: file::Issuer) -> Result<IssuerEntry> {
        let lifetime_max = match &issuer.lifetime_max {
            None => TOKEN_LIFETIME,
            Some(typed) => self.lifetime(typed)?,
        };
        Ok(IssuerEntry {
            source: self.key_source(&issuer)?,
            mapping: self.mapping(&issuer)?,
            name: issuer.name,
            audience: issuer.audience,
            lifetime_max,
        })
    }

    fn key_source(&self, issuer: &file::Issuer) -> Result<JwksSource> {
        let jwks = &issuer.jwks.value;
        let discover = jwks.discover.as_ref().filter(|discover| discover.value);
        let bundle = jwks.workload_api.as_ref().filter(|bundle| bundle.value);
        if let Some(bundle) = bundle
            && jwks.file.is_none()
            && jwks.url.is_none()
            && discover.is_none()
        {
            return self.trust_domain(&issuer.name, bundle);
        }
        match (&jwks.file, &jwks.url, discover.filter(|_| bundle.is_none())) {
            (Some(path), None, None) => Ok(JwksSource::File(self.existing(path)?)),
            (None, Some(url), None) => {
                let uri = self.uri(url)?;
                self.is_private(url, &uri)?;
                Ok(JwksSource::Url(uri))
            }
            (None, None, Some(discover)) => {
                let uri = Uri::from_str(&issuer.name).ok();
                let uri = uri.filter(|uri| uri.scheme().is_some() && uri.query().is_none());
                let uri = uri.ok_or_else(|| {
                    let message = format!("`{}` is not an address to discover keys at", issuer.name);
                    let help = "an issuer that publishes is named by its address: `issuer: https://login.example`";
                    self.fault(discover, message, help)
                })?;
                self.is_private(discover, &uri)?;
                Ok(JwksSource::Issuer(uri))
            }
            _ => {
                let help = "`jwks: { file: keys.json }`, `{ url: https://... }`, `{ discover: true }` or `{ workload_api: true }`, one of them";
                Err(self.fault(&issuer.jwks, "an issuer's keys come from one place", help))
            }
        }
    }

    /// A trust domain, which issues JWT-SVIDs.
    fn trust_domain(&self, name: &str, typed: &Spanned<bool>) -> Result<JwksSource> {
        let inside: Option<SpiffeId> = format!("{name}/workload").parse().ok();
        if inside.is_some_and(|id| id.trust_domain() == name) {
            return Ok(JwksSource::TrustDomain(name.to_owned()));
        }
        let message = format!("`{name}` is not a trust domain");
        let help = "its keys come by the Workload API: write `issuer: spiffe://acme.example`";
        Err(self.fault(typed, message, help))
    }

    /// Where the Workload API is asked, which must be said where something is to come from it.
    pub(super) fn workload_api(&self, file: &File) -> Result<Option<PathBuf>> {
        let shown = file.listen.iter().filter_map(|listen| listen.svid.as_ref());
        let bundles = file.tokens.iter();
        let bundles = bundles.filter_map(|issuer| issuer.jwks.value.workload_api.as_ref());
        let mut wanted = shown.chain(bundles).filter(|wanted| wanted.value);
        match (&file.spiffe, wanted.next()) {
            (Some(spiffe), _) => Ok(Some(self.directory.join(&spiffe.socket))),
            (None, None) => Ok(None),
            (None, Some(wanted)) => {
                let help = "add `spiffe: { socket: /run/spire/sockets/agent.sock }`";
                Err(self.fault(
                    wanted,
                    "no Workload API is named that it would come from",
                    help,
                ))
            }
        }
    }

    /// Whoever could change the keys on their way could make tokens.
    fn is_private<T>(&self, typed: &Spanned<T>, uri: &Uri) -> Result<()> {
        if uri.scheme_str() == Some("https") || is_loopback(uri) {
            return Ok(());
        }
        let message = "an issuer's keys are not fetched in the clear";
        Err(self.fault(
            typed,
            message,
            "write `https://`; only loopback may do without",
        ))
    }

    fn mapping(&self, issuer: &file::Issuer) -> Result<Mapping> {
        let places = &issuer.claims;
        let mut subjects = HashMap::new();
        for (called, agent) in &issuer.subjects {
            let id = agent.value.parse().map_err(|error| {
                self.fault(
                    agent,
                    format!("{error}"),
                    "the id of an agent: `spiffe://acme.example/agent/support`",
                )
            })?;
            subjects.insert(called.clone(), id);
        }
        let mapping = Mapping {
            subject: self.place(places.subject.as_ref())?,
            subjects,
            task: self.place(places.task.as_ref())?,
            purpose: self.place(places.purpose.as_ref())?,
            scope: self.place(places.scope.as_ref())?,
        };
        let part = places.purpose.as_ref().or(places.scope.as_ref());
        if let (Some(part), None) = (part, &mapping.task) {
            let message = "purpose and scope are those of a task, and no claim is named for that";
            return Err(self.fault(
                part,
                message,
                "add `task: /txn`, or whichever claim has its id",
            ));
        }
        Ok(mapping)
    }

    /// A JSON Pointer that leads somewhere, if there is one.
    fn place(&self, typed: Option<&Spanned<String>>) -> Result<Option<String>> {
        typed.map(|typed| self.pointer(typed)).transpose()
    }

    /// A JSON Pointer that leads somewhere.
    pub(super) fn pointer(&self, typed: &Spanned<String>) -> Result<String> {
        if typed.value.starts_with('/') {
            return Ok(typed.value.clone());
        }
        let message = format!("`{}` is not a JSON Pointer", typed.value);
        let help = format!("begin with a slash: `/{}` (RFC 6901)", typed.value);
        Err(self.fault(typed, message, help))
    }
}
