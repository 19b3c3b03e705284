//! What is remembered of a session: resources, the ids among them, writes, refusals, classes.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
};

use hashlink::LruCache;
use jiff::Timestamp;

use super::{
    digest,
    ids::{Ids, Row, number},
};
use crate::{Detector, Ending, Seen};

/// Resources that are told apart; further ones are not counted.
const RESOURCES_MAX: usize = 4_096;
/// Operations whose ids are followed.
const OPERATIONS_MAX: usize = 16;
/// Refused questions that are told apart.
const REFUSED_MAX: usize = 256;
/// Failed questions that may be made again without being counted.
const FAILED_MAX: usize = 64;
/// Classes whose answers are counted.
const CLASSES_MAX: usize = 64;
/// Services that are new for the agent and are told apart.
const STRANGE_MAX: usize = 64;
/// Denials whose time is known; the oldest go first.
const DENIALS_MAX: usize = 64;
/// For so many seconds they count.
pub(super) const DENIALS_WITHIN: i64 = 300;

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) agent: Option<Arc<str>>,
    pub(super) holder: u64,
    /// Entries of the scope of the task that it showed last.
    pub(super) scope: usize,
    pub(super) quarantined: Option<Detector>,
    calls: u64,
    lists: u64,
    writes: u64,
    resources: HashSet<u64>,
    ids: LruCache<Arc<str>, Ids>,
    denied: VecDeque<i64>,
    refused: HashSet<u64>,
    failed: HashSet<u64>,
    answers: BTreeMap<Box<str>, u64>,
    strange: HashSet<u64>,
    /// When what was told last.
    told: Vec<(Detector, u64, i64)>,
}

/// What an exchange is to its session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noted {
    /// It asks what failed before, once more.
    pub(super) is_retry: bool,
    /// It is about a resource that the session had nothing to do with.
    pub(super) is_new: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            agent: None,
            holder: 0,
            scope: 0,
            quarantined: None,
            calls: 0,
            lists: 0,
            writes: 0,
            resources: HashSet::new(),
            ids: LruCache::new(OPERATIONS_MAX),
            denied: VecDeque::new(),
            refused: HashSet::new(),
            failed: HashSet::new(),
            answers: BTreeMap::new(),
            strange: HashSet::new(),
            told: Vec::new(),
        }
    }
}

impl Session {
    /// Takes note of whose it is.
    pub(super) fn is_of(&mut self, agent: &Arc<str>) {
        self.agent.get_or_insert_with(|| Arc::clone(agent));
    }

    /// Takes note of an exchange.
    pub(super) fn note(&mut self, seen: &Seen<'_>, now: Timestamp) -> Noted {
        self.calls += 1;
        let question = digest(&(seen.operation, &seen.bound));
        let is_retry = self.ended(seen, question, now);
        if seen.writes && seen.ending != Ending::Denied && !is_retry {
            self.writes += 1;
        }
        for (class, _) in &seen.found {
            if let Some(answers) = self.answers.get_mut(*class) {
                *answers += 1;
            } else if self.answers.len() < CLASSES_MAX {
                self.answers.insert((*class).into(), 1);
            }
        }
        let mut noted = Noted {
            is_retry,
            is_new: false,
        };
        if seen.bound.is_empty() {
            self.lists += u64::from(!seen.writes);
            return noted;
        }
        if self.resources.len() < RESOURCES_MAX {
            noted.is_new = self.resources.insert(digest(&(&seen.bound)));
        }
        let number = seen.bound.iter().rev().find_map(|id| number(id));
        if let (Some(operation), Some(number)) = (seen.operation, number) {
            let ids = self.ids.entry(operation.into());
            ids.or_insert_with(Ids::default).note(number);
        }
        noted
    }

    /// Takes note of an ending; whether the question failed before and so is made again. One that names
    /// no resource may be another page, and is no repetition.
    fn ended(&mut self, seen: &Seen<'_>, question: u64, now: Timestamp) -> bool {
        let failed = self.failed.contains(&question);
        match seen.ending {
            Ending::Denied => {
                self.denied.push_back(now.as_second());
                while self.denied.len() > DENIALS_MAX {
                    self.denied.pop_front();
                }
                if self.refused.len() < REFUSED_MAX {
                    self.refused.insert(question);
                }
            }
            Ending::Failed if !seen.bound.is_empty() && self.failed.len() < FAILED_MAX => {
                self.failed.insert(question);
            }
            Ending::Failed => {}
            Ending::Released => {
                self.failed.remove(&question);
            }
        }
        failed
    }

    /// How many resources it had to do with.
    pub(super) fn resources(&self) -> u64 {
        self.resources.len() as u64
    }

    /// How many calls changed something.
    pub(super) fn writes(&self) -> u64 {
        self.writes
    }

    /// How many different questions were refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused.len() as u64
    }

    /// How many answers held a class.
    pub(super) fn answers(&self, class: &str) -> u64 {
        self.answers.get(class).copied().unwrap_or(0)
    }

    /// How many services it called that are new for its agent; this is one of them.
    pub(super) fn strange(&mut self, service: &str) -> u64 {
        if self.strange.len() < STRANGE_MAX {
            self.strange.insert(digest(&service));
        }
        self.strange.len() as u64
    }

    /// How the ids that an operation was asked for follow each other.
    pub(super) fn row(&mut self, operation: &str) -> Option<Row> {
        self.ids.peek(operation)?.row()
    }

    /// How often it was denied of late.
    pub(super) fn denied(&self, now: Timestamp) -> u64 {
        let of_late = |at: &&i64| now.as_second() - **at <= DENIALS_WITHIN;
        self.denied.iter().filter(of_late).count() as u64
    }

    /// How many calls it made.
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// How many of them named no resource.
    pub(super) fn lists(&self) -> u64 {
        self.lists
    }

    /// Whether a verdict was not told a moment ago.
    pub(super) fn may_tell(&mut self, detector: Detector, about: &str, now: Timestamp) -> bool {
        let (about, now) = (digest(&about), now.as_second());
        self.told
            .retain(|(detector, _, at)| now - at < detector.again_after());
        let told = |(known, what, _): &(Detector, u64, i64)| *known == detector && *what == about;
        // What is told of too much at a time is told already.
        if self.told.iter().any(told) || self.told.len() >= OPERATIONS_MAX {
            return false;
        }
        self.told.push((detector, about, now));
        true
    }
}
