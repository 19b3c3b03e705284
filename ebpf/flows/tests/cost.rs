//! What a new connection costs the kernel's programs, both ends on this host.
//!
//! Not a test of every day: `cargo test --release --package flows --test cost -- --ignored --nocapture`.
//! The kernel counts for each program how often and how long it runs, which is steadier than any figure
//! from outside on a machine that does other things as well.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use aya::sys::{Stats, enable_stats};
use flows::{FlowRecord, FlowSink, Gap, KernelSource, Options, Rules, Spent};

const CONNECTIONS: u32 = 20_000;
const KEPT: u64 = 100_000;

struct Nobody;

impl FlowSink for Nobody {
    fn flow(&self, _: FlowRecord) {}
    fn gap(&self, _: Gap) {}
    fn wants_all(&self) -> bool {
        false
    }
}

fn since(before: &[Spent], after: &[Spent]) -> Vec<Spent> {
    let mut spent: Vec<Spent> = after
        .iter()
        .map(|now| {
            let then = before.iter().find(|then| then.name == now.name);
            Spent {
                name: now.name.clone(),
                time: now
                    .time
                    .saturating_sub(then.map_or(Duration::ZERO, |then| then.time)),
                runs: now.runs - then.map_or(0, |then| then.runs),
            }
        })
        .collect();
    spent.sort_by_key(|spent| std::cmp::Reverse(spent.time));
    spent
}

#[expect(clippy::print_stderr, reason = "a measurement is for whoever runs it")]
fn tell(what: &str, times: u64, spent: &[Spent]) {
    let total: Duration = spent.iter().map(|spent| spent.time).sum();
    eprintln!("{what}: {} ns each", total.as_nanos() / u128::from(times));
    for one in spent.iter().filter(|one| one.runs > 0) {
        eprintln!(
            "  {:18} {:6} ns each, {:4} ns a run, {}.{:02} runs each",
            one.name,
            one.time.as_nanos() / u128::from(times),
            one.time.as_nanos() / u128::from(one.runs),
            one.runs / times,
            one.runs % times * 100 / times,
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn a_new_connection() {
    let _stats = enable_stats(Stats::RunTime).unwrap();
    // Older than the programs, so that they do not take its port for the gateway's.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = KernelSource::open(&Options::default()).unwrap();
    source.enforce(&Rules::default()).unwrap();
    source.follow(Arc::new(Nobody)).unwrap();
    // Till the kernel knows that nobody wants to hear of other flows.
    thread::sleep(Duration::from_millis(300));
    let at = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        for stream in listener
            .incoming()
            .take(usize::try_from(CONNECTIONS).unwrap() + 1)
        {
            let mut stream = stream.unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).unwrap() == 1 {
                stream.write_all(&byte).unwrap();
            }
        }
    });
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
    };
    let before = source.spent();
    for _ in 0..CONNECTIONS {
        ask(&mut TcpStream::connect(at).unwrap());
    }
    let after = source.spent();
    tell(
        "a new connection with one request",
        u64::from(CONNECTIONS),
        &since(&before, &after),
    );
    let mut kept = TcpStream::connect(at).unwrap();
    let before = source.spent();
    for _ in 0..KEPT {
        ask(&mut kept);
    }
    let after = source.spent();
    tell(
        "a request on a connection that is kept",
        KEPT,
        &since(&before, &after),
    );
    drop(kept);
    serving.join().unwrap();
}
