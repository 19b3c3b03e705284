//! Sessions through the engine, as the gateway asks it, and what it said of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use behaviour::{Baselines, Calling, Detector, Engine, Response, Rules, Seen, Verdict};
use jiff::Timestamp;

use super::{
    agent::{Agent, Half, Kind},
    attack::{Attack, Attacker},
    chance::Chance,
    normal::Days,
    script::{Call, Session},
};

/// Days that teach; what is judged comes after.
const LEARNING_DAYS: i64 = 21;
/// Days whose sessions are judged.
const JUDGED_DAYS: i64 = 28;

/// Attacks of one kind and form.
#[derive(Debug, Default)]
pub(super) struct Tried {
    pub(super) attacks: u64,
    /// Of each that was detected, the calls until then.
    pub(super) after: Vec<u64>,
    /// How often a detector was the first to tell.
    pub(super) first: BTreeMap<&'static str, u64>,
}

/// Normal sessions of one kind.
#[derive(Debug, Default)]
pub(super) struct Normal {
    pub(super) sessions: u64,
    /// Sessions of which anything was told.
    pub(super) told: u64,
    /// Sessions of which a detector told.
    pub(super) by: BTreeMap<&'static str, u64>,
}

/// What came of one half of the set.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) attacks: BTreeMap<(Attack, bool), Tried>,
    pub(super) normal: BTreeMap<Kind, Normal>,
    /// Attacks and those detected, by the kind of agent.
    pub(super) by_agent: BTreeMap<Kind, (u64, u64)>,
}

/// Plays a half.
pub(super) fn play(half: &Half) -> Outcome {
    let mut outcome = Outcome::default();
    let agents = Kind::ALL
        .into_iter()
        .flat_map(|kind| (0..half.agents).map(move |number| (kind, number)));
    for (stream, (kind, number)) in (1..).zip(agents) {
        let mut chance = Chance::new(half.seed, stream << 8);
        let agent = Agent::new(kind, half, &mut chance);
        let name = Arc::from(format!("{} {number}", kind.name()));
        let trial = Trial {
            agent,
            name,
            half,
            stream: stream << 8,
        };
        let learnt = trial.normal(&mut outcome);
        trial.attacks(&learnt, &mut outcome);
    }
    outcome
}

/// One agent on trial.
struct Trial<'a> {
    agent: Agent,
    name: Arc<str>,
    half: &'a Half,
    /// Which part of chance is its own.
    stream: u64,
}

impl Trial<'_> {
    /// Teaches, then judges what is normal; what was learnt before the first that is judged.
    fn normal(&self, outcome: &mut Outcome) -> Baselines {
        let mut days = self.days(1);
        let mut engine = Engine::new(Rules::all(Response::Note), Baselines::new());
        for day in 0..LEARNING_DAYS {
            self.run(&mut engine, &days.day(day));
        }
        let learnt = engine.baselines().clone();
        let normal = outcome.normal.entry(self.agent.kind).or_default();
        for day in LEARNING_DAYS..LEARNING_DAYS + JUDGED_DAYS {
            let sessions = days.day(day);
            normal.sessions += sessions.len() as u64;
            let told = self.run(&mut engine, &sessions);
            let of: BTreeSet<_> = told.iter().map(|(_, it)| &it.session).collect();
            normal.told += of.len() as u64;
            let by = told.iter().map(|(_, it)| (&it.session, it.detector));
            for (_, detector) in by.collect::<BTreeSet<(&Arc<str>, Detector)>>() {
                *normal.by.entry(detector.name()).or_default() += 1;
            }
        }
        learnt
    }

    /// Every attack, each on an agent that has seen none before, beside the sessions of its day.
    fn attacks(&self, learnt: &Baselines, outcome: &mut Outcome) {
        let all = Attack::ALL
            .into_iter()
            .flat_map(|attack| [(attack, false), (attack, true)]);
        for (stream, (attack, is_low)) in (2..).zip(all) {
            // A Thursday, on which every agent works.
            let day = LEARNING_DAYS + 3;
            let beside = self.days(100 + stream).day(day);
            let mut attacker = Attacker {
                agent: &self.agent,
                half: self.half,
                chance: Chance::new(self.half.seed, self.stream + stream),
                day,
                is_low,
                stolen: beside.first().map(|session| Arc::clone(&session.token)),
            };
            let attacking = attacker.play(attack);
            let ids: BTreeSet<_> = attacking.iter().map(|it| Arc::clone(&it.id)).collect();
            let mut sessions = beside;
            sessions.extend(attacking);
            let mut engine = Engine::new(Rules::all(Response::Note), learnt.clone());
            let told = self.run(&mut engine, &sessions);
            let first = told.iter().find(|(_, it)| ids.contains(&it.session));
            let tried = outcome.attacks.entry((attack, is_low)).or_default();
            let of_agent = outcome.by_agent.entry(self.agent.kind).or_default();
            tried.attacks += 1;
            of_agent.0 += 1;
            if let Some((at, verdict)) = first {
                of_agent.1 += 1;
                let until = order(&sessions).into_iter().take(*at + 1);
                let until = until.filter(|(session, _)| ids.contains(&session.id));
                tried.after.push(until.count() as u64);
                *tried.first.entry(verdict.detector.name()).or_default() += 1;
            }
        }
    }

    fn days(&self, stream: u64) -> Days<'_> {
        Days {
            agent: &self.agent,
            half: self.half,
            chance: Chance::new(self.half.seed, self.stream + stream),
            grown: LEARNING_DAYS + JUDGED_DAYS,
        }
    }

    /// Plays sessions beside each other; verdicts with the place of the call that led to them.
    fn run(&self, engine: &mut Engine, sessions: &[Session]) -> Vec<(usize, Verdict)> {
        let calls = order(sessions).into_iter().enumerate();
        calls
            .flat_map(|(place, (session, call))| {
                let told = self.exchange(engine, session, call, place as u64);
                told.into_iter().map(move |verdict| (place, verdict))
            })
            .collect()
    }

    /// One exchange, as `proxy/watch.rs` tells of it: first the gate, then what was seen.
    fn exchange(
        &self,
        engine: &mut Engine,
        session: &Session,
        call: &Call,
        record: u64,
    ) -> Vec<Verdict> {
        let now = Timestamp::from_second(call.at).unwrap_or_default();
        let calling = Calling {
            agent: &self.name,
            session: &session.id,
            workload: (session.workload, 1),
            token: Some(&session.token),
            issued_at: None,
            scope: 1,
            writes: call.writes,
        };
        // What only notes holds nobody.
        let (told, _never_held) = engine.gate(&calling, now);
        let seen = Seen {
            agent: &self.name,
            session: &session.id,
            operation: Some(&call.operation),
            bound: call.bound.iter().map(String::as_str).collect(),
            found: call.found.iter().map(|class| (*class, "/*")).collect(),
            ending: call.ending,
            noticed: Vec::new(),
            record: Some(record),
            writes: call.writes,
        };
        let mut verdicts: Vec<Verdict> = told.into_iter().collect();
        verdicts.extend(engine.saw(&seen, now));
        verdicts
    }
}

/// The calls of all sessions, as they come.
fn order(sessions: &[Session]) -> Vec<(&Session, &Call)> {
    let each = sessions.iter();
    let mut calls: Vec<_> = each
        .flat_map(|session| session.calls.iter().map(move |call| (session, call)))
        .collect();
    calls.sort_by_key(|(_, call)| call.at);
    calls
}
