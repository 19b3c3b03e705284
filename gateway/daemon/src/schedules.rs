//! Makes reports of each day, week or month when it is over.
//!
//! What is due is seen by what is not there: a report whose file is missing is made, so that a gateway that
//! was down makes up for it. It is on record before it is made, as any reading of the log is.

mod outlet;
mod period;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use audit::{Criteria, EventRef, Inquiry, Span, Trail, checkpoint::Authority};
use jiff::{Timestamp, tz::TimeZone};
use miette::{IntoDiagnostic as _, Result};
use reports::{Beside, Form, Kind, Report, Scope};
use rustls::ClientConfig;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

pub(crate) use self::{outlet::Outlet, period::Every};
use self::{outlet::Place, period::Period};
use crate::{
    cli::{block_on, now, pace::Pace, report},
    config::Config,
    keyring,
    publication::Standing,
};

/// How often it is looked whether one is due,
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// and how long one that failed is left alone;
const RETRY_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// one that was made and could not be put twice as long each time, up to this: to make it is a reading on record.
const RETRY_AFTER_MAX: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// A report that is made by itself.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) kind: Kind,
    pub(crate) every: Every,
    pub(crate) zone: TimeZone,
    pub(crate) forms: Vec<Form>,
    pub(crate) to: Outlet,
}

impl Schedule {
    /// The names of a period's report.
    fn names(&self, period: &Period) -> impl Iterator<Item = (Form, String)> {
        let name = format!("{}-{}", self.kind.name(), period.name);
        let forms = self.forms.iter();
        forms.map(move |&form| (form, format!("{name}.{}", form.extension())))
    }
}

/// Makes them.
pub(crate) struct Schedules {
    maker: Arc<Maker>,
    standing: Arc<Standing>,
    /// Those that failed.
    failed: BTreeMap<usize, Failed>,
    /// The last period of which all is in a bucket, so that the store is not asked each minute.
    done: BTreeMap<usize, String>,
}

/// What makes them.
struct Maker {
    all: Vec<(Schedule, Place)>,
    data: PathBuf,
    trail: Trail,
    /// One at a time reads the log; those that wait for a store keep nobody waiting.
    turn: Semaphore,
}

/// One that failed.
struct Failed {
    /// Until when it is left alone,
    until: Timestamp,
    /// for how long that is,
    pause: jiff::SignedDuration,
    /// and why.
    why: String,
}

/// Why one was not made.
struct Fault {
    /// Whether the log was read for it.
    is_read: bool,
    error: miette::Report,
}

impl From<miette::Report> for Fault {
    fn from(error: miette::Report) -> Self {
        let is_read = false;
        Self { is_read, error }
    }
}

impl Schedules {
    /// Those of the configuration, whose log `trail` writes.
    pub(crate) fn new(config: &Config, trail: Trail, tls: &Arc<ClientConfig>) -> Result<Self> {
        let key = keyring::verifier_key(&config.data)?;
        let log = Authority::parse(&key).into_diagnostic()?;
        let all = config.schedules.iter().cloned();
        let all = all.map(|schedule| {
            let place = Place::open(&schedule.to, log.origin(), tls);
            (schedule, place)
        });
        Ok(Self::over(all.collect(), config.data.clone(), trail))
    }

    fn over(all: Vec<(Schedule, Place)>, data: PathBuf, trail: Trail) -> Self {
        let maker = Maker {
            all,
            data,
            trail,
            turn: Semaphore::new(1),
        };
        Self {
            maker: Arc::new(maker),
            standing: Arc::default(),
            failed: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    /// How they stand, from now on.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Makes what is due, until it is stopped.
    pub(crate) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        if self.maker.all.is_empty() {
            return;
        }
        loop {
            self.attend(now()).await;
            let stop = stopped.wait_for(|stopped| *stopped);
            if timeout(LOOK_EVERY, stop).await.is_ok() {
                return;
            }
        }
    }

    /// Makes what is due, each for itself: a store that is away keeps no other waiting.
    async fn attend(&mut self, now: Timestamp) {
        let mut attended = JoinSet::new();
        for at in 0..self.maker.all.len() {
            if self.failed.get(&at).is_some_and(|it| now < it.until) {
                continue;
            }
            let (maker, done) = (Arc::clone(&self.maker), self.done.get(&at).cloned());
            attended.spawn(async move { (at, maker.make(at, done, now).await) });
        }
        while let Some(attended) = attended.join_next().await {
            match attended {
                Ok((at, Ok(done))) => {
                    self.failed.remove(&at);
                    self.done.extend(done.map(|done| (at, done)));
                }
                Ok((at, Err(fault))) => self.fail(at, fault, now),
                Err(error) => tracing::error!(%error, "a report was not made to its end"),
            }
        }
        let failed = self.failed.values();
        self.standing.set(failed.map(|it| it.why.clone()).collect());
    }

    fn fail(&mut self, at: usize, Fault { is_read, error }: Fault, now: Timestamp) {
        let schedule = self.maker.all.get(at);
        let kind = schedule.map_or("", |(schedule, _)| schedule.kind.name());
        tracing::error!(report = kind, ?error, "no report was made");
        let before = self.failed.get(&at).filter(|_| is_read);
        let pause = before.map_or(RETRY_AFTER, |it| (it.pause * 2).min(RETRY_AFTER_MAX));
        let failed = Failed {
            until: now.saturating_add(pause).unwrap_or(Timestamp::MAX),
            pause,
            why: format!("report `{kind}`: {error}"),
        };
        self.failed.insert(at, failed);
    }
}

impl Maker {
    /// Makes the report of the last period that is over, if it is not there; gives that period, if it need not be looked
    /// for again.
    async fn make(
        &self,
        at: usize,
        done: Option<String>,
        now: Timestamp,
    ) -> Result<Option<String>, Fault> {
        let Some((schedule, place)) = self.all.get(at) else {
            return Ok(None);
        };
        let period = schedule.every.last(now, &schedule.zone)?;
        if done.as_ref() == Some(&period.name) {
            return Ok(None);
        }
        let mut due = Vec::new();
        for (form, name) in schedule.names(&period) {
            if !place.has(&name).await? {
                due.push((form, name));
            }
        }
        if !due.is_empty() {
            let begins = report::begins(&self.data).await?;
            if begins.is_none_or(|begins| begins >= period.until) {
                return Ok(None);
            }
            let texts = self.texts(schedule, &period, &due, now).await?;
            for ((form, name), text) in due.iter().zip(texts) {
                let put = place.put(*form, name, text).await;
                put.map_err(|error| Fault {
                    is_read: true,
                    error,
                })?;
            }
        }
        Ok(place.is_asked_once().then_some(period.name))
    }

    /// The report in these forms; that it is read is on record.
    async fn texts(
        &self,
        schedule: &Schedule,
        period: &Period,
        due: &[(Form, String)],
        now: Timestamp,
    ) -> Result<Vec<Vec<u8>>> {
        let _turn = self.turn.acquire().await.into_diagnostic()?;
        self.record(schedule, period, now).await?;
        let (kind, data) = (schedule.kind, self.data.clone());
        let forms: Vec<Form> = due.iter().map(|(form, _)| *form).collect();
        let span = period.clone();
        // A long log is read by somebody who has nothing else to do.
        let made = tokio::task::spawn_blocking(move || made(kind, &data, &span, &forms));
        made.await.into_diagnostic()?
    }

    async fn record(&self, schedule: &Schedule, period: &Period, at: Timestamp) -> Result<()> {
        let criteria = [
            ("report", schedule.kind.name().to_owned()),
            ("from", period.from.to_string()),
            ("to", period.until.to_string()),
        ];
        let inquiry = Inquiry {
            at,
            command: "report".into(),
            uid: rustix::process::getuid().as_raw(),
            purpose: Some("schedule".to_owned()),
            criteria: criteria.map(|(name, it)| (name.to_owned(), it)).into(),
        };
        let noted = self.trail.note(EventRef::Query(&inquiry)).await;
        noted.map(drop).into_diagnostic()
    }
}

/// The report of a period in these forms.
fn made(kind: Kind, data: &Path, period: &Period, forms: &[Form]) -> Result<Vec<Vec<u8>>> {
    let (from, until) = (Some(period.from), Some(period.until));
    let span = Span {
        from,
        until,
        starts: kind.wants_host(),
        ends: true,
        ..Span::default()
    };
    let scope = Scope {
        from,
        until,
        ..Scope::default()
    };
    let report = Report::new(kind, scope).into_diagnostic()?;
    let (document, _) = block_on(report::answer(
        data,
        kind,
        report,
        span,
        &Criteria::default(),
        Beside::default(),
        &Pace::aside(),
    ))?;
    let texts = forms.iter().map(|form| document.written(*form));
    texts.collect::<Result<_, _>>().into_diagnostic()
}

#[cfg(test)]
mod tests;
