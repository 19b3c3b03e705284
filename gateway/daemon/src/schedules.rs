//! Makes reports of each day, week or month when it is over.
//!
//! What is due is seen by what is not there: a report whose file is missing is made, so that a gateway that
//! was down makes up for it. It is on record before it is made, as any reading of the log is.

mod period;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use audit::{Criteria, EventRef, Inquiry, Span, Trail};
use jiff::{Timestamp, tz::TimeZone};
use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use reports::{Beside, Form, Kind, Report, Scope};
use tokio::{sync::watch, time::timeout};

pub(crate) use self::period::Every;
use self::period::Period;
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
    pub(crate) folder: PathBuf,
}

impl Schedule {
    /// The files of a period's report.
    fn files(&self, period: &Period) -> impl Iterator<Item = (Form, PathBuf)> {
        let name = format!("{}-{}", self.kind.name(), period.name);
        self.forms.iter().map(move |&form| {
            let file = self.folder.join(format!("{name}.{}", form.extension()));
            (form, file)
        })
    }
}

/// Makes them.
pub(crate) struct Schedules {
    all: Vec<Schedule>,
    data: PathBuf,
    trail: Trail,
    standing: Arc<Standing>,
    /// Those that failed, until when they are left alone, and why.
    failed: BTreeMap<usize, (Timestamp, String)>,
}

impl Schedules {
    /// Those of the configuration, whose log `trail` writes.
    pub(crate) fn new(config: &Config, trail: Trail) -> Self {
        Self::over(config.schedules.clone(), config.data.clone(), trail)
    }

    fn over(all: Vec<Schedule>, data: PathBuf, trail: Trail) -> Self {
        Self {
            all,
            data,
            trail,
            standing: Arc::default(),
            failed: BTreeMap::new(),
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
        for (at, schedule) in self.all.clone().into_iter().enumerate() {
            if self.failed.get(&at).is_some_and(|(until, _)| now < *until) {
                continue;
            }
            match self.make(&schedule, now).await {
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
    async fn make(&self, schedule: &Schedule, now: Timestamp) -> Result<()> {
        let period = schedule.every.last(now, &schedule.zone)?;
        let due: Vec<_> = schedule
            .files(&period)
            .filter(|(_, file)| !file.exists())
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let (kind, data) = (schedule.kind, self.data.clone());
        if report::begins(&data)
            .await?
            .is_none_or(|begins| begins >= period.until)
        {
            return Ok(());
        }
        self.record(schedule, &period, now).await?;
        // A long log is read by somebody who has nothing else to do.
        let written = tokio::task::spawn_blocking(move || write(kind, &data, &period, due));
        written.await.into_diagnostic()?
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

fn write(kind: Kind, data: &Path, period: &Period, due: Vec<(Form, PathBuf)>) -> Result<()> {
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
    for (form, file) in due {
        put(&file, &document.written(form).into_diagnostic()?)?;
    }
    Ok(())
}

/// Whole or not at all, for its owner only.
fn put(file: &Path, text: &[u8]) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut draft| {
        use std::io::Write as _;
        draft.write_all(text)?;
        draft.as_file().sync_all()?;
        draft.persist(file).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    });
    written
        .into_diagnostic()
        .wrap_err_with(|| format!("`{}` cannot be written", file.display()))
}

#[cfg(test)]
mod tests;
