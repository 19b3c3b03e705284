//! What a new connection costs the kernel's programs, both ends on this host, and what a million take.
//!
//! Not a test of every day: `cargo xtask bench flows`. The kernel counts for each program how often and how
//! long it runs, which is steadier than any figure from outside on a machine that does other things as well.
//! What it counts holds the counting itself, twice a look at the clock for each run; `socket_created`, which for
//! TCP compares one number and returns, tells how much that is.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has failed"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::fd::{AsFd as _, AsRawFd as _},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use aya::{
    maps::loaded_maps,
    sys::{Stats, enable_stats},
};
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
fn tell(what: &str, times: u64, spent: &[Spent], counting: Duration) {
    let total: Duration = spent.iter().map(|spent| spent.time).sum();
    let runs: u64 = spent.iter().map(|spent| spent.runs).sum();
    let alone = total
        .as_nanos()
        .saturating_sub(counting.as_nanos() * u128::from(runs));
    eprintln!(
        "{what}: {} ns each, {} without the counting, {} ns for each of {} runs",
        total.as_nanos() / u128::from(times),
        alone / u128::from(times),
        counting.as_nanos(),
        runs / times,
    );
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

/// What a program takes by the count that does nothing.
fn of_nothing(spent: &[Spent]) -> Duration {
    let nothing = spent.iter().find(|spent| spent.name == "socket_created");
    let each = |spent: &Spent| Some(spent.time / u32::try_from(spent.runs).ok()?);
    nothing.and_then(each).unwrap_or_default()
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
    let spent = since(&before, &source.spent());
    let counting = of_nothing(&spent);
    tell(
        "a new connection with one request",
        u64::from(CONNECTIONS),
        &spent,
        counting,
    );
    let mut kept = TcpStream::connect(at).unwrap();
    let before = source.spent();
    for _ in 0..KEPT {
        ask(&mut kept);
    }
    let spent = since(&before, &source.spent());
    tell(
        "a request on a connection that is kept",
        KEPT,
        &spent,
        counting,
    );
    drop(kept);
    serving.join().unwrap();
}

/// Flows that live at once; a connection on one host is two.
const LIVE: usize = 1_000_000;
/// Connections of one process, from an address of its own: its descriptors and ports suffice for them on any host.
const EACH: usize = 9_000;
/// A size of the table by which it is known among all maps of the host.
const ROWS: u32 = 1_048_583;

/// Bytes of the kernel's memory that the table takes, as the kernel counts them.
fn table_bytes() -> u64 {
    let found = loaded_maps()
        .filter_map(Result::ok)
        .find(|map| map.name_as_str() == Some("FLOWS") && map.max_entries() == ROWS);
    let fd = found.unwrap().fd().unwrap();
    let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    let told = std::fs::read_to_string(path).unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix("memlock:"));
    line.unwrap().trim().parse().unwrap()
}

/// A process that has connections till it is told to end.
fn crowd(number: usize) -> Child {
    let address = Ipv4Addr::new(127, 77, 0, u8::try_from(number).unwrap());
    Command::new(env!("CARGO_BIN_EXE_flows-test-caller"))
        .args(["crowd", &format!("{address}:0"), &EACH.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "a measurement: four gigabytes of the kernel's memory"]
#[expect(clippy::print_stderr, reason = "a measurement is for whoever runs it")]
fn a_million_live_flows() {
    let options = Options {
        flows_max: ROWS,
        ..Options::default()
    };
    let source = KernelSource::open(&options).unwrap();
    source.enforce(&Rules::default()).unwrap();
    source.follow(Arc::new(Nobody)).unwrap();
    let empty = table_bytes();
    let others = source.flows().len();
    let began = Instant::now();
    let crowds: Vec<Child> = (1..=LIVE.div_ceil(2 * EACH)).map(crowd).collect();
    let crowds: Vec<Child> = crowds
        .into_iter()
        .map(|mut crowd| {
            let mut line = String::new();
            let output = crowd.stdout.take().unwrap();
            BufReader::new(output).read_line(&mut line).unwrap();
            assert_eq!(line.trim(), EACH.to_string());
            crowd
        })
        .collect();
    let took = began.elapsed();
    let began = Instant::now();
    let live = source.flows().len();
    let read = began.elapsed();
    let full = table_bytes();
    let totals = source.totals();
    eprintln!(
        "{} live flows ({others} before) after {took:?}, read in {read:?}; table {full} bytes, {empty} when empty: \
         {} a row; {} found it full",
        live,
        full / u64::from(ROWS),
        totals.untracked,
    );
    assert!(live >= LIVE && totals.untracked == 0, "{live} {totals:?}");
    for mut crowd in crowds {
        drop(crowd.stdin.take());
        crowd.wait().unwrap();
    }
}
