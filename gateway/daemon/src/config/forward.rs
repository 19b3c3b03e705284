//! What the forward proxy does about hosts that no service has.

use flows::Network;
use miette::Result;
use proxy::{
    forward::{TUNNEL, Unlisted},
    route::Match,
};

use super::{
    file::{self, File},
    resolve::{Config, Resolver},
};

/// Where tunnels lead if nothing is said: HTTPS.
const PORTS: [u16; 1] = [443];

/// The rules of tunnels to others than services.
pub(crate) struct Forward {
    pub(crate) unlisted: Unlisted,
    pub(crate) ports: Vec<u16>,
    pub(crate) networks: Vec<Network>,
}

impl Forward {
    /// The same, as the data plane has it.
    pub(crate) fn rules(&self) -> proxy::forward::Forward {
        let (ports, networks) = (self.ports.clone(), self.networks.clone());
        proxy::forward::Forward::new(self.unlisted, ports, networks)
    }

    /// The operation that policies may name, if there are tunnels.
    pub(crate) fn operation(&self) -> Option<(&'static str, &'static str)> {
        (self.unlisted == Unlisted::Tunnel).then_some(TUNNEL)
    }
}

impl Config {
    /// The hosts by which services are reached.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = self
            .services
            .iter()
            .filter_map(|service| match &service.matches {
                Match::Host(host) => Some(host.trim_matches(['[', ']']).to_owned()),
                Match::Prefix(_) => None,
            })
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// Whether agents are answered in the names of services.
    pub(crate) fn intercepts(&self) -> bool {
        let forward = self.listen.iter().any(|listen| listen.forward);
        forward || (self.egress.redirects() && self.egress.tls.is_none())
    }
}

impl Resolver<'_> {
    pub(super) fn forward(&self, file: &File) -> Result<Forward> {
        let mut services = file.services.iter();
        if let Some(service) = services.find(|service| service.name.value == TUNNEL.0) {
            let help = "call it otherwise: policies and records call the way to other hosts so";
            return Err(self.fault(&service.name, "no service can be called `tunnel`", help));
        }
        for listen in &file.listen {
            if let Some(tls) = listen.tls.as_ref().filter(|_| listen.forward) {
                let help = "take `tls` off: agents speak TLS with the service within a tunnel";
                let message = "a proxy is asked in the clear";
                return Err(self.fault(&tls.certificate, message, help));
            }
        }
        let networks = self.networks(&file.forward.networks)?;
        Ok(Forward {
            unlisted: match file.forward.unlisted {
                file::Unlisted::Refuse => Unlisted::Refuse,
                file::Unlisted::Tunnel => Unlisted::Tunnel,
            },
            ports: file.forward.ports.clone().unwrap_or(PORTS.into()),
            networks,
        })
    }
}
