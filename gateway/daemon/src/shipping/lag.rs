//! How far destinations are behind, for who asks how the gateway does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telemetry::{Metrics, TelemetryError, Watched};
use tokio::time::Instant;

/// All destinations.
pub(crate) struct Lag(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Records of the log.
    size: u64,
    each: Vec<One>,
}

struct One {
    name: String,
    next: u64,
    /// Since when it takes nothing, and why.
    failing: Option<(Instant, String)>,
}

impl Lag {
    pub(super) fn of(names: impl Iterator<Item = String>) -> Arc<Self> {
        let each = names.map(|name| One {
            name,
            next: 0,
            failing: None,
        });
        Arc::new(Self(Mutex::new(Known {
            size: 0,
            each: each.collect(),
        })))
    }

    /// Tells it by metrics.
    pub(super) fn watch(self: &Arc<Self>, metrics: &Metrics) -> Result<(), TelemetryError> {
        let (records, seconds) = (Arc::clone(self), Arc::clone(self));
        metrics.watch(Watched::ShippingLagRecords, move || records.records())?;
        metrics.watch(Watched::ShippingLagSeconds, move || seconds.seconds())
    }

    /// The log has so many records.
    pub(super) fn grows(&self, size: u64) {
        self.lock().size = size;
    }

    /// It took everything before `next` of so many records.
    pub(super) fn is_at(&self, place: usize, next: u64, size: u64) {
        let mut known = self.lock();
        known.size = size;
        if let Some(one) = known.each.get_mut(place) {
            one.next = next;
            one.failing = None;
        }
    }

    /// It takes nothing; whether that is new.
    pub(super) fn fails(&self, place: usize, why: &str) -> bool {
        let mut known = self.lock();
        let Some(one) = known.each.get_mut(place) else {
            return false;
        };
        let (since, before) = one.failing.take().unzip();
        let is_new = before.as_deref() != Some(why);
        one.failing = Some((since.unwrap_or_else(Instant::now), why.to_owned()));
        is_new
    }

    /// One line for each that takes nothing.
    pub(crate) fn amiss(&self) -> Vec<String> {
        let known = self.lock();
        let size = known.size;
        let each = known.each.iter();
        each.filter_map(|one| {
            let (since, why) = one.failing.as_ref()?;
            let (records, seconds) = (size.saturating_sub(one.next), since.elapsed().as_secs());
            Some(format!(
                "`{}` is {records} records behind for {seconds} s: {why}",
                one.name
            ))
        })
        .collect()
    }

    fn records(&self) -> u64 {
        let known = self.lock();
        let behind = known.each.iter();
        let behind = behind.map(|one| known.size.saturating_sub(one.next));
        behind.max().unwrap_or_default()
    }

    fn seconds(&self) -> u64 {
        let known = self.lock();
        let failing = known.each.iter().filter_map(|one| one.failing.as_ref());
        let longest = failing.map(|(since, _)| since.elapsed().as_secs()).max();
        longest.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
