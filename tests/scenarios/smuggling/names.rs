//! Names that lead inside, and names that lead somewhere else a moment later (DNS rebinding).

use std::{
    collections::HashMap,
    fs,
    net::{IpAddr, Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::geteuid;
use serde_json::json;
use tests::{
    client::Client,
    gateway::{self, Gateway},
    peers::wiretap::Wiretap,
    records, resolver,
    setup::{Service, Setup},
};

use super::{tunnels::POLICY, wire};
use crate::world::{HERE, path_selector, verified};

/// Who is asked for names, an address of this test's own: port 53 is the same for all.
fn own_address(salt: u8) -> IpAddr {
    let [.., second, last] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 120 + salt, second, last.max(1)).into()
}

/// Starts the daemon where names are asked for at `resolver` alone.
fn start(resolver: IpAddr, setup: &Setup) -> Result<Gateway> {
    let folder = tempfile::tempdir()?;
    let resolv = folder.path().join("resolv.conf");
    fs::write(
        &resolv,
        format!("nameserver {resolver}\noptions attempts:1\n"),
    )?;
    let bind = format!(
        "mount --bind {} /etc/resolv.conf && exec \"$@\"",
        resolv.display()
    );
    let prefix = ["unshare", "--mount", "sh", "-c", &bind, "sh"].map(str::to_owned);
    let config = setup.write(folder.path())?;
    Gateway::start_under(&prefix, gateway::binary()?, folder, config)
}

/// Of a name, where it leads: first, and from then on.
type Led = Arc<Mutex<HashMap<String, Vec<Vec<IpAddr>>>>>;

/// Answers with the next of what is left to say of a name, and the last for ever. Both kinds of addresses are
/// asked for at once, so that the first kind alone counts.
fn answers(led: Led) -> Arc<resolver::Answers> {
    Arc::new(move |name: &str| {
        let mut led = led.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = led.get_mut(name) else {
            return Vec::new();
        };
        left.first().cloned().unwrap_or_default()
    })
}

/// Lets the name lead to the next place.
fn next(led: &Led, name: &str) {
    let mut led = led.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(left) = led.get_mut(name).filter(|left| left.len() > 1) {
        left.remove(0);
    }
}

const INSIDE: [&str; 10] = [
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "fd00:ec2::254",
    "fe80::1",
];

/// Names that lead inside, to both at once, and first to `outer` and then to `inner`.
fn led(outer: IpAddr, inner: IpAddr) -> Result<Led> {
    let mut led = HashMap::new();
    for (at, address) in INSIDE.iter().enumerate() {
        led.insert(format!("inside{at}.example"), vec![vec![address.parse()?]]);
    }
    for name in ["service.example", "tunnel.example"] {
        led.insert(name.to_owned(), vec![vec![outer], vec![inner]]);
    }
    led.insert("both.example".to_owned(), vec![vec![outer, inner]]);
    Ok(Arc::new(Mutex::new(led)))
}

/// A service by name, and tunnels to anywhere, at this port of one address that is not public.
fn setup(port: u16) -> Result<Setup> {
    let network = format!("127.0.0.2/32:{port}");
    let here = path_selector(&std::env::current_exe()?.canonicalize()?);
    let upstream = format!("http://service.example:{port}");
    let service = Service::hosted("shop", "shop.example", &upstream, "DE")
        .set("networks", json!([network]))
        .operation("thing.read", "GET", "/things/{thing}");
    let listen =
        json!([{ "address": "127.0.0.1:0" }, { "address": "127.0.0.1:0", "forward": true }]);
    let forward = json!({ "unlisted": "tunnel", "ports": [port], "networks": [network] });
    Ok(Setup::new()
        .set("listen", listen)
        .set("forward", forward)
        .agent(HERE, &[here], "optional")
        .service(service)
        .policy(super::front::POLICY)
        .policy(POLICY))
}

#[test]
fn a_name_leads_nowhere_inside_and_nowhere_else_than_was_looked_at() -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let inner: IpAddr = Ipv4Addr::LOCALHOST.into();
    let outer: IpAddr = Ipv4Addr::new(127, 0, 0, 2).into();
    let service = Wiretap::default();
    let peer = service.serve_at("127.0.0.2:0")?;
    let port = peer.address().port();
    let trap = TcpListener::bind((inner, port))?;
    trap.set_nonblocking(true)?;
    let led = led(outer, inner)?;
    let resolver = resolver::telling(own_address(0), answers(Arc::clone(&led)))?;
    let mut gateway = start(resolver.ip(), &setup(port)?)?;
    let tunnel = |name: &str| -> Result<(u16, String)> {
        let mut stream = wire::connect(gateway.listen(1)?)?;
        let request = format!("CONNECT {name}:{port} HTTP/1.1\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes())?;
        // A greeting of nobody, which ends a tunnel that was granted.
        let answers = wire::exchange(&mut stream, b"\0\0\0\0")?;
        let answer = answers.first().context("no answer")?;
        Ok((answer.status, answer.reason()))
    };
    let refused = (403, "address_refused".to_owned());
    for (at, address) in INSIDE.iter().enumerate() {
        let told = tunnel(&format!("inside{at}.example"))?;
        ensure!(told == refused, "{address}: {told:?}");
    }
    ensure!(tunnel("both.example")? == refused, "one of two led inside");
    ensure!(
        tunnel("tunnel.example")?.0 == 200,
        "the first answer is good"
    );
    next(&led, "tunnel.example");
    ensure!(tunnel("tunnel.example")? == refused, "it was led inside");

    let get = || -> Result<u16> {
        let url = gateway.url("/things/7")?;
        // Another connection each time, to the gateway and on.
        let reply =
            Client::plain()?.get(&url, &[("host", "shop.example"), ("connection", "close")])?;
        Ok(reply.status.as_u16())
    };
    ensure!(get()? == 200, "the first answer is good");
    next(&led, "service.example");
    // A connection that is kept is where it was; a new one is looked at anew.
    drop(peer);
    ensure!(get()? >= 400, "it was led inside");
    ensure!(get()? == 403, "it was led inside");
    ensure!(trap.accept().is_err(), "somebody was led inside");
    ensure!(service.taken().len() == 1, "{:?}", service.taken());
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    let records = records::list(&gateway)?;
    let closed = records
        .iter()
        .filter(|it| it.text("reason") == "address_refused");
    ensure!(closed.count() >= INSIDE.len() + 3, "not all is on record");
    verified(&gateway).map(drop)
}
