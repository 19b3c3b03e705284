//! Who can hold the log to what it said.

use std::path::PathBuf;

use audit::checkpoint::Authority;
use http::Uri;
use miette::Result;
use proof::witness::{WITNESSES_MAX, WitnessKey};

use super::{
    copy::CopyPlace,
    file::Audit,
    resolve::{Resolver, is_loopback},
};

/// Where the log is shown to others.
pub(crate) struct Proofs {
    /// The log that must be there.
    pub(crate) log: Option<Authority>,
    /// The folder of its tiles.
    pub(crate) tiles: Option<PathBuf>,
    /// The PostgreSQL that it is copied to.
    pub(crate) copy: Option<CopyPlace>,
    /// Who is asked to sign it.
    pub(crate) witnesses: Vec<Asked>,
}

/// A witness.
#[derive(Clone)]
pub(crate) struct Asked {
    /// Where it is asked.
    pub(crate) uri: Uri,
    pub(crate) key: WitnessKey,
}

impl Resolver<'_> {
    pub(super) fn proofs(&self, typed: &Audit) -> Result<Proofs> {
        let log = typed.log.as_ref().map(|typed| {
            Authority::parse(&typed.value).map_err(|error| {
                let help = "the line that `tidegate audit key` prints";
                self.fault(typed, error.to_string(), help)
            })
        });
        if let Some(one_too_many) = typed.witnesses.get(WITNESSES_MAX) {
            let message = format!("there are more than {WITNESSES_MAX} witnesses");
            let help = "a checkpoint has no room for more; leave some out";
            return Err(self.fault(&one_too_many.url, message, help));
        }
        let witnesses = typed.witnesses.iter().map(|typed| {
            let key = WitnessKey::parse(&typed.key.value).map_err(|error| {
                let help = "the line that `tidegate witness key` prints";
                self.fault(&typed.key, error.to_string(), help)
            })?;
            let prefix = self.uri(&typed.url)?;
            if prefix.scheme_str() != Some("https") && !is_loopback(&prefix) {
                let message = "witnesses are not asked in the clear";
                let help = "write `https://`; only loopback may do without";
                return Err(self.fault(&typed.url, message, help));
            }
            let prefix = typed.url.value.trim_end_matches('/');
            let uri = format!("{prefix}/add-checkpoint").parse().map_err(|_| {
                let help = "the address that stands before `/add-checkpoint`";
                self.fault(&typed.url, "it is no address of a witness", help)
            })?;
            Ok(Asked { uri, key })
        });
        Ok(Proofs {
            log: log.transpose()?,
            copy: typed
                .postgres
                .as_ref()
                .map(|it| self.copy(it))
                .transpose()?,
            tiles: typed.tiles.as_ref().map(|path| self.directory.join(path)),
            witnesses: witnesses.collect::<Result<_>>()?,
        })
    }
}
