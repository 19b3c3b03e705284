//! The whole gateway beside nginx and a bare hyper proxy, in one run.
//!
//! The proxy under test has CPU 0 and one worker; upstream and load share CPU 1. Cells are
//! interleaved round by round, so that a busy neighbour hits every proxy alike, and only ratios
//! within a round are compared. The load is closed-loop: `wrk` waits for an answer before it asks
//! again, so its latencies flatter a proxy that stalls.
#![expect(clippy::print_stdout, reason = "the table is this program's output")]

mod attached;
mod bodies;
mod interception;
mod load;
mod meter;
mod peers;
mod proxied;
mod rig;
mod stream_rig;
mod streams;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Parser;

use rig::{Proxy, Rig};
use table::Table;

/// Measures requests per second, CPU per request, latency and memory.
#[expect(clippy::struct_excessive_bools, reason = "options of the command line")]
#[derive(Parser)]
struct Arguments {
    /// How often every cell is measured; medians are printed.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// The length of a cell in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// One round of two-second cells.
    #[arg(long)]
    quick: bool,
    /// Run proxy, upstream and load under `SCHED_RR`: steadier, and hard on the neighbours.
    #[arg(long)]
    realtime: bool,
    /// Only cells whose description holds each of these: `--only Dense --only "connections: 256"`.
    #[arg(long)]
    only: Vec<String>,
    /// Also `HAProxy`, Envoy, mitmproxy and a proxy with Presidio in it.
    #[arg(long)]
    peers: bool,
    /// Only streams of words, as models send them: the time to the first and to each.
    #[arg(long)]
    streams: bool,
    /// Only what the kernel's part costs others: requests to nginx with the gateway running beside, and without.
    #[arg(long)]
    flows: bool,
    /// Only TLS that ends at a proxy, beside mitmproxy.
    #[arg(long)]
    interception: bool,
    /// The gateway's binary; without it the one beside this program.
    #[arg(long)]
    tidegate: Option<PathBuf>,
}

/// One place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    tls: bool,
    connections: u32,
    body: bodies::Body,
    proxy: Proxy,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        (arguments.rounds, arguments.seconds) = (1, 2);
    }
    ensure!(
        arguments.rounds > 0 && arguments.seconds > 0,
        "nothing to measure"
    );
    let binary = match &arguments.tidegate {
        Some(path) => path.canonicalize()?,
        None => tests::gateway::binary()?,
    };
    let of_its_own: Option<OfItsOwn> = if arguments.flows {
        Some(attached::measure)
    } else {
        arguments.interception.then_some(interception::measure)
    };
    if let Some(measure) = of_its_own {
        let Arguments {
            rounds,
            seconds,
            realtime,
            ..
        } = arguments;
        println!("{}", measure(&binary, rounds, seconds, realtime)?);
        return Ok(());
    }
    if arguments.streams {
        return streams(&binary, &arguments);
    }
    let rig = Rig::build(binary, arguments.realtime, arguments.peers)?;
    let mut table = Table::default();
    for round in 1..=arguments.rounds {
        for cell in cells(arguments.peers, &arguments.only) {
            eprintln!("round {round}: {cell:?}");
            table.add(cell, rig.measure(cell, arguments.seconds)?);
        }
    }
    println!("{}", rig.describe()?);
    println!(
        "Rounds: {}, {} s a cell, medians.",
        arguments.rounds, arguments.seconds
    );
    println!("{}", table.markdown());
    Ok(())
}

/// Measures a gateway in a rig of its own: so many rounds of so many seconds, in real time or not; gives the table.
type OfItsOwn = fn(&Path, u32, u32, bool) -> Result<String>;

/// Streams on every way.
fn streams(binary: &Path, arguments: &Arguments) -> Result<()> {
    let rig = stream_rig::StreamRig::build(binary, arguments.realtime)?;
    let mut streams = streams::Streams::default();
    for round in 1..=arguments.rounds {
        for way in streams::WAYS {
            eprintln!("round {round}: {way:?}");
            rig.measure(&mut streams, way)?;
        }
    }
    println!("Rounds: {}, quantiles over all.", arguments.rounds);
    println!("{}", streams.markdown());
    Ok(())
}

/// Every cell once; the proxies of one comparison stand next to each other.
fn cells(peers: bool, only: &[String]) -> Vec<Cell> {
    let proxies: &[Proxy] = if peers { &rig::WITH_PEERS } else { &rig::ALL };
    let mut cells = Vec::new();
    for tls in [false, true] {
        for connections in [32, 256] {
            for body in bodies::ALL {
                for &proxy in proxies {
                    cells.push(Cell {
                        tls,
                        connections,
                        body,
                        proxy,
                    });
                }
            }
        }
    }
    cells.retain(|cell| {
        peers::takes(*cell)
            && only
                .iter()
                .all(|word| format!("{cell:?}").contains(word.as_str()))
    });
    cells
}
