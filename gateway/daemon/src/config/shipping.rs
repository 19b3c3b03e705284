//! Where events go.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use http::Uri;
use miette::Result;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    behaviour::Collecting,
    buckets::{BucketPlace, Within},
    nats::{StreamPlace, TypedNats},
    resolve::{Resolver, is_loopback},
};

/// The most destinations.
const DESTINATIONS_MAX: usize = 16;

/// The size at which a file is put aside where nothing is said, in MiB.
const ROTATE_MIB: u64 = 64;
/// The greatest, in MiB.
const ROTATE_MIB_MAX: u64 = 4096;
/// How many files that were put aside are kept where nothing is said.
const KEEP: usize = 16;
/// The most of them.
const KEEP_MAX: usize = 10_000;

/// What stands before a lake's sources where nothing is said, as Amazon Security Lake has custom ones.
const LAKE_PREFIX: &str = "ext";
/// What its sources are called, each with its class.
const SOURCE: &str = "tidegate";
/// Whose they are where they are nobody's of AWS.
const ACCOUNT: &str = "external";
/// How many MiB of events a file has where nothing is said.
const FILE_MIB: usize = 16;
/// The most: they are in memory while a file is made.
const FILE_MIB_MAX: usize = 64;
/// How long events wait for a file to be full where nothing is said: as soon as a lake wants files.
const FILE_EVERY: Duration = Duration::from_mins(5);

/// A destination of events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shipped {
    /// Its name.
    name: Spanned<String>,
    /// A folder of this host.
    file: Option<TypedFile>,
    /// Host and port of a collector of syslog over TLS.
    syslog: Option<Spanned<String>>,
    /// Whether the collector must say that it ends a connection (`close_notify`).
    close_notify: Option<Spanned<bool>>,
    /// Splunk's HTTP Event Collector.
    hec: Option<TypedHec>,
    /// A bucket that a security lake looks into.
    s3: Option<TypedLake>,
    /// A stream of NATS.
    nats: Option<TypedNats>,
    /// The classes of OCSF that go there; all if absent.
    #[serde(default)]
    classes: Vec<Spanned<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedFile {
    folder: PathBuf,
    /// The size at which a file is put aside, in MiB.
    rotate_mib: Option<Spanned<u64>>,
    /// How many of those are kept.
    keep: Option<Spanned<usize>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedHec {
    /// What stands before `/services/collector`.
    url: Spanned<String>,
    /// The file with the token.
    token: Spanned<PathBuf>,
    /// Whether the indexers must say that they have it.
    #[serde(default)]
    acknowledge: bool,
    /// The index that it is put into; the token's own if absent.
    index: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedLake {
    /// One of `buckets`.
    bucket: Spanned<String>,
    prefix: Option<String>,
    /// What its sources are called.
    source: Option<Spanned<String>>,
    /// Whose they are.
    account: Option<Spanned<String>>,
    /// The size of events at which a file is put, in MiB.
    file_mib: Option<Spanned<usize>>,
    /// How old they may get before.
    every: Option<Spanned<String>>,
    /// For how many days files are locked.
    retain_days: Option<Spanned<u32>>,
}

/// A destination of events.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) name: String,
    pub(crate) to: To,
    /// The classes of OCSF that go there; empty is all.
    pub(crate) classes: BTreeSet<u32>,
}

/// What it is.
#[derive(Clone, Debug)]
pub(crate) enum To {
    File(Folder),
    /// By syslog over TLS.
    Syslog(Collecting),
    Hec(Collector),
    Lake(LakePlace),
    Nats(StreamPlace),
}

/// A folder of files of lines.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) rotate_bytes: u64,
    pub(crate) keep: usize,
}

/// A bucket that a security lake looks into.
#[derive(Clone, Debug)]
pub(crate) struct LakePlace {
    pub(crate) within: Within,
    pub(crate) source: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) file_bytes: usize,
    pub(crate) every: Duration,
}

/// An HTTP Event Collector.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    /// Where events are posted.
    pub(crate) events: Uri,
    /// Where it says which ones are indexed; not asked if none.
    pub(crate) acknowledge: Option<Uri>,
    pub(crate) token: PathBuf,
    pub(crate) index: Option<String>,
}

impl Resolver<'_> {
    pub(super) fn shipping(
        &self,
        typed: &[Shipped],
        buckets: &[Arc<BucketPlace>],
    ) -> Result<Vec<Destination>> {
        self.once(typed.iter().map(|it| &it.name), "the destination of events")?;
        if let Some(one_too_many) = typed.get(DESTINATIONS_MAX) {
            let message = format!("there are more than {DESTINATIONS_MAX} destinations of events");
            return Err(self.fault(
                &one_too_many.name,
                message,
                "let one of them pass events on",
            ));
        }
        let all = typed.iter();
        all.map(|typed| self.shipped(typed, buckets)).collect()
    }

    fn shipped(&self, typed: &Shipped, buckets: &[Arc<BucketPlace>]) -> Result<Destination> {
        let name = &typed.name.value;
        if !crate::shipping::mark::is_name(name) {
            let message = format!("`{name}` is no name of a destination");
            let help = "letters, digits, `-` and `_`, up to 64: files have that name";
            return Err(self.fault(&typed.name, message, help));
        }
        let to = self.one_way(typed, buckets)?;
        if typed.syslog.is_none() {
            self.only_syslog(typed.close_notify.as_ref())?;
        }
        let classes = typed.classes.iter().map(|class| {
            if ocsf::CLASSES.contains(&class.value) {
                return Ok(class.value);
            }
            let message = format!("no event is of class `{}`", class.value);
            let known = ocsf::CLASSES.map(|class| class.to_string()).join(", ");
            Err(self.fault(class, message, format!("of {known}")))
        });
        Ok(Destination {
            name: name.clone(),
            to,
            classes: classes.collect::<Result<_>>()?,
        })
    }

    fn one_way(&self, typed: &Shipped, buckets: &[Arc<BucketPlace>]) -> Result<To> {
        let Shipped {
            file,
            syslog,
            hec,
            s3,
            nats,
            ..
        } = typed;
        Ok(match (file, syslog, hec, s3, nats) {
            (Some(file), None, None, None, None) => To::File(self.folder(file)?),
            (None, Some(syslog), None, None, None) => {
                To::Syslog(self.collector(syslog, typed.close_notify.as_ref())?)
            }
            (None, None, Some(hec), None, None) => To::Hec(self.hec(hec)?),
            (None, None, None, Some(lake), None) => To::Lake(self.lake(lake, buckets)?),
            (None, None, None, None, Some(nats)) => To::Nats(self.nats(nats)?),
            _ => {
                let help = "`file`, `syslog`, `hec`, `s3` or `nats`, one of them";
                return Err(self.fault(&typed.name, "events go one way", help));
            }
        })
    }

    fn folder(&self, typed: &TypedFile) -> Result<Folder> {
        let mib = typed.rotate_mib.as_ref().map_or(Ok(ROTATE_MIB), |typed| {
            if (1..=ROTATE_MIB_MAX).contains(&typed.value) {
                return Ok(typed.value);
            }
            let help = format!("from 1 to {ROTATE_MIB_MAX} (MiB)");
            Err(self.fault(typed, "no file is put aside at that size", help))
        })?;
        let keep = typed.keep.as_ref().map_or(Ok(KEEP), |typed| {
            if (1..=KEEP_MAX).contains(&typed.value) {
                return Ok(typed.value);
            }
            let help = format!("from 1 to {KEEP_MAX}");
            Err(self.fault(typed, "so many files cannot be kept", help))
        })?;
        Ok(Folder {
            path: self.directory.join(&typed.folder),
            rotate_bytes: mib * 1024 * 1024,
            keep,
        })
    }

    fn lake(&self, typed: &TypedLake, buckets: &[Arc<BucketPlace>]) -> Result<LakePlace> {
        let prefix = typed.prefix.as_deref().unwrap_or(LAKE_PREFIX);
        let bucket = (&typed.bucket, typed.bucket.value.as_str());
        let within = self.within(buckets, bucket, prefix, typed.retain_days.as_ref())?;
        let named = |typed: Option<&Spanned<String>>, usual: &str| {
            let Some(typed) = typed else {
                return Ok(usual.to_owned());
            };
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            let name = &typed.value;
            if (1..=59).contains(&name.len()) && name.bytes().all(plain) {
                return Ok(name.clone());
            }
            let help = "letters, digits, `-` and `_`, up to 59; in YAML an account is quoted";
            Err(self.fault(
                typed,
                format!("`{name}` cannot stand in a path of a lake"),
                help,
            ))
        };
        let mib = typed.file_mib.as_ref().map_or(Ok(FILE_MIB), |typed| {
            if (1..=FILE_MIB_MAX).contains(&typed.value) {
                return Ok(typed.value);
            }
            let help = format!("from 1 to {FILE_MIB_MAX} (MiB)");
            Err(self.fault(typed, "no file is put at that size", help))
        })?;
        Ok(LakePlace {
            region: within.place.bucket.region.clone(),
            within,
            source: named(typed.source.as_ref(), SOURCE)?,
            account: named(typed.account.as_ref(), ACCOUNT)?,
            file_bytes: mib * 1024 * 1024,
            every: self.timeout(typed.every.as_ref(), FILE_EVERY)?,
        })
    }

    fn hec(&self, typed: &TypedHec) -> Result<Collector> {
        let prefix = self.uri(&typed.url)?;
        if prefix.scheme_str() != Some("https") && !is_loopback(&prefix) {
            let message = "events and their token are not sent in the clear";
            let help = "write `https://`; only loopback may do without";
            return Err(self.fault(&typed.url, message, help));
        }
        let below = |path: &str| {
            let url = format!("{}{path}", typed.url.value.trim_end_matches('/'));
            url.parse::<Uri>().map_err(|_| {
                let help = "the address that stands before `/services/collector`";
                self.fault(&typed.url, "it is no address of a collector", help)
            })
        };
        let acknowledge = typed.acknowledge.then(|| below("/services/collector/ack"));
        Ok(Collector {
            events: below("/services/collector/event")?,
            acknowledge: acknowledge.transpose()?,
            token: self.existing(&typed.token)?,
            index: typed.index.clone(),
        })
    }
}
