//! SIGKILL at any moment loses no byte's record.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use tests::{
    client::Client,
    env,
    people::Dice,
    records::{self, Record},
};

use crate::world::{World, verified};

/// How many callers there are at a time.
const CALLERS: u64 = 4;
/// Kills fall within this time after the start, in milliseconds.
const KILL_AFTER_MS_MAX: u64 = 400;

/// What a caller remembers of an answer.
struct Seen {
    item: String,
    /// The index of the record that the answer names.
    record: u64,
    /// Whether its last byte came too.
    whole: bool,
}

fn caller(number: u64, base: String, stop: Arc<AtomicBool>) -> JoinHandle<Result<Vec<Seen>>> {
    thread::spawn(move || {
        let client = Client::plain()?;
        let mut seen = Vec::new();
        for call in 0u64.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let item = format!("k{number}x{call}");
            // After the kill there is nobody to call; that is the end of this life.
            let Ok(reply) = client.get(&format!("{base}/crm/items/{item}"), &[]) else {
                break;
            };
            if !reply.body.is_empty() {
                let record = reply.record();
                let record = record.ok_or_else(|| anyhow!("bytes without a record: {reply:?}"))?;
                let whole = reply.whole;
                seen.push(Seen {
                    item,
                    record,
                    whole,
                });
            }
        }
        Ok(seen)
    })
}

/// What the log says of admitted calls.
struct Log {
    /// The item that each opening is about, by its index.
    opened: HashMap<u64, String>,
    /// The openings that are closed.
    closed: HashSet<u64>,
}

impl Log {
    fn of(records: &[Record]) -> Self {
        let (mut opened, mut closed) = (HashMap::new(), HashSet::new());
        for record in records {
            match (record.kind().as_str(), record.index()) {
                ("open", Some(index)) => {
                    let item = record
                        .find("bound")
                        .and_then(|bound| bound["item"].as_str());
                    opened.insert(index, item.unwrap_or_default().to_owned());
                }
                ("close", _) => closed.extend(record.number("opening")),
                _ => {}
            }
        }
        Self { opened, closed }
    }

    /// An answer's intent is there and, if its last byte came, its outcome.
    fn holds(&self, answer: &Seen) -> Result<()> {
        let Seen {
            item,
            record,
            whole,
        } = answer;
        let about = self.opened.get(record);
        ensure!(
            about == Some(item),
            "record {record} is of {about:?}, not of {item}"
        );
        ensure!(
            !*whole || self.closed.contains(record),
            "the whole answer to {item} came, and record {record} is open"
        );
        Ok(())
    }
}

#[test]
fn a_killed_gateway_has_released_nothing_that_is_not_on_record() -> Result<()> {
    let mut world = World::new()?;
    let mut dice = Dice::new(u64::from(std::process::id()));
    let mut answers = 0;
    for life in 0..env::number(env::KILLS, 6) {
        let stop = Arc::new(AtomicBool::new(false));
        let base = world.gateway.url("")?;
        let callers: Vec<_> = (0..CALLERS)
            .map(|n| caller(life * CALLERS + n, base.clone(), Arc::clone(&stop)))
            .collect();
        // Not a wait for something: the random moment is the test.
        thread::sleep(Duration::from_millis(dice.between(0, KILL_AFTER_MS_MAX)));
        world.gateway.kill()?;
        stop.store(true, Ordering::Relaxed);
        let mut seen = Vec::new();
        for caller in callers {
            seen.extend(caller.join().map_err(|_| anyhow!("a caller panicked"))??);
        }
        answers += seen.len();

        world.gateway.restart()?;
        verified(&world.gateway)?;
        let log = Log::of(&records::list(&world.gateway)?);
        seen.iter().try_for_each(|answer| log.holds(answer))?;
    }
    ensure!(answers > 0, "nobody got an answer before a kill");
    // Openings of killed lives stay open, and are reported as such.
    world.gateway.stop()?;
    let log = records::list(&world.gateway)?;
    let count = |kind: &str| log.iter().filter(|record| record.kind() == kind).count();
    let report = verified(&world.gateway)?;
    let open = report["open"].as_array().map_or(0, Vec::len);
    assert_eq!(open, count("open") - count("close"), "{report}");
    Ok(())
}
