//! Processes that live a few milliseconds are each known by name.

use std::{
    collections::HashMap,
    fs,
    io::Write as _,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, anyhow, ensure};
use tests::{
    agent::{Agent, Ask},
    env, records,
};

use crate::world::{REPORTING, World, path_selector};

const SHORT_LIVED: &str = "spiffe://tests.example/agent/short-lived";
/// How many run at the same time.
const TOGETHER: usize = 16;

#[test]
fn short_lived_processes_are_attributed_to_themselves() -> Result<()> {
    let program = env::sibling("tidegate-short-lived")
        .ok_or_else(|| anyhow!("there is no tidegate-short-lived: run `cargo build -p tests`"))?
        .canonicalize()?;
    let selector = [path_selector(&program)];
    let world = World::with(|setup| setup.agent(SHORT_LIVED, &selector, "optional"))?;
    let kernel = attested_by_kernel(&world)?;
    if !kernel {
        say("no kernel programs here: owners are inferred from /proc, and gone ones are unknown");
        ensure!(
            !env::ebpf_required(),
            "TIDEGATE_EBPF=require, but the kernel attests nothing"
        );
    }
    let address = world.gateway.listen(0)?.to_string();
    let burst = env::number(env::BURST, 300);
    let mut owners = HashMap::new();
    let mut running: Vec<Child> = Vec::new();
    for item in 0..burst {
        if running.len() == TOGETHER {
            running.remove(0).wait()?;
        }
        let child = Command::new(&program)
            .args([&address, &item.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start a short-lived process")?;
        // It is our child, so until we wait for it, its pid is nobody else's.
        owners.insert(
            item.to_string(),
            (u64::from(child.id()), start_ticks(child.id())?),
        );
        running.push(child);
    }
    for mut child in running {
        child.wait()?;
    }

    let (mut right, mut wrong, mut unknown) = (0u64, 0u64, 0u64);
    for record in records::list(&world.gateway)? {
        if record.kind() != "open" && record.kind() != "refuse" {
            continue;
        }
        let item = record
            .find("bound")
            .and_then(|bound| bound["item"].as_str());
        let Some(owner) = item.and_then(|item| owners.get(item)) else {
            continue;
        };
        match (record.number("pid"), record.number("start_ns")) {
            (Some(pid), Some(start)) if (pid, ticks(start)) == *owner => right += 1,
            (Some(_), _) => wrong += 1,
            (None, _) => unknown += 1,
        }
    }
    say(&format!(
        "{burst} processes: {right} right, {wrong} wrong, {unknown} unattributed"
    ));
    assert_eq!(wrong, 0, "calls were attributed to the wrong process");
    if kernel {
        assert_eq!((right, unknown), (burst, 0));
    }
    world.finish()
}

#[test]
fn a_caller_over_ipv6_is_attributed() -> Result<()> {
    let world = World::with(|setup| setup.listen("[::1]:0"))?;
    // The plain IPv4 listener, TLS, then ours.
    let address = world.gateway.listen(2)?;
    ensure!(address.is_ipv6(), "{address}");
    let token = world.token(REPORTING, |claims| claims)?;
    let ask = Ask::get(format!("http://{address}/crm/items/6")).token(&token);
    let answer = Agent::python()?.ask(&ask)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let record = records::show(&world.gateway, answer.record().context("no record")?)?;
    assert_eq!(record.number("pid"), Some(answer.pid.into()));
    world.finish()
}

/// Whether the kernel's programs answer, by what a call's record says.
fn attested_by_kernel(world: &World) -> Result<bool> {
    let reply = world
        .client
        .get(&world.gateway.url("/crm/items/first")?, &[])?;
    let record = records::show(&world.gateway, reply.record().context("no record")?)?;
    Ok(record.text("evidence").starts_with("kernel"))
}

/// When the process started, in clock ticks since boot: field 22 of `proc_pid_stat(5)`.
fn start_ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, after) = stat.rsplit_once(')').context("no command name")?;
    Ok(after
        .split_whitespace()
        .nth(19)
        .context("no start time")?
        .parse()?)
}

/// The kernel shows 100 ticks a second to every program on Linux.
fn ticks(nanoseconds: u64) -> u64 {
    nanoseconds / 10_000_000
}

fn say(text: &str) {
    // Straight to stderr, so that it shows although the test passes.
    writeln!(std::io::stderr(), "scenario processes: {text}").ok();
}
