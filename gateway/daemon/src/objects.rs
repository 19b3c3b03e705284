//! Puts what the gateway makes into buckets: events, the log, reports.

use std::sync::Arc;

use bytes::Bytes;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{
    Upstream,
    objects::{Manner, Object, Stored},
};
use rustls::ClientConfig;
use vault::{Credential, is_credential};

use crate::{
    cli::now,
    config::{BucketPlace, Within},
};

/// A place in a bucket.
pub(crate) struct Objects {
    within: Within,
    client: Upstream,
}

/// What is put there.
pub(crate) struct Thing<'a> {
    /// Its key behind the prefix.
    pub(crate) name: &'a str,
    pub(crate) media_type: &'static str,
    pub(crate) content: Bytes,
    pub(crate) manner: Manner<'a>,
    /// Whether it is locked where that is asked for.
    pub(crate) is_kept: bool,
}

impl Objects {
    pub(crate) fn new(within: Within, tls: &Arc<ClientConfig>) -> Self {
        let client = Upstream::new(tls);
        Self { within, client }
    }

    /// Puts it; when this returns the store has said that it has it.
    pub(crate) async fn put(&self, thing: Thing<'_>) -> Result<Stored> {
        let key = self.key(thing.name);
        let locked = self.within.locked.filter(|_| thing.is_kept);
        let object = Object {
            key: &key,
            media_type: thing.media_type,
            content: thing.content,
            manner: thing.manner,
            locked_until: locked.map(|locked| std::time::SystemTime::from(now()) + locked),
        };
        let shown = shown(&self.within.place)?;
        let bucket = &self.within.place.bucket;
        let put = bucket.put(&self.client, &shown, object).await;
        put.into_diagnostic().wrap_err_with(|| self.untaken(&key))
    }

    /// Whether something of that name is there.
    pub(crate) async fn has(&self, name: &str) -> Result<bool> {
        let (key, shown) = (self.key(name), shown(&self.within.place)?);
        let bucket = &self.within.place.bucket;
        let has = bucket.has(&self.client, &shown, &key).await;
        has.into_diagnostic().wrap_err_with(|| {
            format!(
                "bucket `{}` does not say whether `{key}` is there",
                self.within.place.name
            )
        })
    }

    /// Where that is: a bucket of the same name at another store is another place.
    pub(crate) fn place(&self) -> String {
        format!("{}/{}", self.within.place.bucket.base, self.within.prefix)
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.within.prefix)
    }

    fn untaken(&self, key: &str) -> String {
        format!("bucket `{}` did not take `{key}`", self.within.place.name)
    }
}

/// What a store is shown, as its file has it now.
pub(crate) fn shown(place: &BucketPlace) -> Result<Credential> {
    let text = vault::private(&place.keys).into_diagnostic()?;
    let line = text.trim_ascii_end();
    if is_credential(line) {
        return Ok(Credential::new(0, line));
    }
    Err(miette!(
        help = "one line, `ID:SECRET` or `ID:SECRET:TOKEN`",
        "`{}` holds no keys of a bucket",
        place.keys.display()
    ))
}
