//! Writing the rules into the kernel, and keeping them true: files are replaced, cgroups come and go.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap as StdMap},
    hash::Hash,
    net::SocketAddr,
    sync::Arc,
};

use abi::{Allowed, Config, Destination, Gate, MatchKey, ProcessKey, SHAPES_MAX, mode};
use aya::{
    Ebpf, Pod,
    maps::{Array, HashMap, LpmTrie, MapData, MapError, lpm_trie::Key},
};

use crate::{
    Egress, FlowsError,
    cgroup::Cgroups,
    loader,
    members::{self, Mounts},
    record::{boot_ns, words},
    rules::{self, AgentRule, Rules},
};

/// The maps that hold the rules, and what is in them.
pub(crate) struct Enforcer {
    matches: HashMap<MapData, MatchKey, u32>,
    shapes: Array<MapData, u32>,
    older: HashMap<MapData, u32, u32>,
    modes: HashMap<MapData, u32, u32>,
    allowed: LpmTrie<MapData, Destination, Allowed>,
    gates: HashMap<MapData, Gate, u32>,
    config: Array<MapData, Config>,
    ports: Array<MapData, u8>,
    living: HashMap<MapData, ProcessKey, abi::Image>,
    cgroups: Arc<Cgroups>,
    settings: Config,
    /// Of the rules: listeners' and where connections are led.
    own_ports: BTreeSet<u16>,
    agents: Vec<AgentRule>,
}

/// The process that serves, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Gateway {
    /// The cookie of its network namespace.
    pub(crate) netns: u64,
    /// When it began, nanoseconds since boot.
    pub(crate) start_ns: u64,
    /// Its cgroup, if it has that to itself; else 0.
    pub(crate) cgroup: u64,
}

impl Enforcer {
    pub(crate) fn new(programs: &mut Ebpf, cgroups: Arc<Cgroups>) -> Result<Self, FlowsError> {
        Ok(Self {
            matches: loader::map(programs, "MATCHES")?,
            shapes: loader::map(programs, "SHAPES")?,
            older: loader::map(programs, "OLDER")?,
            modes: loader::map(programs, "MODES")?,
            allowed: loader::map(programs, "ALLOWED")?,
            gates: loader::map(programs, "GATES")?,
            config: loader::map(programs, "CONFIG")?,
            ports: loader::map(programs, "GATE_PORTS")?,
            living: loader::copy(programs, "LIVING")?,
            cgroups,
            settings: Config::default(),
            own_ports: BTreeSet::new(),
            agents: Vec::new(),
        })
    }

    /// Puts `rules` in the place of those that are there. In an order in which no agent is freer
    /// in between than before or after.
    pub(crate) fn install(&mut self, rules: &Rules, gateway: Gateway) -> Result<(), FlowsError> {
        let Gateway {
            netns,
            start_ns,
            cgroup,
        } = gateway;
        let [port4, port6] = rules.redirect_ports.map(u32::from);
        self.settings = Config {
            heartbeat_ns: boot_ns(),
            start_ns,
            netns,
            cgroup,
            port4,
            port6,
            fail_open: rules.fail_open.into(),
            quiet: self.settings.quiet,
        };
        let refused = |name| move |source| refused(name, source);
        self.config
            .set(0, self.settings, 0)
            .map_err(refused("CONFIG"))?;
        let led = rules.redirect_ports.iter().copied();
        let listens = rules.gates.iter().map(SocketAddr::port);
        let own: BTreeSet<u16> = listens.chain(led).collect();
        self.listen(own.iter().copied())?;
        let before = std::mem::replace(&mut self.own_ports, own);
        let gates = gates(netns, &rules.gates).map(|gate| (gate, 1));
        replace(&mut self.gates, gates.collect()).map_err(refused("GATES"))?;
        self.leave(before.into_iter())?;
        let modes = rules.agents.iter().map(|agent| {
            let mode = match agent.egress {
                Egress::Observe => mode::OBSERVE,
                Egress::Deny => mode::DENY,
                Egress::Redirect => mode::REDIRECT,
            };
            (agent.number, mode)
        });
        replace(&mut self.modes, modes.collect()).map_err(refused("MODES"))?;
        self.allow(&rules.agents)?;
        self.agents.clone_from(&rules.agents);
        self.recognise()?;
        self.adopt()
    }

    /// Has connections to these ports tell who makes them.
    fn listen(&mut self, ports: impl Iterator<Item = u16>) -> Result<(), FlowsError> {
        let refused = |source| refused("GATE_PORTS", source);
        for port in ports.filter(|port| *port != 0) {
            self.ports.set(port.into(), 1, 0).map_err(refused)?;
        }
        Ok(())
    }

    /// Of these ports those that nobody of the gateway's listens on any more are as others again.
    fn leave(&mut self, ports: impl Iterator<Item = u16>) -> Result<(), FlowsError> {
        let gates = self.gates.keys().filter_map(Result::ok);
        let held: BTreeSet<u32> = gates.map(|gate| gate.port).collect();
        for port in ports {
            if !held.contains(&port.into()) && !self.own_ports.contains(&port) {
                let refused = |source| refused("GATE_PORTS", source);
                self.ports.set(port.into(), 0, 0).map_err(refused)?;
            }
        }
        Ok(())
    }

    /// Where agents may go, in the place of what was allowed before.
    pub(crate) fn allow(&mut self, agents: &[AgentRule]) -> Result<(), FlowsError> {
        let refused = |source| refused("ALLOWED", source);
        let mut wanted = StdMap::new();
        for agent in agents {
            let rows = rules::compile(&agent.allowed).map_err(FlowsError::Ports)?;
            for (network, allowed) in rows {
                let place = Destination {
                    agent: agent.number.to_be(),
                    address: words(network.address),
                };
                wanted.insert((AGENT_BITS + network.bits(), place), allowed);
            }
        }
        let there: Vec<_> = self.allowed.keys().filter_map(Result::ok).collect();
        for key in there {
            if !wanted.contains_key(&(key.prefix_len(), key.data())) {
                self.allowed.remove(&key).map_err(refused)?;
            }
        }
        for ((bits, place), allowed) in wanted {
            let key = Key::new(bits, place);
            self.allowed.insert(&key, allowed, 0).map_err(refused)?;
        }
        Ok(())
    }

    /// Resolves conditions to what the kernel compares.
    fn recognise(&mut self) -> Result<(), FlowsError> {
        let mut wanted = StdMap::new();
        let mut shapes = BTreeSet::new();
        let mounts = Mounts::read();
        for agent in &self.agents {
            for key in members::keys(&agent.conditions, &self.cgroups, &mounts) {
                shapes.insert((std::cmp::Reverse(key.shape.count_ones()), key.shape));
                wanted.insert(key, agent.number);
            }
        }
        let refused = |name| move |source| refused(name, source);
        replace(&mut self.matches, wanted).map_err(refused("MATCHES"))?;
        let mut shapes = shapes.into_iter().map(|(_, shape)| shape);
        for index in 0..u32::try_from(SHAPES_MAX).unwrap_or(0) {
            let shape = shapes.next().unwrap_or(0);
            self.shapes
                .set(index, shape, 0)
                .map_err(refused("SHAPES"))?;
        }
        Ok(())
    }

    /// Finds the agents of processes that are older than the programs.
    fn adopt(&mut self) -> Result<(), FlowsError> {
        let mut found = BTreeMap::new();
        let keys: StdMap<MatchKey, u32> = self.matches.iter().filter_map(Result::ok).collect();
        if !keys.is_empty() {
            found = members::of_living(&keys, &self.cgroups);
        }
        let rows = found.iter().map(|(pid, agent)| (*pid, *agent));
        replace(&mut self.older, rows.collect()).map_err(|source| refused("OLDER", source))?;
        // Some may have been noted already, without their agent.
        let noted: Vec<ProcessKey> = self.living.keys().filter_map(Result::ok).collect();
        for process in noted {
            let Some(agent) = found.get(&process.pid) else {
                continue;
            };
            if let Ok(mut image) = self.living.get(&process, 0)
                && image.agent == 0
            {
                image.agent = *agent;
                // Gone meanwhile, and then nobody's.
                drop(self.living.insert(process, image, EXISTING));
            }
        }
        Ok(())
    }

    /// Makes a living process an agent's.
    pub(crate) fn launch(&mut self, pid: u32, agent: u32) -> Result<(), FlowsError> {
        let all = self.living.keys().filter_map(Result::ok);
        let present = all
            .filter(|process| process.pid == pid)
            .max_by_key(|process| (process.start_ns, process.exec));
        let process = present.ok_or(FlowsError::Unwatched(pid))?;
        let refused = |source| refused("LIVING", source);
        let mut image = self.living.get(&process, 0).map_err(refused)?;
        if image.agent != 0 && image.agent != agent {
            return Err(FlowsError::AnothersProcess(pid));
        }
        image.agent = agent;
        self.living
            .insert(process, image, EXISTING)
            .map_err(refused)
    }

    /// Adds listeners of the gateway, or takes them away.
    pub(crate) fn gate(
        &mut self,
        netns: u64,
        listeners: &[SocketAddr],
        open: bool,
    ) -> Result<(), FlowsError> {
        self.listen(listeners.iter().map(SocketAddr::port))?;
        for gate in gates(netns, listeners) {
            let done = if open {
                self.gates.insert(gate, 1, 0)
            } else {
                self.gates.remove(&gate)
            };
            done.map_err(|source| refused("GATES", source))?;
        }
        if open {
            return Ok(());
        }
        self.leave(listeners.iter().map(SocketAddr::port))
    }

    /// Says that the gateway lives; `round`: also looks what has changed; `quiet`: nobody wants to hear
    /// of flows that are no agent's.
    pub(crate) fn beat(&mut self, round: bool, quiet: bool) {
        self.settings.heartbeat_ns = boot_ns();
        self.settings.quiet = quiet.into();
        let mut done = self
            .config
            .set(0, self.settings, 0)
            .map_err(|source| refused("CONFIG", source));
        if round && done.is_ok() {
            done = self.recognise();
        }
        if let Err(error) = done {
            tracing::error!(%error, "the kernel's rules could not be kept up to date");
        }
    }
}

/// The kernel's rows for listeners in a network namespace.
fn gates(netns: u64, listeners: &[SocketAddr]) -> impl Iterator<Item = Gate> {
    listeners.iter().flat_map(move |listener| {
        let port = u32::from(listener.port());
        let addresses = members::addresses(*listener).into_iter();
        addresses.map(move |address| Gate {
            netns,
            address: words(address),
            port,
            reserved: 0,
        })
    })
}

/// Bits of the agent before those of the network.
const AGENT_BITS: u32 = 32;
/// `BPF_EXIST`: change a row, make none.
const EXISTING: u64 = 2;

fn refused(name: &'static str, source: MapError) -> FlowsError {
    FlowsError::Map {
        name,
        source: Box::new(source),
    }
}

/// Makes the map hold `wanted` and nothing else: what is new first, then without what is old.
fn replace<K: Pod + Eq + Hash, V: Pod + PartialEq>(
    map: &mut HashMap<MapData, K, V>,
    wanted: StdMap<K, V>,
) -> Result<(), MapError> {
    let there: StdMap<K, V> = map.iter().filter_map(Result::ok).collect();
    for (key, value) in &wanted {
        if there.get(key) != Some(value) {
            map.insert(key, value, 0)?;
        }
    }
    for key in there.keys() {
        if !wanted.contains_key(key) {
            match map.remove(key) {
                Ok(()) | Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
