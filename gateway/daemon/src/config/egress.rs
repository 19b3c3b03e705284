//! What the kernel does about ways past the gateway: checked, and in the kernel's words.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use flows::{AgentRule, Condition, Egress as Mode, Network};
use miette::Result;

use super::{
    file::{self, EgressMode, File, Turns, WhenGone},
    resolve::Resolver,
};

/// How to write a network.
pub(super) const NETWORKS: &str = "write `10.0.0.0/8`, `10.1.2.3:5432`, `10.0.0.0/8:8000-8999` or \
    `[fd00::]/8:443`";
/// How to write where an agent may go.
const PLACES: &str = "write `10.0.0.0/8`, `10.1.2.3:5432`, `10.0.0.0/8:8000-8999`, `[fd00::]/8:443`, or a name: \
    `db.tests.example:5432`";

/// Sizes of rings: one page, up to what nobody needs more of.
const RING_BYTES: std::ops::RangeInclusive<u32> = 4_096..=256 * 1024 * 1024;
/// Sizes of the table of flows.
const FLOWS: std::ops::RangeInclusive<u32> = 1_024..=flows::FLOWS_LIMIT;

/// The rules for going out.
pub(crate) struct Egress {
    pub(crate) pins: Option<PathBuf>,
    pub(crate) ring_bytes: Option<u32>,
    pub(crate) flows_max: Option<u32>,
    pub(crate) fail_open: bool,
    /// Whether turns in the lives of agents' processes are on record.
    pub(crate) turns: bool,
    /// Whether it is looked at how requests begin that agents give to OpenSSL.
    pub(crate) glimpse: bool,
    pub(crate) tls: Option<proxy::tls::Files>,
    /// One for each agent.
    pub(crate) rules: Vec<AgentRule>,
    /// Where agents may go by name, by their numbers.
    pub(crate) named: Vec<(u32, Place)>,
}

/// A host by name, and ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: Arc<str>,
    pub(crate) ports: (u16, u16),
}

impl Place {
    /// `NAME`, `NAME:PORT`, `NAME:FIRST-LAST`; none if it is no name (RFC 1123 section 2.1) or its ports
    /// are none.
    fn parse(text: &str) -> Option<Self> {
        /// RFC 1035 section 2.3.4.
        const NAME_BYTES_MAX: usize = 253;
        let (name, ports) = match text.split_once(':') {
            Some((name, ports)) => {
                let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
                (name, (first.parse().ok()?, last.parse().ok()?))
            }
            None => (text, (0, u16::MAX)),
        };
        let fits = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            (1..=63).contains(&label.len()) && label.bytes().all(plain)
        };
        // What ends in a number is an address, or was meant as one.
        let last = name.rsplit('.').next()?;
        let is_name = name.len() <= NAME_BYTES_MAX
            && name.split('.').all(fits)
            && !last.bytes().all(|byte| byte.is_ascii_digit());
        (is_name && ports.0 <= ports.1).then(|| Self {
            name: name.to_ascii_lowercase().into(),
            ports,
        })
    }
}

impl Egress {
    /// Whether an agent is held to the gateway, which only the kernel can do.
    pub(crate) fn enforces(&self) -> bool {
        let held = |rule: &AgentRule| rule.egress != Mode::Observe;
        self.rules.iter().any(held)
    }

    /// Whether an agent is redirected.
    pub(crate) fn redirects(&self) -> bool {
        let redirected = |rule: &AgentRule| rule.egress == Mode::Redirect;
        self.rules.iter().any(redirected)
    }
}

impl Resolver<'_> {
    pub(super) fn egress(&self, file: &File) -> Result<Egress> {
        let when_gone = file.egress.when_gone.as_ref();
        if let Some(closed) = when_gone.filter(|when| when.value == WhenGone::Closed)
            && file.egress.pins.is_none()
        {
            let help = "add `pins: /sys/fs/bpf/tidegate`: without pins the programs end with the \
                gateway, and nothing is refused any more";
            return Err(self.fault(closed, "`closed` needs pins", help));
        }
        if let Some(ring) = &file.egress.ring_bytes
            && !(ring.value.is_power_of_two() && RING_BYTES.contains(&ring.value))
        {
            let help = "a power of two from 4096 to 268435456, such as 4194304";
            return Err(self.fault(ring, "the kernel has no ring of this size", help));
        }
        if let Some(flows) = &file.egress.flows_max
            && !FLOWS.contains(&flows.value)
        {
            let help = "a number from 1024 to 4194304; each costs 344 bytes of the kernel's memory";
            return Err(self.fault(flows, "there is no table of this size", help));
        }
        let mut rules = Vec::new();
        let mut numbers = BTreeMap::new();
        let mut places = Vec::new();
        for agent in &file.agents {
            let rule = self.rule(agent, file.attestation)?;
            if let Some(other) = numbers.insert(rule.number, &agent.id.value) {
                let message = format!("`{}` and `{other}` have one number", agent.id.value);
                let help = "the kernel knows agents by 32 bits of a digest; rename one of the two";
                return Err(self.fault(&agent.id, message, help));
            }
            let named = agent
                .allow
                .iter()
                .filter_map(|typed| Place::parse(&typed.value));
            places.extend(named.map(|place| (rule.number, place)));
            rules.push(rule);
        }
        Ok(Egress {
            pins: file.egress.pins.clone(),
            ring_bytes: file.egress.ring_bytes.as_ref().map(|ring| ring.value),
            flows_max: file.egress.flows_max.as_ref().map(|flows| flows.value),
            turns: file.egress.processes == Turns::Record,
            glimpse: file.egress.glimpse,
            // Without pins nothing outlives the gateway, whatever is wanted.
            fail_open: when_gone.is_none_or(|when| when.value == WhenGone::Open),
            tls: file.egress.tls.as_ref().map(|tls| self.tls(tls)),
            rules,
            named: places,
        })
    }

    fn rule(&self, agent: &file::Agent, attestation: file::Attestation) -> Result<AgentRule> {
        let mode = agent
            .egress
            .as_ref()
            .map_or(Mode::Observe, |typed| match typed.value {
                EgressMode::Observe => Mode::Observe,
                EgressMode::Deny => Mode::Deny,
                EgressMode::Redirect => Mode::Redirect,
            });
        let conditions = conditions(agent);
        if let Some(typed) = agent.egress.as_ref().filter(|_| mode != Mode::Observe) {
            if conditions.is_empty() && !is_launched(agent) {
                let help = "add one of `unix:path`, `unix:uid`, `unix:gid`, `cgroup:path`, \
                    `systemd:id`: a digest or a parent is known only after the process runs";
                let message = "the kernel cannot tell this agent's processes when they start";
                return Err(self.fault(typed, message, help));
            }
            if attestation == file::Attestation::Proc {
                let help = "write `attestation: kernel`, or `egress: observe`";
                return Err(self.fault(typed, "`attestation: proc` cannot refuse anything", help));
            }
        }
        let mut allowed = BTreeSet::new();
        for typed in &agent.allow {
            if Place::parse(&typed.value).is_some() {
                continue;
            }
            let network: Network = typed.value.parse().map_err(|error| {
                let message = format!("`{}` is neither a network nor a name: {error}", typed.value);
                self.fault(typed, message, PLACES)
            })?;
            allowed.insert(network);
            if let Err(error) = flows::compile(&allowed) {
                let help = "join ranges, or name them on separate networks";
                return Err(self.fault(typed, error.to_string(), help));
            }
        }
        Ok(AgentRule {
            number: AgentRule::number_of(&agent.id.value),
            conditions,
            egress: mode,
            allowed,
        })
    }
}

/// What the kernel can check. Fewer conditions fit more processes: all of the agent's, and such as
/// only look like it, which are then held as well. None for an agent whose processes are started
/// with `tidegate exec`: it has those, and no other.
fn conditions(agent: &file::Agent) -> BTreeSet<Condition> {
    if is_launched(agent) {
        return BTreeSet::new();
    }
    let parsed = selectors(agent).filter_map(|selector| selector.condition());
    parsed.collect()
}

fn is_launched(agent: &file::Agent) -> bool {
    selectors(agent).any(|selector| selector.launcher().is_some())
}

fn selectors(agent: &file::Agent) -> impl Iterator<Item = identity::Selector> {
    let selectors = agent.selectors.iter();
    selectors.filter_map(|typed| typed.value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_name_is_told_from_an_address() {
        let ports = |text| Place::parse(text).map(|place| place.ports);
        assert_eq!(ports("db.tests.example"), Some((0, u16::MAX)));
        assert_eq!(ports("DB.tests.example:5432"), Some((5432, 5432)));
        assert_eq!(ports("localhost:8000-8999"), Some((8000, 8999)));
        for other in [
            "10.0.0.0/8",
            "10.1.2.3:5432",
            "10.1.2",
            "[fd00::]/8",
            "fd00::1",
            "",
            "a..b",
            "*.tests.example",
            "db.tests.example:x",
            "db.tests.example:9-8",
            "https://db.tests.example",
        ] {
            assert_eq!(Place::parse(other), None, "{other}");
        }
    }
}
