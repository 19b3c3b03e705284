//! What the kernel's part costs whoever has nothing to do with agents: requests to nginx with a gateway running
//! beside it, whose programs see each of them, and with none.
//!
//! Rounds alternate in which comes first, and only ratios within a round are compared, so that a busy neighbour
//! hits both alike.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::{
    certificate::Certificate,
    gateway::Gateway,
    setup::{Service, Setup},
};

use crate::{
    bodies,
    load::{self, Load, Order},
    meter,
    rig::{self, AGENT, LOAD_CPU, POLICY, PROXY_CPU, Tool},
};

/// Connections that ask at a time.
const CONNECTIONS: u32 = 8;
/// The kernel counts the time of ended children in ticks of ten milliseconds: `sysconf(_SC_CLK_TCK)`.
const TICK_US: f64 = 10_000.0;

/// One cell.
#[derive(Clone, Copy)]
struct Cell {
    load: Load,
    /// Of nginx and wrk.
    cpu_us: f64,
}

/// A cell without the programs and one with them, of the same round.
type Pair = (Cell, Cell);

struct Bench<'a> {
    nginx: Tool,
    binary: &'a Path,
    seconds: u32,
    proxy: Vec<String>,
    load: Vec<String>,
    folder: tempfile::TempDir,
}

/// Measures, and writes the table.
pub(crate) fn measure(binary: &Path, rounds: u32, seconds: u32, realtime: bool) -> Result<String> {
    rig::pin_this_process()?;
    let folder = tempfile::tempdir()?;
    let body = bodies::ALL.first().context("no body")?;
    fs::write(folder.path().join("body"), body.text())?;
    // nginx is told of files that it never reads here.
    let certificate = Certificate::for_loopback()?;
    fs::write(folder.path().join("server.pem"), &certificate.certificate)?;
    fs::write(folder.path().join("server.key"), &certificate.key)?;
    let proxy = rig::prefix(PROXY_CPU, realtime);
    let bench = Bench {
        nginx: rig::nginx(folder.path(), &proxy, None)?,
        binary,
        seconds,
        load: rig::prefix(LOAD_CPU, realtime),
        proxy,
        folder,
    };
    let (mut kept, mut new) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        eprintln!("round {}", round + 1);
        let [first, second] = [round % 2 == 1, round % 2 == 0];
        let [one, other] = [bench.round(first)?, bench.round(second)?];
        let (without, with) = if first { (other, one) } else { (one, other) };
        kept.push((without.0, with.0));
        new.push((without.1, with.1));
    }
    Ok(table(&kept, &new, rounds, seconds))
}

impl Bench<'_> {
    /// Keep-alive, then a connection for each request.
    fn round(&self, attached: bool) -> Result<(Cell, Cell)> {
        let gateway = if attached { Some(self.attach()?) } else { None };
        let cells = (self.cell(false)?, self.cell(true)?);
        drop(gateway);
        Ok(cells)
    }

    /// A gateway whose agents are others: it hears of nothing that is measured here.
    fn attach(&self) -> Result<Gateway> {
        let service = Service::new("bench", "http://127.0.0.1:9", "DE");
        let setup = Setup::new()
            .set("workers", 1.into())
            .set("attestation", "kernel".into())
            .agent(AGENT, &["unix:path:/usr/bin/true".to_owned()], "optional")
            .service(service.operation("body.read", "GET", "/{body}"))
            .policy(POLICY);
        rig::gateway(&setup, self.binary, &self.proxy)
    }

    fn cell(&self, close: bool) -> Result<Cell> {
        let nginx = self.nginx.child.id();
        let before = (meter::cpu_ns(nginx), children_us()?);
        let load = load::run(
            &self.load,
            &Order {
                url: &format!("http://{}/body", self.nginx.plain),
                connections: CONNECTIONS,
                seconds: self.seconds,
                token: "",
                close,
                folder: self.folder.path(),
            },
        )?;
        ensure!(load.requests > 0.0, "nobody answered");
        let nginx = Duration::from_nanos(meter::cpu_ns(nginx).saturating_sub(before.0));
        let wrk = children_us()? - before.1;
        Ok(Cell {
            load,
            cpu_us: (nginx.as_secs_f64() * 1e6 + wrk) / load.requests,
        })
    }
}

/// CPU that ended children of this process have taken, microseconds: `cutime` and `cstime` of proc(5).
fn children_us() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat")?;
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() * TICK_US)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.get(middle.wrapping_sub(1))) {
        (Some(upper), Some(lower)) if values.len().is_multiple_of(2) => {
            f64::midpoint(*upper, *lower)
        }
        (Some(middle), _) => *middle,
        _ => f64::NAN,
    }
}

fn table(kept: &[Pair], new: &[Pair], rounds: u32, seconds: u32) -> String {
    let mut text = format!(
        "nginx on CPU {PROXY_CPU}, wrk with {CONNECTIONS} connections on CPU {LOAD_CPU}; {rounds} rounds of \
         {seconds} s cells, medians of paired figures (smallest to greatest).\n\n\
         | | req/s without | with | ratio | p99 ratio | CPU µs/request without | added by the programs |\n\
         |---|---:|---:|---:|---:|---:|---:|\n"
    );
    for (name, pairs) in [("kept connection", kept), ("a connection each", new)] {
        let of = |figure: fn(&Pair) -> f64| {
            let values = || pairs.iter().map(figure);
            let least = values().fold(f64::INFINITY, f64::min);
            let most = values().fold(f64::NEG_INFINITY, f64::max);
            (median(values()), least, most)
        };
        let (without, ..) = of(|pair| pair.0.load.per_second);
        let (with, ..) = of(|pair| pair.1.load.per_second);
        let rate = of(|pair| pair.1.load.per_second / pair.0.load.per_second);
        let slow = of(|pair| pair.1.load.p99_us / pair.0.load.p99_us);
        let (cpu, ..) = of(|pair| pair.0.cpu_us);
        let added = of(|pair| pair.1.cpu_us - pair.0.cpu_us);
        let span = |(middle, least, most): (f64, f64, f64)| {
            format!("{middle:.2} ({least:.2} to {most:.2})")
        };
        writeln!(
            text,
            "| {name} | {without:.0} | {with:.0} | {} | {} | {cpu:.1} | {} |",
            span(rate),
            span(slow),
            span(added)
        )
        .ok();
    }
    text
}
