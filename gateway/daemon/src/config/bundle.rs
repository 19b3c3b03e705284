//! Where bundles of policies come from, and whose they must be.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ::bundle::Keys;
use http::Uri;
use miette::Result;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    buckets::{BucketPlace, Within},
    budgets::is_name,
    file::File,
    resolve::{Resolver, is_loopback},
};

/// How often it is looked where nothing is said.
const EVERY: Duration = Duration::from_mins(1);
/// The most often.
const EVERY_MIN: Duration = Duration::from_secs(1);
/// So many keys at the most.
const KEYS_MAX: usize = ::bundle::note::KEYS_MAX;

/// What is typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedBundle {
    /// A file, `https://…`, or `s3://BUCKET/KEY`.
    from: Spanned<String>,
    /// Public keys, as `tidegate bundle keygen` prints them.
    keys: Spanned<Vec<Spanned<String>>>,
    /// How often it is looked.
    every: Option<Spanned<String>>,
    /// What stages call this host; else `fleet.host`, else the machine's name.
    host: Option<Spanned<String>>,
}

/// Bundles in place of the configuration's own policies.
#[derive(Clone, Debug)]
pub(crate) struct Bundles {
    pub(crate) from: From,
    pub(crate) keys: Arc<Keys>,
    pub(crate) every: Duration,
    pub(crate) host: String,
}

/// Where they come from.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// A file, which may not be there yet.
    File(PathBuf),
    Web(Uri),
    /// What is there under that name.
    Bucket(Within, String),
}

impl Resolver<'_> {
    pub(super) fn bundles(
        &self,
        file: &File,
        buckets: &[Arc<BucketPlace>],
    ) -> Result<Option<Bundles>> {
        let Some(typed) = &file.bundle else {
            return Ok(None);
        };
        let every = self.timeout(typed.every.as_ref(), EVERY)?;
        if let Some(typed) = typed.every.as_ref().filter(|_| every < EVERY_MIN) {
            return Err(self.fault(typed, "that is too often", "a second at the least: `60s`"));
        }
        Ok(Some(Bundles {
            from: self.source(typed, buckets)?,
            keys: Arc::new(self.signers(&typed.keys)?),
            every,
            host: self.own_name(typed, file)?,
        }))
    }

    fn source(&self, typed: &TypedBundle, buckets: &[Arc<BucketPlace>]) -> Result<From> {
        let from = &typed.from;
        if let Some(rest) = from.value.strip_prefix("s3://") {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
            if name.is_empty() {
                let help = "name the object, too: `s3://rules/edge/policies.bundle`";
                return Err(self.fault(from, "a bundle is one object", help));
            }
            let within = self.within(buckets, (from, bucket), prefix, None)?;
            return Ok(From::Bucket(within, name.to_owned()));
        }
        if !from.value.contains("://") {
            let file = self.directory.join(&from.value);
            // What is not there when the gateway begins, it may never read.
            if file.parent().is_some_and(Path::is_dir) {
                return Ok(From::File(file));
            }
            let message = format!("there is no folder for `{}`", file.display());
            let help = "make the folder; the file may come later";
            return Err(self.fault(from, message, help));
        }
        let uri = self.uri(from)?;
        if uri.scheme_str() == Some("https") || is_loopback(&uri) {
            return Ok(From::Web(uri));
        }
        let help = "write `https://`; only loopback may do without";
        Err(self.fault(from, "bundles are not fetched in the clear", help))
    }

    /// All of one name: the revisions of two cannot be compared.
    fn signers(&self, typed: &Spanned<Vec<Spanned<String>>>) -> Result<Keys> {
        const HELP: &str = "`NAME+ID+KEY`, as `tidegate bundle keygen` prints it";
        if !(1..=KEYS_MAX).contains(&typed.value.len()) {
            let message = format!("bundles have 1 to {KEYS_MAX} keys");
            return Err(self.fault(typed, message, HELP));
        }
        let name = |key: &Spanned<String>| key.value.split('+').next().map(str::to_owned);
        let first = typed.value.first().and_then(name);
        for key in &typed.value {
            if Keys::read([key.value.as_str()]).is_err() {
                let message = format!("`{}` is no public key of bundles", key.value);
                return Err(self.fault(key, message, HELP));
            }
            if name(key) != first {
                let help =
                    "all keys of a gateway are of one name: another one has revisions of its own";
                return Err(self.fault(key, "this key is of bundles of another name", help));
            }
        }
        let keys = Keys::read(typed.value.iter().map(|key| key.value.as_str()));
        keys.map_err(|why| self.fault(typed, why.to_string(), HELP))
    }

    fn own_name(&self, typed: &TypedBundle, file: &File) -> Result<String> {
        let Some(host) = &typed.host else {
            let fleet = file.fleet.as_ref().map(|fleet| fleet.host.value.clone());
            let machine = || {
                rustix::system::uname()
                    .nodename()
                    .to_string_lossy()
                    .into_owned()
            };
            return Ok(fleet.unwrap_or_else(machine));
        };
        if is_name(&host.value) {
            return Ok(host.value.clone());
        }
        let message = format!("`{}` is no name of a host", host.value);
        Err(self.fault(host, message, "letters, digits, `-`, `_` and `.`, up to 64"))
    }
}
