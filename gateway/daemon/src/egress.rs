//! Flows of agents: which of them the gateway governs, and what becomes of the others.

mod calls;
mod naming;
mod places;
mod processes;
mod reconcile;
mod sealed;
mod view;

use std::{net::SocketAddr, os::fd::BorrowedFd, sync::Arc, time::Instant};

use admin::Which;
use flows::{
    Flow, FlowSink, FlowSource, KernelSource, Mode, Opened, Options, Owned, Rules, Source, Totals,
};
use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use telemetry::{Metrics, Watched};
use tokio::sync::watch;

use crate::config::Config;

use places::Places;
pub(crate) use processes::TurnView;
pub(crate) use reconcile::{Reconciler, record};
pub(crate) use sealed::Room;
pub(crate) use view::{FlowView, Flows, Line, Totals as AgentTotals};

/// Opens the source that the configuration asks for.
pub(crate) fn open(config: &Config, confine: fn()) -> Result<Opened> {
    let usual = Options::default();
    let mut options = Options {
        pins: config.egress.pins.clone(),
        glimpse: config.egress.glimpse,
        flow_ring_bytes: config.egress.ring_bytes.unwrap_or(usual.flow_ring_bytes),
        flows_max: config.egress.flows_max.unwrap_or(usual.flows_max),
        ..usual
    };
    // What is to be enforced is enforced, or the gateway does not serve.
    let held = config.egress.enforces() || config.egress.pins.is_some();
    let mode = if held && config.attestation == Mode::Auto {
        Mode::Kernel
    } else {
        config.attestation
    };
    if mode != Mode::Proc {
        options.own_cgroup = own_cgroup();
    }
    flows::open_apart(mode, &options, confine)
        .into_diagnostic()
        .wrap_err("`tidegate doctor` tells what this host lacks")
}

/// The cgroup that the gateway is exempt by; without one the process that serves is, wherever it is.
fn own_cgroup() -> Option<u64> {
    let own = flows::own_cgroup();
    if let Err(error) = &own {
        tracing::info!(%error, "no cgroup of the gateway's own: it is exempt by its process alone");
    }
    own.ok()
}

/// Puts the rules into force and follows the flows. `listen` is where agents may go by themselves,
/// `led` where they are led: over IPv4, then over IPv6.
pub(crate) fn start(
    kernel: &Arc<KernelSource>,
    reconciler: &Arc<Reconciler>,
    config: &Config,
    (listen, led): (&[SocketAddr], &[SocketAddr]),
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    let port = |index: usize| led.get(index).map_or(0, SocketAddr::port);
    reconciler.attach(Arc::clone(kernel));
    let mut named = Places::new(&config.egress.rules, &config.egress.named);
    named.ask(Instant::now());
    let rules = Rules {
        agents: named.rules(),
        gates: listen.to_vec(),
        redirect_ports: [port(0), port(1)],
        fail_open: config.egress.fail_open,
    };
    kernel.enforce(&rules).into_diagnostic()?;
    if !config.egress.named.is_empty() {
        tokio::spawn(places::keep(named, Arc::clone(kernel), stopped.clone()));
    }
    let sink: Arc<dyn FlowSink> = Arc::<Reconciler>::clone(reconciler);
    kernel.follow(sink).into_diagnostic()
}

/// One of the kernel's totals.
type Figure = fn(&Totals) -> u64;

/// Gives the figures to the metrics.
pub(crate) fn measure(
    metrics: &Metrics,
    kernel: &Arc<KernelSource>,
    reconciler: &Arc<Reconciler>,
) -> Result<()> {
    let read: [(Watched, Figure); 6] = [
        (Watched::FlowsOpened, |totals| totals.opened),
        (Watched::FlowsClosed, |totals| totals.closed),
        (Watched::FlowsDenied, |totals| totals.denied),
        (Watched::FlowsRedirected, |totals| totals.redirected),
        (Watched::FlowsUntracked, |totals| totals.untracked),
        (Watched::FlowEventsLost, |totals| totals.lost),
    ];
    for (what, read) in read {
        let kernel = Arc::clone(kernel);
        metrics
            .watch(what, move || read(&kernel.totals()))
            .into_diagnostic()?;
    }
    let unread = Arc::clone(reconciler);
    metrics
        .watch(Watched::NamesUnread, move || unread.unread())
        .into_diagnostic()?;
    let reconciler = Arc::clone(reconciler);
    metrics
        .watch(Watched::Bypasses, move || reconciler.bypasses())
        .into_diagnostic()
}

/// What the admin address answers: what has happened since, or, without that, what is open.
pub(crate) fn answer(kernel: &KernelSource, reconciler: &Reconciler, which: &Which) -> Flows {
    if which.totals {
        let mut totals = reconciler.totals();
        let workload = which.workload.as_ref();
        totals.retain(|it| workload.is_none_or(|workload| it.workload == *workload));
        return Flows {
            totals,
            ..Flows::default()
        };
    }
    if which.processes {
        let (mut turns, lost, next) = reconciler.turns(which.since.unwrap_or(0));
        let workload = which.workload.as_ref();
        turns.retain(|view| workload.is_none_or(|workload| view.turn.agent == *workload));
        return Flows {
            next,
            lost: which.since.map_or(0, |_| lost),
            turns,
            ..Flows::default()
        };
    }
    let (mut flows, lost, next) = reconciler.since(which.since.unwrap_or(0));
    if which.since.is_none() && !which.bypass {
        let live = kernel.flows();
        flows = live.iter().map(|flow| reconciler.view(flow)).collect();
    }
    flows.retain(|flow| fits(flow, which));
    Flows {
        next,
        lost: which.since.map_or(0, |_| lost),
        flows,
        ..Flows::default()
    }
}

fn fits(flow: &FlowView, which: &Which) -> bool {
    let workload = which.workload.as_ref();
    (!which.bypass || flow.technique.is_some())
        && workload.is_none_or(|workload| flow.workload.as_ref() == Some(workload))
}

/// The same flow by flow, as lines of JSON, and lastly what else [`Flows`] has.
pub(crate) fn lines(
    kernel: &KernelSource,
    reconciler: &Reconciler,
    which: &Which,
    tell: &mut dyn FnMut(&str) -> bool,
) {
    let (happened, lost, next) = reconciler.since(which.since.unwrap_or(0));
    let mut heard = true;
    let mut say = |line: &Line| {
        if let (true, Ok(line)) = (heard, serde_json::to_string(line)) {
            heard = tell(&line);
        }
    };
    let mut show = |view: FlowView| {
        if fits(&view, which) {
            say(&Line::Flow(Box::new(view)));
        }
    };
    if which.since.is_none() && !which.bypass {
        kernel.each_flow(|flow| show(reconciler.view(&flow)));
    } else {
        happened.into_iter().for_each(show);
    }
    say(&Line::End {
        next,
        lost: which.since.map_or(0, |_| lost),
    });
}

/// The kernel's source, where what the gateway accepts is noted as governed.
pub(crate) struct Noting {
    source: Arc<dyn FlowSource>,
    reconciler: Arc<Reconciler>,
}

impl Noting {
    pub(crate) fn over(
        source: Arc<dyn FlowSource>,
        reconciler: &Arc<Reconciler>,
    ) -> Arc<dyn FlowSource> {
        Arc::new(Self {
            source,
            reconciler: Arc::clone(reconciler),
        })
    }
}

impl FlowSource for Noting {
    fn owner(&self, socket: BorrowedFd<'_>, flow: Flow) -> Option<Owned> {
        let stated = || self.reconciler.stated(socket);
        let owned = self.source.owner(socket, flow).or_else(stated)?;
        if let Some(flow) = owned.flow {
            self.reconciler.governed(flow);
        }
        Some(owned)
    }

    fn between(&self, flow: Flow) -> Option<Owned> {
        let owned = self.source.between(flow)?;
        if let Some(flow) = owned.flow {
            self.reconciler.governed(flow);
        }
        Some(owned)
    }

    fn source(&self) -> Source {
        self.source.source()
    }

    fn lost(&self) -> u64 {
        self.source.lost()
    }
}
