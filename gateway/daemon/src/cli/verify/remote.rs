//! Which bucket a log is judged in, and by which keys it is read.

use std::{path::PathBuf, time::Duration};

use audit::{Report, checkpoint::Authority};
use clap::Args;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proof::bookmark::Kept;
use proxy::Upstream;
use serde::{Deserialize, Serialize};
use tiles::{Bookmark, Manner, verify_source};

use super::{
    InBucketTold, begun_anew,
    bucket::{FETCHES, Locks, Place, Shelved},
};
use crate::{
    cli::pace::Pace,
    config::{BucketPlace, named, prefix_of},
    objects,
};

/// It is kept after so many batches how far it is, each of 64 objects.
const BATCHES: u64 = 4;

/// A log in a bucket.
#[derive(Debug, Args)]
pub(super) struct InBucket {
    /// The bucket that the log's tiles were put into (`audit.s3`), which is judged as its oldest versions have it.
    #[arg(long, value_name = "NAME", requires_all = ["region", "keys"])]
    bucket: Option<String>,
    /// What stands before each name there.
    #[arg(long, value_name = "PREFIX", default_value = "", requires = "bucket")]
    prefix: String,
    /// The region that the bucket is in.
    #[arg(long, value_name = "REGION", requires = "bucket")]
    region: Option<String>,
    /// Where the store is, if it is not Amazon's.
    #[arg(long, value_name = "URL", requires = "bucket")]
    endpoint: Option<String>,
    /// A file of mode 600 with one line, `ID:SECRET` or `ID:SECRET:TOKEN`, of keys that may read and list versions.
    #[arg(long, value_name = "FILE", requires = "bucket")]
    keys: Option<PathBuf>,
    /// More roots of trust for the store's certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "bucket")]
    ca: Option<PathBuf>,
    /// For how many days what is kept must be locked since it came: one that is not is a finding.
    #[arg(long, value_name = "DAYS", requires = "bucket")]
    retain_days: Option<u32>,
}

/// Where a verification of a bucket is to go on later.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    tiles: Bookmark,
    locks: Locks,
}

impl InBucket {
    /// Whether there is one.
    pub(super) fn is_asked(&self) -> bool {
        self.bucket.is_some()
    }

    /// What is found there.
    pub(super) async fn verify(
        &self,
        authority: Authority,
        anchors: Vec<Vec<u8>>,
        kept: Kept,
    ) -> Result<(Report, InBucketTold)> {
        let mut kept = kept.every(BATCHES);
        let from: Option<Mark> = kept.read().into_diagnostic()?;
        let locks = from.as_ref().map(|it| it.locks.clone());
        let runtime = tokio::runtime::Handle::current();
        let shelved = Shelved::new(self.place()?, locks.unwrap_or_default(), runtime);
        // It waits for the store in many threads, and this one drives what they wait for.
        let judged = tokio::task::spawn_blocking(move || {
            let pace = Pace::alone();
            let manner = Manner {
                threads: FETCHES,
                from: from.clone().map(|it| it.tiles),
                told: &mut |progress, size, bookmark| {
                    pace.tell(progress.records, size);
                    let locks = shelved.locks(progress.records);
                    kept.write(bookmark.map(|tiles| Mark { tiles, locks }))
                },
            };
            let report = verify_source(manner, &shelved, authority, &anchors)?;
            begun_anew(from.as_ref(), &report);
            kept.done();
            let told = InBucketTold {
                kept: shelved.kept_there(),
                locks: shelved.locks(u64::MAX),
            };
            Ok::<_, tiles::TilesError>((report, told))
        });
        judged.await.into_diagnostic()?.into_diagnostic()
    }

    fn place(&self) -> Result<Place> {
        let name = self.bucket.clone().unwrap_or_default();
        let region = self.region.as_deref().unwrap_or_default();
        let bucket = named(&name, region, self.endpoint.as_deref());
        let bucket = bucket.map_err(|odd| miette!(help = odd.help, "{}", odd.message))?;
        let prefix = prefix_of(&self.prefix).map_err(|message| miette!("{message}"))?;
        let keys = self.keys.clone().unwrap_or_default();
        let place = BucketPlace { name, bucket, keys };
        let tls = Upstream::tls(self.ca.as_deref()).into_diagnostic();
        let tls = tls.wrap_err("the certificates of `--ca` cannot be used")?;
        let days = self.retain_days.map(u64::from);
        Ok(Place {
            shown: objects::shown(&place)?,
            bucket: place.bucket,
            client: Upstream::new(&tls),
            prefix,
            locked: days.map(|days| Duration::from_hours(24 * days)),
        })
    }
}
