//! Data that leaves in names.
//!
//! Whoever asks for `PAYLOAD.example.com` tells the servers of `example.com` the payload, through any
//! resolver, and gets an answer the same way. Resolvers remember answers, so each question of a tunnel
//! needs a name of its own: that is what is measured. Ordinary work asks for few names, again and again.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::{Duration, Instant},
};

/// Letters of different names below one domain, in one window, that are ordinary: some fifty long
/// names.
pub const VOLUME_BYTES_MAX: usize = 4_096;
/// How long names are added up.
pub const WINDOW: Duration = Duration::from_mins(1);
/// Domains that are watched at a time, of all agents.
const DOMAINS_MAX: usize = 4_096;
/// Different names of a domain that are told apart: more than make a finding.
const DISTINCT_MAX: usize = VOLUME_BYTES_MAX;

/// A domain that more left through than is ordinary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The domain.
    pub domain: String,
    /// Letters of different names below it since the window began.
    pub bytes: usize,
}

/// What agents ask for, by domain.
#[derive(Debug, Default)]
pub struct Tunnels {
    domains: HashMap<(u32, String), Volume>,
}

#[derive(Debug)]
struct Volume {
    since: Instant,
    bytes: usize,
    names: HashSet<u64>,
    found: bool,
}

impl Tunnels {
    /// `agent` asks for `name`. A tunnel is told, with each name more, till it is [`Tunnels::found`].
    pub fn asked(&mut self, agent: u32, name: &str, now: Instant) -> Option<Tunnel> {
        let domain = domain(name);
        let below = name.len().saturating_sub(domain.len());
        if below == 0 {
            return None;
        }
        if self.domains.len() >= DOMAINS_MAX {
            self.forget(now);
        }
        let fresh = || Volume {
            since: now,
            bytes: 0,
            names: HashSet::new(),
            found: false,
        };
        let key = (agent, domain.to_owned());
        let volume = self.domains.entry(key).or_insert_with(fresh);
        if now.duration_since(volume.since) >= WINDOW {
            *volume = fresh();
        }
        if volume.found || volume.names.len() >= DISTINCT_MAX || !volume.names.insert(hash(name)) {
            return None;
        }
        volume.bytes += below;
        if volume.bytes <= VOLUME_BYTES_MAX {
            return None;
        }
        Some(Tunnel {
            domain: domain.to_owned(),
            bytes: volume.bytes,
        })
    }

    /// A tunnel need not be told again in this window.
    pub fn found(&mut self, agent: u32, tunnel: &Tunnel) {
        let key = (agent, tunnel.domain.clone());
        if let Some(volume) = self.domains.get_mut(&key) {
            volume.found = true;
        }
    }

    /// Makes room: windows that are over, then everything but what is near a finding.
    fn forget(&mut self, now: Instant) {
        self.domains
            .retain(|_, volume| now.duration_since(volume.since) < WINDOW);
        if self.domains.len() >= DOMAINS_MAX {
            self.domains
                .retain(|_, volume| volume.bytes > VOLUME_BYTES_MAX / 8);
        }
        if self.domains.len() >= DOMAINS_MAX {
            self.domains.clear();
        }
    }
}

/// The last two labels: who owns names below `co.uk` is not known here, so those add up together.
fn domain(name: &str) -> &str {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let start = dots.nth(1).map_or(0, |at| at + 1);
    name.get(start..).unwrap_or(name)
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_of_one_domain_are_a_tunnel_told_till_it_is_found() {
        let mut tunnels = Tunnels::default();
        let now = Instant::now();
        let ask = |number: usize| format!("{number:060}.x.tests.example");
        let mut asked = 0..200;
        let tunnel = asked.find_map(|number| tunnels.asked(1, &ask(number), now));
        let tunnel = tunnel.unwrap();
        assert!(asked.any(|number| tunnels.asked(1, &ask(number), now).is_some()));
        tunnels.found(1, &tunnel);
        assert!(!asked.any(|number| tunnels.asked(1, &ask(number), now).is_some()));
        assert_eq!(tunnel.domain, "tests.example");
        assert!(tunnel.bytes > VOLUME_BYTES_MAX && tunnel.bytes < VOLUME_BYTES_MAX + 80);
        // Another agent's are another's, and a new window begins anew.
        assert_eq!(tunnels.asked(2, &ask(900), now), None);
        assert_eq!(tunnels.asked(1, &ask(901), now + WINDOW), None);
    }

    #[test]
    fn the_same_few_names_asked_for_ever_are_none() {
        let mut tunnels = Tunnels::default();
        let now = Instant::now();
        for number in 0..100_000 {
            let name = format!("host-{}.region.cloud.example", number % 40);
            assert_eq!(tunnels.asked(1, &name, now), None);
        }
    }

    #[test]
    fn domains_that_are_watched_are_bounded() {
        let mut tunnels = Tunnels::default();
        let now = Instant::now();
        for number in 0..3 * DOMAINS_MAX {
            tunnels.asked(1, &format!("a.b{number}.example"), now);
            assert!(tunnels.domains.len() <= DOMAINS_MAX);
        }
    }
}
