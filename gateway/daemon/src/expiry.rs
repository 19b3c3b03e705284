//! Destroys the data keys whose time is over, and keeps those that must be kept.
//!
//! On record first, then done: for each key a record that names it (`expire`), durable, and then the key goes, from the
//! log and from its copy. After a crash between the two, or when an old copy of the log is put back, it is done again by
//! what the log says. Done once a day by the gateway where one runs, or by the command line, which holds the writer's
//! lock meanwhile.

use std::{path::Path, path::PathBuf, sync::Arc, time::Duration};

use audit::{BlindIndex, Day, EventRef, HOLD, HeldSubjects, Hold, HoldScope, Plan, Trail};
use identity::SpiffeId;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::{Deserialize, Serialize};
use store::SqliteSubjects;
use tokio::{
    sync::{Mutex, MutexGuard, watch},
    time::timeout,
};

use crate::{
    cli::{archive, now},
    keyring,
    publication::Standing,
};

/// How often it is looked whether another day has begun, or what failed is tried again.
const EVERY: Duration = Duration::from_mins(1);

/// The longest reason, basis or name of a hold, in bytes: they stand in the record.
const TEXT_BYTES_MAX: usize = 256;

/// Whoever destroys what is due.
pub(crate) struct Expirer {
    data: PathBuf,
    trail: Trail,
    /// What is planned is done before somebody holds it.
    turn: Mutex<()>,
    standing: Arc<Standing>,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expired {
    /// Keys that were destroyed.
    pub(crate) keys: u64,
    /// Records that they had sealed.
    pub(crate) records: u64,
    /// Keys that were destroyed again, since a record said so before.
    pub(crate) again: u64,
    /// Keys that a hold keeps.
    pub(crate) held: u64,
    /// The first record that says so.
    pub(crate) record: Option<u64>,
    /// What is due and stays, though nobody holds it.
    pub(crate) amiss: Vec<String>,
}

/// What is to become of a hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldAsk {
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) basis: Option<String>,
    /// What is held; none: the hold of that name is removed.
    pub(crate) scope: Option<HoldScope>,
}

/// What is due in the log in `data` now.
pub(crate) async fn plan(data: &Path, across_gap: bool) -> Result<Plan> {
    let index = BlindIndex::new(keyring::open(data)?.pseudonymizer());
    let store = SqliteSubjects::open_to_read(data).await.into_diagnostic()?;
    let held = match store {
        Some(mut store) => HeldSubjects::of(&mut store, index)
            .await
            .into_diagnostic()?,
        None => None,
    };
    let mut archive = archive(data).await?;
    let plan = archive.plan(now(), held.as_ref(), across_gap).await;
    plan.into_diagnostic()
}

/// What is due and stays, though nobody holds it.
fn amiss(plan: &Plan) -> Vec<String> {
    let day = |day: Day| {
        jiff::Timestamp::from_microsecond(day.begins_us()).map(|it| it.strftime("%F").to_string())
    };
    let gap = plan.gap.filter(|_| !plan.behind.is_empty());
    let gap = gap.map(|(before, after)| {
        format!(
            "{} keys are due if the clock did not jump from {} to {}, of which there are no days between: if it did not, say \
             `tidegate audit expire --across-gap`",
            plan.behind.len(),
            day(before).unwrap_or_default(),
            day(after).unwrap_or_default()
        )
    });
    let strange = (!plan.strange.is_empty()).then(|| {
        format!(
            "{} keys are due and are not for what their rows say: `tidegate audit verify` tells more",
            plan.strange.len()
        )
    });
    let unread = plan.due.iter().filter_map(|due| due.held.clone());
    let unread = unread.filter(|why| why.ends_with("does not open"));
    gap.into_iter().chain(strange).chain(unread).collect()
}

impl Expirer {
    /// For the log in `data`, which `trail` writes.
    pub(crate) fn new(data: PathBuf, trail: Trail) -> Self {
        Self {
            data,
            trail,
            turn: Mutex::default(),
            standing: Arc::default(),
        }
    }

    /// How it stands, from now on.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Nothing is destroyed while this is held.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Destroys what is due, as somebody with this user id asks, or by itself; `across_gap`, if they say that the clock did
    /// not jump.
    pub(crate) async fn expire(&self, uid: Option<u32>, across_gap: bool) -> Result<Expired> {
        let _turn = self.turn().await;
        let mut done = Expired::default();
        loop {
            let plan = plan(&self.data, across_gap).await?;
            done.amiss = amiss(&plan);
            // Also if there is none: what an earlier attempt destroyed may have left traces.
            let again = self.trail.destroy(plan.again).await.into_diagnostic();
            done.again += again.wrap_err("keys that the log says are destroyed are still there")?;
            for id in plan.strange {
                tracing::error!(
                    key = id,
                    "a data key is not for what its row says, and is left alone; `tidegate audit verify` tells more"
                );
            }
            done.held = plan.due.iter().filter(|due| due.held.is_some()).count() as u64;
            let mut ids = Vec::new();
            for due in plan.due.iter().filter(|due| due.held.is_none()) {
                let expiry = due.expiry(now(), uid);
                let noted = self.trail.note(EventRef::Expire(&expiry)).await;
                let record = noted.into_diagnostic().wrap_err("it is not on record")?;
                done.record = done.record.or(Some(record));
                done.keys += 1;
                done.records += due.records;
                ids.push(due.key);
            }
            if ids.is_empty() {
                return Ok(done);
            }
            let gone = self.trail.destroy(ids).await.into_diagnostic();
            gone.wrap_err("it is on record, and not yet done")?;
            if !plan.more {
                tracing::info!(
                    keys = done.keys,
                    records = done.records,
                    "records expired: their data keys are destroyed"
                );
                return Ok(done);
            }
        }
    }

    /// Holds records, or no longer; gives the record of that.
    pub(crate) async fn hold(&self, ask: HoldAsk, uid: u32) -> Result<u64, &'static str> {
        let bad = |text: &str| {
            let text = text.trim();
            text.is_empty() || text.len() > TEXT_BYTES_MAX || text.contains(char::is_control)
        };
        if bad(&ask.reason) || ask.basis.as_deref().is_some_and(bad) {
            return Err("reason_invalid");
        }
        if bad(&ask.name) {
            return Err("name_invalid");
        }
        let scope = ask.scope.as_ref();
        let parties = scope
            .into_iter()
            .flat_map(|it| [&it.agent, &it.session, &it.service]);
        let is_over = scope.is_some_and(|it| it.until.is_some() && it.from >= it.until);
        let agent = scope.and_then(|it| it.agent.as_deref());
        // One that holds nothing would be seen when it is too late.
        let unknown = agent.is_some_and(|agent| agent.parse::<SpiffeId>().is_err());
        if scope.is_some_and(HoldScope::is_empty)
            || parties.flatten().any(|it| bad(it))
            || is_over
            || unknown
        {
            return Err("scope_invalid");
        }
        let _turn = self.turn().await;
        let there = self
            .is_there(&ask.name)
            .await
            .map_err(|_| "log_unreadable")?;
        match (scope.is_some(), there) {
            (true, true) => return Err("hold_exists"),
            (false, false) => return Err("hold_unknown"),
            _ => {}
        }
        let hold = Hold {
            at: now(),
            act: if scope.is_some() { HOLD } else { "remove" }.into(),
            uid,
            name: ask.name.trim().to_owned(),
            reason: ask.reason.trim().to_owned(),
            basis: ask.basis.map(|basis| basis.trim().to_owned()),
            scope: ask.scope.unwrap_or_default(),
        };
        let noted = self.trail.note(EventRef::Hold(&hold)).await;
        noted.map_err(|_| "audit_unavailable")
    }

    async fn is_there(&self, name: &str) -> Result<bool> {
        let standing = archive(&self.data).await?.standing().await;
        let standing = standing.into_diagnostic()?;
        Ok(standing.iter().any(|it| it.hold.name == name.trim()))
    }

    /// Destroys what is due once a day, and what is to be done again, until told to stop.
    pub(crate) async fn keep(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut done = None;
        loop {
            let today = Day::of_us(now().as_microsecond());
            if done != Some(today) {
                match self.expire(None, false).await {
                    Ok(expired) => {
                        done = Some(today);
                        self.standing.set(expired.amiss);
                    }
                    Err(error) => self.failed(&error),
                }
            }
            let stopped = stop.wait_for(|stopped| *stopped);
            if timeout(EVERY, stopped).await.is_ok() {
                return;
            }
        }
    }

    fn failed(&self, error: &miette::Report) {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        let error = causes.join(": ");
        if self.standing.amiss().is_empty() {
            tracing::error!(error, "what is due does not expire");
        }
        self.standing.set(vec![format!("retention: {error}")]);
    }
}

/// A name for a hold that was given none.
pub(crate) fn hold_name() -> Result<String> {
    let id = vault::random_id().into_diagnostic()?;
    let short = id.get(..8).ok_or_else(|| miette!("there is no name"))?;
    Ok(format!("hold-{short}"))
}
