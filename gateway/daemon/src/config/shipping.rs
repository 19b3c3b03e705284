//! Where events go.

use std::{collections::BTreeSet, path::PathBuf};

use http::Uri;
use miette::Result;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    behaviour::Collecting,
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
}

/// A folder of files of lines.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) rotate_bytes: u64,
    pub(crate) keep: usize,
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
    pub(super) fn shipping(&self, typed: &[Shipped]) -> Result<Vec<Destination>> {
        self.once(typed.iter().map(|it| &it.name), "the destination of events")?;
        if let Some(one_too_many) = typed.get(DESTINATIONS_MAX) {
            let message = format!("there are more than {DESTINATIONS_MAX} destinations of events");
            return Err(self.fault(
                &one_too_many.name,
                message,
                "let one of them pass events on",
            ));
        }
        typed.iter().map(|typed| self.shipped(typed)).collect()
    }

    fn shipped(&self, typed: &Shipped) -> Result<Destination> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let name = &typed.name.value;
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            let message = format!("`{name}` is no name of a destination");
            let help = "letters, digits, `-` and `_`, up to 64: files have that name";
            return Err(self.fault(&typed.name, message, help));
        }
        let to = match (&typed.file, &typed.syslog, &typed.hec) {
            (Some(file), None, None) => To::File(self.folder(file)?),
            (None, Some(syslog), None) => {
                To::Syslog(self.collector(syslog, typed.close_notify.as_ref())?)
            }
            (None, None, Some(hec)) => To::Hec(self.hec(hec)?),
            _ => {
                let help = "`file`, `syslog` or `hec`, one of them";
                return Err(self.fault(&typed.name, "events go one way", help));
            }
        };
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
