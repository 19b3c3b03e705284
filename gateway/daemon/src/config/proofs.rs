//! Who can hold the log to what it said.

use std::{path::PathBuf, sync::Arc, time::Duration};

use audit::checkpoint::Authority;
use http::Uri;
use miette::Result;
use proof::witness::{WITNESSES_MAX, WitnessKey};

use super::{
    buckets::{BucketPlace, Within},
    copy::CopyPlace,
    file::{Audit, Bucketed},
    resolve::{Resolver, is_loopback},
};

/// How often tiles are put into a bucket where nothing is said.
const SHELVED_EVERY: Duration = Duration::from_mins(1);

/// Where the log is shown to others.
pub(crate) struct Proofs {
    /// The log that must be there.
    pub(crate) log: Option<Authority>,
    /// The folder of its tiles.
    pub(crate) tiles: Option<PathBuf>,
    /// Where its tiles are put as well.
    pub(crate) shelf: Option<Shelf>,
    /// The PostgreSQL that it is copied to.
    pub(crate) copy: Option<CopyPlace>,
    /// Who is asked to sign it.
    pub(crate) witnesses: Vec<Asked>,
}

/// A place in a bucket for the log's tiles.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) within: Within,
    pub(crate) every: Duration,
}

/// A witness.
#[derive(Clone)]
pub(crate) struct Asked {
    /// Where it is asked.
    pub(crate) uri: Uri,
    pub(crate) key: WitnessKey,
}

impl Resolver<'_> {
    pub(super) fn proofs(&self, typed: &Audit, buckets: &[Arc<BucketPlace>]) -> Result<Proofs> {
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
            shelf: typed
                .s3
                .as_ref()
                .map(|it| self.shelf(it, typed, buckets))
                .transpose()?,
            tiles: typed.tiles.as_ref().map(|path| self.directory.join(path)),
            witnesses: witnesses.collect::<Result<_>>()?,
        })
    }
    /// Where tiles are put as well.
    fn shelf(
        &self,
        typed: &Bucketed,
        audit: &Audit,
        buckets: &[Arc<BucketPlace>],
    ) -> Result<Shelf> {
        if audit.tiles.is_none() {
            let message = "what is put into a bucket are the tiles in a folder, and there is none";
            let help = "name it as `audit.tiles`: it is also what waits for a bucket that is away";
            return Err(self.fault(&typed.bucket, message, help));
        }
        let bucket = (&typed.bucket, typed.bucket.value.as_str());
        let retain = typed.retain_days.as_ref();
        Ok(Shelf {
            within: self.within(buckets, bucket, &typed.prefix, retain)?,
            every: self.timeout(typed.every.as_ref(), SHELVED_EVERY)?,
        })
    }
}
