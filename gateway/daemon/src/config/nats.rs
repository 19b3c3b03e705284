//! A stream of NATS `JetStream` that events go to.

use std::path::{Path, PathBuf};

use async_nats::ServerAddr;
use http::Uri;
use miette::Result;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::resolve::{Resolver, is_loopback};

/// The most servers that are tried for one stream.
const SERVERS_MAX: usize = 16;
/// The longest name of a stream, as the server has it, in bytes.
const STREAM_BYTES_MAX: usize = 255;
/// The longest subject, in bytes: what comes behind has room in a line of the protocol.
const SUBJECT_BYTES_MAX: usize = 512;

/// What is typed of one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedNats {
    /// Servers of one cluster.
    servers: Spanned<Vec<Spanned<String>>>,
    stream: Spanned<String>,
    /// What stands before an event's class.
    subject: Spanned<String>,
    /// A file as `nsc` writes it: a token, and the seed of the key that it is for.
    credentials: Option<Spanned<PathBuf>>,
    /// A file with `USER:PASSWORD`.
    login: Option<Spanned<PathBuf>>,
    /// A file with a token.
    token: Option<Spanned<PathBuf>>,
    /// Roots of trust, in PEM; without, the system's and `upstream_ca`.
    ca: Option<Spanned<PathBuf>>,
}

/// A stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamPlace {
    pub(crate) servers: Vec<ServerAddr>,
    pub(crate) stream: String,
    /// What stands before an event's class.
    pub(crate) subject: String,
    pub(crate) login: Option<Login>,
    /// The only roots of trust, if it has some of its own.
    pub(crate) ca: Option<PathBuf>,
}

/// What its servers know us by: a file, read anew for each connection.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// With a token and the seed of its key.
    Credentials(PathBuf),
    /// With `USER:PASSWORD`.
    User(PathBuf),
    Token(PathBuf),
}

impl Login {
    pub(crate) fn file(&self) -> &Path {
        let (Self::Credentials(file) | Self::User(file) | Self::Token(file)) = self;
        file
    }
}

impl StreamPlace {
    /// Files that are read while the gateway serves.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let login = self.login.as_ref().map(Login::file);
        login.into_iter().chain(self.ca.as_deref())
    }
}

impl Resolver<'_> {
    pub(super) fn nats(&self, typed: &TypedNats) -> Result<StreamPlace> {
        let servers = &typed.servers;
        if !(1..=SERVERS_MAX).contains(&servers.value.len()) {
            let message = format!("there are {} servers", servers.value.len());
            let help = format!("from 1 to {SERVERS_MAX}, of one cluster");
            return Err(self.fault(servers, message, help));
        }
        let each = servers.value.iter().map(|typed| self.server(typed));
        Ok(StreamPlace {
            servers: each.collect::<Result<_>>()?,
            stream: self.stream(&typed.stream)?,
            subject: self.subject(&typed.subject)?,
            login: self.login(typed)?,
            ca: typed.ca.as_ref().map(|ca| self.existing(ca)).transpose()?,
        })
    }

    fn server(&self, typed: &Spanned<String>) -> Result<ServerAddr> {
        let text = &typed.value;
        if text.contains('@') {
            let help = "name a file that has it: `credentials`, `login` or `token`";
            return Err(self.fault(typed, "no login stands in the configuration", help));
        }
        // Twice: the client's reader takes what is no scheme and host as well.
        let read = text
            .parse::<Uri>()
            .ok()
            .zip(text.parse::<ServerAddr>().ok());
        let read = read.filter(|(uri, address)| {
            matches!(uri.scheme_str(), Some("tls" | "nats"))
                && !address.host().is_empty()
                && matches!(uri.path(), "" | "/")
                && uri.query().is_none()
        });
        let Some((uri, address)) = read else {
            let message = format!("`{text}` is no address of NATS");
            let help = "write scheme, host and port: `tls://nats.example:4222`";
            return Err(self.fault(typed, message, help));
        };
        if !address.tls_required() && !is_loopback(&uri) {
            let message = "events and their login are not sent in the clear";
            let help = "write `tls://`; only loopback may do without";
            return Err(self.fault(typed, message, help));
        }
        Ok(address)
    }

    fn stream(&self, typed: &Spanned<String>) -> Result<String> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b".*>/\\".contains(&byte);
        let name = &typed.value;
        if (1..=STREAM_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain) {
            return Ok(name.clone());
        }
        let message = format!("`{name}` is no name of a stream");
        let help = format!("without blanks, `.`, `*`, `>` and slashes, up to {STREAM_BYTES_MAX}");
        Err(self.fault(typed, message, help))
    }

    fn subject(&self, typed: &Spanned<String>) -> Result<String> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"*>".contains(&byte);
        let is_token = |token: &str| !token.is_empty() && token.bytes().all(plain);
        let subject = &typed.value;
        // What begins with this sign is the server's own.
        let is_ours = subject.len() <= SUBJECT_BYTES_MAX && !subject.starts_with('$');
        if is_ours && subject.split('.').all(is_token) {
            return Ok(subject.clone());
        }
        let message = format!("`{subject}` is nothing that events have as subject");
        let help =
            "words between dots, without `*`, `>` and blanks: `audit.ocsf` makes `audit.ocsf.6003`";
        Err(self.fault(typed, message, help))
    }

    fn login(&self, typed: &TypedNats) -> Result<Option<Login>> {
        let TypedNats {
            credentials,
            login,
            token,
            ..
        } = typed;
        let of = |file: &Option<Spanned<PathBuf>>, kind: fn(PathBuf) -> Login| {
            let file = file.as_ref().map(|file| self.existing(file));
            file.transpose().map(|file| file.map(kind))
        };
        let all = [
            of(credentials, Login::Credentials)?,
            of(login, Login::User)?,
            of(token, Login::Token)?,
        ];
        let mut all = all.into_iter().flatten();
        let first = all.next();
        if all.next().is_some() {
            let help = "`credentials`, `login` or `token`, one of them";
            return Err(self.fault(&typed.stream, "one login is shown", help));
        }
        Ok(first)
    }
}
