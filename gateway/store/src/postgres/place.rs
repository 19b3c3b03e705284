//! Where a PostgreSQL is.

use std::{fmt, net::IpAddr, path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

/// Longer than any statement here should take.
pub(super) const STATEMENT_WAIT: Duration = Duration::from_secs(30);

/// Why a URL is no place to go to.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// It is no such URL.
    #[error("it is no address of a PostgreSQL: {0}")]
    Malformed(String),
    /// Others could read it where it stands.
    #[error("it says a password, which others can read where it stands")]
    Password,
    /// Anybody could answer there.
    #[error("nothing proves that the server is the one that is meant: say `sslmode=verify-full`")]
    Unverified,
}

/// Where a PostgreSQL is, and as whom to go there.
#[derive(Clone)]
pub struct PostgresPlace(pub(super) PgConnectOptions);

impl PostgresPlace {
    /// Parses a URL as libpq has them, without a password. What it does not say comes from libpq's variables and
    /// password file. Over a network the server must prove who it is.
    pub fn parse(url: &str) -> Result<Self, NoPlace> {
        if has_password(url) {
            return Err(NoPlace::Password);
        }
        let options = PgConnectOptions::from_str(url);
        let options = options.map_err(|error| NoPlace::Malformed(error.to_string()))?;
        // `verify-ca` takes what any public authority vouches for, whatever its name.
        let proves = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
        if !proves && !is_here(&options) {
            return Err(NoPlace::Unverified);
        }
        let wait = STATEMENT_WAIT.as_millis().to_string();
        let options = options
            .application_name("tidegate")
            .options([
                ("statement_timeout", wait.as_str()),
                ("TimeZone", "UTC"),
                // A writer that is gone without a word gives its lock back within half a minute.
                ("tcp_keepalives_idle", "15"),
                ("tcp_keepalives_interval", "5"),
                ("tcp_keepalives_count", "3"),
            ])
            .disable_statement_logging();
        Ok(Self(options))
    }

    /// With this password.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        Self(self.0.password(password))
    }

    /// With these roots of trust, a file of PEM.
    #[must_use]
    pub fn roots(self, file: &Path) -> Self {
        Self(self.0.ssl_root_cert(file))
    }
}

/// Whether it is on this host.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
}

fn has_password(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split('/').next().unwrap_or(rest);
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let mut pairs = query.split('&');
    user.contains(':') || pairs.any(|pair| pair.starts_with("password="))
}

/// Host and database, nothing secret.
impl fmt::Display for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.0.get_database().unwrap_or(self.0.get_username());
        write!(
            f,
            "postgres://{}:{}/{database}",
            self.0.get_host(),
            self.0.get_port()
        )
    }
}

impl fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_here_or_proves_itself_and_says_no_password() {
        let parse = PostgresPlace::parse;
        for good in [
            "postgres://tidegate@localhost/audit",
            "postgres://tidegate@[::1]:5433/audit",
            "postgres://tidegate@localhost/audit?host=/run/postgresql",
            "postgres://tidegate@db.example/audit?sslmode=verify-full",
        ] {
            assert!(parse(good).is_ok(), "{good}: {:?}", parse(good));
        }
        for open in [
            "db.example/audit",
            "10.1.2.3/audit?sslmode=require",
            "db.example/audit?sslmode=verify-ca",
        ] {
            let open = parse(&format!("postgres://tidegate@{open}"));
            assert!(matches!(open, Err(NoPlace::Unverified)), "{open:?}");
        }
        for told in ["tidegate:x@localhost/audit", "localhost/audit?password=x"] {
            let told = parse(&format!("postgres://{told}"));
            assert!(matches!(told, Err(NoPlace::Password)), "{told:?}");
        }
        assert!(matches!(parse("audit"), Err(NoPlace::Malformed(_))));
    }
}
