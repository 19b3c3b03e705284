//! How far destinations are behind, for who asks how the gateway does.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use telemetry::{Metrics, TelemetryError, Watched};
use tokio::time::Instant;

use super::status::{Status, Told};

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
    /// Since when it has taken nothing though something waits.
    waiting: Option<Instant>,
    failing: Option<Failing>,
}

struct Failing {
    since: Instant,
    why: String,
    /// When it is tried again.
    again: Instant,
}

impl Lag {
    pub(super) fn of(names: impl Iterator<Item = String>) -> Arc<Self> {
        let each = names.map(|name| One {
            name,
            next: 0,
            waiting: None,
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
        let mut known = self.lock();
        known.size = size;
        for one in known.each.iter_mut().filter(|one| one.next < size) {
            one.waiting.get_or_insert_with(Instant::now);
        }
    }

    /// It took everything before `next` of so many records.
    pub(super) fn is_at(&self, place: usize, next: u64, size: u64) {
        let mut known = self.lock();
        known.size = size;
        if let Some(one) = known.each.get_mut(place) {
            if one.next != next {
                one.waiting = None;
            }
            one.next = next;
            one.failing = None;
            if next < size {
                one.waiting.get_or_insert_with(Instant::now);
            } else {
                one.waiting = None;
            }
        }
    }

    /// It takes nothing, and is tried again after `pause`; whether that is new.
    pub(super) fn fails(&self, place: usize, why: &str, pause: Duration) -> bool {
        let mut known = self.lock();
        let Some(one) = known.each.get_mut(place) else {
            return false;
        };
        let now = Instant::now();
        let before = one.failing.take();
        let is_new = before.as_ref().is_none_or(|it| it.why != why);
        one.failing = Some(Failing {
            since: before.map_or(now, |it| it.since),
            why: why.to_owned(),
            again: now + pause,
        });
        is_new
    }

    /// How each stands.
    pub(super) fn status(&self) -> Status {
        let known = self.lock();
        let now = Instant::now();
        let told = known.each.iter().map(|one| Told {
            name: one.name.clone(),
            next: one.next,
            lag_records: known.size.saturating_sub(one.next),
            lag_seconds: Some(one.waiting.map_or(0, |since| since.elapsed().as_secs())),
            error: one.failing.as_ref().map(|it| it.why.clone()),
            next_try_seconds: one
                .failing
                .as_ref()
                .map(|it| it.again.saturating_duration_since(now).as_secs()),
        });
        Status {
            running: true,
            size: known.size,
            destinations: told.collect(),
        }
    }

    /// One line for each that takes nothing.
    pub(crate) fn amiss(&self) -> Vec<String> {
        let known = self.lock();
        let size = known.size;
        let each = known.each.iter();
        each.filter_map(|one| {
            let Failing { since, why, .. } = one.failing.as_ref()?;
            let (records, seconds) = (size.saturating_sub(one.next), since.elapsed().as_secs());
            Some(format!(
                "`{}` is {records} records behind for {seconds} s: {why}",
                one.name
            ))
        })
        .collect()
    }

    pub(crate) fn records(&self) -> u64 {
        let known = self.lock();
        let behind = known.each.iter();
        let behind = behind.map(|one| known.size.saturating_sub(one.next));
        behind.max().unwrap_or_default()
    }

    fn seconds(&self) -> u64 {
        let known = self.lock();
        let failing = known.each.iter().filter_map(|one| one.failing.as_ref());
        let longest = failing.map(|it| it.since.elapsed().as_secs()).max();
        longest.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
