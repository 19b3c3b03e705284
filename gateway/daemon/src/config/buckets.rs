//! Buckets of object stores that speak as Amazon S3 does, and what is put into them.

use std::{path::PathBuf, str::FromStr as _, sync::Arc, time::Duration};

use http::Uri;
use miette::Result;
use proxy::objects::Bucket;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::resolve::{Resolver, is_loopback};

/// The most buckets.
const BUCKETS_MAX: usize = 16;

/// For how many days at the most an object is locked.
const RETAIN_DAYS_MAX: u32 = 36_500;

/// The longest prefix, in bytes: a key has room for what comes behind.
const PREFIX_BYTES_MAX: usize = 512;

/// A bucket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypedBucket {
    /// Its name.
    name: Spanned<String>,
    /// Its region.
    region: Spanned<String>,
    /// The file with `ID:SECRET` or `ID:SECRET:TOKEN`.
    keys: Spanned<PathBuf>,
    /// Where the store is, if it is not Amazon's.
    endpoint: Option<Spanned<String>>,
}

/// A bucket, and who may put into it.
#[derive(Debug)]
pub(crate) struct BucketPlace {
    pub(crate) name: String,
    pub(crate) bucket: Bucket,
    /// Read anew for each object.
    pub(crate) keys: PathBuf,
}

/// Where in a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Within {
    pub(crate) place: Arc<BucketPlace>,
    /// What stands before each key; empty, or with a slash at its end.
    pub(crate) prefix: String,
    /// For how long what is put there is locked; not at all if none.
    pub(crate) locked: Option<Duration>,
}

/// What of a bucket cannot be as it is.
pub(crate) struct OddBucket {
    pub(crate) part: Part,
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

/// What of a bucket is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Region,
    Endpoint,
}

impl Part {
    fn is_odd(self, message: impl Into<String>, help: &'static str) -> OddBucket {
        OddBucket {
            part: self,
            message: message.into(),
            help,
        }
    }
}

/// The bucket of that name: Amazon's, or a path at an endpoint.
pub(crate) fn named(
    name: &str,
    region: &str,
    endpoint: Option<&str>,
) -> std::result::Result<Bucket, OddBucket> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let ends = |it: &str| it.starts_with(['-', '.']) || it.ends_with(['-', '.']);
    if !(3..=63).contains(&name.len())
        || !name.bytes().all(plain)
        || ends(name)
        || name.contains("..")
    {
        let message = format!("`{name}` is no name of a bucket");
        let help = "3 to 63 lower-case letters, digits, `-` and `.`";
        return Err(Part::Name.is_odd(message, help));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if region.is_empty() || region.len() > 64 || !region.bytes().all(plain) {
        let message = format!("`{region}` is no region");
        let help = "such as `eu-central-1`; a store that has none takes `us-east-1`";
        return Err(Part::Region.is_odd(message, help));
    }
    let base = match endpoint {
        Some(endpoint) => own_store(endpoint, name)?,
        // A certificate of `*.s3.REGION.amazonaws.com` is of one label more, not of two.
        None if name.contains('.') => amazon(&format!("s3.{region}.amazonaws.com/{name}")),
        None => amazon(&format!("{name}.s3.{region}.amazonaws.com/")),
    };
    let base = base.ok_or_else(|| {
        let help = "such as `https://objects.example:9000`";
        Part::Name.is_odd("there is no address of that bucket", help)
    })?;
    Ok(Bucket {
        base,
        region: region.to_owned(),
    })
}

/// A bucket of a store of one's own, which is a path there.
fn own_store(endpoint: &str, name: &str) -> std::result::Result<Option<Uri>, OddBucket> {
    let is_odd = |message: &str, help| Err(Part::Endpoint.is_odd(message, help));
    let help = "write scheme, host and port: `https://objects.example:9000`";
    let Ok(at) = Uri::from_str(endpoint) else {
        return is_odd("the endpoint is not an address of the web", help);
    };
    let is_plain = |it: &http::uri::Authority| !it.as_str().contains('@');
    if !at.authority().is_some_and(is_plain) {
        return is_odd("the endpoint is not an address of the web", help);
    }
    if at.scheme_str() != Some("https") && !is_loopback(&at) {
        let help = "write `https://`; only loopback may do without";
        return is_odd("objects are not sent in the clear", help);
    }
    if at.query().is_some() {
        let help = "scheme, host, port, and a path if it has one";
        return is_odd("an address of a store has no query", help);
    }
    let text = endpoint.trim_end_matches('/');
    Ok(Uri::from_str(&format!("{text}/{name}")).ok())
}

/// A prefix as it stands before names: empty, or with a slash at its end.
pub(crate) fn prefix_of(typed: &str) -> std::result::Result<String, String> {
    let prefix = typed.trim_matches('/');
    let odd = |it: &str| it.is_empty() || it == "." || it == "..";
    let is_odd = !prefix.is_empty() && prefix.split('/').any(odd);
    if is_odd || prefix.len() > PREFIX_BYTES_MAX || prefix.chars().any(char::is_control) {
        return Err(format!("`{prefix}` is no prefix"));
    }
    Ok(if prefix.is_empty() {
        String::new()
    } else {
        format!("{prefix}/")
    })
}

impl Resolver<'_> {
    pub(super) fn buckets(&self, typed: &[TypedBucket]) -> Result<Vec<Arc<BucketPlace>>> {
        self.once(typed.iter().map(|it| &it.name), "the bucket")?;
        if let Some(one_too_many) = typed.get(BUCKETS_MAX) {
            let message = format!("there are more than {BUCKETS_MAX} buckets");
            let help = "prefixes keep things apart within one";
            return Err(self.fault(&one_too_many.name, message, help));
        }
        typed.iter().map(|typed| self.bucket(typed)).collect()
    }

    fn bucket(&self, typed: &TypedBucket) -> Result<Arc<BucketPlace>> {
        let endpoint = typed.endpoint.as_ref();
        let bucket = named(
            &typed.name.value,
            &typed.region.value,
            endpoint.map(|it| it.value.as_str()),
        );
        let bucket = bucket.map_err(|odd| {
            let at = match odd.part {
                Part::Name => &typed.name,
                Part::Region => &typed.region,
                Part::Endpoint => endpoint.unwrap_or(&typed.name),
            };
            self.fault(at, odd.message, odd.help)
        })?;
        Ok(Arc::new(BucketPlace {
            name: typed.name.value.clone(),
            bucket,
            keys: self.existing(&typed.keys)?,
        }))
    }

    /// What is put at `s3://BUCKET/PREFIX`; none if it is no such address.
    pub(super) fn s3(
        &self,
        buckets: &[Arc<BucketPlace>],
        typed: &Spanned<String>,
        retain_days: Option<&Spanned<u32>>,
    ) -> Result<Option<Within>> {
        let Some(rest) = typed.value.strip_prefix("s3://") else {
            return Ok(None);
        };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let within = self.within(buckets, (typed, name), prefix, retain_days);
        within.map(Some)
    }

    /// What is put at `prefix` of the bucket called `name`.
    pub(super) fn within(
        &self,
        buckets: &[Arc<BucketPlace>],
        (typed, name): (&Spanned<String>, &str),
        prefix: &str,
        retain_days: Option<&Spanned<u32>>,
    ) -> Result<Within> {
        let place = buckets.iter().find(|it| it.name == name);
        let place = place.ok_or_else(|| {
            let help = "name it in `buckets`, with its region and keys";
            self.fault(typed, format!("there is no bucket `{name}`"), help)
        })?;
        let prefix = prefix_of(prefix).map_err(|message| {
            let help =
                format!("names with single slashes between them, up to {PREFIX_BYTES_MAX} bytes");
            self.fault(typed, message, help)
        })?;
        let locked = retain_days.map(|days| {
            if (1..=RETAIN_DAYS_MAX).contains(&days.value) {
                return Ok(Duration::from_hours(24 * u64::from(days.value)));
            }
            let help = format!("from 1 to {RETAIN_DAYS_MAX}; left out, nothing is locked");
            Err(self.fault(days, "no object is locked for so long", help))
        });
        Ok(Within {
            place: Arc::clone(place),
            prefix,
            locked: locked.transpose()?,
        })
    }
}

fn amazon(place: &str) -> Option<Uri> {
    Uri::from_str(&format!("https://{place}")).ok()
}
