//! Flows as the kernel's table has them: their figures, their owners, and what a full ring costs.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed, and tells times of day"
)]

#[expect(unused, reason = "not every file of tests needs all of it")]
mod support;

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime},
};

use flows::{Direction, FlowRecord, FlowSink, Gap, KernelSource, Options, State};

use support::{CALLER, PATIENCE, say_skipped};

/// Keeps everything that is told.
#[derive(Default)]
struct Told {
    flows: Mutex<Vec<FlowRecord>>,
    gaps: Mutex<Vec<Gap>>,
}

impl FlowSink for Told {
    fn flow(&self, flow: FlowRecord) {
        self.flows.lock().unwrap().push(flow);
    }

    fn gap(&self, gap: Gap) {
        self.gaps.lock().unwrap().push(gap);
    }
}

impl Told {
    /// The newest of the flow between these ends, once it stands so.
    fn wait(&self, local: SocketAddr, remote: SocketAddr, state: State) -> FlowRecord {
        until(|| {
            let flows = self.flows.lock().unwrap();
            let mut fitting = flows.iter().rev();
            fitting
                .find(|flow| (flow.local, flow.remote, flow.state) == (local, remote, state))
                .cloned()
        })
    }
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it did not come about");
        thread::sleep(Duration::from_millis(5));
    }
}

fn source(options: &Options) -> Option<KernelSource> {
    KernelSource::open(options)
        .map_err(|error| say_skipped("the table of flows", &format!("{error:?}")))
        .ok()
}

fn followed() -> Option<(KernelSource, Arc<Told>)> {
    let source = source(&Options::default())?;
    let told = Arc::new(Told::default());
    source.follow(Arc::<Told>::clone(&told)).unwrap();
    Some((source, told))
}

/// One exchange: so many bytes there, so many back; who says first that it is done.
fn exchange(at: &str, there: usize, back: usize, client_first: bool) -> (SocketAddr, SocketAddr) {
    let listener = TcpListener::bind(at).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let ends = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    let serving = thread::spawn(move || {
        server.read_exact(&mut vec![0; there]).unwrap();
        server.write_all(&vec![7; back]).unwrap();
        if client_first {
            assert_eq!(server.read(&mut [0]).unwrap(), 0);
        } else {
            server.shutdown(Shutdown::Write).unwrap();
            drop(server.read(&mut [0]));
        }
    });
    client.write_all(&vec![7; there]).unwrap();
    client.read_exact(&mut vec![0; back]).unwrap();
    if !client_first {
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
    drop(client);
    serving.join().unwrap();
    ends
}

#[test]
fn the_figures_of_a_connection_are_what_its_ends_counted() {
    let Some((_source, told)) = followed() else {
        return;
    };
    let began = SystemTime::now();
    for at in ["127.0.0.1:0", "[::1]:0"] {
        for (there, back) in [(0, 0), (1, 1), (1_000, 500_000), (3_000_000, 77)] {
            for client_first in [true, false] {
                let (client, server) = exchange(at, there, back, client_first);
                let (there, back) = (there as u64, back as u64);
                let out = told.wait(client, server, State::Closed);
                let case = format!("{at} {there} {back} {client_first}: {out:?}");
                assert_eq!(
                    (out.sent_bytes, out.received_bytes),
                    (there, back),
                    "{case}"
                );
                assert_eq!(out.direction, Direction::Out, "{case}");
                let this = (std::process::id(), rustix::process::getuid().as_raw());
                assert_eq!((out.pid, out.uid), this, "{case}");
                assert!(this_comm().starts_with(&out.comm), "{case}");
                assert!(out.sent_packets > 1 && out.received_packets > 1, "{case}");
                assert!(out.rtt > Duration::ZERO, "{case}");
                assert!(out.opened >= began && out.changed >= out.opened, "{case}");
                let taken = told.wait(server, client, State::Closed);
                let case = format!("{at} {there} {back} {client_first}: {taken:?}");
                assert_eq!(
                    (taken.sent_bytes, taken.received_bytes),
                    (back, there),
                    "{case}"
                );
                assert_eq!(taken.direction, Direction::In, "{case}");
                assert_eq!(taken.pid, std::process::id(), "{case}");
            }
        }
    }
}

fn this_comm() -> String {
    // The thread group leader's, whichever thread connects.
    std::fs::read_to_string("/proc/self/comm").unwrap()
}

#[test]
fn a_full_table_is_told_as_a_gap() {
    let options = Options {
        flows_max: 16,
        ..Options::default()
    };
    let Some(source) = source(&options) else {
        return;
    };
    let told = Arc::new(Told::default());
    source.follow(Arc::<Told>::clone(&told)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let kept: Vec<_> = (0..32)
        .map(|_| TcpStream::connect(listener.local_addr().unwrap()).unwrap())
        .collect();
    assert!(source.flows().len() <= 16);
    assert!(source.totals().untracked >= 2 * 32 - 16);
    until(|| {
        let gaps = told.gaps.lock().unwrap();
        gaps.iter()
            .any(|gap| gap.reason == "table_full" && gap.lost > 0)
            .then_some(())
    });
    drop(kept);
}

#[test]
fn a_reset_connection_has_the_figures_that_it_had() {
    let Some((_source, told)) = followed() else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(&[7; 300]).unwrap();
    server.read_exact(&mut [0; 300]).unwrap();
    socket2::SockRef::from(&client)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    let ends = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    drop(client);
    let out = told.wait(ends.0, ends.1, State::Closed);
    assert_eq!((out.sent_bytes, out.received_bytes), (300, 0), "{out:?}");
    let taken = told.wait(ends.1, ends.0, State::Closed);
    assert_eq!(
        (taken.sent_bytes, taken.received_bytes),
        (0, 300),
        "{taken:?}"
    );
}

#[test]
fn what_listens_is_told_until_it_stops() {
    let Some((_source, told)) = followed() else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let listening = until(|| {
        let flows = told.flows.lock().unwrap();
        let mut fitting = flows.iter();
        fitting
            .find(|flow| flow.local == at && flow.state == State::Listening)
            .cloned()
    });
    assert_eq!(listening.pid, std::process::id());
    drop(listener);
    until(|| {
        let flows = told.flows.lock().unwrap();
        flows
            .iter()
            .find(|flow| flow.id == listening.id && flow.state == State::Closed)
            .map(drop)
    });
}

#[test]
fn datagrams_are_counted_connected_or_not() {
    let Some((source, _told)) = followed() else {
        return;
    };
    for at in ["127.0.0.1:0", "[::1]:0"] {
        for connected in [true, false] {
            let there = UdpSocket::bind(at).unwrap();
            let here = UdpSocket::bind(at).unwrap();
            let (far, near) = (there.local_addr().unwrap(), here.local_addr().unwrap());
            if connected {
                here.connect(far).unwrap();
            }
            for _ in 0..5 {
                if connected {
                    here.send(&[7; 100]).unwrap();
                } else {
                    here.send_to(&[7; 100], far).unwrap();
                }
                there.recv_from(&mut [0; 200]).unwrap();
            }
            there.send_to(&[7; 30], near).unwrap();
            here.recv(&mut [0; 200]).unwrap();
            let find = |flow: &FlowRecord| flow.remote == far && flow.direction == Direction::Out;
            let flow = source.flows().into_iter().find(find).unwrap();
            let case = format!("{at} {connected}: {flow:?}");
            assert_eq!((flow.sent_bytes, flow.sent_packets), (500, 5), "{case}");
            assert_eq!(
                (flow.received_bytes, flow.received_packets),
                (30, 1),
                "{case}"
            );
            assert_eq!((flow.local, flow.pid), (near, std::process::id()), "{case}");
        }
    }
}

#[test]
fn a_table_that_is_read_in_parts_is_read_whole() {
    const PLACES: u16 = 5_000;
    let Some((source, _told)) = followed() else {
        return;
    };
    let here = UdpSocket::bind("127.0.0.1:0").unwrap();
    let near = here.local_addr().unwrap();
    let places: BTreeSet<_> = (20_000..20_000 + PLACES)
        .map(|port| SocketAddr::from(([127, 0, 0, 9], port)))
        .collect();
    for place in &places {
        here.send_to(b"x", place).unwrap();
    }
    let flows = source.flows();
    let own = flows.iter().filter(|flow| flow.local == near);
    let read: Vec<_> = own.map(|flow| flow.remote).collect();
    assert_eq!(read.len(), usize::from(PLACES), "some came twice or never");
    assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), places);
}

#[test]
fn a_full_ring_is_counted_and_costs_no_flow() {
    const CONNECTIONS: u64 = 60;
    // One page holds sixteen rows.
    let options = Options {
        flow_ring_bytes: 4_096,
        ..Options::default()
    };
    let Some(source) = source(&options) else {
        return;
    };
    let ends: Vec<_> = (0..CONNECTIONS)
        .map(|_| exchange("127.0.0.1:0", 10, 20, true))
        .collect();
    assert!(source.totals().lost > 0, "{:?}", source.totals());
    let told = Arc::new(Told::default());
    source.follow(Arc::<Told>::clone(&told)).unwrap();
    for (client, server) in ends {
        let out = told.wait(client, server, State::Closed);
        assert_eq!((out.sent_bytes, out.received_bytes), (10, 20), "{out:?}");
        told.wait(server, client, State::Closed);
    }
    // Others may have an event under way, so this is waited for; then it must be exact.
    let totals = until(|| {
        let totals = source.totals();
        let told: u64 = told.gaps.lock().unwrap().iter().map(|gap| gap.lost).sum();
        (totals.lost == totals.attempted - totals.received && told == totals.lost).then_some(totals)
    });
    assert!(totals.lost >= 2 * CONNECTIONS, "{totals:?}");
}

#[test]
fn two_listeners_with_one_port_are_two() {
    let Some((_source, told)) = followed() else {
        return;
    };
    let ours = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = ours.local_addr().unwrap().port();
    let mut other = Command::new(CALLER)
        .args(["listen", &format!("127.0.0.2:{port}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut output = BufReader::new(other.stdout.take().unwrap());
    output.read_line(&mut ready).unwrap();
    for (at, pid) in [("127.0.0.1", std::process::id()), ("127.0.0.2", other.id())] {
        let to: SocketAddr = format!("{at}:{port}").parse().unwrap();
        let client = TcpStream::connect(to).unwrap();
        let from = client.local_addr().unwrap();
        drop(client);
        if pid != other.id() {
            drop(ours.accept().unwrap());
        }
        let accepted = told.wait(to, from, State::Closed);
        assert_eq!((accepted.direction, accepted.pid), (Direction::In, pid));
    }
    drop(other.stdin.take());
    assert!(other.wait().unwrap().success());
}

#[test]
fn what_looks_at_requests_is_loaded_where_that_is_asked_for() {
    let instructions = |glimpse| {
        let options = Options {
            glimpse,
            ..Options::default()
        };
        let verified = source(&options)?.verified();
        let program = verified.iter().find(|it| it.name == "tls_write");
        let others = verified.iter().any(|it| it.instructions != 0);
        Some((program.unwrap().instructions, others))
    };
    let (Some((looks, told)), Some((nothing, _))) = (instructions(true), instructions(false))
    else {
        return;
    };
    assert_eq!(nothing, 0);
    // Before 5.16 the kernel does not tell.
    assert_eq!(looks > 0, told);
    if told {
        eprintln!("tls_write: {looks} instructions verified");
    }
}
