//! Where people look at the log with a browser, and who may.

use std::{net::SocketAddr, path::PathBuf};

use miette::Result;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{file::Tls, resolve::Resolver};

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
        Ok(Console {
            listen,
            users: self.directory.join(&typed.users),
            tls: typed.tls.as_ref().map(|tls| self.tls(tls)),
            people: people.map(|people| proxy::tls::People {
                ca: self.directory.join(&people.ca.value),
                crl: people.crl.as_ref().map(|crl| self.directory.join(crl)),
            }),
        })
    }
}
