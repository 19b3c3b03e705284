//! Tools, prompts and templates of resources stay what was approved: a server that describes one otherwise
//! later (a "rug pull") is found, and what it changed is neither offered nor called.
//!
//! What a model is told of a tool makes it act, so that it is looked at as it came from the server, before
//! anything is redacted. It is held against what was approved: by the configuration, by an operator, or by
//! nobody, where the first that was seen is. What is known is in memory, and the daemon writes it down.

mod digest;
mod pin;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use identity::Caller;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

pub(crate) use digest::Element;
pub use digest::{Digest, NoDigest};
pub use pin::{Bar, By, Pin, TEXT_BYTES_MAX, Version};

use super::HOUSEKEEPING;
use crate::clock;

/// Whether the tools of a server are held to what was approved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pinning {
    /// They are not.
    Off,
    /// They are; what is seen first is approved, where the configuration says nothing.
    #[default]
    FirstUse,
    /// They are, and what nobody approved is not offered.
    Configured,
}

/// An operation of a service: `crm`, `tools/call/customer_read`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pinned {
    /// The service.
    pub service: Arc<str>,
    /// The operation's id.
    pub operation: Arc<str>,
}

/// All that is known, by service and operation; what is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kept(pub BTreeMap<Arc<str>, BTreeMap<Arc<str>, Pin>>);

/// What operators must hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is about.
    pub pinned: Pinned,
    /// Why it may not be used.
    pub bar: Bar,
    /// When it was seen.
    pub at: Timestamp,
    /// Whose list showed it: the agent and its session.
    pub seen_by: (Arc<str>, Arc<str>),
    /// Whether it is of a call that changes something.
    pub writes: bool,
}

/// What a sight is of.
pub(crate) struct Seen<'a> {
    pub(crate) pinned: Pinned,
    pub(crate) pinning: Pinning,
    pub(crate) caller: &'a Caller,
    pub(crate) writes: bool,
    pub(crate) is_template: bool,
}

/// What was approved of all servers, and what they say.
#[derive(Debug, Default)]
pub struct Pins {
    known: RwLock<Known>,
    moved: Notify,
}

/// Its keys are operations that are configured, so that there are no more of them.
#[derive(Debug, Default)]
struct Known {
    pins: HashMap<Pinned, Pin>,
    /// What must be written down.
    moved: BTreeSet<Pinned>,
    /// What nobody was told yet: one of each operation until it is approved.
    found: Vec<Found>,
}

impl Pins {
    /// What was kept, and what the configuration approves since.
    pub fn new(kept: Kept, configured: impl IntoIterator<Item = (Pinned, Digest)>) -> Self {
        let pins = Self::default();
        pins.take_up(kept);
        let mut known = pins.write();
        for (pinned, digest) in configured {
            let pin = known.pins.entry(pinned.clone()).or_default();
            let before = pin.clone();
            pin.configure(digest, clock::timestamp(clock::now()));
            if *pin != before {
                known.moved.insert(pinned);
            }
        }
        drop(known);
        pins
    }

    /// Why an operation may not be used; none if it may.
    pub(crate) fn bar(
        &self,
        pinning: Pinning,
        service: &Arc<str>,
        operation: &Arc<str>,
    ) -> Option<Bar> {
        if pinning == Pinning::Off || !is_listed(operation) {
            return None;
        }
        let unknown = (pinning == Pinning::Configured).then_some(Bar::Unapproved);
        let pinned = Pinned {
            service: Arc::clone(service),
            operation: read_of(operation),
        };
        self.read().pins.get(&pinned).map_or(unknown, Pin::bar)
    }

    /// A server says this of an operation. Whether it may be offered: used, and read by people.
    pub(crate) fn observe(&self, seen: Seen<'_>, element: Element) -> bool {
        let Some((digest, text)) = element.digest(seen.is_template) else {
            return false;
        };
        // Most lists say what the last one did.
        if self.is_approved(&seen.pinned, digest) {
            return true;
        }
        let at = clock::timestamp(clock::now());
        let version = Version {
            digest,
            at,
            text: Some(text).filter(|text| text.len() <= TEXT_BYTES_MAX),
        };
        let mut known = self.write();
        let pin = known.pins.entry(seen.pinned.clone()).or_default();
        let is_kept = version.text.is_some();
        let sight = pin.observe(version, seen.pinning == Pinning::FirstUse);
        if sight.moved {
            known.moved.insert(seen.pinned.clone());
        }
        if let (Some(bar), true) = (sight.bar, sight.is_news) {
            let caller = seen.caller;
            known.found.push(Found {
                pinned: seen.pinned,
                bar,
                at,
                seen_by: (caller.agent.id.as_str().into(), Arc::clone(&caller.session)),
                writes: seen.writes,
            });
        }
        drop(known);
        if sight.moved {
            self.moved.notify_one();
        }
        sight.bar.is_none() && is_kept
    }

    fn is_approved(&self, pinned: &Pinned, digest: Digest) -> bool {
        let known = self.read();
        let pin = known.pins.get(pinned).filter(|pin| pin.bar().is_none());
        let approved = pin.and_then(|pin| pin.approved.as_ref());
        approved.is_some_and(|approved| approved.digest == digest && approved.text.is_some())
    }

    /// Returns once there is something to be written down.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    /// What must be written down, and what must be told; neither is given twice.
    pub fn take(&self) -> (Vec<(Pinned, Pin)>, Vec<Found>) {
        let mut known = self.write();
        let moved = std::mem::take(&mut known.moved);
        let found = std::mem::take(&mut known.found);
        let pins = moved.into_iter().filter_map(|pinned| {
            let pin = known.pins.get(&pinned)?.clone();
            Some((pinned, pin))
        });
        (pins.collect(), found)
    }

    /// What could not be written down must be another time.
    pub fn put_back(&self, moved: impl IntoIterator<Item = Pinned>) {
        self.write().moved.extend(moved);
    }

    /// What could not be told must be another time.
    pub fn tell_again(&self, found: Found) {
        self.write().found.push(found);
    }

    /// Takes up what is written down, but for what has moved since.
    pub fn take_up(&self, kept: Kept) {
        let mut known = self.write();
        for (service, operations) in kept.0 {
            for (operation, pin) in operations {
                let pinned = Pinned {
                    service: Arc::clone(&service),
                    operation,
                };
                if !known.moved.contains(&pinned) {
                    known.pins.insert(pinned, pin);
                }
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what a list shows of this operation is held to what was approved. Methods are the protocol's own, and
/// a resource without parameters is no template: its list tells what there is now.
fn is_listed(operation: &str) -> bool {
    let named = ["tools/call/", "prompts/get/"];
    let is_named = |method: &&str| operation.starts_with(method);
    named.iter().any(is_named)
        || operation.starts_with("resources/") && {
            operation.contains('{') && !HOUSEKEEPING.contains(&operation)
        }
}

/// The operation by which one is known: a resource is subscribed to as it is read.
fn read_of(operation: &Arc<str>) -> Arc<str> {
    let uri = ["resources/subscribe/", "resources/unsubscribe/"]
        .iter()
        .find_map(|method| operation.strip_prefix(method));
    uri.map_or_else(
        || Arc::clone(operation),
        |uri| format!("resources/read/{uri}").into(),
    )
}
