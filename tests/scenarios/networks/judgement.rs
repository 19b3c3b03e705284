//! What is true of the logs afterwards, whatever happened.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    io::Write as _,
    process::Command,
    sync::{PoisonError, atomic::Ordering},
};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;
use tests::{
    gateway::{Gateway, binary},
    records::{self, Record},
};

use super::{
    agents::{Asks, Seen, Tally},
    host::{BYTES, CALLS, EVERY, Fleet, Host},
    troubles::Trouble,
};
use crate::{cluster::Cluster, world::verified};

/// What was spent in each turn.
type Turns = BTreeMap<i64, u64>;

/// Stops the fleet, and holds its logs against what agents saw and upstreams heard, budgets and the copy.
pub(super) fn judged(
    fleet: &mut Fleet,
    seen: &[Vec<Seen>],
    (tallies, had): (&[Tally], &BTreeMap<Trouble, u64>),
) -> Result<()> {
    fleet.until("everything is copied", |fleet| {
        let copied = fleet.hosts.iter().map(Host::copied);
        let copied = copied.collect::<Result<Vec<_>>>()?;
        Ok(copied.iter().all(|(records, copied)| records == copied))
    })?;
    let (mut calls, mut bytes) = (Turns::new(), Turns::new());
    let (mut sizes, mut unsent) = (Vec::new(), 0);
    for (host, seen) in fleet.hosts.iter_mut().zip(seen) {
        let stopped = host.gateway.stop()?;
        ensure!(stopped.success(), "{}", host.gateway.stderr());
        sizes.push(copied(&host.gateway, &fleet.postgres.server)?);
        let log = Log::of(&records::list(&host.gateway)?)?;
        log.holds(seen)?;
        let heard = host.heard.lock().unwrap_or_else(PoisonError::into_inner);
        log.knows(&heard)?;
        unsent += log.spent(&heard, seen, (&mut calls, &mut bytes));
    }
    once_each(&fleet.postgres.server, &sizes)?;
    for (turns, allowed, what) in [(&calls, CALLS, "calls"), (&bytes, BYTES, "bytes")] {
        let most = turns.values().max().copied().unwrap_or_default();
        ensure!(most <= allowed, "{most} {what} in a turn of {allowed}");
        let wholly = turns.values().filter(|spent| **spent == allowed).count();
        let all: u64 = turns.values().sum();
        let mut out = std::io::stdout();
        writeln!(
            out,
            "{what}: {all} in {} turns of {allowed}, at most {most} in one, all in {wholly}",
            turns.len()
        )?;
    }
    told(seen, (tallies, had), (&sizes, unsent))
}

/// What happened, in figures.
fn told(
    seen: &[Vec<Seen>],
    (tallies, had): (&[Tally], &BTreeMap<Trouble, u64>),
    (sizes, unsent): (&[u64], u64),
) -> Result<()> {
    let sum = |counted: fn(&Tally) -> u64| tallies.iter().map(counted).sum::<u64>();
    let (exhausted, unleased) = (
        sum(|it| it.exhausted.load(Ordering::SeqCst)),
        sum(|it| it.unleased.load(Ordering::SeqCst)),
    );
    ensure!(exhausted > 0, "no budget was ever used up");
    let mut out = std::io::stdout();
    writeln!(out, "troubles: {had:?}")?;
    writeln!(
        out,
        "answers: {}, {} calls and {} streams whole, {} streams broken off, {exhausted} refused for a budget used up, \
         {unleased} for want of a lease, {} calls at a gateway that was not there, {} at one whose disk was late",
        seen.iter().map(Vec::len).sum::<usize>(),
        sum(|it| it.went.load(Ordering::SeqCst)),
        sum(|it| it.streamed.load(Ordering::SeqCst)),
        sum(|it| it.broken.load(Ordering::SeqCst)),
        sum(|it| it.unreached.load(Ordering::SeqCst)),
        sum(|it| it.unrecorded.load(Ordering::SeqCst)),
    )?;
    writeln!(
        out,
        "records: {} in {} logs, {sizes:?}; {unsent} openings of which no upstream heard",
        sizes.iter().sum::<u64>(),
        sizes.len()
    )?;
    Ok(())
}

/// One host's log.
struct Log {
    opened: HashMap<u64, Opened>,
    /// By the opening.
    closed: HashMap<u64, Closed>,
    /// Status and reason by the record.
    refused: HashMap<u64, (u64, String)>,
}

struct Opened {
    about: String,
    asks: Asks,
    turn: i64,
}

/// How an exchange ended.
struct Closed {
    released: u64,
    /// Empty where all of it was released.
    reason: String,
}

impl Log {
    fn of(records: &[Record]) -> Result<Self> {
        let mut log = Self {
            opened: HashMap::new(),
            closed: HashMap::new(),
            refused: HashMap::new(),
        };
        for record in records {
            let index = record.index().context("no index")?;
            match record.kind().as_str() {
                "open" => drop(log.opened.insert(index, Opened::of(record)?)),
                "close" => {
                    let opening = record.number("opening").context("no opening")?;
                    let response = record.find("response").context("no response")?;
                    let closed = Closed {
                        released: response["released"].as_u64().context("no bytes")?,
                        reason: record.text("reason"),
                    };
                    log.closed.insert(opening, closed);
                }
                "refuse" => {
                    let status = record.number("status").context("no status")?;
                    log.refused.insert(index, (status, record.text("reason")));
                }
                _ => {}
            }
        }
        Ok(log)
    }

    /// Every byte that an agent got belongs to a record, and what one agent did stands in its order.
    fn holds(&self, seen: &[Seen]) -> Result<()> {
        let mut last = HashMap::new();
        for answer in seen {
            let Seen { about, record, .. } = answer;
            let agent = about.split_once('n').context("no agent")?.0;
            let before = last.insert(agent, *record);
            ensure!(
                before.is_none_or(|before| before < *record),
                "{about} is on record before what came before it"
            );
            match (self.opened.get(record), self.refused.get(record)) {
                (Some(opened), None) => {
                    ensure!(opened.about == *about, "{record}: {} {about}", opened.about);
                    self.released(answer)?;
                }
                (None, Some((status, reason))) => {
                    let is_it = *status == u64::from(answer.status)
                        && answer.reason.as_ref() == Some(reason);
                    ensure!(is_it, "{record}: {status} {reason} {:?}", answer.reason);
                }
                _ => anyhow::bail!("record {record} of {about} is no answer's"),
            }
        }
        Ok(())
    }

    fn released(&self, answer: &Seen) -> Result<()> {
        let Seen {
            record,
            bytes,
            whole,
            reason,
            ..
        } = answer;
        let Some(closed) = self.closed.get(record) else {
            // Its gateway was killed before it could say how it ended, and so before the last byte.
            ensure!(
                !whole && reason.is_none(),
                "{record} has an end, and is open"
            );
            return Ok(());
        };
        let Closed {
            released,
            reason: why,
        } = closed;
        ensure!(
            bytes == released || !whole && bytes < released,
            "{record}: {bytes} came of {released}"
        );
        ensure!(
            reason.as_ref().is_none_or(|reason| reason == why) && (!whole || why.is_empty()),
            "{record}: {reason:?} {why}"
        );
        Ok(())
    }

    /// No upstream was asked for what is not on record, and what it was asked for once is there once.
    fn knows(&self, heard: &BTreeSet<String>) -> Result<()> {
        let mut opened = BTreeSet::new();
        for one in self.opened.values() {
            ensure!(opened.insert(&*one.about), "{} is there twice", one.about);
        }
        let mut unknown = heard
            .iter()
            .filter(|about| !opened.contains(about.as_str()));
        ensure!(
            unknown.next().is_none(),
            "an upstream heard of what is not on record"
        );
        Ok(())
    }

    /// Adds what was spent in each turn: a call that an upstream heard of, bytes that were released. Gives how many
    /// openings no upstream heard of: their gateway was killed between the two.
    fn spent(
        &self,
        heard: &BTreeSet<String>,
        seen: &[Seen],
        (calls, bytes): (&mut Turns, &mut Turns),
    ) -> u64 {
        let got: HashMap<u64, u64> = seen.iter().map(|it| (it.record, it.bytes)).collect();
        let mut unsent = 0;
        for (index, opened) in &self.opened {
            if !heard.contains(&opened.about) {
                unsent += 1;
                continue;
            }
            match opened.asks {
                Asks::Items => *calls.entry(opened.turn).or_default() += 1,
                Asks::Streams => {
                    let closed = self.closed.get(index).map(|closed| closed.released);
                    let released = closed.or_else(|| got.get(index).copied());
                    *bytes.entry(opened.turn).or_default() += released.unwrap_or_default();
                }
            }
        }
        unsent
    }
}

impl Opened {
    fn of(record: &Record) -> Result<Self> {
        let bound = record.find("bound").context("nothing bound")?;
        let named = |asks: Asks| bound[asks.parameter()].as_str().map(|about| (asks, about));
        let (asks, about) = [Asks::Items, Asks::Streams]
            .into_iter()
            .find_map(named)
            .context("neither item nor stream")?;
        // A turn is of the time that a request was admitted, which is the opening's.
        let at: Timestamp = record.text("at").parse()?;
        Ok(Self {
            about: about.to_owned(),
            asks,
            turn: at.as_second().div_euclid(EVERY),
        })
    }
}

/// Verifies a log and its copy, and that both are the same, byte for byte and in the same order; gives how many records.
fn copied(gateway: &Gateway, cluster: &Cluster) -> Result<u64> {
    let report = verified(gateway)?;
    let key = gateway.public_key()?;
    let of_copy = Command::new(binary()?)
        .args(["audit", "verify", "-o", "json", "--key", key.trim()])
        .args(["--postgres", &cluster.url()])
        .output()?;
    ensure!(of_copy.status.success(), "the copy: {of_copy:?}");
    let of_copy: Value = serde_json::from_slice(&of_copy.stdout)?;
    let size = |report: &Value| report.get("size").and_then(Value::as_u64);
    let of_copy = size(&of_copy);
    let size = size(&report).context("no size")?;
    ensure!(of_copy == Some(size), "{of_copy:?} of {size} are copied");

    let another = tempfile::tempdir()?;
    let data = another.path().join("data");
    fs::create_dir(&data)?;
    fs::copy(
        gateway.data().join("keyring.json"),
        data.join("keyring.json"),
    )?;
    let exports = ["mine", "copied"].map(|name| another.path().join(name));
    let back = ["audit", "copy", "--from", &cluster.url()];
    let export = |to: &std::path::Path| {
        let to = to.display().to_string();
        ["audit", "export", "--to", &to].map(str::to_owned)
    };
    let [mine, theirs] = &exports;
    for (arguments, of) in [
        (back.map(str::to_owned), &data),
        (export(mine), &gateway.data()),
        (export(theirs), &data),
    ] {
        let done = Command::new(binary()?)
            .args(&arguments)
            .arg("--data")
            .arg(of)
            .output()?;
        ensure!(done.status.success(), "{arguments:?}: {done:?}");
    }
    ensure!(
        fs::read(mine)? == fs::read(theirs)?,
        "the copy is not the log"
    );
    Ok(size)
}

/// Each record is in the copy once, and no other is.
fn once_each(cluster: &Cluster, sizes: &[u64]) -> Result<()> {
    let query = "SELECT count(*), count(DISTINCT idx), max(idx) + 1, max(size) FROM record JOIN log ON id = log \
                 GROUP BY log";
    let asked = Command::new("psql")
        .args(["-q", "-A", "-t", "-F", " ", "-c", query])
        .arg(cluster.url())
        .output()?;
    ensure!(asked.status.success(), "{asked:?}");
    let told = String::from_utf8(asked.stdout)?;
    let mut logs = Vec::new();
    for line in told.lines() {
        let counts: BTreeSet<u64> = line
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        ensure!(counts.len() == 1, "of one log: {line}");
        logs.extend(counts);
    }
    let mut expected = sizes.to_vec();
    logs.sort_unstable();
    expected.sort_unstable();
    ensure!(logs == expected, "{logs:?} are copied of {expected:?}");
    Ok(())
}
