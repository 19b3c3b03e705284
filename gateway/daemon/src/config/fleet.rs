//! What this host shares with the others of its fleet.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::Duration,
};

use admission::budget::{Lending, SHARED_MAX};
use http::Uri;
use miette::Result;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    budgets::is_name,
    file::{self, File, Per},
    resolve::{Resolver, is_loopback},
};

/// The most hosts of a fleet.
const HOSTS_MAX: usize = 64;
/// What a fleet is called where nothing is said.
const NAME: &str = "fleet";
/// The port of Redis where nothing is said.
const PORT: u16 = 6379;
/// How long an answer may take where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The most.
const TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// How much of a budget is leased at once where nothing is said, in ten-thousandths.
const SLICE: u64 = 500;
/// After how long what is not used is given back where nothing is said.
const TTL: Duration = Duration::from_secs(30);
/// The shortest.
const TTL_MIN: Duration = Duration::from_millis(500);
/// How often the others hear of this host, at the most.
const ATTEND: Duration = Duration::from_secs(1);

/// What is typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedFleet {
    /// What the fleet is called: several may share a server.
    name: Option<Spanned<String>>,
    /// This host.
    pub(super) host: Spanned<String>,
    /// All of them.
    hosts: Spanned<Vec<Spanned<String>>>,
    redis: TypedRedis,
    #[serde(default)]
    budgets: TypedLending,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedRedis {
    url: Spanned<String>,
    /// A file with `USER:PASSWORD`.
    login: Option<Spanned<PathBuf>>,
    /// A file with a password.
    password: Option<Spanned<PathBuf>>,
    /// Roots of trust, in PEM; without, the system's and `upstream_ca`.
    ca: Option<Spanned<PathBuf>>,
    timeout: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedLending {
    /// How much of a budget is leased at once: `5%`.
    lease: Option<Spanned<String>>,
    lease_ttl: Option<Spanned<String>>,
}

/// A fleet.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) redis: Server,
    pub(crate) lending: Lending,
}

/// A server of Redis or Valkey.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: i64,
    /// Whether it is spoken to by TLS.
    pub(crate) tls: bool,
    pub(crate) login: Option<Shown>,
    /// The only roots of trust, if it has some of its own.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) timeout: Duration,
}

/// What it knows us by: a file, read anew for each connection.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// With `USER:PASSWORD`.
    User(PathBuf),
    Password(PathBuf),
}

impl Shown {
    pub(crate) fn file(&self) -> &Path {
        let (Self::User(file) | Self::Password(file)) = self;
        file
    }
}

impl Server {
    /// Files that are read while the gateway serves.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let login = self.login.as_ref().map(Shown::file);
        login.into_iter().chain(self.ca.as_deref())
    }
}

impl Resolver<'_> {
    pub(super) fn fleet(&self, typed: Option<&TypedFleet>) -> Result<Option<Fleet>> {
        let Some(typed) = typed else {
            return Ok(None);
        };
        let name = typed.name.as_ref().map(|name| self.plain(name, "a fleet"));
        let host = self.plain(&typed.host, "a host")?;
        let redis = self.server_of(&typed.redis)?;
        Ok(Some(Fleet {
            name: name.transpose()?.unwrap_or_else(|| NAME.to_owned()),
            hosts: self.hosts(&typed.hosts, &typed.host)?,
            host,
            lending: self.lending(&typed.budgets, redis.timeout)?,
            redis,
        }))
    }

    fn plain(&self, typed: &Spanned<String>, what: &str) -> Result<String> {
        if is_name(&typed.value) {
            return Ok(typed.value.clone());
        }
        let message = format!("`{}` is no name of {what}", typed.value);
        Err(self.fault(
            typed,
            message,
            "letters, digits, `-`, `_` and `.`, up to 64",
        ))
    }

    fn hosts(
        &self,
        typed: &Spanned<Vec<Spanned<String>>>,
        own: &Spanned<String>,
    ) -> Result<Vec<String>> {
        if !(1..=HOSTS_MAX).contains(&typed.value.len()) {
            let message = format!("a fleet has 1 to {HOSTS_MAX} hosts");
            let help = "name every host that spends from its budgets, this one among them";
            return Err(self.fault(typed, message, help));
        }
        let mut known = HashSet::new();
        for host in &typed.value {
            self.plain(host, "a host")?;
            if !known.insert(host.value.as_str()) {
                let message = format!("host `{}` is named twice", host.value);
                return Err(self.fault(host, message, "each host has a name of its own"));
            }
        }
        if !known.contains(own.value.as_str()) {
            let message = format!("`{}` is not among the fleet's hosts", own.value);
            let help = "`fleet.hosts` names all of them, the same on each";
            return Err(self.fault(own, message, help));
        }
        let mut hosts: Vec<String> = typed.value.iter().map(|it| it.value.clone()).collect();
        hosts.sort();
        Ok(hosts)
    }

    fn server_of(&self, typed: &TypedRedis) -> Result<Server> {
        let url = &typed.url;
        if url.value.contains('@') {
            let help = "name a file that has it: `login` or `password`";
            return Err(self.fault(url, "no login stands in the configuration", help));
        }
        let read = url.value.parse::<Uri>().ok().and_then(|uri| {
            let database = match uri.path().trim_start_matches('/') {
                "" => 0,
                number => number.parse::<u16>().ok()?,
            };
            let host = uri.host()?.trim_matches(['[', ']']).to_owned();
            let is_whole = matches!(uri.scheme_str(), Some("redis" | "rediss"))
                && !host.is_empty()
                && uri.query().is_none();
            is_whole.then_some((uri, host, database))
        });
        let Some((uri, host, database)) = read else {
            let message = format!("`{}` is no address of Redis", url.value);
            let help = "write scheme, host and port: `rediss://redis.example:6379`";
            return Err(self.fault(url, message, help));
        };
        let tls = uri.scheme_str() == Some("rediss");
        if !tls && !is_loopback(&uri) {
            let message = "budgets and their login are not sent in the clear";
            let help = "write `rediss://`; only loopback may do without";
            return Err(self.fault(url, message, help));
        }
        let timeout = self.timeout(typed.timeout.as_ref(), TIMEOUT)?;
        if let Some(typed) = typed.timeout.as_ref().filter(|_| timeout > TIMEOUT_MAX) {
            let message = "calls do not wait that long for a lease";
            return Err(self.fault(typed, message, "a duration up to 10s: `500ms`"));
        }
        let ca = typed.ca.as_ref().map(|ca| self.existing(ca)).transpose()?;
        Ok(Server {
            host,
            port: uri.port_u16().unwrap_or(PORT),
            database: database.into(),
            tls,
            login: self.redis_login(typed)?,
            ca,
            timeout,
        })
    }

    fn redis_login(&self, typed: &TypedRedis) -> Result<Option<Shown>> {
        match (&typed.login, &typed.password) {
            (None, None) => Ok(None),
            (Some(file), None) => Ok(Some(Shown::User(self.existing(file)?))),
            (None, Some(file)) => Ok(Some(Shown::Password(self.existing(file)?))),
            (Some(_), Some(file)) => {
                let help = "`login` or `password`, one of them";
                Err(self.fault(file, "one login is shown", help))
            }
        }
    }

    fn lending(&self, typed: &TypedLending, timeout: Duration) -> Result<Lending> {
        let slice = typed.lease.as_ref().map_or(Ok(SLICE), |typed| {
            slice(&typed.value).ok_or_else(|| {
                let message = format!("`{}` is no part of a budget", typed.value);
                let help = "a share of it, from `0.01%` to `100%`: `5%`";
                self.fault(typed, message, help)
            })
        })?;
        let ttl = self.timeout(typed.lease_ttl.as_ref(), TTL)?;
        if let Some(typed) = typed.lease_ttl.as_ref().filter(|_| ttl < TTL_MIN) {
            let message = "leases would be given back before they are used";
            return Err(self.fault(typed, message, "half a second at the least: `30s`"));
        }
        Ok(Lending {
            slice,
            ttl,
            // A connection, and an answer.
            patience: timeout * 2,
            attend: ATTEND.min(ttl / 2),
        })
    }

    /// Whether the hosts of a fleet share a budget.
    pub(super) fn is_shared(
        &self,
        typed: &file::Budget,
        file: &File,
        allowed: &[(admission::budget::Meter, u64)],
    ) -> Result<bool> {
        let said = typed.shared.as_ref();
        if file.fleet.is_none() {
            return match said.filter(|said| said.value) {
                None => Ok(false),
                Some(said) => {
                    let help = "say with whom: `fleet: { host: …, hosts: […], redis: { url: … } }`";
                    Err(self.fault(said, "there is no fleet to share it with", help))
                }
            };
        }
        // What a session has is one host's, unless somebody means it.
        let shared = said.map_or(typed.per != Per::Session, |said| said.value);
        if shared && let Some((meter, _)) = allowed.iter().find(|(_, most)| *most > SHARED_MAX) {
            let message = format!("so many {} cannot be shared", meter.name());
            let help =
                format!("at most {SHARED_MAX}; or leave the budget to each host: `shared: false`");
            return Err(self.fault(&typed.id, message, help));
        }
        Ok(shared)
    }
}

/// A share in ten-thousandths.
fn slice(typed: &str) -> Option<u64> {
    let percent = typed.strip_suffix('%')?.trim();
    let (whole, part) = percent.split_once('.').unwrap_or((percent, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if part.len() > 2 || !is_digits(part) || !is_digits(whole) {
        return None;
    }
    let hundredths: u64 = format!("{part:0<2}").parse().ok()?;
    let slice = whole.parse::<u64>().ok()?.checked_mul(100)? + hundredths;
    (1..=10_000).contains(&slice).then_some(slice)
}

#[cfg(test)]
mod tests {
    use super::slice;

    #[test]
    fn a_slice_is_a_share() {
        for (typed, expected) in [
            ("5%", Some(500)),
            ("0.5%", Some(50)),
            ("0.01%", Some(1)),
            ("100%", Some(10_000)),
            ("12.25 %", Some(1225)),
            ("0%", None),
            ("101%", None),
            ("5", None),
            ("-5%", None),
            ("0.001%", None),
            ("%", None),
        ] {
            assert_eq!(slice(typed), expected, "{typed}");
        }
    }
}
