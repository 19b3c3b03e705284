//! How many durable records a second this machine does, beside what its disk does alone: `cargo xtask bench records`.
//!
//! By turns, so that all have the same neighbours: a plain file, to which groups are appended and synced; whole
//! exchanges (an opening and a closing, sealed) of many callers through the trail, on SQLite and on PostgreSQL; and a log
//! that is copied from one to the other, as a gateway does. The median of the rounds is told.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench stops at the first error and prints"
)]

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use audit::{Copier, Keys, Ledger, Trail};
use rustix::time::{ClockId, clock_gettime};
use store::{PostgresLedger, PostgresPlace, SqliteLedger};
use vault::Keyring;

#[path = "../tests/record/cluster.rs"]
#[expect(dead_code, reason = "nothing is killed here")]
mod cluster;
#[path = "../tests/record/events.rs"]
mod events;

const ROUNDS: usize = 5;

/// Who waits for records at once.
const CALLERS: [usize; 4] = [1, 8, 128, 512];

/// Exchanges of each caller, at most, and of all together.
const EXCHANGES_OF_ONE: usize = 2_000;
const EXCHANGES: usize = 100_000;

/// As long as records of the trail's are, with their hashes.
const RECORD_BYTES: usize = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let cluster = Arc::new(cluster::Cluster::start());
    let only = std::env::args().nth(1).and_then(|it| it.parse().ok());
    for callers in CALLERS
        .into_iter()
        .filter(|it| only.is_none_or(|only: usize| *it == only))
    {
        let mut raw = Vec::new();
        let (mut sqlite, mut postgres) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            raw.push(append(callers));
            sqlite.push(runtime.block_on(trail(callers, None)));
            postgres.push(runtime.block_on(trail(callers, Some(&cluster))));
        }
        raw.sort_unstable_by(f64::total_cmp);
        let raw = raw[ROUNDS / 2];
        println!("{callers:4} waiting: a plain file {raw:8.0} records/s");
        for (name, mut rounds) in [("SQLite", sqlite), ("PostgreSQL", postgres)] {
            rounds.sort_unstable_by(|one, other| one.rate.total_cmp(&other.rate));
            let Round {
                rate,
                p50,
                p99,
                cpu_us,
            } = rounds[ROUNDS / 2];
            println!(
                "              {name:10} {rate:8.0} records/s ({:.2} of the file's), acknowledged p50 {:.1} ms, p99 {:.1} ms, {cpu_us:.1} us CPU a record",
                rate / raw,
                p50.as_secs_f64() * 1e3,
                p99.as_secs_f64() * 1e3,
            );
        }
    }
    let mut copied: Vec<f64> = (0..ROUNDS)
        .map(|_| runtime.block_on(copy(&cluster)))
        .collect();
    copied.sort_unstable_by(f64::total_cmp);
    println!(
        "from SQLite to PostgreSQL: {:8.0} records/s",
        copied[ROUNDS / 2]
    );
}

/// Appends groups of so many records to a file that has their room, and syncs each.
fn append(callers: usize) -> f64 {
    let home = tempfile::tempdir_in(".").unwrap();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(home.path().join("file"))
        .unwrap();
    let group = vec![7; RECORD_BYTES * callers];
    let (began, mut groups) = (Instant::now(), 0_usize);
    while began.elapsed() < Duration::from_secs(1) {
        file.write_all(&group).unwrap();
        file.sync_data().unwrap();
        groups += 1;
    }
    (groups * callers) as f64 / began.elapsed().as_secs_f64()
}

/// What one round gave.
#[derive(Clone, Copy)]
struct Round {
    /// Records a second.
    rate: f64,
    p50: Duration,
    p99: Duration,
    cpu_us: f64,
}

async fn trail(callers: usize, cluster: Option<&cluster::Cluster>) -> Round {
    let home = tempfile::tempdir_in(".").unwrap();
    let trail = begin(home.path(), cluster).await;
    // As each worker of the gateway does.
    let courier = tokio::spawn(audit::hand_out(trail.clone()));
    tokio::task::yield_now().await;
    let each = EXCHANGES.min(callers * EXCHANGES_OF_ONE) / callers;
    let (began, cpu) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(exchanges(trail.clone(), each)))
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    let (time, cpu) = (began.elapsed(), self::cpu().saturating_sub(cpu));
    courier.abort();
    let size = trail.status().size as f64;
    trail.stop(&events::stop()).await.unwrap();
    waits.sort_unstable();
    let share = |of: usize| waits[(waits.len() - 1) * of / 100];
    Round {
        rate: size / time.as_secs_f64(),
        p50: share(50),
        p99: share(99),
        cpu_us: cpu.as_micros() as f64 / size,
    }
}

async fn begin(directory: &Path, cluster: Option<&cluster::Cluster>) -> Trail {
    let keyring = Keyring::open_or_create(&directory.join("keyring.json")).unwrap();
    let ledger: Box<dyn Ledger> = match cluster {
        None => Box::new(SqliteLedger::open(directory).await.unwrap()),
        Some(cluster) => Box::new(in_postgres(cluster, &keyring).await),
    };
    Trail::start(ledger, Keys::from_keyring(&keyring).unwrap()).unwrap()
}

async fn in_postgres(cluster: &cluster::Cluster, keyring: &Keyring) -> PostgresLedger {
    let place = PostgresPlace::parse(&cluster.url()).unwrap();
    PostgresLedger::open(place, keyring.log()).await.unwrap()
}

async fn exchanges(trail: Trail, count: usize) -> Vec<Duration> {
    let mut waits = Vec::with_capacity(2 * count);
    for _ in 0..count {
        let opening = events::opening("C-771");
        let began = Instant::now();
        let receipt = trail.open(&opening).await.unwrap();
        waits.push(began.elapsed());
        let mut outcome = events::outcome();
        let began = Instant::now();
        trail.close(receipt, &mut outcome).await.unwrap();
        waits.push(began.elapsed());
    }
    waits
}

/// Copies a log of many records; gives records a second.
async fn copy(cluster: &cluster::Cluster) -> f64 {
    let home = tempfile::tempdir_in(".").unwrap();
    let trail = begin(home.path(), None).await;
    let tasks: Vec<_> = (0..512)
        .map(|_| tokio::spawn(exchanges(trail.clone(), EXCHANGES / 512)))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    trail.stop(&events::stop()).await.unwrap();
    let keyring = Keyring::open(&home.path().join("keyring.json")).unwrap();
    let mut from = SqliteLedger::open_to_read(home.path()).await.unwrap();
    let mut to = in_postgres(cluster, &keyring).await;
    let began = Instant::now();
    let mut copier = Copier::begin(&mut from, &mut to).await.unwrap();
    loop {
        let step = copier.step(&mut from, &mut to).await.unwrap();
        if step.size == step.of {
            return step.size as f64 / began.elapsed().as_secs_f64();
        }
    }
}

/// CPU time of this process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}
