//! `tidegate flows`: what the running gateway knows of flows.

use std::{
    net::SocketAddr,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use http::Uri;
use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{Upstream, jwks};
use rustls::ClientConfig;

use super::{FINDING, Flows, Format, block_on, table};
use crate::{
    config,
    egress::{self, AgentTotals, FlowView, Line, TurnView},
};

/// The longest answer but for flows that are open, which come one by one: what the gateway remembers.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The longest line: one flow.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Between two questions while following.
const ASK_EVERY: Duration = Duration::from_millis(250);

const HEADER: [&str; 11] = [
    "state", "proto", "dir", "local", "remote", "workload", "process", "verdict", "sent",
    "received", "rtt",
];

/// Of the columns but the last ones.
const WIDTHS: [usize; 10] = [11, 5, 3, 21, 28, 36, 22, 18, 10, 10];

pub(crate) fn run(arguments: &Flows) -> Result<ExitCode> {
    let admin = operators_address(arguments.admin, &arguments.config.config)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Another part of the process may have installed it first; it is the same one.
    let _installed_before = provider.install_default();
    let tls = Upstream::tls(None).into_diagnostic()?;
    block_on(ask(arguments, admin, &tls))
}

/// Where the gateway answers its operators: there, or where its configuration says.
pub(super) fn operators_address(given: Option<SocketAddr>, config: &Path) -> Result<SocketAddr> {
    if let Some(given) = given {
        return Ok(given);
    }
    config::load(config)?.admin.ok_or_else(|| {
        miette!(
            help = "add `admin: { address: 127.0.0.1:9090 }`, or give `--admin`",
            "the configuration names no admin address"
        )
    })
}

async fn ask(arguments: &Flows, admin: SocketAddr, tls: &Arc<ClientConfig>) -> Result<ExitCode> {
    let (mut next, found) = if arguments.processes || arguments.totals {
        let first = get(arguments, admin, tls, None).await?;
        print(arguments, &first, true)?;
        (first.next, false)
    } else {
        stream(arguments, admin, tls).await?
    };
    if !arguments.follow {
        return Ok(if arguments.bypass && found {
            ExitCode::from(FINDING)
        } else {
            ExitCode::SUCCESS
        });
    }
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        let more = get(arguments, admin, tls, Some(next)).await?;
        if more.lost > 0 {
            eprintln!(
                "{} went by faster than they were asked for and are not shown",
                more.lost
            );
        }
        print(arguments, &more, false)?;
        next = more.next;
    }
}

/// Shows flows as they come; the number to ask with the next time, and whether there were any.
async fn stream(
    arguments: &Flows,
    admin: SocketAddr,
    tls: &Arc<ClientConfig>,
) -> Result<(u64, bool)> {
    if arguments.output.output == Format::Table && !arguments.ocsf {
        println!("{}", columns(&HEADER.map(str::to_uppercase)));
    }
    let (mut end, mut found, mut failed) = (None, false, None);
    let uri = place(arguments, admin, None, true)?;
    let told = jwks::each_line(tls, uri, LINE_BYTES_MAX, |line| {
        let shown = match serde_json::from_slice(line) {
            Ok(Line::Flow(flow)) => {
                found = true;
                show(arguments, &flow)
            }
            Ok(Line::End { next, .. }) => {
                end = Some(next);
                Ok(())
            }
            Err(error) => Err(error).into_diagnostic(),
        };
        failed = failed.take().or(shown.err());
        ControlFlow::Continue(())
    });
    told.await.map_err(|error| unanswered(&error, admin))?;
    if let Some(error) = failed {
        return Err(error);
    }
    let next = end.ok_or_else(|| miette!("the gateway's answer broke off"))?;
    Ok((next, found))
}

/// One flow on its line.
fn show(arguments: &Flows, flow: &FlowView) -> Result<()> {
    if arguments.ocsf {
        println!("{}", event(flow)?);
    } else if arguments.output.output == Format::Json {
        println!("{}", serde_json::to_string(flow).into_diagnostic()?);
    } else {
        println!("{}", columns(&row(flow)));
    }
    Ok(())
}

/// Cells in columns of fixed width, since nobody knows what is yet to come; a longer cell shifts its line.
fn columns(cells: &[String]) -> String {
    let widths = WIDTHS.into_iter().chain(std::iter::repeat(0));
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        let used = cell.chars().count();
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(used) + 2));
    }
    line.truncate(line.trim_end().len());
    line
}

async fn get(
    arguments: &Flows,
    admin: SocketAddr,
    tls: &Arc<ClientConfig>,
    since: Option<u64>,
) -> Result<egress::Flows> {
    let uri = place(arguments, admin, since, false)?;
    let answer = jwks::fetch_within(tls, uri, ANSWER_BYTES_MAX)
        .await
        .map_err(|error| unanswered(&error, admin))?;
    serde_json::from_str(&answer).into_diagnostic()
}

/// Where to ask.
fn place(arguments: &Flows, admin: SocketAddr, since: Option<u64>, lines: bool) -> Result<Uri> {
    let Flows {
        bypass,
        processes,
        totals,
        ..
    } = arguments;
    let mut query = format!("bypass={bypass}&processes={processes}&totals={totals}&lines={lines}");
    if let Some(since) = since {
        query = format!("{query}&since={since}");
    }
    if let Some(workload) = &arguments.workload {
        // A SPIFFE id has no character that a query would have to quote.
        query = format!("{query}&workload={workload}");
    }
    format!("http://{admin}/flows?{query}")
        .parse()
        .into_diagnostic()
        .wrap_err("an agent's id reads `spiffe://acme.example/agent/support`")
}

fn unanswered(error: &jwks::JwksFault, admin: SocketAddr) -> miette::Report {
    match error {
        jwks::JwksFault::Status(404) => miette!(
            help = "see `tidegate doctor`",
            "the gateway knows no flows: its kernel programs do not run"
        ),
        _ => miette!(
            help = "is it running, and is this its `admin` address?",
            "no flows from the gateway at {admin}"
        ),
    }
}

fn print(arguments: &Flows, answer: &egress::Flows, header: bool) -> Result<()> {
    let (flows, turns) = (&answer.flows, &answer.turns);
    if arguments.ocsf {
        for flow in flows {
            println!("{}", event(flow)?);
        }
        return Ok(());
    }
    match arguments.output.output {
        Format::Json => {
            for flow in flows {
                println!("{}", serde_json::to_string(flow).into_diagnostic()?);
            }
            for turn in turns {
                println!("{}", serde_json::to_string(turn).into_diagnostic()?);
            }
            for total in &answer.totals {
                println!("{}", serde_json::to_string(total).into_diagnostic()?);
            }
        }
        Format::Table if arguments.totals => {
            table::print(&TOTALS_HEADER, answer.totals.iter().map(total));
        }
        Format::Table if header && arguments.processes => {
            table::print(&TURNS_HEADER, turns.iter().map(turn));
        }
        Format::Table => {
            for flow in flows {
                println!("{}", columns(&row(flow)));
            }
            for turn in turns.iter().map(turn) {
                println!("{}", turn.join("  "));
            }
        }
    }
    Ok(())
}

/// A flow as an event of OCSF.
fn event(flow: &FlowView) -> Result<serde_json::Value> {
    let time = |text: &String| text.parse::<Timestamp>().map(Timestamp::as_millisecond);
    let end = |text: &String| text.parse::<SocketAddr>().into_diagnostic();
    Ok(ocsf::flow(&ocsf::Flow {
        id: &flow.id,
        activity: match flow.state.as_str() {
            "closed" => ocsf::Activity::Close,
            "denied" => ocsf::Activity::Refuse,
            "listening" => ocsf::Activity::Listen,
            _ => ocsf::Activity::Open,
        },
        outward: flow.direction == "out",
        protocol: &flow.protocol,
        local: end(&flow.local)?,
        remote: end(flow.original.as_ref().unwrap_or(&flow.remote))?,
        name: flow.name.as_deref(),
        agent: flow.workload.as_deref(),
        pid: flow.pid,
        comm: &flow.comm,
        uid: flow.uid,
        opened_ms: time(&flow.opened).into_diagnostic()?,
        closed_ms: flow
            .closed
            .as_ref()
            .map(time)
            .transpose()
            .into_diagnostic()?,
        bytes: [flow.sent_bytes, flow.received_bytes],
        packets: [flow.sent_packets, flow.received_packets],
        verdict: &flow.verdict,
        technique: flow.technique.as_deref(),
    }))
}

const TOTALS_HEADER: [&str; 4] = ["workload", "flows", "sent", "received"];

fn total(total: &AgentTotals) -> Vec<String> {
    vec![
        total.workload.clone(),
        total.flows.to_string(),
        total.sent_bytes.to_string(),
        total.received_bytes.to_string(),
    ]
}

const TURNS_HEADER: [&str; 8] = [
    "time",
    "turn",
    "workload",
    "process",
    "parent",
    "user",
    "executable",
    "where",
];

fn turn(view: &TurnView) -> Vec<String> {
    let turn = &view.turn;
    let process = &turn.process;
    let place = turn.container.as_ref().or(turn.unit.as_ref());
    let user = match &turn.before {
        None => who(process.uid, turn.euid),
        Some(before) => {
            let (was, is) = (who(before.uid, before.euid), who(process.uid, turn.euid));
            if was == is {
                is
            } else {
                format!("{was} -> {is}")
            }
        }
    };
    let exe = process.exe.as_deref().unwrap_or("-");
    vec![
        turn.at.to_string(),
        turn.exit
            .map_or_else(|| turn.turn.to_string(), |status| format!("exit {status}")),
        turn.agent.clone(),
        format!("{}[{}]", process.comm.escape_default(), process.pid),
        turn.parent.to_string(),
        user,
        exe.escape_default().to_string(),
        place
            .or(process.cgroup.as_ref())
            .cloned()
            .unwrap_or_default(),
    ]
}

/// A user, and as whom it acts.
fn who(real: u32, effective: u32) -> String {
    if real == effective {
        real.to_string()
    } else {
        format!("{real} as {effective}")
    }
}

fn row(flow: &FlowView) -> Vec<String> {
    let wanted = flow.original.as_ref().unwrap_or(&flow.remote);
    let verdict = match (&flow.result, &flow.technique) {
        (Some(result), Some(technique)) => format!("{result} {technique}"),
        _ => flow.verdict.clone(),
    };
    let wanted = match &flow.name {
        Some(name) => format!("{wanted} ({name})"),
        None => wanted.clone(),
    };
    let wanted = match &flow.call {
        Some(call) => {
            let (method, path) = (call.method.escape_default(), call.path.escape_default());
            format!("{wanted} {method} {path}")
        }
        None => wanted,
    };
    vec![
        flow.state.clone(),
        flow.protocol.clone(),
        flow.direction.clone(),
        flow.local.clone(),
        wanted,
        flow.workload.clone().unwrap_or_else(|| "-".to_owned()),
        format!("{}[{}]", flow.comm.escape_default(), flow.pid),
        verdict,
        flow.sent_bytes.to_string(),
        flow.received_bytes.to_string(),
        format!("{}us", flow.rtt_us),
    ]
}

/// Takes the pins of a stopped gateway away.
pub(crate) fn detach(path: &Path, pins: Option<PathBuf>) -> Result<ExitCode> {
    let pins = match pins {
        Some(pins) => pins,
        None => config::load(path)?
            .egress
            .pins
            .unwrap_or_else(|| PathBuf::from(flows::PINS)),
    };
    let removed = flows::detach(&pins).into_diagnostic()?;
    println!("{removed} pins removed from `{}`", pins.display());
    Ok(ExitCode::SUCCESS)
}
