//! The engine: what is remembered of agents, sessions, holders and tokens, and who may go on.

mod ids;
mod session;
mod standing;
mod usual;

use std::{
    hash::{DefaultHasher, Hasher as _},
    sync::Arc,
};

use hashlink::LruCache;
use jiff::Timestamp;

use self::session::{Noted, Session};
pub use self::standing::{Asked, Holding, Standing};
use crate::{
    Baseline, Baselines, Calling, Detector, Ending, Held, RISK_MAX, Response, Rules, Seen, Verdict,
    price::{Purse, price, relaxed},
};

/// Sessions that are remembered; who was quiet longest is forgotten first.
pub const SESSIONS_MAX: usize = 8_192;
/// Workloads that carry a risk.
pub const HOLDERS_MAX: usize = 8_192;
/// Tokens of which is known who showed them.
pub const TOKENS_MAX: usize = 32_768;
/// Agents with a baseline; they are configured, so that these are more than there are.
const AGENTS_MAX: usize = 4_096;

/// Judges.
#[derive(Debug)]
pub struct Engine {
    rules: Rules,
    baselines: Baselines,
    paces: LruCache<Arc<str>, Pace>,
    sessions: LruCache<Arc<str>, Session>,
    holders: LruCache<u64, Holder>,
    /// Which holder showed a token first.
    tokens: LruCache<Arc<str>, u64>,
}

/// What an agent did in the minute and on the day under way.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    minute: i64,
    /// Calls of that minute.
    calls: u64,
    day: i64,
    /// Resources of that day's sessions, each for itself.
    resources: u64,
}

/// An agent's workload, which stays the same whatever token it shows.
#[derive(Debug)]
struct Holder {
    risk: u32,
    /// When the risk was that.
    since: Timestamp,
    /// Behind the latest verdict that did more than tell.
    detector: Detector,
    purse: Purse,
    /// Since when a fresh token is asked for, and how many entries its scope must have.
    step_up: Option<(Timestamp, usize)>,
}

impl Engine {
    /// With these rules, and what was learnt before.
    pub fn new(rules: Rules, baselines: Baselines) -> Self {
        Self {
            rules,
            baselines,
            paces: LruCache::new(AGENTS_MAX),
            sessions: LruCache::new(SESSIONS_MAX),
            holders: LruCache::new(HOLDERS_MAX),
            tokens: LruCache::new(TOKENS_MAX),
        }
    }

    /// What was learnt, to be kept.
    pub fn baselines(&self) -> &Baselines {
        &self.baselines
    }

    /// May this call be made, as far as behaviour goes? Verdicts come of who shows a token.
    pub fn gate(
        &mut self,
        calling: &Calling<'_>,
        now: Timestamp,
    ) -> (Option<Verdict>, Result<(), Held>) {
        let holder = holder(calling);
        let session = self.session(calling.session);
        session.is_of(calling.agent);
        session.holder = holder;
        session.scope = calling.scope;
        if let Some(detector) = session.quarantined {
            return (None, Err(Held::Quarantined(detector)));
        }
        let shared = self.shared(calling, holder, now);
        if shared
            .as_ref()
            .is_some_and(|it| it.response == Response::Quarantine)
        {
            return (shared, Err(Held::Quarantined(Detector::TokenShared)));
        }
        (shared, self.held(calling, holder, now))
    }

    /// Learns from an exchange that ended, and judges it.
    pub fn saw(&mut self, seen: &Seen<'_>, now: Timestamp) -> Vec<Verdict> {
        let session = self.sessions.entry(Arc::clone(seen.session));
        let session = session.or_insert_with(Session::default);
        session.is_of(seen.agent);
        let noted = session.note(seen, now);
        let pace = self.paces.entry(Arc::clone(seen.agent));
        let pace = pace.or_insert_with(Pace::default);
        pace.note(noted, now);
        let baseline = baseline(&mut self.baselines, seen.agent);
        let mut found = usual::judge(baseline, session, pace, &self.rules, seen, now);
        found.extend(canary(&self.rules, seen));
        let noticed = seen.noticed.iter();
        found.extend(noticed.map(|(detector, about)| (*detector, (*about).to_owned(), Vec::new())));
        let verdicts = found.into_iter().filter_map(|(detector, about, numbers)| {
            self.judge(detector, about, numbers, seen, now)
        });
        verdicts.collect()
    }

    /// A verdict, unless the detector is silent or said so a moment ago.
    fn judge(
        &mut self,
        detector: Detector,
        about: String,
        numbers: Vec<(&'static str, u64)>,
        seen: &Seen<'_>,
        now: Timestamp,
    ) -> Option<Verdict> {
        let response = self.rules.response(detector);
        let session = self.session(seen.session);
        if response < Response::Note || !session.may_tell(detector, &about, now) {
            return None;
        }
        let (holder, scope) = (session.holder, session.scope);
        if response == Response::Quarantine {
            session.quarantined = Some(detector);
        }
        self.raise(holder, detector, response, scope, now);
        Some(Verdict {
            at: now,
            detector,
            response,
            agent: Arc::clone(seen.agent),
            session: Arc::clone(seen.session),
            about,
            numbers,
            record: seen.record,
            writes: seen.writes,
        })
    }

    fn raise(
        &mut self,
        holder: u64,
        detector: Detector,
        response: Response,
        scope: usize,
        now: Timestamp,
    ) {
        // Who never came by the gate holds nothing.
        if response < Response::Throttle || holder == 0 {
            return;
        }
        let throttle = self.rules.throttle;
        let entry = self.holders.entry(holder);
        let held = entry.or_insert_with(|| Holder {
            risk: 0,
            since: now,
            detector,
            purse: Purse::new(throttle, now),
            step_up: None,
        });
        held.risk = (held.left(now) + detector.weight()).min(RISK_MAX);
        held.since = now;
        held.detector = detector;
        if response == Response::StepUp {
            held.step_up = Some((now, scope.max(1)));
        }
    }

    fn held(&mut self, calling: &Calling<'_>, holder: u64, now: Timestamp) -> Result<(), Held> {
        let Some(held) = self.holders.get_mut(&holder) else {
            return Ok(());
        };
        if let Some((since, scope)) = held.step_up {
            // What a token was issued in the same second as the verdict may be older than it.
            let is_fresh = calling.issued_at.is_some_and(|issued| issued > since);
            if !is_fresh || calling.scope < scope {
                return Err(Held::StepUp(held.detector));
            }
            held.step_up = None;
        }
        let price = price(held.left(now), calling.writes);
        held.purse
            .pay(price, now)
            .map_err(|retry_after| Held::Throttled {
                retry_after,
                detector: held.detector,
            })
    }

    /// Whether another workload showed the token before.
    fn shared(&mut self, calling: &Calling<'_>, holder: u64, now: Timestamp) -> Option<Verdict> {
        let token = calling.token?;
        let first = *self.tokens.entry(Arc::clone(token)).or_insert(holder);
        if first == holder {
            return None;
        }
        let seen = Seen {
            agent: calling.agent,
            session: calling.session,
            operation: None,
            bound: Vec::new(),
            found: Vec::new(),
            ending: Ending::Released,
            noticed: Vec::new(),
            record: None,
            writes: calling.writes,
        };
        let numbers = vec![("workloads", 2)];
        self.judge(
            Detector::TokenShared,
            "token".to_owned(),
            numbers,
            &seen,
            now,
        )
    }

    fn session(&mut self, session: &Arc<str>) -> &mut Session {
        self.sessions
            .entry(Arc::clone(session))
            .or_insert_with(Session::default)
    }
}

impl Pace {
    /// Counts a call.
    fn note(&mut self, noted: Noted, now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        if self.minute != minute {
            (self.minute, self.calls) = (minute, 0);
        }
        let day = now.as_second().div_euclid(86_400);
        if self.day != day {
            (self.day, self.resources) = (day, 0);
        }
        self.calls += u64::from(!noted.is_retry);
        self.resources += u64::from(noted.is_new);
    }
}

impl Holder {
    fn left(&self, now: Timestamp) -> u32 {
        relaxed(self.risk, now.as_second() - self.since.as_second())
    }
}

type Found = (Detector, String, Vec<(&'static str, u64)>);

fn baseline<'b>(baselines: &'b mut Baselines, agent: &str) -> &'b mut Baseline {
    if !baselines.contains_key(agent) {
        if baselines.len() >= AGENTS_MAX {
            baselines.pop_first();
        }
        baselines.insert(agent.to_owned(), Baseline::default());
    }
    baselines.entry(agent.to_owned()).or_default()
}

fn canary(rules: &Rules, seen: &Seen<'_>) -> Option<Found> {
    let touched = |name: &&Arc<str>| seen.operation == Some(&***name);
    let operation = rules.canary_operations.iter().find(touched);
    let shown = |path: &&Arc<str>| seen.found.iter().any(|(_, place)| *place == &***path);
    let touched = operation.or_else(|| rules.canary_fields.iter().find(shown))?;
    Some((Detector::Canary, touched.to_string(), Vec::new()))
}

fn holder(calling: &Calling<'_>) -> u64 {
    digest(&(calling.agent, calling.workload))
}

/// A number for what is only compared. Two that are equal by chance are taken for one, which counts one
/// too few.
fn digest(of: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
