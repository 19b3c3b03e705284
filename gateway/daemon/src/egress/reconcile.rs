//! Reconciliation: each flow of an agent is one that the gateway accepted, or a finding.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    os::fd::BorrowedFd,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use audit::{Bypass, Event, EventRef, Trail};
use flows::{
    AgentRule, Called, Direction, FlowId, FlowRecord, FlowSink, Gap, Keeper, KernelSource, Owned,
    Process, Said, State, Turn, Verdict,
};
use identity::Registry;
use jiff::Timestamp;
use moka::{policy::EvictionPolicy, sync::Cache};
use names::Tunnel;
use proxy::Doors;
use telemetry::{FlowSpan, Traces};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    calls::Calls,
    naming::{Name, Naming},
    processes::{Processes, TurnView},
    sealed::{Room, Rooms},
    view::{self, Answer, FlowView, Seen, Totals},
};

/// How long the gateway may take to accept what is under way to it.
const GRACE: Duration = Duration::from_millis(300);
/// How long flows that are no agent's are told after somebody has asked what happens.
const ASKED_FOR: Duration = Duration::from_secs(10);
/// Flows that wait for that; one more is judged at once.
const PENDING_MAX: usize = 65_536;
/// Accepted connections that are remembered until their flow is told.
const GOVERNED_MAX: u64 = 65_536;
/// Records that wait for the log; one more is counted, and told as a gap.
const RECORDS_MAX: usize = 4_096;
/// Flows that have ended, and bypasses, that can be asked for.
const RECENT_MAX: usize = 8_192;

/// Hears of flows, and of what the gateway accepts.
pub(crate) struct Reconciler {
    agents: HashMap<u32, Arc<str>>,
    governed: Cache<u64, ()>,
    state: Mutex<Waiting>,
    /// None once the gateway ends.
    records: Mutex<Option<mpsc::Sender<Event>>>,
    bypasses: AtomicU64,
    unrecorded: AtomicU64,
    kernel: OnceLock<Arc<KernelSource>>,
    rooms: Arc<Rooms>,
    /// The cookie of this process's network namespace, where the kernel tells.
    netns: Option<u64>,
    registry: Registry,
    /// Whether some selectors are such as the kernel cannot check.
    uncertain: bool,
    /// Flows that were judged, with where they wanted to go: events may come twice.
    judged: Cache<(FlowId, SocketAddr), ()>,
    naming: Naming,
    calls: Calls,
    processes: Processes,
    /// Whether turns in the lives of processes are on record.
    turns_recorded: bool,
    turns_unrecorded: AtomicU64,
    traces: OnceLock<Traces>,
    /// By agent's number.
    totals: Mutex<HashMap<u32, Totals>>,
    /// When somebody last asked for what happens.
    asked: Mutex<Option<Instant>>,
    /// Whether this process accepts what is under way to the gateway.
    doors: watch::Receiver<Doors>,
}

/// A flow of an agent that may still be accepted, and since when.
type Pending = (FlowRecord, Arc<str>, Instant);

#[derive(Default)]
struct Waiting {
    pending: Vec<Pending>,
    recent: VecDeque<Seen>,
    next: u64,
}

impl Reconciler {
    /// For these agents; the records go to whoever holds the other end.
    pub(crate) fn new(
        registry: Registry,
        keeper: Arc<Keeper>,
        turns_recorded: bool,
        doors: watch::Receiver<Doors>,
    ) -> (Arc<Self>, mpsc::Receiver<Event>) {
        let (records, receiver) = mpsc::channel(RECORDS_MAX);
        let named = |agent: &Arc<identity::Agent>| {
            let name = Arc::clone(agent.id.shared());
            (AgentRule::number_of(&name), name)
        };
        let uncertain = registry.agents().any(|agent| {
            let mut selectors = agent.selectors.iter();
            selectors.any(|selector| selector.condition().is_none())
        });
        let reconciler = Self {
            agents: registry.agents().map(named).collect(),
            governed: lately(GOVERNED_MAX),
            state: Mutex::default(),
            records: Mutex::new(Some(records)),
            bypasses: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            kernel: OnceLock::new(),
            rooms: Arc::new(Rooms::new(keeper)),
            netns: flows::own_netns(),
            uncertain,
            registry,
            judged: lately(GOVERNED_MAX),
            naming: Naming::new(),
            calls: Calls::new(),
            processes: Processes::new(),
            turns_recorded,
            turns_unrecorded: AtomicU64::new(0),
            traces: OnceLock::new(),
            totals: Mutex::default(),
            asked: Mutex::default(),
            doors,
        };
        (Arc::new(reconciler), receiver)
    }

    /// Where processes are described, known once the programs run.
    pub(crate) fn attach(&self, kernel: Arc<KernelSource>) {
        // Set once, by whoever builds the gateway.
        drop(self.kernel.set(kernel));
    }

    /// Whoever is in the network namespace `netns` was started by `pid`, or is it.
    pub(crate) fn seal(&self, netns: u64, pid: u32, agent: u32) -> Room {
        self.rooms.seal(netns, pid, agent)
    }

    /// How many namespaces are sealed.
    pub(crate) fn sealed(&self) -> usize {
        self.rooms.open()
    }

    /// The cookie of the gateway's own network namespace, where the kernel tells.
    pub(crate) fn netns(&self) -> Option<u64> {
        self.netns
    }

    /// The owner of a socket in a sealed namespace, as whoever sealed it has stated.
    pub(crate) fn stated(&self, socket: BorrowedFd<'_>) -> Option<Owned> {
        self.rooms.stated(socket)
    }

    /// The gateway has accepted this flow.
    pub(crate) fn governed(&self, flow: FlowId) {
        self.governed.insert(flow.cookie, ());
    }

    /// Flows that went past the gateway, or tried to.
    pub(crate) fn bypasses(&self) -> u64 {
        self.bypasses.load(Ordering::Relaxed)
    }

    /// The name of an agent by its number, if it is registered.
    pub(crate) fn agent(&self, number: u32) -> Option<&Arc<str>> {
        self.agents.get(&number)
    }

    /// What happened since `since`; how much of that is forgotten by now, and the number to ask with the next
    /// time.
    pub(crate) fn since(&self, since: u64) -> (Vec<FlowView>, u64, u64) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *asked = Some(now());
        drop(asked);
        let state = self.lock();
        let seen = state.recent.iter().filter(|seen| seen.number >= since);
        let oldest = state.recent.front().map_or(state.next, |seen| seen.number);
        let views = seen.map(|seen| seen.view.clone()).collect();
        (views, oldest.saturating_sub(since), state.next)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn process(&self, flow: &FlowRecord) -> Option<Process> {
        self.kernel.get().map(|kernel| kernel.process(flow))
    }

    /// Whose flow it is: as the kernel says, else by those selectors that it cannot check.
    fn owner(&self, flow: &FlowRecord) -> Option<Arc<str>> {
        if let Some(agent) = self.agents.get(&flow.agent) {
            return Some(Arc::clone(agent));
        }
        if flow.pid == 0 || flow.pid == std::process::id() || !self.uncertain {
            return None;
        }
        let found = self.registry.find(&self.process(flow)?).ok()?;
        found.map(|agent| Arc::clone(agent.id.shared()))
    }

    fn see(&self, view: FlowView) {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        if state.recent.len() == RECENT_MAX {
            state.recent.pop_front();
        }
        state.recent.push_back(Seen { number, view });
    }

    /// A flow as it is shown.
    pub(crate) fn view(&self, flow: &FlowRecord) -> FlowView {
        let name = self.naming.name(flow, now());
        FlowView::new(flow, self.agent(flow.agent), name.as_ref(), None)
    }

    /// Turns in the lives of processes since `since`, as [`Reconciler::since`] tells of flows.
    pub(crate) fn turns(&self, since: u64) -> (Vec<TurnView>, u64, u64) {
        self.processes.since(since)
    }

    /// Where spans of flows go.
    pub(crate) fn trace(&self, traces: Traces) {
        // Set once, by whoever builds the gateway.
        drop(self.traces.set(traces));
    }

    /// What agents' own flows came to.
    pub(crate) fn totals(&self) -> Vec<Totals> {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.values().cloned().collect()
    }

    /// Adds up a flow that has ended, and makes a span of it, if an agent began it.
    fn tell(&self, flow: &FlowRecord) {
        let Some(agent) = self.agent(flow.agent) else {
            return;
        };
        if flow.direction != Direction::Out {
            return;
        }
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let total = totals.entry(flow.agent).or_insert_with(|| Totals {
            workload: agent.as_ref().to_owned(),
            ..Totals::default()
        });
        total.flows += 1;
        total.sent_bytes += flow.sent_bytes;
        total.received_bytes += flow.received_bytes;
        drop(totals);
        if let Some(traces) = self.traces.get() {
            traces.flow(&FlowSpan {
                id: &flow.id.to_string(),
                agent,
                protocol: flow.protocol,
                local: flow.local,
                remote: flow.wanted(),
                verdict: view::verdict(flow.verdict),
                pid: flow.pid,
                start: flow.opened,
                end: flow.changed,
                sent: flow.sent_bytes,
                received: flow.received_bytes,
                retransmits: flow.retransmits,
            });
        }
    }

    /// Messages of DNS of agents that could not be read.
    pub(crate) fn unread(&self) -> u64 {
        self.naming.unread()
    }

    /// Puts a bypass on record.
    fn find(&self, flow: &FlowRecord, agent: &Arc<str>) {
        let name = self.naming.name(flow, now());
        self.found(flow, agent, technique(flow, name.as_ref()), name);
    }

    /// Puts data that leaves in names on record, whatever the rules say of the flow.
    fn tunnelled(&self, said: &Said, tunnel: &Tunnel) {
        let flow = self.kernel.get().and_then(|kernel| kernel.flow(said.flow));
        let agent = self.agents.get(&said.agent);
        let (Some(flow), Some(agent)) = (flow, agent) else {
            return; // The next name is told again.
        };
        self.naming.found(said.agent, tunnel);
        let name = Name {
            name: tunnel.domain.as_str().into(),
            by: "dns",
        };
        self.found(&flow, agent, "dns_volume", Some(name));
    }

    fn found(
        &self,
        flow: &FlowRecord,
        agent: &Arc<str>,
        technique: &'static str,
        name: Option<Name>,
    ) {
        self.bypasses.fetch_add(1, Ordering::Relaxed);
        let result = match flow.verdict {
            Verdict::Denied => "refused",
            Verdict::FailedOpen => "failed_open",
            _ if self.rooms.is_sealed(flow.netns) => "sealed",
            _ => "passed",
        };
        let Some(process) = self.process(flow) else {
            return;
        };
        let call = self.calls.of(flow, name.as_ref());
        let call = call.map(|asked| audit::Call {
            method: asked.method,
            host: asked.host,
            path: asked.path,
        });
        tracing::warn!(%agent, pid = flow.pid, remote = %flow.wanted(), technique, result, "bypass");
        let bypass = Bypass {
            at: Timestamp::try_from(flow.opened).unwrap_or_default(),
            agent: agent.as_ref().to_owned(),
            process: proxy::record::process(&process),
            flow: flow.id.to_string(),
            technique: technique.into(),
            protocol: flow.protocol.into(),
            remote: flow.wanted().to_string(),
            name: name.as_ref().map(|it| it.name.as_ref().to_owned()),
            call: call.clone(),
            result: result.into(),
        };
        let answer = Answer {
            technique,
            result,
            found: timestamp().into(),
        };
        let mut view = FlowView::new(flow, Some(agent), name.as_ref(), Some(answer));
        view.call = call;
        self.see(view);
        self.record(Event::Bypass(Box::new(bypass)));
    }

    fn record(&self, event: Event) {
        if !self.send(event) {
            self.unrecorded.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the event will be on record.
    fn send(&self, event: Event) -> bool {
        if self.has_left() {
            return true;
        }
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let send = |records: &mpsc::Sender<Event>| records.try_send(event).is_ok();
        records.as_ref().is_some_and(send)
    }

    /// The same, unless findings may soon need the room.
    fn send_behind(&self, event: Event) -> bool {
        if self.has_left() {
            return true;
        }
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.as_ref().is_some_and(|records| {
            records.capacity() > RECORDS_MAX / 4 && records.try_send(event).is_ok()
        })
    }

    /// Puts on record what could not be put there as it happened.
    fn catch_up(&self, reason: &'static str, counted: &AtomicU64) {
        let lost = counted.swap(0, Ordering::Relaxed);
        if lost == 0 {
            return;
        }
        let gap = audit::Gap {
            at: timestamp(),
            reason: reason.into(),
            lost,
            recovered: 0,
        };
        if !self.send(Event::Gap(gap)) {
            counted.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// Judges what still waits, and lets the recording end. Call it when no flow is told any more.
    pub(crate) fn finish(&self) {
        let pending = std::mem::take(&mut self.lock().pending);
        for (flow, agent, _) in pending {
            self.judge(&flow, &agent);
        }
        self.settled();
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        *records = None;
    }
}

impl FlowSink for Reconciler {
    fn flow(&self, flow: FlowRecord) {
        let outward = flow.direction == Direction::Out;
        let agent = if outward { self.owner(&flow) } else { None };
        match (agent, flow.verdict) {
            (None, _)
            | (
                Some(_),
                Verdict::Governed | Verdict::Allowed | Verdict::Redirected | Verdict::Exempt,
            ) => {}
            (Some(_), _) if !self.is_new(&flow) => {}
            (Some(agent), Verdict::Denied | Verdict::FailedOpen) => self.find(&flow, &agent),
            (Some(agent), Verdict::None) => {
                let mut state = self.lock();
                if state.pending.len() < PENDING_MAX {
                    state.pending.push((flow.clone(), agent, now()));
                } else {
                    drop(state);
                    self.judge(&flow, &agent);
                }
            }
        }
        if flow.state == State::Closed {
            self.tell(&flow);
            self.see(self.view(&flow));
        }
    }

    fn turn(&self, turn: Turn) {
        let Some(agent) = self.agents.get(&turn.agent) else {
            return;
        };
        let look = |turn: &Turn| self.kernel.get().map(|kernel| kernel.turned(turn));
        for turn in self.processes.take(&turn, agent, look) {
            if self.turns_recorded && !self.send_behind(Event::Process(Box::new(turn))) {
                self.turns_unrecorded.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn said(&self, said: Said) {
        if let Some(tunnel) = self.naming.heard(&said, now()) {
            self.tunnelled(&said, &tunnel);
        }
    }

    fn called(&self, called: Called) {
        self.calls.heard(&called);
    }

    fn wants_all(&self) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.is_some_and(|at| now().duration_since(at) < ASKED_FOR)
    }

    fn gap(&self, gap: Gap) {
        tracing::warn!(
            reason = gap.reason,
            lost = gap.lost,
            "flows were not told in time"
        );
        self.record(Event::Gap(audit::Gap {
            at: timestamp(),
            reason: gap.reason.into(),
            lost: gap.lost,
            recovered: gap.recovered,
        }));
    }

    fn settled(&self) {
        let now = now();
        if *self.doors.borrow() == Doors::Shut {
            // It is accepted later, here or by another process.
            let mut state = self.lock();
            state.pending.iter_mut().for_each(|it| it.2 = now);
            return;
        }
        let is_due = |waiting: &mut Pending| now.duration_since(waiting.2) >= GRACE;
        let due: Vec<Pending> = self.lock().pending.extract_if(.., is_due).collect();
        for (flow, agent, _) in due {
            self.judge(&flow, &agent);
        }
        self.catch_up("findings_full", &self.unrecorded);
        self.catch_up("turns_full", &self.turns_unrecorded);
    }
}

impl Reconciler {
    /// Whether it is told of for the first time: a finding is made once.
    fn is_new(&self, flow: &FlowRecord) -> bool {
        let entry = self.judged.entry((flow.id, flow.wanted()));
        entry.or_insert(()).is_fresh()
    }

    /// Whether another process accepts what comes, and puts on record what it finds.
    fn has_left(&self) -> bool {
        *self.doors.borrow() == Doors::Left
    }

    /// A flow that had time enough to be accepted.
    fn judge(&self, flow: &FlowRecord, agent: &Arc<str>) {
        if !self.has_left() && !self.governed.contains_key(&flow.id.cookie) {
            self.find(flow, agent);
        }
    }
}

/// A memory of what was asked for last. What moka does if nothing is said keeps what is asked for often and may
/// turn away what is new, which is what matters here.
pub(super) fn lately<K, V>(most: u64) -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(most)
        .eviction_policy(EvictionPolicy::lru())
        .build()
}

/// By what it went.
fn technique(flow: &FlowRecord, name: Option<&Name>) -> &'static str {
    let to: SocketAddr = flow.wanted();
    match (flow.protocol, to.port()) {
        (other, _) if !matches!(other, "tcp" | "udp") => "socket",
        (_, 53 | 853) => "dns",
        (_, 443) if names::doh::answers(name.map(|it| it.name.as_ref()), to.ip()) => "doh",
        ("udp", 443) => "quic",
        ("udp", _) => "udp",
        _ if to.ip().is_loopback() => "loopback",
        _ if to.is_ipv6() => "ipv6",
        (_, 80 | 443) => "direct",
        _ => "port",
    }
}

/// Writes what is found into the log, until nobody finds any more. Several at a time, since the log
/// makes what comes together durable together.
pub(crate) async fn record(mut found: mpsc::Receiver<Event>, trail: Trail) {
    /// Records under way.
    const TOGETHER_MAX: usize = 64;
    let mut under_way = JoinSet::new();
    while let Some(event) = found.recv().await {
        if under_way.len() >= TOGETHER_MAX {
            under_way.join_next().await;
        }
        let trail = trail.clone();
        under_way.spawn(async move {
            if let Err(error) = trail.note(EventRef::from(&event)).await {
                tracing::error!(%error, "a finding is not on record");
            }
        });
    }
    under_way.join_all().await;
}

fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the daemon owns the clock")]
fn timestamp() -> Timestamp {
    Timestamp::now()
}
