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

use audit::{Criteria, EventRef, Inquiry, Span, Trail};
use jiff::{Timestamp, tz::TimeZone};
use miette::{IntoDiagnostic as _, Result};
use reports::{Beside, Form, Kind, Report, Scope};
use rustls::ClientConfig;
use tokio::{sync::watch, time::timeout};

pub(crate) use self::{outlet::Outlet, period::Every};
use self::{outlet::Place, period::Period};
use crate::{
    cli::{block_on, now, pace::Pace, report},
    config::Config,
    publication::Standing,
};

/// How often it is looked whether one is due,
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// and how long one that failed is left alone.
const RETRY_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

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
    all: Arc<[(Schedule, Place)]>,
    data: PathBuf,
    trail: Trail,
    standing: Arc<Standing>,
    /// Those that failed, until when they are left alone, and why.
    failed: BTreeMap<usize, (Timestamp, String)>,
    /// The last period of which all is in a bucket, so that the store is not asked each minute.
    done: BTreeMap<usize, String>,
}

impl Schedules {
    /// Those of the configuration, whose log `trail` writes.
    pub(crate) fn new(config: &Config, trail: Trail, tls: &Arc<ClientConfig>) -> Self {
        let all = config.schedules.iter().cloned();
        let all = all.map(|schedule| {
            let place = Place::open(&schedule.to, tls);
            (schedule, place)
        });
        Self::over(all.collect(), config.data.clone(), trail)
    }

    fn over(all: Arc<[(Schedule, Place)]>, data: PathBuf, trail: Trail) -> Self {
        Self {
            all,
            data,
            trail,
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
        if self.all.is_empty() {
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

    async fn attend(&mut self, now: Timestamp) {
        let all = Arc::clone(&self.all);
        for (at, (schedule, place)) in all.iter().enumerate() {
            if self.failed.get(&at).is_some_and(|(until, _)| now < *until) {
                continue;
            }
            match self.make(at, schedule, place, now).await {
                Ok(()) => {
                    self.failed.remove(&at);
                }
                Err(error) => {
                    let why = format!("report `{}`: {error}", schedule.kind.name());
                    tracing::error!(report = schedule.kind.name(), ?error, "no report was made");
                    let until = now.saturating_add(RETRY_AFTER).unwrap_or(Timestamp::MAX);
                    self.failed.insert(at, (until, why));
                }
            }
        }
        let failed = self.failed.values();
        self.standing
            .set(failed.map(|(_, why)| why.clone()).collect());
    }

    /// Makes the report of the last period that is over, if it is not there.
    async fn make(
        &mut self,
        at: usize,
        schedule: &Schedule,
        place: &Place,
        now: Timestamp,
    ) -> Result<()> {
        let period = schedule.every.last(now, &schedule.zone)?;
        if self.done.get(&at) == Some(&period.name) {
            return Ok(());
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
                return Ok(());
            }
            self.record(schedule, &period, now).await?;
            let (kind, data) = (schedule.kind, self.data.clone());
            let forms: Vec<Form> = due.iter().map(|(form, _)| *form).collect();
            let span = period.clone();
            // A long log is read by somebody who has nothing else to do.
            let made = tokio::task::spawn_blocking(move || made(kind, &data, &span, &forms));
            let texts = made.await.into_diagnostic()??;
            for ((form, name), text) in due.iter().zip(texts) {
                place.put(*form, name, text).await?;
            }
        }
        if place.is_asked_once() {
            self.done.insert(at, period.name);
        }
        Ok(())
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
