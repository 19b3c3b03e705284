//! What the writer does with data keys that are there: it alone changes them.

use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::{Writer, key_context};
use crate::{
    KeptDataKey, TrailError,
    rewrap::{self, Rewrapped},
};

/// What is to be done with data keys, and who waits.
pub(super) enum KeyWork {
    /// To wrap those behind this one anew.
    Rewrap(u32, oneshot::Sender<Result<Rewrapped<u32>, TrailError>>),
    /// To destroy these.
    Destroy(Vec<u32>, oneshot::Sender<Result<u64, TrailError>>),
}

impl Writer {
    /// Wraps data keys anew, a batch for whoever asked, and destroys those whose time is over. New keys are made by this
    /// thread too, so that none comes between that an older key-encryption key wraps.
    pub(super) async fn work_on_keys(&mut self) {
        while let Some(work) = self.key_work.pop_front() {
            // Who went away meanwhile asks again.
            match work {
                KeyWork::Rewrap(after, done) => drop(done.send(self.rewrapped(after).await)),
                KeyWork::Destroy(ids, done) => drop(done.send(self.destroyed(ids).await)),
            }
        }
    }

    async fn rewrapped(&mut self, after: u32) -> Result<Rewrapped<u32>, TrailError> {
        let batch = self.ledger.keys(after, rewrap::BATCH_MAX).await?;
        let last = batch.last().map(|key| key.id);
        let batch: Vec<KeptDataKey> = batch.into_iter().filter(|it| !it.is_destroyed()).collect();
        let wrapped: Vec<_> = batch
            .iter()
            .map(|key| (key.id, key.wrapped.clone()))
            .collect();
        let (provider, log) = (self.keys.provider.as_ref(), &self.log);
        let (anew, told) = rewrap::rewrap(&wrapped, provider, |id| {
            let terms = batch.iter().find(|key| key.id == id);
            key_context(log, id, terms.and_then(|key| key.terms.as_ref()))
        })?;
        if !anew.is_empty() {
            self.ledger.replace_keys(anew).await?;
        }
        let gauge = &self.gauges.rewrapped;
        gauge.fetch_add(told.changed, Ordering::Release);
        Ok(Rewrapped { last, ..told })
    }

    async fn destroyed(&mut self, mut ids: Vec<u32>) -> Result<u64, TrailError> {
        if let Some(sealer) = &self.sealer {
            ids.retain(|id| !sealer.uses(*id));
        }
        let gone = self.ledger.destroy_keys(&ids).await?;
        self.gauges.destroyed.fetch_add(gone, Ordering::Release);
        Ok(gone)
    }
}
