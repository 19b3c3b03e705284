//! A gateway that is kept as busy as its host allows: each caller asks again as soon as it is answered. What it holds stays
//! the same, and so does the time that it takes.

use std::{
    array, fs,
    io::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustls::version::TLS13;
use serde_json::Value;
use tests::{
    client::Client,
    env::{SOAK, number},
    gateway::POLL,
    held::Held,
};

use crate::{upstreams::wait, world::World};

/// Seconds if nothing is said: few, for every day.
const SECONDS: u64 = 8;
/// From this size on, the time that answers take is judged too: a short run tells nothing of it.
const JUDGED_SECONDS: u64 = 600;
/// Into how many spans the time is cut. The first quarter warms up; the second is what the last is held against.
const SPANS: u32 = 24;
const QUARTER: usize = SPANS as usize / 4;
const CALLERS: usize = 24;
/// Every so many turns a caller lets its connections go.
const TURNS_OF_A_CONNECTION: u64 = 500;

/// How much more memory it may hold in the last quarter than in the second: a twentieth, and this many KiB.
const GROWTH_KIB_MAX: u64 = 16 << 10;
/// How many more files and threads it may hold once nobody calls, than before anybody did: for each caller it may keep a
/// connection to each service for a minute.
const FILES_MAX: usize = 5 * CALLERS;
const THREADS_MAX: usize = 4;
/// How much slower the slowest hundredth may be in the last quarter, and how many fewer calls there may be.
const SLOWER_PERCENT_MAX: u64 = 150;
const CALLS_PERCENT_MIN: u64 = 75;

/// How long answers took: counts by microseconds, an eighth of a power of two each.
struct Times([AtomicU64; PLACES]);

const PLACES: usize = 64 * 8;

impl Times {
    fn new() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }

    fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(8);
        // Of the number its length, and the three digits behind the first one.
        let length = took.ilog2();
        let digits = (took >> (length - 3)) & 7;
        let place = usize::try_from(u64::from(length) * 8 + digits);
        if let Some(count) = place.ok().and_then(|place| self.0.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counts till now, which begin anew.
    fn take(&self) -> Vec<u64> {
        let counts = self.0.iter().map(|count| count.swap(0, Ordering::Relaxed));
        counts.collect()
    }
}

/// The time in microseconds within which so many of a hundred answers came.
fn within(counts: &[u64], percent: u64) -> u64 {
    let due = counts.iter().sum::<u64>() * percent;
    let mut sum = 0;
    let place = counts.iter().position(|count| {
        sum += count * 100;
        sum >= due
    });
    let place = place.unwrap_or(0);
    u64::try_from(place % 8 + 9).unwrap_or(0) << (place / 8).saturating_sub(3)
}

/// What a span of the time was like.
#[derive(Clone, Copy, Debug)]
struct Span {
    held: Held,
    calls: u64,
    p50_us: u64,
    p99_us: u64,
}

/// Everybody who calls.
struct Crowd<'a> {
    world: &'a World,
    stop: AtomicBool,
    times: Times,
    /// Calls whose upstream was well, and those whose was not.
    answered: AtomicU64,
    troubled: AtomicU64,
    failed: Mutex<Option<anyhow::Error>>,
}

impl Crowd<'_> {
    /// One caller, until the end or until it is not answered as it should be.
    fn call(&self, caller: usize) {
        if let Err(error) = self.turns(u64::try_from(caller).unwrap_or(0)) {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error);
            self.stop.store(true, Ordering::SeqCst);
        }
    }

    fn turns(&self, caller: u64) -> Result<()> {
        let mut client = self.client(caller)?;
        for turn in caller.. {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            if turn % TURNS_OF_A_CONNECTION == 0 {
                client = self.client(caller)?;
            }
            self.turn(&client, caller, turn)?;
        }
        Ok(())
    }

    /// A third of the callers are in the clear, a third by TLS, a third by TLS and HTTP/2.
    fn client(&self, caller: u64) -> Result<Client> {
        match caller % 3 {
            0 => Client::plain(),
            way => Client::tls(&self.world.certificate.authority, &TLS13, way == 1),
        }
    }

    fn turn(&self, client: &Client, caller: u64, turn: u64) -> Result<()> {
        let number = turn % 100 + 1;
        let (path, status) = match turn % 50 {
            0 => return self.trouble(client, caller, "/trouble/reset"),
            1 => return self.trouble(client, caller, "/trouble/broken"),
            2 => return self.trouble(client, caller, "/trouble/short"),
            3 => ("/trouble/big/1".to_owned(), 200),
            4 => (format!("/crm/nothing/{number}"), 403),
            5 => return self.write(client, caller, turn),
            at if at % 3 == 0 => (format!("/crm/items/{number}"), 200),
            at if at % 3 == 1 => (format!("/crm/customers/C-{number:03}"), 200),
            _ => (format!("/clinic/fhir/Patient/p-{number:03}"), 200),
        };
        let began = Instant::now();
        let reply = client.get(&self.url(caller, &path)?, &[])?;
        self.times.note(began.elapsed());
        ensure!(
            reply.status == status && reply.whole,
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn write(&self, client: &Client, caller: u64, turn: u64) -> Result<()> {
        let text = format!(r#"{{"note":"call {turn}","email":"tamsel.wrenfold@example.org"}}"#);
        let ticket = self.url(caller, &format!("/crm/tickets/T-{}", 4880 + turn % 20))?;
        let reply = client.post(&ticket, &[], &text)?;
        ensure!(reply.status.is_success(), "{}", reply.text());
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Asks a service that fails: whatever comes of it, the gateway must let go of it.
    fn trouble(&self, client: &Client, caller: u64, path: &str) -> Result<()> {
        client.get(&self.url(caller, path)?, &[]).ok();
        self.troubled.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn url(&self, caller: u64, path: &str) -> Result<String> {
        let gateway = &self.world.gateway;
        match caller % 3 {
            0 => gateway.url(path),
            _ => gateway.tls_url(path),
        }
    }

    /// Watches for `seconds`, and tells each span as it ends.
    fn watch(&self, seconds: u64) -> Result<Vec<Span>> {
        let pid = self.world.gateway.pid()?;
        let length = Duration::from_secs(seconds) / SPANS;
        let began = Instant::now();
        let mut spans: Vec<Span> = Vec::new();
        for number in 1..=SPANS {
            while began.elapsed() < length * number && !self.stop.load(Ordering::SeqCst) {
                thread::sleep(POLL);
            }
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let counts = self.times.take();
            let span = Span {
                held: Held::by(pid)?,
                calls: counts.iter().sum(),
                p50_us: within(&counts, 50),
                p99_us: within(&counts, 99),
            };
            let Held {
                kib,
                files,
                threads,
            } = span.held;
            writeln!(
                std::io::stdout(),
                "span {number} of {SPANS}: {} calls, p50 {} µs, p99 {} µs; {} MiB, {files} files, {threads} threads",
                span.calls,
                span.p50_us,
                span.p99_us,
                kib >> 10,
            )?;
            spans.push(span);
        }
        Ok(spans)
    }
}

/// The spans of a quarter of the time, from the first on.
fn quarter(spans: &[Span], which: usize) -> Result<&[Span]> {
    let part = spans.get(which * QUARTER..(which + 1) * QUARTER);
    part.context("not every span was watched")
}

/// The one in the middle.
fn middle(spans: &[Span], what: impl Fn(&Span) -> u64) -> u64 {
    let mut figures: Vec<u64> = spans.iter().map(what).collect();
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().unwrap_or(0)
}

fn judge(spans: &[Span], seconds: u64) -> Result<()> {
    let (then, now) = (quarter(spans, 1)?, quarter(spans, 3)?);
    let kib = |spans: &[Span]| spans.iter().map(|span| span.held.kib).max().unwrap_or(0);
    let (held, holds) = (kib(then), kib(now));
    ensure!(
        holds <= held + held / 20 + GROWTH_KIB_MAX,
        "it holds {holds} KiB in the last quarter, and held {held} in the second"
    );
    if seconds < JUDGED_SECONDS {
        return Ok(());
    }
    let slowest = |span: &Span| span.p99_us;
    let (was, is) = (middle(then, slowest), middle(now, slowest));
    ensure!(
        is * 100 <= was * SLOWER_PERCENT_MAX,
        "the slowest hundredth takes {is} µs, and took {was}"
    );
    let calls = |span: &Span| span.calls;
    let (was, is) = (middle(then, calls), middle(now, calls));
    ensure!(
        is * 100 >= was * CALLS_PERCENT_MIN,
        "{is} calls a span at the end, {was} before"
    );
    Ok(())
}

/// How large everything in its folder is.
fn stored(world: &World) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(world.gateway.data())? {
        let about = entry?.metadata()?;
        bytes += if about.is_file() { about.len() } else { 0 };
    }
    Ok(bytes)
}

#[test]
fn a_gateway_as_busy_as_its_host_allows_stays_as_it_is() -> Result<()> {
    let seconds = number(SOAK, SECONDS);
    let mut world = World::new()?;
    let pid = world.gateway.pid()?;
    // Whatever is made at the first call is there.
    ensure!(
        world
            .client
            .get(&world.gateway.url("/crm/items/1")?, &[])?
            .status
            == 200
    );
    let before = Held::by(pid)?;
    let crowd = Crowd {
        world: &world,
        stop: AtomicBool::new(false),
        times: Times::new(),
        answered: AtomicU64::new(0),
        troubled: AtomicU64::new(0),
        failed: Mutex::new(None),
    };
    let spans = thread::scope(|scope| {
        for caller in 0..CALLERS {
            let crowd = &crowd;
            scope.spawn(move || crowd.call(caller));
        }
        let spans = crowd.watch(seconds);
        crowd.stop.store(true, Ordering::SeqCst);
        spans
    })?;
    let Crowd {
        answered,
        troubled,
        failed,
        ..
    } = crowd;
    if let Some(error) = failed.into_inner().map_err(|_| anyhow!("poisoned"))? {
        return Err(error.context("a call was not answered as it should be"));
    }
    let (answered, troubled) = (answered.into_inner(), troubled.into_inner());
    ensure!(answered > 0 && troubled > 0, "nobody called");
    // What callers and upstreams let go, the gateway does; its pool keeps some for a while.
    wait("what was opened is let go", || {
        let now = Held::by(pid)?;
        Ok(now.files <= before.files + FILES_MAX && now.threads <= before.threads + THREADS_MAX)
    })?;
    let bytes = stored(&world)?;
    writeln!(
        std::io::stdout(),
        "scenario soak: {answered} calls answered and {troubled} to services in trouble, {} MiB of log; {before:?} before, \
         {:?} once nobody calls",
        bytes >> 20,
        Held::by(pid)?,
    )?;
    judge(&spans, seconds)?;
    // An export of hours is larger than many a disk: the log is judged where it is.
    ensure!(
        world.gateway.stop()?.success(),
        "{}",
        world.gateway.stderr()
    );
    let output = world.gateway.audit(&["verify", "-o", "json"])?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    ensure!(output.status.success(), "{report}");
    let size = report.get("size").and_then(Value::as_u64).unwrap_or(0);
    ensure!(
        size >= 2 * answered,
        "{answered} calls, and a log of {size}"
    );
    let open = report.get("open").and_then(Value::as_array).map(Vec::len);
    ensure!(open == Some(0), "{report}");
    Ok(())
}
