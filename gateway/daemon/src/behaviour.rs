//! Writes down what the engine of behaviour says, does what follows, and keeps what it learnt.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ::behaviour::{Baselines, Engine, Response, Verdict};
use audit::{Anomaly, CountRecord, EventRef, Trail};
use identity::Revocable;
use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use proxy::{Doors, Watch};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::MissedTickBehavior,
};

use crate::{alerts::Alerts, config::Config, revoked};

/// The file of baselines, in the log's folder.
pub(crate) const FILE: &str = "baselines.json";
/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How often baselines are kept.
const KEEP_EVERY: Duration = Duration::from_mins(1);

/// The engine with what was learnt before, and what follows from what it will say; neither if behaviour is
/// not watched.
pub(crate) fn open(
    config: &Config,
    alerts: &Arc<Alerts>,
) -> Result<(Option<Arc<Watch>>, Option<Watching>)> {
    let Some(rules) = &config.behaviour else {
        return Ok((None, None));
    };
    let path = config.data.join(FILE);
    let baselines = read(&path).into_diagnostic().wrap_err_with(|| {
        format!(
            "`{}` cannot be read; without it all is learnt anew",
            path.display()
        )
    })?;
    let (watch, verdicts) = Watch::new(Engine::new(rules.clone(), baselines));
    let watch = Arc::new(watch);
    let watching = Watching {
        watch: Arc::clone(&watch),
        verdicts,
        alerts: Arc::clone(alerts),
        data: config.data.clone(),
    };
    Ok((Some(watch), Some(watching)))
}

/// What is needed to follow the engine.
pub(crate) struct Watching {
    watch: Arc<Watch>,
    verdicts: mpsc::Receiver<Verdict>,
    alerts: Arc<Alerts>,
    data: PathBuf,
}

impl Watching {
    /// Follows what the engine says, until the watch is finished.
    pub(crate) fn start(self, trail: &Trail, doors: watch::Receiver<Doors>) -> JoinHandle<()> {
        let following = Following {
            doors,
            watch: self.watch,
            trail: trail.clone(),
            alerts: self.alerts,
            data: self.data,
        };
        tokio::spawn(following.run(self.verdicts))
    }
}

fn read(path: &Path) -> io::Result<Baselines> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Baselines::new()),
        Err(error) => Err(error),
        Ok(file) if file.len() > FILE_BYTES_MAX => Err(io::Error::other("it is too long")),
        Ok(_) => Ok(serde_json::from_slice(&fs::read(path)?)?),
    }
}

/// What follows from verdicts.
struct Following {
    watch: Arc<Watch>,
    trail: Trail,
    alerts: Arc<Alerts>,
    data: PathBuf,
    doors: watch::Receiver<Doors>,
}

impl Following {
    /// Works until the watch is finished and everything that it said is on record.
    async fn run(self, mut verdicts: mpsc::Receiver<Verdict>) {
        let mut keep = tokio::time::interval(KEEP_EVERY);
        keep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                verdict = verdicts.recv() => match verdict {
                    Some(verdict) => self.follow(&verdict).await,
                    None => break,
                },
                _ = keep.tick() => self.keep().await,
            }
        }
        self.keep().await;
    }

    async fn follow(&self, verdict: &Verdict) {
        if verdict.response == Response::Quarantine {
            self.quarantine(verdict).await;
        }
        let anomaly = record(verdict);
        let event = EventRef::Anomaly(&anomaly);
        let noted = if verdict.response >= Response::Alert {
            let told = (&anomaly, verdict.writes);
            self.alerts.report(&self.trail, event, told).await
        } else {
            self.trail.note(event).await
        };
        if let Err(error) = noted {
            tracing::error!(%error, "an anomaly is not on record");
        }
    }

    /// Revokes the session, as an operator would; its streams end too. Of too many, the agent.
    async fn quarantine(&self, verdict: &Verdict) {
        let session = Revocable::Session(Arc::clone(&verdict.session));
        let reason = format!("{} {}", verdict.detector.name(), verdict.about);
        let (data, agent) = (self.data.clone(), Arc::clone(&verdict.agent));
        let revoked = tokio::task::spawn_blocking(move || {
            revoked::quarantine(&data, session, &agent, &reason)
        });
        match revoked.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "a session could not be revoked"),
            Err(error) => tracing::error!(%error, "a session could not be revoked"),
        }
    }

    async fn keep(&self) {
        // Another process learns from here on, and has what was learnt till then.
        if *self.doors.borrow() != Doors::Left {
            keep(&self.watch, &self.data).await;
        }
    }
}

/// Writes down what was learnt of agents.
pub(crate) async fn keep(watch: &Watch, data: &Path) {
    let (baselines, data) = (watch.baselines(), data.to_owned());
    let kept = tokio::task::spawn_blocking(move || -> io::Result<()> {
        let file = tempfile::NamedTempFile::new_in(&data)?;
        serde_json::to_writer(&file, &baselines)?;
        file.as_file().sync_all()?;
        file.persist(data.join(FILE))?;
        Ok(())
    });
    if let Ok(Err(error)) = kept.await {
        tracing::error!(%error, "what was learnt of agents could not be kept");
    }
}

fn record(verdict: &Verdict) -> Anomaly {
    let number = |(name, count): &(&'static str, u64)| CountRecord {
        name: (*name).into(),
        count: *count,
    };
    Anomaly {
        at: verdict.at,
        detector: verdict.detector.name().into(),
        response: verdict.response.name().into(),
        agent: verdict.agent.to_string(),
        session: verdict.session.to_string(),
        about: verdict.about.clone(),
        numbers: verdict.numbers.iter().map(number).collect(),
        record: verdict.record,
        finding: true,
    }
}
