//! A gateway that serves for weeks: by its own clocks, which go an hour ahead whenever its agents pause.
//!
//! What begins anew with a day does so, what is due after days is done, and nothing grows.

use std::{fs, io::Write as _, thread, time::Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::Client,
    clock::unix_seconds,
    env,
    gateway::{Gateway, POLL, START_MAX},
    held::Held,
    records,
    shifted::Shifted,
};
use time::OffsetDateTime;

use crate::{
    evidence::search,
    world::{HERE, World},
};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What the agent asks for in an hour, which is more than it may in a day.
const CALLS_AN_HOUR: u64 = 3;
const CALLS_A_DAY: u64 = 50;

/// How much more memory, in KiB, it may hold at the end than after its second day, and how many more files and threads. What makes
/// the reports keeps some for the next one: over a year of days the gateway stays within 80 MiB.
const GROWTH_KIB_MAX: u64 = 96 << 10;
const FILES_MAX: usize = 8;
const THREADS_MAX: usize = 4;

/// How a day's calls ended.
#[derive(Clone, Debug, Default)]
struct Day {
    answered: u64,
    refused: u64,
    /// The record of its first call.
    first: Option<u64>,
}

struct Life {
    world: World,
    clock: Shifted,
    days: Vec<Day>,
}

impl Life {
    /// Begins so many days ago, half an hour after midnight.
    fn begin(days: u64, keep: u64) -> Result<Self> {
        let now = unix_seconds();
        let first = (now / DAY - days) * DAY + HOUR / 2;
        let clock = Shifted::behind(now - first)?;
        let world = World::under(&clock.prefix(), |setup| {
            let keep = json!({ "keep": format!("{keep}d"), "basis": "house rule" });
            let report =
                json!({ "report": "agents", "every": "day", "output": ["json"], "to": "reports" });
            setup
                .set("audit", json!({ "directory": "data", "retention": keep }))
                .set("reports", json!([report]))
                .set(
                    "budgets",
                    json!([{ "id": "a-day", "per": "agent", "calls": CALLS_A_DAY, "every": "24h" }]),
                )
        })?;
        Ok(Self {
            world,
            clock,
            days: vec![Day::default()],
        })
    }

    /// The agent's calls of one hour.
    fn calls(&mut self) -> Result<()> {
        // Connections that it kept are older than any may be.
        self.world.client = Client::plain()?;
        let today = self.days.last_mut().context("no day")?;
        for item in 0..CALLS_AN_HOUR {
            let url = self.world.gateway.url(&format!("/crm/items/{item}"))?;
            let reply = self.world.client.get(&url, &[])?;
            today.first = today.first.or(reply.record());
            match reply.status.as_u16() {
                200 => today.answered += 1,
                429 => today.refused += 1,
                _ => anyhow::bail!("{} {}", reply.status, reply.text()),
            }
        }
        Ok(())
    }

    /// The clocks go on to the half of the next hour; whether that is another day's.
    fn pass(&mut self) -> Result<bool> {
        let now = self.clock.now()?;
        let next = (now / HOUR + 1) * HOUR + HOUR / 2;
        self.clock.pass(next - now)?;
        let another = next / DAY > now / DAY;
        if another {
            self.days.push(Day::default());
        }
        Ok(another)
    }

    /// What is due at a day's end is done: the agent had its calls and no more, and the report says so.
    fn ended(&mut self) -> Result<()> {
        let day = self.days.iter().rev().nth(1).context("no day before")?;
        let asked = day.answered + day.refused;
        assert_eq!(day.answered, asked.min(CALLS_A_DAY), "{day:?}");
        let yesterday = i64::try_from(self.clock.now()? - DAY)?;
        let yesterday = OffsetDateTime::from_unix_timestamp(yesterday)?.date();
        let name = format!("agents-{yesterday}.json");
        let path = self.gateway().folder().join("reports").join(name);
        self.wait_until("reported", |_| Ok(path.exists()))?;
        let report: Value = serde_json::from_slice(&fs::read(&path)?)?;
        assert_eq!(requests(&report)?, asked, "{report}");
        Ok(())
    }

    /// Waits until it is so. Whatever the gateway waits for is due by its clock, and a request has it look. One that looked as an
    /// hour went by looks again a minute later, so every now and then a minute goes by.
    fn wait_until(&mut self, what: &str, is: impl Fn(&Gateway) -> Result<bool>) -> Result<()> {
        let (began, mut minutes) = (Instant::now(), 0);
        let ready = self.gateway().admin_url("/readyz")?;
        while !is(self.gateway())? {
            let waited = began.elapsed();
            let late = waited > START_MAX;
            ensure!(!late, "not {what}: {}", self.gateway().stderr());
            if waited.as_secs() / 2 > minutes {
                minutes += 1;
                self.clock.pass(MINUTE)?;
            }
            Client::plain()?.get(&ready, &[])?;
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn gateway(&self) -> &Gateway {
        &self.world.gateway
    }
}

/// How many requests of this program a report tells of.
fn requests(report: &Value) -> Result<u64> {
    let tables = report["tables"].as_array().context("no tables")?;
    let agents = tables.iter().find(|table| table["title"] == "Agents");
    let rows = agents.and_then(|table| table["rows"].as_array());
    let mut rows = rows.context("no table of agents")?.iter();
    let row = rows.find(|row| row[0].to_string().contains(HERE));
    let figure = &row.with_context(|| format!("{HERE} is not in {report}"))?[2];
    figure["value"]
        .as_u64()
        .with_context(|| format!("{figure} is no figure"))
}

#[test]
fn days_go_by_and_what_is_due_is_done() -> Result<()> {
    let days = env::number(env::DAYS, 5);
    let keep = days / 4;
    let mut life = Life::begin(days, keep)?;
    let mut held = Vec::new();
    for _ in 0..days * 24 {
        life.calls()?;
        if life.pass()? {
            life.ended()?;
            held.push(Held::by(life.gateway().pid()?)?);
            writeln!(
                std::io::stdout(),
                "after day {}: {:?}",
                held.len(),
                held.last()
            )?;
        }
    }
    life.calls()?;

    // The first day's records are due, and no record of the last days.
    let first = life.days.first().and_then(|day| day.first);
    let first = first.context("no first record")?;
    life.wait_until("expired", |gateway| {
        let shown = records::shown(gateway, first)?;
        Ok(shown.pointer("/entry/event/kind") == Some(&json!("expired")))
    })?;
    let last = life.days.iter().rev().nth(1).and_then(|day| day.first);
    let last = records::shown(life.gateway(), last.context("no last record")?)?;
    ensure!(
        last.pointer("/entry/event/kind") != Some(&json!("expired")),
        "{last}"
    );
    let expired = search(life.gateway(), &["--kind", "expire"])?.len();
    ensure!(
        u64::try_from(expired)? < days,
        "{expired} keys of {days} days are gone"
    );

    let (Some(second), Some(end)) = (held.get(1), held.last()) else {
        anyhow::bail!("a life of {days} days has nothing to compare");
    };
    ensure!(
        end.kib <= second.kib + GROWTH_KIB_MAX
            && end.files <= second.files + FILES_MAX
            && end.threads <= second.threads + THREADS_MAX,
        "it grew from {second:?} to {end:?}"
    );
    life.world.finish()
}

/// Who can set the clock gains no calls by it, and whoever's token is over by it is told so.
#[test]
fn a_clock_that_is_set_gives_nothing_back() -> Result<()> {
    let now = unix_seconds();
    let noon = (now / DAY - 3) * DAY + DAY / 2;
    let mut clock = Shifted::behind(now - noon)?;
    let world = World::under(&clock.prefix(), |setup| {
        setup.set(
            "budgets",
            json!([{ "id": "a-day", "per": "agent", "calls": 5, "every": "24h" }]),
        )
    })?;
    let calls = |many: u64| -> Result<u64> {
        let mut answered = 0;
        for item in 0..many {
            let url = world.gateway.url(&format!("/crm/items/{item}"))?;
            let reply = world.client.get(&url, &[])?;
            ensure!(
                matches!(reply.status.as_u16(), 200 | 429),
                "{}",
                reply.text()
            );
            answered += u64::from(reply.status == 200);
        }
        Ok(answered)
    };
    let behind = now - noon;
    assert_eq!(calls(3)?, 3);
    // A day ahead, and another day's calls.
    clock.set_behind(behind - DAY)?;
    assert_eq!(calls(7)?, 5);
    // Back: of the first day's calls two are left at most, and none of any day before.
    clock.set_behind(behind)?;
    let left = calls(7)?;
    ensure!(left <= 2, "{left} more calls on a day that had three");
    clock.set_behind(behind + DAY)?;
    let before = calls(7)?;
    ensure!(before <= 5, "{before} calls on a day that may have five");
    clock.set_behind(behind - DAY)?;
    assert_eq!(calls(2)?, 0);
    world.finish()
}
