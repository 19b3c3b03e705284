//! What the console is told: the log with its keys, the gateway by its own address, the policies by their files.

mod outward;

use std::{
    net::SocketAddr,
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use audit::{Archive, Keys};
use console::{
    Act, AtRisk, Budgets, Condition, Flow, Flows, HttpRequest, HttpResponse, Other, Part, Policies,
    Revoked, Risks, Source, Unavailable, Used, What,
};
use http::Uri;
use identity::{Revocable, SpiffeId};
use miette::{IntoDiagnostic as _, Result};
use proxy::jwks::{self, JwksFault};
use rustls::ClientConfig;
use serde::Deserialize;
use store::{SqliteLedger, SqliteSubjects};
use tokio::{sync::Semaphore, time::timeout};
use vault::{KEYRING_FILE, Keyring};

use self::outward::Outward;
use crate::{
    cli::{self, block_on},
    config,
    credentials::Stamp,
    egress::{FlowView, Line as FlowLine},
    inquiries::{self, Intent},
    keyring, revoked, risk,
    spent::{self, Line, Spent},
};

/// How long a keyring is held before whoever keeps its root is asked again: a page shows dozens of records, and a
/// question to a key service for each page would be many.
const KEYRING_HELD: Duration = Duration::from_mins(5);

/// How long an act may take to be on record.
const RECORD_MAX: Duration = Duration::from_secs(20);
/// Acts that are put on record at a time.
const RECORDING_MAX: usize = 8;

/// The longest answer of the gateway about its parts, in bytes.
const PARTS_BYTES_MAX: usize = 256 * 1024;

/// Flows of agents on a page, and lines that are looked at for them: a host may have a million of others.
const FLOWS_MAX: usize = 200;
const FLOWS_LOOKED_MAX: usize = 50_000;
/// The longest line: one flow.
const FLOW_BYTES_MAX: usize = 64 * 1024;

/// Everything that the console shows.
pub(crate) struct House {
    /// The configuration's file, which is read again for each question to its policies.
    pub(crate) config: PathBuf,
    /// The folder of the log.
    pub(crate) data: PathBuf,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) client: Arc<ClientConfig>,
    /// Who is asked about logins.
    outward: Option<Outward>,
    /// Since when, and what file it was.
    pub(crate) keyring: Mutex<Option<(Instant, Stamp, Arc<Keyring>)>>,
    /// Acts that are put on record at a time.
    pub(crate) recording: Arc<Semaphore>,
}

/// An answer of `/readyz`.
#[derive(Deserialize)]
struct Readiness {
    parts: std::collections::BTreeMap<String, Told>,
}

#[derive(Deserialize)]
struct Told {
    condition: String,
    detail: Option<String>,
}

#[console::async_trait]
impl Source for House {
    fn now(&self) -> jiff::Timestamp {
        cli::now()
    }

    async fn archive(&self) -> Result<Archive, Unavailable> {
        self.opened().await.map_err(why)
    }

    async fn record(&self, act: Act) -> Result<(), Unavailable> {
        let data = self.data.clone();
        let intent = Intent {
            command: act.command.into(),
            purpose: act.purpose,
            criteria: act.criteria,
        };
        // A gateway that does not answer holds so many threads and no more, and nobody waits for longer.
        let turn = Arc::clone(&self.recording).acquire_owned();
        let recorded = async {
            let turn = turn.await.map_err(|error| Unavailable(error.to_string()))?;
            away(move || {
                let _turn = turn;
                block_on(inquiries::try_record(&data, intent))
            })
            .await
        };
        let late = |_| Unavailable("the gateway does not put it on record in time".to_owned());
        timeout(RECORD_MAX, recorded).await.map_err(late)?
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Unavailable> {
        let Some(outward) = &self.outward else {
            let why = "the configuration names no provider of logins".to_owned();
            return Err(Unavailable(why));
        };
        let asked = outward.ask(request).await;
        asked.map_err(|error| Unavailable(error.to_string()))
    }

    async fn parts(&self) -> Result<Vec<Part>, Unavailable> {
        let uri = self.admin("/readyz")?;
        let told = jwks::fetch_any(&self.client, uri, PARTS_BYTES_MAX).await;
        let told = told.map_err(|error| Unavailable(error.to_string()))?;
        let read = serde_json::from_str::<Readiness>(&told);
        let Readiness { parts } = read.map_err(|error| Unavailable(error.to_string()))?;
        Ok(parts.into_iter().map(part).collect())
    }

    async fn flows(&self) -> Result<Flows, Unavailable> {
        let uri = self.admin("/flows?lines=true")?;
        let (mut flows, mut looked) = (Flows::default(), 0);
        let told = jwks::each_line(&self.client, uri, FLOW_BYTES_MAX, |line| {
            looked += 1;
            if let Ok(FlowLine::Flow(view)) = serde_json::from_slice(line) {
                flows.all.extend(flow(*view));
            }
            flows.cut = flows.all.len() >= FLOWS_MAX || looked >= FLOWS_LOOKED_MAX;
            if flows.cut {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        told.await.map_err(|error| Unavailable(error.to_string()))?;
        Ok(flows)
    }

    async fn budgets(&self) -> Result<Option<Budgets>, Unavailable> {
        let uri = self.admin("/budgets")?;
        let told = match jwks::fetch_within(&self.client, uri, spent::ANSWER_BYTES_MAX).await {
            Err(JwksFault::Status(404)) => return Ok(None),
            told => told.map_err(|error| Unavailable(error.to_string()))?,
        };
        let told = serde_json::from_str::<Spent>(&told);
        let Spent { used, cut } = told.map_err(|error| Unavailable(error.to_string()))?;
        let used = used.into_iter().map(used_of).collect();
        Ok(Some(Budgets { used, cut }))
    }

    async fn risks(&self) -> Result<Option<Risks>, Unavailable> {
        let uri = self.admin("/risk")?;
        let told = match jwks::fetch_within(&self.client, uri, risk::ANSWER_BYTES_MAX).await {
            Err(JwksFault::Status(404)) => return Ok(None),
            told => told.map_err(|error| Unavailable(error.to_string()))?,
        };
        let told = serde_json::from_str::<risk::Risk>(&told);
        let risk::Risk { sessions, cut } = told.map_err(|error| Unavailable(error.to_string()))?;
        let sessions = sessions.into_iter().map(at_risk).collect();
        Ok(Some(Risks { sessions, cut }))
    }

    async fn policies(&self) -> Result<Policies, Unavailable> {
        let config = self.config.clone();
        away(move || {
            let (config, engine) = cli::engine_of(&config)?;
            let files = config.policies.into_iter();
            Ok(Policies {
                digest: engine.digest().to_string(),
                count: engine.policies().len(),
                files: files.map(|file| (file.name, file.text)).collect(),
            })
        })
        .await
    }

    async fn explain(&self, record: u64) -> Result<String, Unavailable> {
        let config = self.config.clone();
        away(move || cli::explained(&config, record)).await
    }

    async fn simulate(&self, other: Other) -> Result<Result<String, String>, Unavailable> {
        let config = self.config.clone();
        away(move || cli::simulated(&config, &other)).await
    }

    async fn revoked(&self) -> Result<Vec<Revoked>, Unavailable> {
        let data = self.data.clone();
        away(move || {
            let revoked = revoked::read(&data)?;
            let told = revoked.0.iter().map(|(what, reason)| Revoked {
                what: what.kind().to_owned(),
                id: what.id().to_owned(),
                reason: reason.to_string(),
            });
            Ok(told.collect())
        })
        .await
    }

    async fn revoke(
        &self,
        what: What,
        id: &str,
        reason: Option<&str>,
    ) -> Result<bool, Unavailable> {
        let what = match what {
            // A mistyped one would be revoked, and nobody stopped.
            What::Agent if id.parse::<SpiffeId>().is_err() => return Ok(false),
            What::Agent => Revocable::Agent(id.into()),
            What::Session => Revocable::Session(id.into()),
        };
        let (data, reason) = (self.data.clone(), reason.map(str::to_owned));
        away(move || match reason {
            Some(reason) => revoked::add(&data, what, &reason).map(|()| true),
            None => revoked::change(&data, |it| it.0.remove(&what)).map(|it| it.is_some()),
        })
        .await
    }
}

impl House {
    /// What the configuration at `path` is about.
    pub(crate) fn new(
        path: PathBuf,
        config: &config::Config,
        admin: Option<SocketAddr>,
    ) -> Result<Self> {
        Ok(Self {
            outward: outward(config)?,
            config: path,
            data: config.data.clone(),
            admin: admin.or(config.admin),
            client: proxy::Upstream::tls(None).into_diagnostic()?,
            keyring: Mutex::default(),
            recording: Arc::new(Semaphore::new(RECORDING_MAX)),
        })
    }

    /// A place at the gateway's admin address.
    fn admin(&self, path: &str) -> Result<Uri, Unavailable> {
        let Some(admin) = self.admin else {
            let why = "the configuration names no admin address".to_owned();
            return Err(Unavailable(why));
        };
        let uri = format!("http://{admin}{path}").parse();
        uri.map_err(|error: http::uri::InvalidUri| Unavailable(error.to_string()))
    }

    async fn opened(&self) -> Result<Archive> {
        let keys = Keys::from_keyring(&*self.keyring().await?).into_diagnostic()?;
        let ledger = SqliteLedger::open_to_read(&self.data).await;
        let ledger = Box::new(ledger.into_diagnostic()?);
        let archive = Archive::new(ledger, keys).into_diagnostic()?;
        let subjects = SqliteSubjects::open_to_read(&self.data).await;
        Ok(match subjects.into_diagnostic()? {
            Some(subjects) => archive.with_subjects(Box::new(subjects)),
            None => archive,
        })
    }

    async fn keyring(&self) -> Result<Arc<Keyring>> {
        let held = self
            .keyring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let stamp = Stamp::of(&self.data.join(KEYRING_FILE));
        if let Some((since, of, keyring)) = held
            && since.elapsed() < KEYRING_HELD
            && stamp.as_ref() == Some(&of)
        {
            return Ok(keyring);
        }
        let data = self.data.clone();
        let opened = tokio::task::spawn_blocking(move || keyring::open_anew(&data)).await;
        let opened = opened.into_diagnostic()??;
        let mut held = self.keyring.lock().unwrap_or_else(PoisonError::into_inner);
        *held = stamp.map(|stamp| (Instant::now(), stamp, Arc::clone(&opened)));
        Ok(opened)
    }
}

/// Who is asked about logins, if anybody is.
fn outward(config: &config::Config) -> Result<Option<Outward>> {
    let console = config.console.as_ref();
    let Some(provider) = console.and_then(|console| console.openid.as_ref()) else {
        return Ok(None);
    };
    Ok(Some(Outward {
        client: proxy::Upstream::tls(config.upstream_ca.as_deref()).into_diagnostic()?,
        issuer: provider.issuer.clone(),
        networks: provider.networks.clone(),
    }))
}

/// A flow as the console shows it, if an agent's process has it.
fn flow(view: FlowView) -> Option<Flow> {
    Some(Flow {
        agent: view.workload?,
        pid: view.pid,
        comm: view.comm,
        protocol: view.protocol,
        direction: view.direction,
        remote: view.original.unwrap_or(view.remote),
        name: view.name,
        state: view.state,
        verdict: view.verdict,
        bypass: view.technique.zip(view.result),
        sent: view.sent_bytes,
        received: view.received_bytes,
    })
}

/// What somebody used of a budget, as the console shows it.
fn used_of(line: Line) -> Used {
    Used {
        budget: line.budget,
        agent: line.agent,
        task: line.task,
        session: line.session,
        meter: line.meter,
        used: line.used.to_string(),
        allowed: line.allowed.to_string(),
        percent: line.percent,
        renews_in: line.renews_in,
    }
}

fn at_risk(line: risk::Line) -> AtRisk {
    AtRisk {
        meets: line.meets(),
        session: line.session,
        agent: line.agent,
        risk: line.risk,
        detector: line.detector,
    }
}

fn part((name, told): (String, Told)) -> Part {
    let condition = match &*told.condition {
        "ready" => Condition::Ready,
        "degraded" => Condition::Degraded,
        _ => Condition::Down,
    };
    Part {
        name,
        condition,
        detail: told.detail,
    }
}

/// Does what waits where waiting harms nobody.
async fn away<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T, Unavailable> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(why),
        Err(error) => Err(Unavailable(error.to_string())),
    }
}

fn why(report: miette::Report) -> Unavailable {
    let causes: Vec<String> = report.chain().map(ToString::to_string).collect();
    Unavailable(causes.join(": "))
}
