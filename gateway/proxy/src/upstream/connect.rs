//! Connects to upstreams, at addresses that they may be at.
//!
//! A name is looked up once for each connection, every address that it stands for is looked at, and what was
//! looked at is what is connected: another answer a moment later (DNS rebinding) changes nothing. Who writes
//! an address or `localhost` into the configuration means it; any other name may stand for what is public,
//! and for what is listed for its upstream.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    vec,
};

use flows::Network;
use http::Uri;
use hyper_util::{
    client::legacy::connect::{HttpConnector, dns::Name},
    rt::TokioIo,
};
use tokio::net::{TcpStream, lookup_host};
use tower::Service;

use super::{destination, guard};
use crate::{
    body::BoxError,
    credential::{Form, Registration},
    limits,
    route::Routes,
};

/// A name stands for an address that its upstream may not be at.
#[derive(Debug, thiserror::Error)]
#[error("the name stands for an address that is not public, and not listed")]
pub(super) struct AddressRefused;

/// Which addresses a name may stand for.
#[derive(Clone, Debug)]
enum Allowed {
    /// Any.
    All,
    /// This host's own.
    Loopback,
    /// Public ones, and these.
    Listed(Arc<[Network]>, u16),
}

impl Allowed {
    fn of(host: &str, port: u16, networks: &[Network]) -> Self {
        if host.eq_ignore_ascii_case("localhost") {
            Self::Loopback
        } else {
            Self::Listed(networks.into(), port)
        }
    }

    fn admits(&self, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Loopback => address.to_canonical().is_loopback(),
            Self::Listed(networks, port) => {
                guard::admits(networks, SocketAddr::new(address, *port))
            }
        }
    }

    /// Whether a connection that was made may be used. Who is called from their own address is this host,
    /// whose firewall was not met.
    fn admits_ends(&self, own: SocketAddr, peer: SocketAddr) -> bool {
        match self {
            Self::All | Self::Loopback => true,
            Self::Listed(networks, _) => {
                own.ip() != peer.ip() || networks.iter().any(|network| network.holds(peer))
            }
        }
    }
}

/// Looks a name up.
#[derive(Clone, Debug)]
struct Lookup(Allowed);

impl Service<Name> for Lookup {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found = lookup_host((name.as_str(), 0)).await?;
            Ok(checked(found.collect(), &allowed)?.into_iter())
        })
    }
}

/// The addresses to try. A name that stands for one that is refused is refused whole.
fn checked(
    mut found: Vec<SocketAddr>,
    allowed: &Allowed,
) -> Result<Vec<SocketAddr>, AddressRefused> {
    if !found.iter().all(|address| allowed.admits(address.ip())) {
        return Err(AddressRefused);
    }
    found.truncate(limits::ADDRESSES_MAX);
    Ok(found)
}

/// Connects to the upstreams of services at addresses that they may be at, and to anything else anywhere.
#[derive(Clone)]
pub(super) struct Connector {
    others: Way,
    /// By host and port.
    upstreams: Arc<HashMap<(String, u16), Way>>,
}

#[derive(Clone)]
struct Way {
    connector: HttpConnector<Lookup>,
    allowed: Allowed,
}

impl Way {
    fn new(allowed: Allowed) -> Self {
        let mut connector = HttpConnector::new_with_resolver(Lookup(allowed.clone()));
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits::CONNECT_DEADLINE));
        Self { connector, allowed }
    }
}

impl Connector {
    /// To anything anywhere.
    pub(super) fn anywhere() -> Self {
        Self {
            others: Way::new(Allowed::All),
            upstreams: Arc::default(),
        }
    }

    /// To the upstreams of `routes`, and their authorization servers, at addresses that they may be at.
    pub(super) fn guarded(routes: &Routes) -> Self {
        let upstreams = routes.destinations().map(|it| (&it.uri, &*it.networks));
        let servers = routes.services().iter().filter_map(|service| {
            let Form::OAuth(grant) = &service.presented.as_ref()?.form else {
                return None;
            };
            let Registration {
                endpoint, networks, ..
            } = grant.registration();
            Some((endpoint, &**networks))
        });
        Self::to(upstreams.chain(servers))
    }

    /// To these at addresses that are public or listed beside them, and to anything else anywhere.
    pub(super) fn to<'a>(places: impl Iterator<Item = (&'a Uri, &'a [Network])>) -> Self {
        let mut networks: HashMap<(String, u16), Vec<Network>> = HashMap::new();
        for (uri, listed) in places {
            let host = uri.host().unwrap_or_default();
            // Who writes an address means it, and no name is looked up.
            if !is_address(host) {
                let key = (host.to_ascii_lowercase(), destination::port(uri));
                networks.entry(key).or_default().extend(listed);
            }
        }
        let upstreams = networks.into_iter().map(|(key, networks)| {
            let allowed = Allowed::of(&key.0, key.1, &networks);
            (key, Way::new(allowed))
        });
        Self {
            upstreams: Arc::new(upstreams.collect()),
            ..Self::anywhere()
        }
    }

    fn way(&self, uri: &Uri) -> Way {
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let upstream = self.upstreams.get(&(host, destination::port(uri)));
        upstream.unwrap_or(&self.others).clone()
    }
}

fn is_address(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut way = self.way(&uri);
        Box::pin(async move {
            let stream = way.connector.call(uri).await?;
            let ends = |stream: &TcpStream| -> io::Result<_> {
                Ok((stream.local_addr()?, stream.peer_addr()?))
            };
            let (own, peer) = ends(stream.inner())?;
            if !way.allowed.admits_ends(own, peer) {
                return Err(AddressRefused.into());
            }
            Ok(stream)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, networks: &[&str], found: &[&str], expected: bool) {
        let networks: Vec<Network> = networks.iter().map(|it| it.parse().unwrap()).collect();
        let allowed = Allowed::of(host, 443, &networks);
        let found = found
            .iter()
            .map(|it| SocketAddr::new(it.parse().unwrap(), 0));
        let admitted = checked(found.collect(), &allowed).is_ok();
        assert_eq!(admitted, expected, "{host} {networks:?}");
    }

    #[test]
    fn a_name_stands_for_what_is_public_or_listed() {
        check("api.example", &[], &["1.1.1.1", "2606:4700::1111"], true);
        for inner in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "fd00::1"] {
            check("api.example", &[], &[inner], false);
            check("api.example", &[], &["1.1.1.1", inner], false);
        }
        check("api.example", &["10.0.0.0/8"], &["10.0.0.1"], true);
        check("api.example", &["10.0.0.0/8:443"], &["10.0.0.1"], true);
        check("api.example", &["10.0.0.0/8:80"], &["10.0.0.1"], false);
        check(
            "api.example",
            &["10.0.0.0/8"],
            &["10.0.0.1", "127.0.0.1"],
            false,
        );
        check("localhost", &[], &["127.0.0.1", "::1"], true);
        check("localhost", &[], &["10.0.0.1"], false);
    }

    #[test]
    fn this_host_is_not_called_by_another_name() {
        let ends = |networks: &[&str]| {
            let networks: Vec<Network> = networks.iter().map(|it| it.parse().unwrap()).collect();
            let allowed = Allowed::of("api.example", 443, &networks);
            let own = "1.2.3.4:50000".parse().unwrap();
            let other = "1.2.3.5:443".parse().unwrap();
            let same = "1.2.3.4:443".parse().unwrap();
            (
                allowed.admits_ends(own, other),
                allowed.admits_ends(own, same),
            )
        };
        assert_eq!(ends(&[]), (true, false));
        assert_eq!(ends(&["1.2.3.4/32"]), (true, true));
    }
}
