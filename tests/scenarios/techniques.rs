//! Every way past the gateway that is known to us, against every rule: found where it is observed, refused
//! where it is denied, governed where it is redirected. In a network of the test's own, where addresses and
//! ports are what they are outside. `cargo xtask long techniques` also holds it to the second in which it must be
//! found, which a busy host cannot promise.

use std::{
    io::{IoSlice, Write as _},
    mem::MaybeUninit,
    net::{SocketAddr, TcpListener, UdpSocket},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tests::{env, network};

use crate::bypass::{AGENT, Escape, HOST, Host, until};

/// The last is a public resolver's, which is nobody's in here.
const ADDRESSES: [&str; 3] = ["192.0.2.7/32", "2001:db8::7/128", "1.1.1.1/32"];
/// What the issue asks for, microseconds.
const FOUND_WITHIN_US: u64 = 1_000_000;

/// A way, where it leads, what it is called, and what comes of it in `redirect`.
struct Technique {
    way: &'static str,
    to: &'static str,
    name: &'static str,
    /// Whether it can be led to the gateway: datagrams cannot.
    governed: bool,
}

const fn tcp(way: &'static str, to: &'static str, name: &'static str) -> Technique {
    Technique {
        way,
        to,
        name,
        governed: true,
    }
}

const fn udp(way: &'static str, to: &'static str, name: &'static str) -> Technique {
    Technique {
        way,
        to,
        name,
        governed: false,
    }
}

/// A proxy on localhost is whoever listens there and is not the gateway.
const TECHNIQUES: [Technique; 14] = [
    tcp("tcp", "192.0.2.7:443", "direct"),
    tcp("tcp", "192.0.2.7:8443", "port"),
    tcp("tcp", "[2001:db8::7]:443", "ipv6"),
    tcp("tcp", "1.1.1.1:443", "doh"),
    tcp("tcp", "127.0.0.1:3128", "loopback"),
    tcp("tcp", "[::1]:3128", "loopback"),
    tcp("child", "192.0.2.7:443", "direct"),
    tcp("inherited", "192.0.2.7:443", "direct"),
    tcp("passed-in", "192.0.2.7:443", "direct"),
    tcp("uring", "192.0.2.7:443", "direct"),
    udp("udp", "192.0.2.7:443", "quic"),
    udp("connected-udp", "[2001:db8::7]:443", "quic"),
    udp("udp", "[2001:db8::7]:53", "dns"),
    udp("connected-udp", "192.0.2.7:5353", "udp"),
];

/// Where the ways lead.
fn peers() -> Result<(Vec<TcpListener>, Vec<UdpSocket>)> {
    let mut listeners = Vec::new();
    let mut sockets = Vec::new();
    for technique in &TECHNIQUES {
        if technique.governed {
            listeners.extend(TcpListener::bind(technique.to).ok());
        } else {
            sockets.extend(UdpSocket::bind(technique.to).ok());
        }
    }
    sockets.push(UdpSocket::bind("192.0.2.7:53")?);
    for listener in &listeners {
        listener.set_nonblocking(true)?;
    }
    ensure!(
        listeners.len() == 6 && sockets.len() == 5,
        "not all could listen"
    );
    Ok((listeners, sockets))
}

fn go(host: &Host, way: &str, to: SocketAddr) -> Result<Escape> {
    let made = || Socket::new(Domain::for_address(to), Type::STREAM, None);
    match way {
        "inherited" => host.escape_with(way, to, &[], Stdio::from(OwnedFd::from(made()?))),
        "passed-in" => {
            let (ours, theirs) = UnixStream::pair()?;
            let socket = made()?;
            let sockets = [socket.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut passed = SendAncillaryBuffer::new(&mut space);
            ensure!(passed.push(SendAncillaryMessage::ScmRights(&sockets)));
            sendmsg(
                &ours,
                &[IoSlice::new(b"x")],
                &mut passed,
                SendFlags::empty(),
            )?;
            host.escape_with(way, to, &[], Stdio::from(OwnedFd::from(theirs)))
        }
        _ => host.escape(way, to, &[]),
    }
}

/// The findings so far.
fn found(host: &Host) -> Result<Vec<Value>> {
    host.flows(&["--bypass", "--workload", AGENT])
}

/// Tries each way; those that were tried: where an `io_uring` is not allowed, that is left out.
fn try_all(
    host: &Host,
    result: impl Fn(&Technique) -> &'static str,
) -> Result<Vec<&'static Technique>> {
    let mut tried = Vec::new();
    for technique in &TECHNIQUES {
        let to: SocketAddr = technique.to.parse()?;
        let held = go(host, technique.way, to)?;
        if technique.way == "uring" && !io_uring_is_allowed() {
            writeln!(
                std::io::stderr(),
                "**** SKIPPED, NOT TESTED: io_uring: not allowed here ****"
            )?;
            continue;
        }
        held.was(result(technique))
            .with_context(|| format!("{} {to}", technique.way))?;
        tried.push(technique);
    }
    Ok(tried)
}

pub(crate) fn io_uring_is_allowed() -> bool {
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    !disabled.is_ok_and(|value| value.trim() == "2")
}

/// Each way that was tried is found, under its name and with what came of it; how soon is told.
fn all_found(host: &Host, tried: &[&Technique], result: &str) -> Result<()> {
    let found = until(|| {
        let found = found(host)?;
        Ok((found.len() >= tried.len()).then_some(found))
    })?;
    let told = |name: &str, to: &str| {
        let same = |flow: &&Value| {
            flow["technique"] == name && flow["remote"] == to && flow["result"] == result
        };
        found.iter().filter(same).count()
    };
    for technique in tried {
        let alike = tried
            .iter()
            .filter(|other| (other.name, other.to) == (technique.name, technique.to));
        let count = told(technique.name, technique.to);
        assert_eq!(
            count,
            alike.count(),
            "{} {}: {found:#?}",
            technique.way,
            technique.to
        );
    }
    let after = found
        .iter()
        .filter_map(|flow| flow["found_after_us"].as_u64());
    let slowest = after.max().context("no times")?;
    if env::number(env::TECHNIQUES, 0) > 0 {
        assert!(slowest <= FOUND_WITHIN_US, "{slowest} us");
    }
    writeln!(
        std::io::stderr(),
        "scenario techniques: {} ways {result}, the slowest found after {} ms",
        tried.len(),
        slowest / 1_000
    )?;
    Ok(())
}

fn nothing_came(listeners: &[TcpListener], sockets: &[UdpSocket]) -> Result<()> {
    for listener in listeners {
        ensure!(
            listener.accept().is_err(),
            "a connection came to {:?}",
            listener.local_addr()
        );
    }
    for socket in sockets {
        socket.set_nonblocking(true)?;
        ensure!(
            socket.recv(&mut [0; 64]).is_err(),
            "a datagram came to {:?}",
            socket.local_addr()
        );
    }
    Ok(())
}

#[test]
fn where_it_is_observed_every_way_is_found() -> Result<()> {
    network::apart(&ADDRESSES, || {
        let (_listeners, _sockets) = peers()?;
        let Some(host) = Host::start("observe", |setup, _| setup)? else {
            return Ok(());
        };
        let tried = try_all(&host, |_| "passed")?;
        all_found(&host, &tried, "passed")?;
        // And data in names, which is more than the datagrams that carry it.
        host.escape("tunnel", "192.0.2.7:53".parse()?, &["exfil.example"])?
            .was("passed")?;
        until(|| {
            let found = found(&host)?;
            Ok(found
                .iter()
                .any(|flow| flow["technique"] == "dns_volume")
                .then_some(()))
        })
    })
}

#[test]
fn where_it_is_denied_every_way_is_refused() -> Result<()> {
    network::apart(&ADDRESSES, || {
        let (listeners, sockets) = peers()?;
        let Some(host) = Host::start("deny", |setup, _| setup)? else {
            return Ok(());
        };
        let tried = try_all(&host, |_| "refused")?;
        all_found(&host, &tried, "refused")?;
        host.escape("tunnel", "192.0.2.7:53".parse()?, &["exfil.example"])?
            .was("refused")?;
        nothing_came(&listeners, &sockets)
    })
}

#[test]
fn where_it_is_redirected_every_connection_is_governed_and_all_else_refused() -> Result<()> {
    network::apart(&ADDRESSES, || {
        let (listeners, sockets) = peers()?;
        let Some(host) = Host::start("redirect", |setup, _| setup)? else {
            return Ok(());
        };
        let tried = try_all(&host, |technique| {
            if technique.governed {
                "passed"
            } else {
                "refused"
            }
        })?;
        let refused: Vec<_> = tried.into_iter().filter(|it| !it.governed).collect();
        all_found(&host, &refused, "refused")?;
        // What is led to the gateway is served by it, whatever address was asked for.
        for to in [
            "192.0.2.7:443",
            "192.0.2.7:8443",
            "[2001:db8::7]:443",
            "127.0.0.1:3128",
        ] {
            let served = host.escape("http", to.parse()?, &[HOST])?;
            assert_eq!(served.told, format!("200 {to}"));
        }
        assert_eq!(found(&host)?.len(), refused.len());
        nothing_came(&listeners, &sockets)
    })
}
