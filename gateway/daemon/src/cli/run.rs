//! `tidegate run`: gets what needs privileges, gives those up, builds the parts, says when it is ready,
//! waits for a signal, ends in good order.

mod beginning;
mod confine;
mod desks;
mod ending;
mod figures;
mod files;
mod health;
mod keysets;
mod manager;
mod record;
mod rules;
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
    time::Duration,
};

use audit::{EventRef, Lifecycle, Trail};
use flows::{FlowSource, KernelSource};
use identity::{KeySet, Revoked};
use jiff::Timestamp;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use proxy::{Bound, Doors, Gateway, Upstream, Watch, mcp::pins::Pins};
use rustls::ClientConfig;
use serde_json::json;
use telemetry::{Instance, Traces};
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{Signal, SignalKind, signal},
    sync::{oneshot, watch},
};
use vault::FileProvider;

use super::{check, unheard::unheard};
use crate::{
    alerts::{Alerts, Secrets},
    authority, behaviour,
    bundles::Beginning,
    config::{self, Config},
    credentials::Held,
    egress::{self, Noting, Reconciler},
    fleet,
    handover::{Greeted, Leaving},
    keyring,
    launch::{self, Launches, Places},
    lease, pins,
    publication::Publication,
    revoked,
    schedules::Schedules,
    shelf::Shelving,
    shipping::{self, Shipping},
};
use beginning::{lifecycle, took_over, unvouched, weaknesses};
use ending::{listening, succeeded};
use health::Health;

/// What is logged where nothing is said. The client of NATS would tell each try, of which the destination tells what is
/// new.
const LOGGED: &str = "info,async_nats=off";

/// For what works in threads of its own when everything else has ended.
const ENDING_MAX: Duration = Duration::from_secs(2);

/// Serves; in the place of the gateway that runs, if that may go on for some time.
pub(crate) fn run(path: &Path, takeover: Option<Duration>) -> Result<ExitCode> {
    logs();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Another part of the process may have installed it first; it is the same one.
    let _installed_before = provider.install_default();
    // Before there is a key in it.
    sandbox::keep_memory_private().into_diagnostic()?;
    let config = config::load(path)?;
    takeover.map_or(Ok(()), |_| Greeted::may(&config))?;
    let prepared = Prepared::get(&config, takeover.is_some())?;
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
    let running = Running::build(&config, prepared, (confined, takeover), &runtime)?;
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
    /// Whoever is taken over.
    greeted: Option<Greeted>,
}

impl Prepared {
    fn get(config: &Config, takeover: bool) -> Result<Self> {
        let beginning = check::rules(config)?;
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
        // All that can fail by itself has not.
        let (secrets, hec) = (
            Secrets::read(&config.alerts)?,
            shipping::Tokens::read(&config.shipping)?,
        );
        let mut greeted = takeover.then(|| Greeted::greet(config)).transpose()?;
        let standing = greeted.as_mut().map(|it| std::mem::take(&mut it.doors));
        let standing = standing.unwrap_or_default();
        let bound = Bound::over(&endpoints, config.workers, standing)
            .map_err(|fault| unheard(fault.address, &fault.source))?;
        endpoints.truncate(own);
        let (admin, exec) = listeners(config, greeted.as_mut())?;
        Ok(Self {
            judges: (beginning, identity, own_keys),
            sources,
            upstream_tls,
            opened,
            endpoints,
            keyring,
            authority,
            bound,
            admin,
            exec,
            secrets,
            hec,
            greeted,
        })
    }
}

/// Where operators and `tidegate exec` ask: those of the gateway that is taken over, where they are the same.
fn listeners(
    config: &Config,
    mut greeted: Option<&mut Greeted>,
) -> Result<(Option<StdTcpListener>, Option<StdUnixListener>)> {
    let admin = config.admin.map(|address| {
        let handed = greeted.as_mut().and_then(|it| it.admin.take());
        if let Some((_, listener)) = handed.filter(|(at, _)| *at == address) {
            return Ok(listener);
        }
        StdTcpListener::bind(address).map_err(|why| unheard(address, &why))
    });
    let exec = config.exec.as_deref().map(|path| {
        let handed = greeted.as_mut().and_then(|it| it.exec.take());
        if let Some((_, listener)) = handed.filter(|(at, _)| at == path) {
            return Ok(listener);
        }
        let listener = launch::listen(path).into_diagnostic();
        listener.wrap_err("the socket for `tidegate exec` cannot be opened")
    });
    Ok((admin.transpose()?, exec.transpose()?))
}

/// Everything that runs, in the order in which it ends.
struct Running {
    stop: watch::Sender<bool>,
    /// Ends what has one owner.
    retire: watch::Sender<bool>,
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
    owners: Option<ending::Owners>,
    /// Serves inside of sealed namespaces.
    launches: Option<tokio::task::JoinHandle<()>>,
    /// Heard from before anybody is told that we are ready.
    signals: [Signal; 2],
    /// Must not end it.
    hangup: Signal,
    /// Turns true when the gateway that was taken over has ended.
    gone: Option<watch::Receiver<bool>>,
    /// Tells that another one serves.
    leaving: oneshot::Receiver<Result<Leaving>>,
}

impl Running {
    #[expect(
        clippy::too_many_lines,
        reason = "the parts, each once, in the order of their needs"
    )]
    fn build(
        config: &Config,
        prepared: Prepared,
        (confined, takeover): (Vec<String>, Option<Duration>),
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
            greeted,
        } = prepared;
        let (open, doors) = watch::channel(Doors::Open);
        let listening = listening(config, &bound, (admin.as_ref(), exec.as_ref()))?;
        // From here on nobody has the log, and what is read is as the one before left it.
        let asked = greeted.map(|it| it.ask(takeover.unwrap_or_default()));
        let taken = asked.map(|asked| runtime.block_on(asked)).transpose()?;
        let mut notes = weaknesses(
            &opened,
            confined,
            unvouched(authority.as_ref().map(|(it, _)| &**it), config),
        );
        let registry = judges.1.registry().clone();
        notes.extend(taken.as_ref().map(|it| took_over(&it.from)));
        let (reconciler, found) = Reconciler::new(
            registry,
            Arc::clone(&opened.keeper),
            config.egress.turns,
            doors.clone(),
        );

        let lifecycle = lifecycle(config, judges.0.rules().engine.digest(), notes);
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
            (judges.1, &judges.0, (judges.2, keyring.as_ref())),
            (flows, (&upstream_tls, &said)),
            doors.clone(),
            bars,
            &lifecycle,
            runtime,
        )?;
        reconciler.trace(gateway.traces.clone());
        let recording = runtime.spawn(egress::record(found, gateway.trail.clone()));
        let (stop, stopped) = watch::channel(false);
        // What has one owner ends when another process has it.
        let (retire, retired) = watch::channel(false);
        runtime.block_on(workload::open(config, &sources, &mut bound, &stopped))?;
        let tokens = keysets::kept(sources, &upstream_tls, &stopped);
        begin(&gateway.trail, &lifecycle, runtime)?;
        let (listen, led) = addresses(&bound, endpoints.len());
        let judge = (opened.kernel.as_ref(), &reconciler);
        let places = (&listen[..], &led[..]);
        let (mut bound, mut workers, mut gone) = (Some(bound), Vec::new(), None);
        let parts = (&gateway, &upstream_tls, &stopped);
        if let Some(taken) = taken {
            // First of all, since clients wait.
            enforce(config, judge, &gateway, places, &stopped)?;
            workers = serve(&mut bound, parts)?;
            let records = (&gateway.trail, gateway.budgets.as_ref());
            gone = Some(runtime.block_on(taken.serving(records, &alerts))?);
        }
        let publishing = Publication::open(config, gateway.trail.clone(), &upstream_tls);
        let standing = publishing.standing();
        let publishing = runtime.spawn(publishing.run(retired.clone()));
        let shelving = Shelving::open(config, &upstream_tls)?;
        let shelved = shelving.standing();
        let shelving = runtime.spawn(shelving.run(retired.clone()));
        let copying = record::copying(config, &gateway)?;
        let copied = copying.standing();
        let wraps = (provider, keeper);
        let rotation =
            record::rotation(config, &gateway, wraps, &copying, (&retired, gone.clone()));
        let rotated = Arc::clone(&rotation.standing);
        let copying = runtime.spawn(copying.run(retired.clone()));
        let reporting = Schedules::new(config, gateway.trail.clone(), &upstream_tls)?;
        let reported = reporting.standing();
        runtime.spawn(reporting.run(retired.clone()));
        let shipping = Shipping::start(config, hec, &gateway, &upstream_tls, &retired)?;
        let (force, follower) = rules::keep(config, judges.0, &gateway, (&upstream_tls, &retired))?;
        let bundled = follower.as_ref().map(|it| it.standing());
        fleet::watch(&gateway, (said, shipping.lag(), bundled.clone()), &stopped)?;
        let following = watching.map(|it| it.start(&gateway.trail, doors.clone()));
        held.ask_stores(&upstream_tls, &stopped);
        let lease = lease::begin(keyring, config.lease, (&gateway.trail, &alerts, &stopped));
        let files = (Arc::clone(&held), tell, authority);
        let stops = (&retired, &stopped);
        let pins = files::look(config, files, &gateway, (Arc::clone(&alerts), stops));
        let expirer = record::expiry(config, &gateway, &retired);
        let retained = expirer.standing();
        let clerks = (rotation, expirer, shipping.lag());
        desks::open(
            config,
            &gateway,
            (force, follower.as_ref()),
            clerks,
            &retired,
        )?;
        upstreams::watch(&gateway, &upstream_tls, &stopped)?;
        if gone.is_none() {
            enforce(config, judge, &gateway, places, &stopped)?;
        }
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
            bundled,
            alerts: Arc::clone(&alerts),
        };
        let admin = admin.map(|listener| operators(listener, status, &retired, runtime));
        let admin = admin.transpose()?;
        let launches = Launches {
            gateway: Arc::clone(&gateway),
            upstream_tls: Arc::clone(&upstream_tls),
            kernel: opened.kernel.clone(),
            reconciler: Arc::clone(&reconciler),
            keeper: opened.keeper,
            places: Places::of(config, &listen, &endpoints),
        };
        let launches = launched(exec, launches, stops)?;
        if gone.is_none() {
            workers = serve(&mut bound, parts)?;
        }
        let signals = signals()?;
        let hangup = signal(SignalKind::hangup()).into_diagnostic()?;
        let says = (open, retire.clone());
        let ceding = listening.of(config, &gateway, (&alerts, &reconciler), says);
        let leaving = succeeded(config, ceding, &stopped)?;
        announce(&listen, admin)?;
        manager::serving(runtime, retired, gone.is_some());
        Ok(Self {
            stop,
            retire,
            workers,
            gateway,
            lifecycle,
            kernel: opened.kernel,
            reconciler,
            recording,
            following,
            pins,
            owners: Some(ending::Owners {
                publishing,
                shelving,
                copying,
                shipping,
            }),
            launches,
            signals,
            hangup,
            gone,
            leaving,
        })
    }
}

/// What judges: rules and classifiers, callers; the keys of the gateway's own tokens.
type Judges = (Beginning, identity::Identity, Arc<KeySet>);

fn gateway(
    config: &Config,
    (identity, beginning, (own_keys, keyring)): (
        identity::Identity,
        &Beginning,
        (Arc<KeySet>, Option<&keyring::Opened>),
    ),
    (flows, ledger): (Arc<dyn FlowSource>, (&Arc<ClientConfig>, &fleet::Said)),
    doors: watch::Receiver<Doors>,
    (watch, revoked, pins): (Option<Arc<Watch>>, watch::Receiver<Arc<Revoked>>, Arc<Pins>),
    lifecycle: &Lifecycle,
    runtime: &tokio::runtime::Runtime,
) -> Result<(Arc<Gateway>, Arc<Held>, FileProvider)> {
    let kept = record::open(config, keyring, &own_keys, runtime)?;
    let held = kept.credentials;
    let rules = beginning.rules().clone();
    let gateway = Arc::new(Gateway {
        flows,
        identity,
        routes: config.routes(),
        declarations: declarations(config),
        admission: admission::Admission::new(rules.engine, config.country),
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
        operator: rules.operator.into(),
        mediator: config.mediator.clone(),
        uninspected: config.uninspected,
        doors,
    });
    figures::watch(&gateway, &held)?;
    Ok((gateway, held, kept.provider))
}

/// Serves, once.
fn serve(
    bound: &mut Option<Bound>,
    (gateway, upstream_tls, stopped): (&Arc<Gateway>, &Arc<ClientConfig>, &watch::Receiver<bool>),
) -> Result<Vec<JoinHandle<()>>> {
    let bound = bound.take().ok_or_else(|| miette!("nothing listens"))?;
    let workers = bound.serve(gateway, upstream_tls, stopped);
    workers.into_diagnostic()
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
    (retired, stopped): (&watch::Receiver<bool>, &watch::Receiver<bool>),
) -> Result<Option<tokio::task::JoinHandle<()>>> {
    let Some(listener) = listener else {
        return Ok(None);
    };
    let listener = UnixListener::from_std(listener).into_diagnostic()?;
    Ok(Some(tokio::spawn(launches.serve(
        listener,
        retired.clone(),
        stopped.clone(),
    ))))
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
