//! Places that agents may go to by name: the gateway asks for their addresses itself, again and again.
//!
//! What agents are told by DNS does not count: whoever answers an agent's questions, or can make it seem
//! so, would else say where it may go.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, ToSocketAddrs as _},
    sync::Arc,
    time::{Duration, Instant},
};

use flows::{AgentRule, KernelSource, Network};
use tokio::sync::watch;

use crate::config::Place;

/// Between two questions. The resolver remembers answers for as long as they live.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// An address that a name led to is allowed for so long after it last did: connections go by answers
/// that are older than ours.
const KEEP: Duration = Duration::from_mins(10);
/// Addresses of one name that are allowed at a time; those that came last are left out.
const ADDRESSES_MAX: usize = 64;

/// Addresses by name, and when each was last told.
#[derive(Debug, Default)]
struct Addresses(BTreeMap<IpAddr, Instant>);

impl Addresses {
    /// Takes an answer; whether anything has changed.
    fn take(&mut self, answer: impl IntoIterator<Item = IpAddr>, now: Instant) -> bool {
        let before: BTreeSet<IpAddr> = self.0.keys().copied().collect();
        for address in answer {
            if self.0.len() < ADDRESSES_MAX || self.0.contains_key(&address) {
                self.0.insert(address.to_canonical(), now);
            }
        }
        self.0.retain(|_, told| now.duration_since(*told) < KEEP);
        before.len() != self.0.len() || self.0.keys().any(|address| !before.contains(address))
    }
}

/// The rules with what names lead to.
#[derive(Debug)]
pub(crate) struct Places {
    rules: Vec<AgentRule>,
    named: Vec<(u32, Place)>,
    known: BTreeMap<Arc<str>, Addresses>,
}

impl Places {
    /// Rules for going out, and the names in them by agent's number.
    pub(crate) fn new(rules: &[AgentRule], named: &[(u32, Place)]) -> Self {
        let hosts = named.iter().map(|(_, place)| Arc::clone(&place.name));
        Self {
            rules: rules.to_vec(),
            named: named.to_vec(),
            known: hosts.map(|name| (name, Addresses::default())).collect(),
        }
    }

    /// Asks for every name. Blocks.
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        let mut changed = false;
        for (name, addresses) in &mut self.known {
            let answer = (name.as_ref(), 0).to_socket_addrs();
            let answer = answer.inspect_err(|error| {
                tracing::warn!(%name, %error, "a name that agents may go to leads nowhere");
            });
            let answer = answer.into_iter().flatten().map(|to| to.ip());
            changed |= addresses.take(answer, now);
        }
        changed
    }

    /// The rules as they are now.
    pub(crate) fn rules(&self) -> Vec<AgentRule> {
        let mut rules = self.rules.clone();
        for (agent, place) in &self.named {
            let known = self.known.get(&place.name).into_iter();
            let addresses = known.flat_map(|addresses| addresses.0.keys());
            let networks = addresses.map(|address| Network {
                address: *address,
                prefix: if address.is_ipv4() { 32 } else { 128 },
                ports: place.ports,
            });
            if let Some(rule) = rules.iter_mut().find(|rule| rule.number == *agent) {
                rule.allowed.extend(networks);
            }
        }
        rules
    }
}

/// Keeps the kernel's rules true to what names lead to.
pub(crate) async fn keep(
    mut places: Places,
    kernel: Arc<KernelSource>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
        let kernel = Arc::clone(&kernel);
        let asked = tokio::task::spawn_blocking(move || {
            if places.ask(Instant::now())
                && let Err(error) = kernel.allow(places.rules())
            {
                tracing::error!(%error, "what names lead to is not allowed");
            }
            places
        });
        places = match asked.await {
            Ok(places) => places,
            Err(error) => return tracing::error!(%error, "names are asked for no more"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_allowed_for_a_while_after_a_name_last_led_to_it() {
        let mut addresses = Addresses::default();
        let now = Instant::now();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(addresses.take([ip("192.0.2.1")], now));
        assert!(!addresses.take([ip("192.0.2.1")], now));
        assert!(addresses.take([ip("192.0.2.2")], now + KEEP / 2));
        assert_eq!(addresses.0.len(), 2);
        assert!(addresses.take([ip("192.0.2.2")], now + KEEP));
        assert_eq!(addresses.0.len(), 1);
        let many = (0..200).map(|last| IpAddr::from([192, 0, 2, last]));
        addresses.take(many, now + KEEP);
        assert_eq!(addresses.0.len(), ADDRESSES_MAX);
    }

    #[test]
    fn a_rule_has_what_its_names_lead_to_with_their_ports() {
        let rule = |number| AgentRule {
            number,
            conditions: BTreeSet::new(),
            egress: flows::Egress::Deny,
            allowed: BTreeSet::new(),
        };
        let place = Place {
            name: "localhost".into(),
            ports: (443, 443),
        };
        let mut places = Places::new(&[rule(1), rule(2)], &[(2, place)]);
        assert!(places.ask(Instant::now()));
        let rules = places.rules();
        assert!(rules[0].allowed.is_empty());
        let own = Network {
            address: [127, 0, 0, 1].into(),
            prefix: 32,
            ports: (443, 443),
        };
        assert!(rules[1].allowed.contains(&own), "{rules:?}");
    }
}
