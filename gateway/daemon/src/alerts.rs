//! Tells people of findings: each waits on disk until its receiver took it.
//!
//! Nothing here stands in the way of a request: verdicts come by a queue, are put on record, and wait in
//! a spool of each receiver, those about writes first. A receiver that is away gets everything later, up
//! to a limit, over restarts too.

mod begun;
mod spool;
mod syslog;
mod webhook;

use std::{
    io,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use audit::{Anomaly, EventRef, Trail, TrailError};
use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use proxy::Upstream;
use rustls::ClientConfig;
use serde::Serialize;
use tokio::sync::{Notify, watch};

use self::{
    begun::{Begun, Plan},
    spool::Spool,
    webhook::Webhook,
};
use crate::{
    cli::archive,
    config::{Receiver, Way},
    handover::Link,
    syslog::Syslog,
};

/// The folder beside the log where alerts wait.
const FOLDER: &str = "alerts";
/// How soon a failed delivery is tried again; twice as long after each that fails.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(5);
/// How often it is looked what could not be put before a receiver.
const RECOVER_EVERY: Duration = Duration::from_mins(1);

/// What is told, in the form that Standard Webhooks proposes (`type`, `timestamp`, `data`).
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: jiff::Timestamp,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    /// The index of the anomaly's own record.
    index: u64,
    #[serde(flatten)]
    anomaly: &'a Anomaly,
}

/// All receivers.
pub(crate) struct Alerts {
    begun: Arc<Begun>,
    targets: Vec<Arc<Target>>,
    /// To whoever has the spools, once another process has.
    link: OnceLock<Arc<Link>>,
}

/// A receiver with what waits for it.
struct Target {
    name: String,
    spool: Spool,
    waiting: Notify,
    way: Means,
}

/// Why an alert goes on waiting.
enum Undelivered {
    /// Its receiver may take it later.
    Later(String),
    /// Its receiver does not take this one; others need not wait for it.
    Refused(String),
}

enum Means {
    Webhook(Box<Webhook>),
    Syslog(Syslog),
}

/// What receivers are reached with; read while that may be.
pub(crate) struct Secrets(Vec<Option<webhook::Key>>);

impl Secrets {
    /// Reads the keys of those receivers.
    pub(crate) fn read(receivers: &[Receiver]) -> Result<Self> {
        let read = |receiver: &Receiver| match &receiver.way {
            Way::Webhook(_, path) => webhook::Key::read(path).map(Some),
            Way::Syslog(_) => Ok(None),
        };
        Ok(Self(receivers.iter().map(read).collect::<Result<_>>()?))
    }
}

impl Alerts {
    /// Opens the spools of all receivers below the log's folder.
    pub(crate) fn open(
        receivers: &[Receiver],
        secrets: Secrets,
        data: &Path,
        tls: &Arc<ClientConfig>,
    ) -> Result<Self> {
        let folder = data.join(FOLDER);
        let begun = Begun::open(&folder).into_diagnostic();
        let begun = begun.wrap_err_with(|| format!("`{}` cannot be used", folder.display()))?;
        let targets = receivers.iter().zip(secrets.0).map(|(receiver, key)| {
            let spool = Spool::open(&folder.join(&receiver.name));
            let spool = spool.into_diagnostic();
            let spool =
                spool.wrap_err_with(|| format!("alerts of `{}` cannot wait", receiver.name))?;
            let way = match (&receiver.way, key) {
                (Way::Webhook(uri, _), Some(key)) => {
                    Means::Webhook(Box::new(Webhook::new(uri.clone(), key, Upstream::new(tls))))
                }
                (Way::Syslog(to), _) => Means::Syslog(Syslog::new(to.clone(), tls)?),
                (Way::Webhook(..), None) => return Err(miette::miette!("a webhook has no key")),
            };
            Ok(Arc::new(Target {
                name: receiver.name.clone(),
                spool,
                waiting: Notify::new(),
                way,
            }))
        });
        Ok(Self {
            begun: Arc::new(begun),
            link: OnceLock::new(),
            targets: targets.collect::<Result<_>>()?,
        })
    }

    /// From now on another process has the spools.
    pub(crate) fn lead(&self, link: &Arc<Link>) {
        // Once: nobody comes back from there.
        drop(self.link.set(Arc::clone(link)));
    }

    /// Starts to deliver, until told to stop.
    pub(crate) fn start(&self, stopped: &watch::Receiver<bool>) {
        for target in &self.targets {
            tokio::spawn(Arc::clone(target).deliver(stopped.clone()));
        }
    }

    /// Puts an event on record and tells all receivers what it is, those about a write first. It waits on disk for each
    /// of them when this returns; after a crash in between, from the next start on.
    pub(crate) async fn report(
        &self,
        trail: &Trail,
        event: EventRef<'_>,
        (anomaly, writes): (&Anomaly, bool),
    ) -> Result<u64, TrailError> {
        if self.targets.is_empty() {
            return trail.note(event).await;
        }
        let plan = Plan {
            size: trail.status().size,
            anomaly: anomaly.clone(),
            writes,
        };
        let begun = Arc::clone(&self.begun);
        let keeping = plan.clone();
        let kept = blocking(move || begun.keep(&keeping)).await;
        if let Err(error) = &kept {
            tracing::error!(%error, "a crash now would lose an alert");
        }
        let noted = trail.note(event).await;
        let told = match &noted {
            Ok(index) => self.tell((*index, anomaly, writes), false).await,
            // Nobody knows whether it is there: that is looked for.
            Err(_) => false,
        };
        match kept {
            Ok(path) if told => self.forget(path).await,
            Ok(path) => self.begun.leave(path, plan),
            Err(_) => {}
        }
        noted
    }

    /// Tells what was kept from being told, before this start and after, until told to stop.
    pub(crate) async fn recover(
        self: Arc<Self>,
        data: std::path::PathBuf,
        trail: Trail,
        mut stopped: watch::Receiver<bool>,
    ) {
        loop {
            let left = self.begun.take_left();
            if !left.is_empty()
                && let Err(error) = self.resume(&left, &data, &trail).await
            {
                tracing::error!(%error, "alerts are not told yet");
                for (path, plan) in left {
                    self.begun.leave(path, plan);
                }
            }
            let stop = stopped.wait_for(|stopped| *stopped);
            if tokio::time::timeout(RECOVER_EVERY, stop).await.is_ok() {
                return;
            }
        }
    }

    /// Tells all of them, once they are on record. An error changes nothing.
    async fn resume(
        &self,
        left: &[(std::path::PathBuf, Plan)],
        data: &Path,
        trail: &Trail,
    ) -> Result<()> {
        let found = begun::records(left, &mut archive(data).await?).await?;
        for ((path, plan), found) in left.iter().zip(found) {
            let event = EventRef::Anomaly(&plan.anomaly);
            let index = match found {
                Some(index) => Ok(index),
                None => trail.note(event).await,
            };
            let told = match index {
                Ok(index) => self.tell((index, &plan.anomaly, plan.writes), true).await,
                Err(_) => false,
            };
            if told {
                self.forget(path.clone()).await;
            } else {
                self.begun.leave(path.clone(), plan.clone());
            }
        }
        Ok(())
    }

    async fn forget(&self, plan: std::path::PathBuf) {
        let begun = Arc::clone(&self.begun);
        if let Err(error) = blocking(move || begun.over(&plan)).await {
            tracing::error!(%error, "an alert will be told again at the next start");
        }
    }

    /// How many alerts neither wait for their receivers nor are told.
    pub(crate) fn untold(&self) -> usize {
        self.begun.waiting()
    }

    /// Puts it into every spool, with `again` where it does not wait already; false if that failed anywhere.
    pub(crate) async fn tell(
        &self,
        (index, anomaly, writes): (u64, &Anomaly, bool),
        again: bool,
    ) -> bool {
        if let Some(link) = self.link.get() {
            return link.tell((index, anomaly, writes)).await;
        }
        let told = Told {
            kind: "tidegate.anomaly",
            timestamp: anomaly.at,
            data: Data { index, anomaly },
        };
        let Ok(text) = serde_json::to_vec(&told) else {
            return true;
        };
        let mut all = true;
        for target in &self.targets {
            let (spooling, text) = (Arc::clone(target), text.clone());
            let spooled = blocking(move || {
                if again && spooling.spool.holds(&text) {
                    return Ok(());
                }
                spooling.spool.push(&text, writes)
            })
            .await;
            target.waiting.notify_one();
            if let Err(error) = spooled {
                all = false;
                let receiver = &target.name;
                tracing::error!(receiver, %error, record = index, "an alert does not wait on disk");
            }
        }
        all
    }
}

/// Work with files, where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

impl Target {
    async fn deliver(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut retry = RETRY_FIRST;
        loop {
            let pause = match self.next().await {
                None => None,
                Some(Ok(())) => {
                    retry = RETRY_FIRST;
                    continue;
                }
                Some(Err(error)) => {
                    tracing::warn!(receiver = self.name, %error, "an alert waits");
                    let pause = retry;
                    retry = (retry * 2).min(RETRY_MAX);
                    Some(pause)
                }
            };
            let wait = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => self.waiting.notified().await,
                }
            };
            tokio::select! {
                () = wait => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    /// Delivers what waits first; none if nothing does.
    async fn next(self: &Arc<Self>) -> Option<Result<(), String>> {
        let target = Arc::clone(self);
        let first = tokio::task::spawn_blocking(move || target.spool.first()).await;
        let (id, text) = match first.ok()? {
            Ok(first) => first?,
            Err(error) => return Some(Err(error.to_string())),
        };
        let delivered = match &self.way {
            Means::Webhook(webhook) => webhook.send(&text).await,
            Means::Syslog(syslog) => syslog::send(syslog, &text)
                .await
                .map_err(Undelivered::Later),
        };
        match delivered {
            Ok(()) => {}
            Err(Undelivered::Later(why)) => return Some(Err(why)),
            Err(Undelivered::Refused(why)) => {
                let target = Arc::clone(self);
                let postponed = tokio::task::spawn_blocking(move || target.spool.postpone(&id));
                return Some(Err(match postponed.await {
                    Ok(Err(error)) => format!("{why}; {error}"),
                    _ => why,
                }));
            }
        }
        let target = Arc::clone(self);
        let removed = tokio::task::spawn_blocking(move || target.spool.remove(&id)).await;
        Some(
            removed
                .map_err(|error| error.to_string())
                .and_then(|it| it.map_err(|e| e.to_string())),
        )
    }
}
