//! Reports in the making: so many at a time, each with how far it is, kept until they are downloaded or crowded out.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use audit::{Archive, Event, Span};
use axum::body::Bytes;
use jiff::Timestamp;
use reports::{Beside, Form, Kind, Report, Scope};
use tokio::sync::Semaphore;

use crate::{
    fault::Fault,
    limits::{REPORTS_AT_ONCE, REPORTS_BYTES_MAX, REPORTS_MAX},
    sessions::Signed,
    source::Source,
};

/// Kinds that need nothing but the log.
pub(crate) fn kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL
        .into_iter()
        .filter(|kind| !kind.wants_grants() && !kind.wants_proofs())
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) kind: Kind,
    pub(crate) form: Form,
    pub(crate) scope: Scope,
}

/// A report, made or in the making.
pub(crate) struct Job {
    pub(crate) id: u64,
    /// Whose it is: whoever has that name later is somebody else.
    user: (String, [u8; 32]),
    pub(crate) at: Timestamp,
    pub(crate) order: Order,
    /// Records that were read, of how many.
    read: AtomicU64,
    all: AtomicU64,
    end: Mutex<Option<Result<Bytes, String>>>,
}

/// How a job stands.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// So many records are read of so many.
    Made { read: u64, of: u64 },
    /// It can be downloaded.
    Done(Bytes),
    /// It failed, and why.
    Failed(String),
}

impl Job {
    pub(crate) fn standing(&self) -> Standing {
        match &*self.end() {
            Some(Ok(bytes)) => Standing::Done(bytes.clone()),
            Some(Err(why)) => Standing::Failed(why.clone()),
            None => Standing::Made {
                read: self.read.load(Ordering::Relaxed),
                of: self.all.load(Ordering::Relaxed),
            },
        }
    }

    /// The name of its file.
    pub(crate) fn file(&self) -> String {
        let (kind, form) = (self.order.kind.name(), self.order.form);
        format!(
            "{kind}-{}.{}",
            self.at.strftime("%Y%m%d-%H%M%S"),
            form.extension()
        )
    }

    fn end(&self) -> MutexGuard<'_, Option<Result<Bytes, String>>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self, read: u64, all: u64) {
        self.read.store(read, Ordering::Relaxed);
        self.all.store(all, Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        match &*self.end() {
            Some(Ok(bytes)) => bytes.len(),
            _ => 0,
        }
    }

    fn is_over(&self) -> bool {
        self.end().is_some()
    }
}

/// All of them.
pub(crate) struct Orders {
    next: AtomicU64,
    kept: Mutex<VecDeque<Arc<Job>>>,
    turns: Arc<Semaphore>,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            next: AtomicU64::new(1),
            kept: Mutex::default(),
            turns: Arc::new(Semaphore::new(REPORTS_AT_ONCE)),
        }
    }
}

impl Orders {
    /// Those of a user, newest first.
    pub(crate) fn of(&self, user: &Signed) -> Vec<Arc<Job>> {
        let kept = self.kept();
        let is_own = |job: &&Arc<Job>| job.user.0 == user.user && job.user.1 == user.mark;
        let own = kept.iter().rev().filter(is_own);
        own.cloned().collect()
    }

    /// The one with this number, if it is the user's.
    pub(crate) fn one(&self, user: &Signed, id: u64) -> Option<Arc<Job>> {
        let found = self.of(user).into_iter();
        found.into_iter().find(|job| job.id == id)
    }

    /// Begins one.
    ///
    /// # Errors
    /// None that is kept is over, so there is no room for another.
    pub(crate) fn begin(
        &self,
        source: Arc<dyn Source>,
        user: &Signed,
        order: Order,
        now: Timestamp,
    ) -> Result<Arc<Job>, Fault> {
        let job = Arc::new(Job {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            user: (user.user.clone(), user.mark),
            at: now,
            order,
            read: AtomicU64::new(0),
            all: AtomicU64::new(0),
            end: Mutex::new(None),
        });
        self.keep(&job)?;
        let (turns, begun) = (Arc::clone(&self.turns), Arc::clone(&job));
        tokio::spawn(async move {
            let Ok(_turn) = turns.acquire().await else {
                return;
            };
            let made = make(source.as_ref(), &job).await;
            if let Err(why) = &made {
                tracing::error!(why, report = job.order.kind.name(), "no report was made");
            }
            *job.end() = Some(made.map(Bytes::from));
        });
        Ok(begun)
    }

    fn keep(&self, job: &Arc<Job>) -> Result<(), Fault> {
        let mut kept = self.kept();
        kept.push_back(Arc::clone(job));
        let bytes = |kept: &VecDeque<Arc<Job>>| kept.iter().map(|job| job.bytes()).sum::<usize>();
        while kept.len() > REPORTS_MAX || bytes(&kept) > REPORTS_BYTES_MAX {
            let Some(at) = kept.iter().position(|job| job.is_over()) else {
                kept.pop_back();
                return Err(Fault::Busy);
            };
            kept.remove(at);
        }
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes it, or says why not, in words that tell nothing of the log.
async fn make(source: &dyn Source, job: &Job) -> Result<Vec<u8>, String> {
    let unread = |error: &dyn std::error::Error| {
        tracing::error!(%error, "the log cannot be read");
        "the log cannot be read; the console's own log says why".to_owned()
    };
    let archive = source.archive().await;
    let mut archive = archive.map_err(|error| unread(&error))?;
    let Order { kind, form, scope } = job.order.clone();
    let report = Report::new(kind, scope.clone()).map_err(|error| error.to_string())?;
    let verdict = if kind.wants_verdict() {
        let verdict = archive.verify(&mut |read, all| job.told(read, all)).await;
        Some(verdict.map_err(|error| unread(&error))?)
    } else {
        None
    };
    let beside = Beside {
        verdict: verdict.as_ref(),
        ..Beside::default()
    };
    let document = read(&mut archive, report, &scope, beside, job).await;
    let document = document.map_err(|error| unread(&error))?;
    document.written(form).map_err(|error| error.to_string())
}

async fn read(
    archive: &mut Archive,
    mut report: Report,
    scope: &Scope,
    beside: Beside<'_>,
    job: &Job,
) -> Result<reports::Document, audit::ArchiveError> {
    let span = Span {
        from: scope.from,
        until: scope.until,
        starts: job.order.kind.wants_host(),
        ..Span::default()
    };
    let criteria = audit::Criteria {
        subject: scope.subject.clone(),
        ..audit::Criteria::default()
    };
    let mut matters = archive.matters(span).await?;
    while let Some(matter) = matters.next().await? {
        job.told(matters.read(), matters.anchor().size);
        let is_start = matches!(matter.entry.event, Event::Start(_));
        if is_start || matter.expired().is_some() || criteria.holds(&matter) {
            report.take(&matter);
        }
    }
    Ok(report.finish(matters.anchor().clone(), beside))
}
