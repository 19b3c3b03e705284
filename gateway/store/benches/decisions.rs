//! What a decision costs with 10, 100 and 1,000 policies, beside plain Cedar, and the whole step of
//! admission: `cargo xtask bench decisions`. One run, all contenders in turn, call by call; each call is
//! timed by itself, so that what the clock costs is in every figure, and is told. It stands here because
//! what is debited is kept by this crate.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a bench stops at the first error and prints"
)]

#[path = "decisions/world.rs"]
mod world;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use admission::{
    Admission,
    budget::{Budget, Budgets, Meter, ModelUse, Per},
};
use cedar_policy::Authorizer;
use jiff::Timestamp;
use policy::{Country, Engine, PolicyFile};
use store::SqliteBudgets;
use world::{Plain, caller, operation, policies, principal};

/// Rounds, in each of which everything is timed once.
const ROUNDS: usize = 5_000;
/// Rounds before those, which are not counted.
const WARMING: usize = 500;
const COLUMNS: [&str; 7] = [
    "plain Cedar",
    "asked anew",
    "remembered",
    "admission, asked anew",
    "admission, remembered",
    "until durable",
    "the clock",
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("µs, median / 99th of a hundred, {ROUNDS} calls each\n");
    println!("| policies | {} |", COLUMNS.join(" | "));
    println!("| ---: |{}", " ---: |".repeat(COLUMNS.len()));
    for count in [10, 100, 1_000] {
        let mut times = run(count).await;
        let cells = times.iter_mut().map(|times| {
            times.sort_unstable();
            let at = |share: usize| times[times.len() * share / 100].as_nanos() as f64 / 1_000.0;
            format!("{:.1} / {:.1}", at(50), at(99))
        });
        println!("| {count} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

/// The times of each column.
async fn run(count: usize) -> [Vec<Duration>; COLUMNS.len()] {
    let text = policies(count);
    let plain = Plain::new(&text);
    let file = PolicyFile {
        name: "bench.cedar".to_owned(),
        text,
    };
    let engine = Arc::new(Engine::load(&[file]).unwrap());
    let admission = Admission::new(Arc::clone(&engine), Country::parse("DE").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteBudgets::open(folder.path()).await.unwrap();
    let (budgets, keeper) = Budgets::new(vec![budget()], Box::new(store));
    tokio::spawn(keeper);
    let authorizer = Authorizer::new();
    let mut times = [const { Vec::new() }; COLUMNS.len()];
    for round in 0..WARMING + ROUNDS {
        let (agent, question) = (
            round % world::AGENTS,
            &plain.questions[round % plain.questions.len()],
        );
        let (request, entities) = question;
        let new = operation(agent, round);
        let known = operation(agent, usize::MAX);
        let (principal, caller) = (principal(agent), caller(agent));
        let cedar = timed(|| {
            authorizer
                .is_authorized(request, &plain.policies, entities)
                .decision()
        });
        let asked = timed(|| engine.call(&principal, &new).allowed);
        let remembered = timed(|| engine.call(&principal, &known).allowed);
        // Another record than above, or it would be remembered.
        let other = operation(agent, round + ROUNDS * 10);
        let (anew, durable) = admitted(&admission, &budgets, caller.clone(), other).await;
        let (again, _) = admitted(&admission, &budgets, caller, known).await;
        let clock = timed(|| ());
        if round >= WARMING {
            let all = [cedar, asked, remembered, anew, again, durable, clock];
            times
                .iter_mut()
                .zip(all)
                .for_each(|(times, it)| times.push(it));
        }
    }
    times
}

/// Admits and debits, as the proxy does; how long that takes, and until the debit is on disk.
async fn admitted(
    admission: &Admission,
    budgets: &Arc<Budgets>,
    caller: identity::Caller,
    operation: policy::Operation,
) -> (Duration, Duration) {
    let begun = Instant::now();
    let permit = admission.admit(caller, operation);
    let permit = permit.ok().unwrap();
    let mut hold = budgets
        .admit(&permit, ModelUse::default(), Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    let debited = begun.elapsed();
    hold.durable().await.unwrap();
    (debited, begun.elapsed())
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed()
}

fn budget() -> Budget {
    Budget {
        id: "calls".into(),
        agents: Vec::new(),
        services: Vec::new(),
        operations: Vec::new(),
        effects: Vec::new(),
        per: Per::Session,
        every: None,
        allowed: vec![(Meter::Calls, u64::MAX >> 1)],
        shared: false,
    }
}
