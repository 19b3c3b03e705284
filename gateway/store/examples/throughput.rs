//! How many durable records a second this machine does: `cargo run --release -p store --example
//! throughput`. First the store alone in groups of 1, 10, 100 and 512, then whole exchanges (an
//! opening and a closing) through the trail with 1, 8, 128 and 512 callers at once.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench stops at the first error and prints"
)]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use audit::{Group, Keys, Ledger as _, Row, Trail};
use rustix::time::{ClockId, clock_gettime};
use store::SqliteLedger;
use vault::Keyring;

#[path = "../tests/record/events.rs"]
mod events;

const STORE_TIME: Duration = Duration::from_secs(2);
const EXCHANGES_PER_ROUND: usize = 200_000;
const LEAF_BYTES: usize = 600;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for records in [1, 10, 100, 512]
        .into_iter()
        .filter(|_| std::env::args().len() == 1)
    {
        runtime.block_on(store(records));
    }
    let only = std::env::args().nth(1).and_then(|it| it.parse().ok());
    for callers in only.map_or(vec![1, 8, 128, 512], |it| vec![it]) {
        runtime.block_on(trail(callers));
    }
}

async fn store(records: u64) {
    let home = tempfile::tempdir_in(".").unwrap();
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    let (began, cpu) = (Instant::now(), cpu());
    let mut size = 0;
    while began.elapsed() < STORE_TIME {
        let row = |index| Row {
            index,
            leaf: vec![7; LEAF_BYTES],
            nodes: vec![7; 64],
        };
        let rows = (size..size + records).map(row).collect();
        size += records;
        let checkpoints = vec![(size, "n".repeat(200))];
        let group = Group {
            rows,
            size,
            checkpoints,
        };
        ledger.append(group).await.unwrap();
    }
    let (time, cpu) = (began.elapsed(), self::cpu().saturating_sub(cpu));
    println!(
        "store, groups of {records:3}: {:8.0} records/s, {:4.0} us/commit, {:.1} us CPU/record",
        size as f64 / time.as_secs_f64(),
        time.as_micros() as f64 * records as f64 / size as f64,
        cpu.as_micros() as f64 / size as f64,
    );
}

async fn trail(callers: usize) {
    let home = tempfile::tempdir_in(".").unwrap();
    let trail = begin(home.path()).await;
    // As each worker of the gateway does.
    let courier = tokio::spawn(audit::hand_out(trail.clone()));
    tokio::task::yield_now().await;
    let each = (EXCHANGES_PER_ROUND.min(callers * 2000)) / callers;
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
    let status = trail.status();
    trail.stop(&events::stop()).await.unwrap();
    waits.sort_unstable();
    let share = |of: usize| waits[(waits.len() - 1) * of / 100].as_micros();
    println!(
        "trail, {callers:3} callers: {:8.0} records/s, acknowledged p50 {:5} us, p99 {:5} us, \
         {:.0} records/commit, {:.1} us CPU/record",
        status.size as f64 / time.as_secs_f64(),
        share(50),
        share(99),
        status.size as f64 / status.commits as f64,
        cpu.as_micros() as f64 / status.size as f64,
    );
}

async fn begin(directory: &Path) -> Trail {
    let keyring = Keyring::open_or_create(&directory.join("keyring.json")).unwrap();
    let ledger = SqliteLedger::open(directory).await.unwrap();
    Trail::start(Box::new(ledger), Keys::from_keyring(&keyring).unwrap()).unwrap()
}

async fn exchanges(trail: Trail, count: usize) -> Vec<Duration> {
    let mut waits = Vec::with_capacity(count);
    for _ in 0..count {
        let opening = events::opening("C-771");
        let began = Instant::now();
        let receipt = trail.open(&opening).await.unwrap();
        waits.push(began.elapsed());
        trail.close(receipt, &mut events::outcome()).await.unwrap();
    }
    waits
}

/// CPU time of this process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}
