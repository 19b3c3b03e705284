//! What the engine of behaviour is told of exchanges, and what it lets through.

use std::sync::{Mutex, MutexGuard, PoisonError};

use audit::BodyRecord;
use behaviour::{
    Asked, Baselines, Calling, Detector, Ending, Engine, Held, Seen, Standing, Verdict,
};
use identity::Caller;
use policy::{Effect, Operation};
use telemetry::names;
use tokio::sync::mpsc;

use crate::{clock, notice::Notice, record::Who, refusal::Interruption};

/// Verdicts that may wait to be written down; further ones are counted in the program's log alone.
pub const VERDICTS_WAITING_MAX: usize = 4_096;

/// Refusals that are findings in themselves, whoever makes them.
const FINDINGS: [&str; 1] = ["budget_exhausted"];
/// Refusals that follow from a verdict, and so say nothing new.
const FOLLOWING: [&str; 3] = ["throttled", "step_up_required", "revoked"];

/// The engine, shared by all workers.
#[derive(Debug)]
pub struct Watch {
    engine: Mutex<Engine>,
    /// Gone once nobody may say anything more.
    told: Mutex<Option<mpsc::Sender<Verdict>>>,
}

/// How an exchange ended, as its account has it.
pub(crate) struct Ended<'a> {
    pub(crate) who: &'a Who,
    pub(crate) operation: Option<&'a Operation>,
    pub(crate) answer: &'a BodyRecord,
    pub(crate) decision: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) notices: &'a [Notice],
    pub(crate) record: Option<u64>,
}

impl Watch {
    /// With this engine; its verdicts come out at the other end.
    pub fn new(engine: Engine) -> (Self, mpsc::Receiver<Verdict>) {
        let (told, verdicts) = mpsc::channel(VERDICTS_WAITING_MAX);
        let watch = Self {
            engine: Mutex::new(engine),
            told: Mutex::new(Some(told)),
        };
        (watch, verdicts)
    }

    /// What was learnt so far.
    pub fn baselines(&self) -> Baselines {
        self.engine().baselines().clone()
    }

    /// Sessions that are at risk or held; so many at most, and whether there are more.
    pub fn standing(&self, asked: &Asked, most: usize) -> (Vec<Standing>, bool) {
        self.engine()
            .standing(asked, clock::timestamp(clock::now()), most)
    }

    /// Ends the verdicts: what waits is still to be had.
    pub fn finish(&self) {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Whether the caller may make a call of this effect, as far as its behaviour goes.
    pub(crate) fn gate(&self, caller: &Caller, effect: Effect) -> Result<(), Interruption> {
        let token = caller.token.as_ref();
        // A pass is given to whoever asks, and so proves nothing new; who may share it, it says itself.
        let issued = token.filter(|token| *token.issuer != *crate::pass::ISSUER);
        let scope = token.and_then(|token| token.task.as_ref());
        let calling = Calling {
            agent: caller.agent.id.shared(),
            session: &caller.session,
            workload: caller.workload,
            token: issued.and_then(|token| token.token_id.as_ref()),
            issued_at: issued.map(|token| token.issued_at),
            scope: scope.map_or(0, |task| task.scope.len()),
            writes: effect != Effect::Read,
        };
        let (verdict, held) = self.engine().gate(&calling, clock::timestamp(clock::now()));
        self.tell(verdict);
        held.map_err(|held| match held {
            Held::Throttled {
                retry_after,
                detector,
            } => Interruption::throttled(detector.name(), retry_after),
            Held::StepUp(detector) => Interruption::step_up(detector.name()),
            Held::Quarantined(_) => Interruption::revoked(),
        })
    }

    /// Learns from an exchange that ended.
    pub(crate) fn saw(&self, ended: &Ended<'_>) {
        let (Some(agent), Some(session)) = (&ended.who.agent, &ended.who.session) else {
            return;
        };
        let operation = ended
            .operation
            .map(|it| format!("{}/{}", it.service, it.id));
        let bound = ended.operation.map(|it| it.bound.values());
        let found = ended.answer.findings.iter();
        let refusal = ended.reason.filter(|reason| FINDINGS.contains(reason));
        let refusal = refusal.map(|reason| (Detector::Refusal, reason));
        let noticed = ended.who.notices().chain(ended.notices.iter().copied());
        let noticed = noticed.map(Notice::told);
        let seen = Seen {
            agent,
            session,
            operation: operation.as_deref(),
            bound: bound.into_iter().flatten().map(String::as_str).collect(),
            found: found
                .map(|it| (it.class.as_ref(), it.path.as_str()))
                .collect(),
            ending: ending(ended.decision, ended.reason),
            noticed: refusal.into_iter().chain(noticed).collect(),
            record: ended.record,
            writes: ended.operation.is_some_and(|it| it.effect != Effect::Read),
        };
        let verdicts = self.engine().saw(&seen, clock::timestamp(clock::now()));
        self.tell(verdicts);
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, verdicts: impl IntoIterator<Item = Verdict>) {
        let mut verdicts = verdicts.into_iter().peekable();
        if verdicts.peek().is_none() {
            return;
        }
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for verdict in verdicts {
            let (detector, record) = (verdict.detector.name(), verdict.record);
            let is_queued = told
                .as_ref()
                .is_some_and(|told| told.try_send(verdict).is_ok());
            if !is_queued {
                tracing::warn!(detector, record, "a verdict is not on record");
            }
        }
    }
}

fn ending(decision: &str, reason: Option<&str>) -> Ending {
    match decision {
        names::RELEASED | names::DELEGATED => Ending::Released,
        "refused" if !reason.is_some_and(|reason| FOLLOWING.contains(&reason)) => Ending::Denied,
        _ => Ending::Failed,
    }
}
