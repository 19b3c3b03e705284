//! The rules for going out, as the configuration has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use abi::{Allowed, PORTS_MAX, PORTS_NONE};
use serde::{Deserialize, Serialize};

use crate::Egress;

/// A condition that the kernel can check while a process runs `exec` or `connect`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Condition {
    /// The process runs this file.
    Executable(PathBuf),
    /// Its real user id.
    Uid(u32),
    /// Its real group id.
    Gid(u32),
    /// It is in exactly this cgroup.
    Cgroup(String),
    /// It is in this cgroup or below it.
    CgroupTree(String),
    /// It is in this unit of the system's service manager.
    Unit(String),
}

/// A network and the ports in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Network {
    /// Its address, host bits zero.
    pub address: IpAddr,
    /// Leading bits that count, in the address's own family.
    pub prefix: u8,
    /// First and last port.
    pub ports: (u16, u16),
}

/// Why a text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The address is none.
    #[error("it begins with no IP address")]
    Address,
    /// The prefix is none, or too long.
    #[error("its prefix is no number of bits that the address has")]
    Prefix,
    /// Bits after the prefix are set, so that it is not clear which network is meant.
    #[error("its address has bits after the prefix")]
    HostBits,
    /// The ports are none.
    #[error("its ports are neither a port nor a range of ports")]
    Ports,
}

impl std::str::FromStr for Network {
    type Err = NetworkError;

    /// `10.0.0.0/8`, `10.1.2.3:5432`, `10.0.0.0/8:8000-8999`, `[fd00::]/8:443`.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, rest) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or(NetworkError::Address)?,
            None => match text.find(['/', ':']) {
                Some(end) => text.split_at(end),
                None => (text, ""),
            },
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let (prefix, ports) = match rest.split_once(':') {
            Some((prefix, ports)) => (prefix, Some(ports)),
            None => (rest, None),
        };
        let prefix = match prefix.strip_prefix('/') {
            Some(digits) => digits.parse().map_err(|_| NetworkError::Prefix)?,
            None if prefix.is_empty() => bits,
            None => return Err(NetworkError::Prefix),
        };
        if prefix > bits {
            return Err(NetworkError::Prefix);
        }
        let network = Self {
            address,
            prefix,
            ports: ports.map_or(Ok((0, u16::MAX)), range)?,
        };
        if network.masked(prefix) == network.number() {
            Ok(network)
        } else {
            Err(NetworkError::HostBits)
        }
    }
}

fn range(text: &str) -> Result<(u16, u16), NetworkError> {
    let port = |text: &str| text.parse::<u16>().map_err(|_| NetworkError::Ports);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    if first <= last {
        Ok((first, last))
    } else {
        Err(NetworkError::Ports)
    }
}

impl Network {
    fn number(&self) -> u128 {
        match self.address {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address),
        }
    }

    fn masked(&self, prefix: u8) -> u128 {
        let bits: u32 = if self.address.is_ipv4() { 32 } else { 128 };
        let dropped = bits.saturating_sub(u32::from(prefix));
        let number = self.number();
        number
            .checked_shr(dropped)
            .map_or(0, |kept| kept.checked_shl(dropped).unwrap_or(0))
    }

    /// Whether everything in `other` is in it.
    fn covers(&self, other: &Self) -> bool {
        self.address.is_ipv4() == other.address.is_ipv4()
            && self.prefix <= other.prefix
            && other.masked(self.prefix) == self.number()
    }

    /// Whether an address and port are in it. An IPv4 address that is written as IPv6 is that address.
    pub fn holds(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        let one = Self {
            address: ip,
            prefix: bits,
            ports: self.ports,
        };
        let (first, last) = self.ports;
        (first..=last).contains(&address.port()) && self.covers(&one)
    }

    /// The bits that count of an IPv6 address, where IPv4 is mapped.
    pub(crate) fn bits(&self) -> u32 {
        let mapped = if self.address.is_ipv4() { 96 } else { 0 };
        mapped + u32::from(self.prefix)
    }
}

/// The rule of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRule {
    /// Its number in the kernel; see [`AgentRule::number_of`].
    pub number: u32,
    /// What makes a process the agent's: all of them must hold. None, and no process is recognised
    /// by the kernel.
    pub conditions: BTreeSet<Condition>,
    /// What is done about its own ways out.
    pub egress: Egress,
    /// Where it may go all the same.
    pub allowed: BTreeSet<Network>,
}

impl AgentRule {
    /// The number by which the kernel knows an agent: from its name, so that it is the same after a
    /// restart with another configuration. Never 0.
    pub fn number_of(name: &str) -> u32 {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes());
        let first = digest.as_ref().first_chunk::<4>();
        first.map_or(1, |bytes| u32::from_le_bytes(*bytes)).max(1)
    }
}

/// Everything that the kernel is to know about going out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The agents.
    pub agents: Vec<AgentRule>,
    /// Where the gateway listens.
    pub gates: Vec<SocketAddr>,
    /// Where it takes redirected connections: on 127.0.0.1 and on `::1`; 0 for nowhere.
    pub redirect_ports: [u16; 2],
    /// Whether connections go their way while the gateway is gone.
    pub fail_open: bool,
}

/// More ranges of ports than one network can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} and the networks around it allow more than {PORTS_MAX} ranges of ports")]
pub struct TooManyPorts(pub Network);

/// The rows of the kernel's trie for one agent. There the longest prefix alone counts, so each row
/// has the ports of all networks around it as well.
pub fn compile(networks: &BTreeSet<Network>) -> Result<BTreeMap<Network, Allowed>, TooManyPorts> {
    let mut rows = BTreeMap::new();
    for network in networks {
        let around = networks.iter().filter(|other| other.covers(network));
        let mut ranges: Vec<(u16, u16)> = around.map(|other| other.ports).collect();
        ranges.sort_unstable();
        let mut ports: Vec<[u16; 2]> = Vec::new();
        for (first, last) in ranges {
            match ports.last_mut() {
                Some(open) if first <= open[1].saturating_add(1) => open[1] = open[1].max(last),
                _ => ports.push([first, last]),
            }
        }
        if ports.len() > PORTS_MAX {
            return Err(TooManyPorts(*network));
        }
        let mut allowed = Allowed {
            ports: [PORTS_NONE; PORTS_MAX],
        };
        for (place, range) in allowed.ports.iter_mut().zip(ports) {
            *place = range;
        }
        let place = Network {
            ports: (0, u16::MAX),
            ..*network
        };
        rows.insert(place, allowed);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
