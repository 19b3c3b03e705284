//! `tidegate run`: gets what needs privileges, gives those up, builds the parts, says when it is ready,
//! waits for a signal, ends in good order.

mod beginning;
mod confine;
mod desks;
mod figures;
mod files;
mod health;
mod keysets;
mod manager;
mod record;
mod upstreams;
mod workload;

use std::{
    io::Write,
    net::{SocketAddr, TcpListener as StdTcpListener},
    os::unix::net::UnixListener as StdUnixListener,
    path::Path,
    process::ExitCode,
    sync::Arc,
    thread::JoinHandle,
};

use audit::{EventRef, Lifecycle, Trail};
use flows::{FlowSource, KernelSource};
use identity::{KeySet, Revoked};
use jiff::Timestamp;
use miette::{IntoDiagnostic, Result, WrapErr};
use proxy::{Bound, Gateway, Upstream, Watch, mcp::pins::Pins};
use rustls::ClientConfig;
use serde_json::json;
use telemetry::{Instance, Traces};
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};
use vault::FileProvider;

use super::check;
use crate::{
    alerts::{Alerts, Secrets},
    authority, behaviour,
    config::{self, Config},
    copies::Copying,
    credentials::Held,
    egress::{self, Noting, Reconciler},
    fleet, keyring,
    launch::{self, Launches, Places},
    lease, pins,
    publication::Publication,
    revoked,
    schedules::Schedules,
    shelf::Shelving,
    shipping::{self, Shipping},
};
use beginning::{lifecycle, unvouched, weaknesses};
use health::Health;

/// What is logged where nothing is said. The client of NATS would tell each try, of which the destination tells what is
/// new.
const LOGGED: &str = "info,async_nats=off";

/// For what works in threads of its own when everything else has ended.
const ENDING_MAX: std::time::Duration = std::time::Duration::from_secs(2);

pub(crate) fn run(path: &Path) -> Result<ExitCode> {
    logs();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Another part of the process may have installed it first; it is the same one.
    let _installed_before = provider.install_default();
    // Before there is a key in it.
    sandbox::keep_memory_private().into_diagnostic()?;
    let config = config::load(path)?;
    let prepared = Prepared::get(&config)?;
    let kernel = prepared.opened.kernel.as_ref();
    let place = prepared.keyring.as_ref().and_then(|it| it.place());
    let confined = confine::confine(&config, kernel.is_some(), place)?;
    kernel
        .map_or(Ok(()), |kernel| kernel.check())
        .into_diagnostic()?;
    // Nothing has run beside this thread so far, and all that does from now on is as confined.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .into_diagnostic()?;
    let running = Running::build(&config, prepared, confined, &runtime)?;
    let ended = runtime.block_on(running.wait());
    // A module of a token may hang; nobody waits for that.
    runtime.shutdown_timeout(ENDING_MAX);
    ended?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TIDEGATE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOGGED));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .json()
        .init();
}

/// What is had with the privileges that the gateway is started with.
struct Prepared {
    judges: Judges,
    sources: check::KeySources,
    upstream_tls: Arc<ClientConfig>,
    opened: flows::Opened,
    endpoints: Vec<proxy::Endpoint>,
    keyring: Option<keyring::Opened>,
    authority: Option<authority::Vouching>,
    bound: Bound,
    admin: Option<StdTcpListener>,
    exec: Option<StdUnixListener>,
    secrets: Secrets,
    hec: shipping::Tokens,
}

impl Prepared {
    fn get(config: &Config) -> Result<Self> {
        let engine = check::engine(config)?;
        let operator = config::classifiers::load(&config.classifiers)?;
        let (identity, sources, own_keys) = check::identity(config)?;
        let mut endpoints = check::endpoints(config)?;
        let own = endpoints.len();
        endpoints.extend(check::led(config)?);
        let upstream_tls = Upstream::tls(config.upstream_ca.as_deref()).into_diagnostic()?;
        // Before anything is bound: the process that this forks must not have it.
        let opened = egress::open(config, confine::confine_keeper)?;
        // Neither its keys.
        let keyring = keyring::wait_for(
            &config.data,
            authority::is_needed(config),
            &confine::written(config),
        )?;
        let vouching = keyring.as_ref().filter(|_| authority::is_needed(config));
        let authority = vouching.map(|keyring| authority::open(config, keyring));
        let authority = authority.transpose()?;
        if let Some((authority, _)) = &authority {
            let server = authority.server();
            for endpoint in &mut endpoints {
                let is_led = matches!(endpoint.kind, proxy::Kind::Forward | proxy::Kind::Led);
                if is_led && endpoint.tls.is_none() {
                    endpoint.tls = Some(Arc::clone(&server));
                }
            }
        }
        let bound = Bound::bind(&endpoints, config.workers).into_diagnostic()?;
        endpoints.truncate(own);
        let admin = config.admin.map(|address| {
            let listener = StdTcpListener::bind(address).into_diagnostic();
            listener.wrap_err_with(|| format!("cannot listen on `{address}`"))
        });
        let exec = config.exec.as_deref().map(|path| {
            let listener = launch::listen(path).into_diagnostic();
            listener.wrap_err("the socket for `tidegate exec` cannot be opened")
        });
        Ok(Self {
            judges: (engine, identity, operator, own_keys),
            sources,
            upstream_tls,
            opened,
            endpoints,
            keyring,
            authority,
            bound,
            admin: admin.transpose()?,
            exec: exec.transpose()?,
            secrets: Secrets::read(&config.alerts)?,
            hec: shipping::Tokens::read(&config.shipping)?,
        })
    }
}

/// Everything that runs, in the order in which it ends.
struct Running {
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    gateway: Arc<Gateway>,
    lifecycle: Lifecycle,
    kernel: Option<Arc<KernelSource>>,
    reconciler: Arc<Reconciler>,
    /// Writes down what the reconciler finds.
    recording: tokio::task::JoinHandle<()>,
    /// Writes down what is said of behaviour.
    following: Option<tokio::task::JoinHandle<()>>,
    /// Writes down what servers of MCP list.
    pins: pins::Keeper,
    /// Shows the log to others.
    publishing: tokio::task::JoinHandle<Publication>,
    /// Puts its tiles into a bucket.
    shelving: tokio::task::JoinHandle<Shelving>,
    /// Copies it.
    copying: tokio::task::JoinHandle<Copying>,
    /// Passes events on.
    shipping: Shipping,
    /// Serves inside of sealed namespaces.
    launches: Option<tokio::task::JoinHandle<()>>,
    /// Heard from before anybody is told that we are ready.
    signals: [Signal; 2],
    /// Must not end it.
    hangup: Signal,
}

impl Running {
    #[expect(
        clippy::too_many_lines,
        reason = "the parts, each once, in the order of their needs"
    )]
    fn build(
        config: &Config,
        prepared: Prepared,
        confined: Vec<String>,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<Self> {
        let _inside = runtime.enter();
        let Prepared {
            judges,
            sources,
            upstream_tls,
            opened,
            endpoints,
            keyring,
            authority,
            mut bound,
            admin,
            exec,
            secrets,
            hec,
        } = prepared;
        let notes = weaknesses(
            &opened,
            confined,
            unvouched(authority.as_ref().map(|(it, _)| &**it), config),
        );
        let registry = judges.1.registry().clone();
        let (reconciler, found) =
            Reconciler::new(registry, Arc::clone(&opened.keeper), config.egress.turns);

        let lifecycle = lifecycle(config, judges.0.digest(), notes);
        let flows = Noting::over(opened.source, &reconciler);
        let (tell, revoked) = watch::channel(Arc::new(revoked::read(&config.data)?));
        let alerts = Alerts::open(&config.alerts, secrets, &config.data, &upstream_tls)?;
        let alerts = Arc::new(alerts);
        let (watch, watching) = behaviour::open(config, &alerts)?;
        let bars = (watch, revoked, Arc::new(pins::open(config)?));
        let keeper = keyring.as_ref().and_then(keyring::Opened::keeper);
        let said = fleet::Said::default();
        let (gateway, held, provider) = gateway(
            config,
            (judges, keyring.as_ref()),
            (flows, (&upstream_tls, &said)),
            bars,
            &lifecycle,
            runtime,
        )?;
        reconciler.trace(gateway.traces.clone());
        let recording = runtime.spawn(egress::record(found, gateway.trail.clone()));
        let (stop, stopped) = watch::channel(false);
        runtime.block_on(workload::open(config, &sources, &mut bound, &stopped))?;
        let tokens = keysets::kept(sources, &upstream_tls, &stopped);
        begin(&gateway.trail, &lifecycle, runtime)?;
        let publishing = Publication::open(config, gateway.trail.clone(), &upstream_tls);
        let standing = publishing.standing();
        let publishing = runtime.spawn(publishing.run(stopped.clone()));
        let shelving = Shelving::open(config, &upstream_tls)?;
        let shelved = shelving.standing();
        let shelving = runtime.spawn(shelving.run(stopped.clone()));
        let copying = record::copying(config, &gateway)?;
        let copied = copying.standing();
        let wraps = (provider, keeper);
        let rotation = record::rotation(config, &gateway, wraps, &copying, &stopped);
        let rotated = Arc::clone(&rotation.standing);
        let copying = runtime.spawn(copying.run(stopped.clone()));
        let reporting = Schedules::new(config, gateway.trail.clone(), &upstream_tls)?;
        let reported = reporting.standing();
        runtime.spawn(reporting.run(stopped.clone()));
        let shipping = Shipping::start(config, hec, &gateway, &upstream_tls, &stopped)?;
        fleet::watch(&gateway, (said, shipping.lag()), &stopped)?;
        let following = watching.map(|it| it.start(&gateway.trail));
        held.ask_stores(&upstream_tls, &stopped);
        let parts = (&gateway.trail, &alerts, &stopped);
        let lease = lease::begin(keyring, config.lease, parts);
        let files = (Arc::clone(&held), tell, authority);
        let pins = files::look(config, files, &gateway, (Arc::clone(&alerts), &stopped));
        let expirer = record::expiry(config, &gateway, &stopped);
        let retained = expirer.standing();
        let clerks = (rotation, expirer, shipping.lag());
        desks::open(config, &gateway, clerks, &stopped)?;
        upstreams::watch(&gateway, &upstream_tls, &stopped)?;
        let (listen, led) = addresses(&bound, endpoints.len());
        let kernel = opened.kernel.as_ref();
        let judge = (kernel, &reconciler);
        enforce(config, judge, &gateway, (&listen, &led), &stopped)?;
        let status = Health {
            gateway: Arc::clone(&gateway),
            tokens,
            held,
            kernel: opened.kernel.clone(),
            keeper: Arc::clone(&opened.keeper),
            reconciler: Arc::clone(&reconciler),
            standing,
            shelved,
            copied,
            reported,
            lease,
            rotated,
            retained,
            shipped: shipping.lag(),
            alerts,
        };
        let admin = admin.map(|listener| operators(listener, status, &stopped, runtime));
        let admin = admin.transpose()?;
        let launches = Launches {
            gateway: Arc::clone(&gateway),
            upstream_tls: Arc::clone(&upstream_tls),
            kernel: opened.kernel.clone(),
            reconciler: Arc::clone(&reconciler),
            keeper: opened.keeper,
            places: Places::of(config, &listen, &endpoints),
        };
        let launches = launched(exec, launches, &stopped)?;
        let workers = bound
            .serve(&gateway, &upstream_tls, &stopped)
            .into_diagnostic()?;
        let signals = signals()?;
        let hangup = signal(SignalKind::hangup()).into_diagnostic()?;
        announce(&listen, admin)?;
        manager::serving(runtime, stopped);
        Ok(Self {
            stop,
            workers,
            gateway,
            lifecycle,
            kernel: opened.kernel,
            reconciler,
            recording,
            following,
            pins,
            publishing,
            shelving,
            copying,
            shipping,
            launches,
            signals,
            hangup,
        })
    }

    /// Waits for SIGTERM or SIGINT, then ends: listeners, exchanges, record, spans.
    async fn wait(self) -> Result<()> {
        let [mut terminate, mut interrupt] = self.signals;
        let mut hangup = self.hangup;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                // Other daemons read their files again; this one may not read them any more.
                _ = hangup.recv() => {
                    tracing::warn!("SIGHUP changes nothing: `tidegate policy reload` brings other policies");
                }
            }
        }
        manager::stopping();
        tracing::info!("stopping: open exchanges may end");
        self.stop.send_replace(true);
        for worker in self.workers {
            let joined = tokio::task::spawn_blocking(move || worker.join())
                .await
                .into_diagnostic()?;
            if joined.is_err() {
                tracing::error!("a worker ended by a panic");
            }
        }
        if let Some(launches) = self.launches {
            launches.await.into_diagnostic()?;
        }
        fleet::farewell(&self.gateway).await;
        // Until now they saw lists.
        self.pins.finish().await?;
        let (kernel, reconciler) = (self.kernel, self.reconciler);
        tokio::task::spawn_blocking(move || {
            if let Some(kernel) = kernel {
                kernel.unfollow();
            }
            reconciler.finish();
        })
        .await
        .into_diagnostic()?;
        self.recording.await.into_diagnostic()?;
        if let (Some(watch), Some(following)) = (&self.gateway.watch, self.following) {
            watch.finish();
            following.await.into_diagnostic()?;
        }
        let farewell = Lifecycle {
            at: now(),
            policy: self.gateway.admission.policy_digest().to_string(),
            ..self.lifecycle
        };
        self.gateway
            .trail
            .clone()
            .stop(EventRef::Stop(&farewell))
            .await
            .into_diagnostic()
            .wrap_err("the log was not closed")?;
        self.publishing.await.into_diagnostic()?.finish().await;
        self.shelving.await.into_diagnostic()?.finish().await;
        self.copying.await.into_diagnostic()?.finish().await;
        self.shipping.finish().await;
        let traces = self.gateway.traces.clone();
        tokio::task::spawn_blocking(move || traces.shutdown())
            .await
            .into_diagnostic()?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// What judges: rules, callers, an operator's classifiers; the keys of the gateway's own tokens.
type Judges = (
    Arc<policy::Engine>,
    identity::Identity,
    Option<Arc<classifiers::operator::Operator>>,
    Arc<KeySet>,
);

fn gateway(
    config: &Config,
    ((engine, identity, operator, own_keys), keyring): (Judges, Option<&keyring::Opened>),
    (flows, ledger): (Arc<dyn FlowSource>, (&Arc<ClientConfig>, &fleet::Said)),
    (watch, revoked, pins): (Option<Arc<Watch>>, watch::Receiver<Arc<Revoked>>, Arc<Pins>),
    lifecycle: &Lifecycle,
    runtime: &tokio::runtime::Runtime,
) -> Result<(Arc<Gateway>, Arc<Held>, FileProvider)> {
    let kept = record::open(config, keyring, &own_keys, runtime)?;
    let held = kept.credentials;
    let gateway = Arc::new(Gateway {
        flows,
        identity,
        routes: config.routes(),
        declarations: declarations(config),
        admission: admission::Admission::new(engine, config.country),
        budgets: record::budgets(config, ledger, runtime)?,
        forward: config.forward.rules(),
        passes: kept.passes,
        credentials: Arc::clone(&held) as _,
        watch,
        revoked,
        trail: kept.trail,
        subjects: kept.subjects,
        sessions: Arc::default(),
        pins,
        traces: traces(config, lifecycle)?,
        metrics: figures::metrics(config)?,
        pseudonyms: kept.pseudonyms,
        operator,
        mediator: config.mediator.clone(),
        uninspected: config.uninspected,
    });
    figures::watch(&gateway, &held)?;
    Ok((gateway, held, kept.provider))
}

/// As what agents are known.
fn declarations(config: &Config) -> proxy::declared::Declarations {
    let agents = config.agents.iter();
    let named = agents.map(|agent| (agent.id.shared(), &*agent.known_as));
    proxy::declared::Declarations::new(config.declared_header.clone(), named)
}

/// Where agents come by themselves, and where they are led to.
fn addresses(bound: &Bound, own: usize) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
    let mut listen = bound.addresses().to_vec();
    let led = listen.split_off(own);
    (listen, led)
}

/// The signals that end a program.
pub(super) fn signals() -> Result<[Signal; 2]> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
    let [terminate, interrupt] = kinds.map(|kind| signal(kind).into_diagnostic());
    Ok([terminate?, interrupt?])
}

fn traces(config: &Config, lifecycle: &Lifecycle) -> Result<Traces> {
    let instance = Instance {
        version: env!("CARGO_PKG_VERSION"),
        id: &format!("{}-{}", std::process::id(), lifecycle.at.as_microsecond()),
    };
    Traces::start(config.otlp.as_deref(), config.sample, instance).into_diagnostic()
}

/// Puts the start on record, before anybody is served.
fn begin(trail: &Trail, lifecycle: &Lifecycle, runtime: &tokio::runtime::Runtime) -> Result<()> {
    let started = trail.note(EventRef::Start(lifecycle));
    let started = runtime.block_on(started).into_diagnostic();
    started.map(drop).wrap_err("the log does not take records")
}

/// Puts the rules for going out into force, where the kernel takes them.
fn enforce(
    config: &Config,
    (kernel, reconciler): (Option<&Arc<KernelSource>>, &Arc<Reconciler>),
    gateway: &Gateway,
    places: (&[SocketAddr], &[SocketAddr]),
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    let Some(kernel) = kernel else {
        return Ok(());
    };
    egress::start(kernel, reconciler, config, places, stopped)?;
    egress::measure(&gateway.metrics, kernel, reconciler)
}

/// Answers `tidegate exec`, if it may ask.
fn launched(
    listener: Option<StdUnixListener>,
    launches: Launches,
    stopped: &watch::Receiver<bool>,
) -> Result<Option<tokio::task::JoinHandle<()>>> {
    let Some(listener) = listener else {
        return Ok(None);
    };
    let listener = UnixListener::from_std(listener).into_diagnostic()?;
    Ok(Some(tokio::spawn(
        launches.serve(listener, stopped.clone()),
    )))
}

fn operators(
    listener: StdTcpListener,
    status: Health,
    stopped: &watch::Receiver<bool>,
    runtime: &tokio::runtime::Runtime,
) -> Result<SocketAddr> {
    listener.set_nonblocking(true).into_diagnostic()?;
    let listener = TcpListener::from_std(listener).into_diagnostic()?;
    let bound = listener.local_addr().into_diagnostic()?;
    let status = Arc::new(status);
    let mut stopped = stopped.clone();
    runtime.spawn(async move {
        let stop = async move {
            // The sender lives as long as the process, so the wait ends only with a stop.
            let _ended = stopped.wait_for(|stopped| *stopped).await;
        };
        if let Err(error) = admin::serve(listener, status, stop).await {
            tracing::error!(%error, "the admin listener failed");
        }
    });
    Ok(bound)
}

/// One line on standard output for whoever started it.
fn announce(listen: &[SocketAddr], admin: Option<SocketAddr>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{}",
        json!({ "ready": true, "listen": listen, "admin": admin })
    )
    .into_diagnostic()?;
    out.flush().into_diagnostic()?;
    tracing::info!(?listen, ?admin, "serving");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the daemon owns the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
