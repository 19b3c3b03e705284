//! Puts what the gateway makes into buckets: events, the log, reports.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{
    Upstream,
    objects::{Fetched, Lock, Manner, Object, Stored},
};
use rustls::ClientConfig;
use vault::{Credential, is_credential};

use crate::config::{BucketPlace, Within};

/// A place in a bucket.
pub(crate) struct Objects {
    within: Within,
    client: Upstream,
    /// Whether the store was seen to lock what it took.
    locks: AtomicBool,
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
        Self {
            within,
            client,
            locks: AtomicBool::new(false),
        }
    }

    /// Puts it; when this returns the store has said that it has it.
    pub(crate) async fn put(&self, thing: Thing<'_>) -> Result<Stored> {
        let key = self.key(thing.name);
        let span = self.within.locked.filter(|_| thing.is_kept);
        let lock = span.map(|span| Lock {
            span,
            is_asked: !self.locks.load(Ordering::Relaxed),
        });
        let object = Object {
            key: &key,
            media_type: thing.media_type,
            content: thing.content,
            manner: thing.manner,
            lock,
        };
        let shown = shown(&self.within.place)?;
        let bucket = &self.within.place.bucket;
        let put = bucket.put(&self.client, &shown, object).await;
        if lock.is_some() && put.is_ok() {
            self.locks.store(true, Ordering::Relaxed);
        }
        put.into_diagnostic().wrap_err_with(|| self.untaken(&key))
    }

    /// Whether something of that name is there; if it is to have a label, with that one.
    pub(crate) async fn has(&self, name: &str, label: Option<&str>) -> Result<bool> {
        let (key, shown) = (self.key(name), shown(&self.within.place)?);
        let bucket = &self.within.place.bucket;
        let has = bucket.has(&self.client, &shown, (&key, label)).await;
        has.into_diagnostic().wrap_err_with(|| self.unsaid(&key))
    }

    /// What is there under that name, of at most so many bytes.
    pub(crate) async fn get(&self, name: &str, bytes_max: usize) -> Result<Option<Fetched>> {
        let (key, shown) = (self.key(name), shown(&self.within.place)?);
        let bucket = &self.within.place.bucket;
        let got = bucket.get(&self.client, &shown, (&key, None), bytes_max);
        got.await
            .into_diagnostic()
            .wrap_err_with(|| self.unsaid(&key))
    }

    /// For how long what is kept is locked, if it is.
    pub(crate) fn locked(&self) -> Option<std::time::Duration> {
        self.within.locked
    }

    /// Where that is: a bucket of the same name at another store is another place.
    pub(crate) fn place(&self) -> String {
        format!("{}/{}", self.within.place.bucket.base, self.within.prefix)
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.within.prefix)
    }

    fn unsaid(&self, key: &str) -> String {
        let name = &self.within.place.name;
        format!("bucket `{name}` does not say whether `{key}` is there")
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
