//! Where the log is copied to.

use std::path::PathBuf;

use miette::{Result, miette};
use store::PostgresPlace;

use super::{file::Postgres, resolve::Resolver};

/// A PostgreSQL, and what must be readable while it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct CopyPlace {
    pub(crate) place: PostgresPlace,
    pub(crate) ca: Option<PathBuf>,
}

impl Resolver<'_> {
    pub(super) fn copy(&self, typed: &Postgres) -> Result<CopyPlace> {
        let place = PostgresPlace::parse(&typed.url.value);
        // Without the line itself, which may show a password.
        let place = place.map_err(|error| {
            miette!(
                help = "such as `postgres://tidegate@db.example/audit?sslmode=verify-full`; a password stands in a file \
                        that only the gateway can read, which `password` names",
                "`audit.postgres.url`: {error}"
            )
        });
        let mut place = place?;
        if let Some(file) = &typed.password {
            let help = "one line, the password of the role that the URL names";
            let password = vault::private(&self.directory.join(&file.value));
            let password = password.map_err(|error| self.fault(file, error.to_string(), help))?;
            let password = std::str::from_utf8(&password);
            let password = password.map_err(|error| self.fault(file, error.to_string(), help))?;
            place = place.password(password.trim_end_matches(['\r', '\n']));
        }
        let ca = typed.ca.as_ref().map(|ca| self.existing(ca)).transpose()?;
        if let Some(ca) = &ca {
            place = place.roots(ca);
        }
        Ok(CopyPlace { place, ca })
    }
}
