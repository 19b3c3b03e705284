//! What agents' processes do, as it is shown, recorded and exported; and their flows as spans.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{agent::Agent, collector::Collector, records, setup::Setup};

use crate::bypass::{AGENT, HOST, Host, until};

fn turns(host: &Host) -> Result<Vec<Value>> {
    host.flows(&["--processes", "--workload", AGENT])
}

#[test]
fn a_pipeline_is_its_agents_from_fork_to_exit_and_what_it_becomes_is_told() -> Result<()> {
    let recorded = |setup: Setup, _: &_| setup.set("egress", json!({ "processes": "record" }));
    let Some(host) = Host::start("observe", recorded)? else {
        return Ok(());
    };
    // Nobody must get at the program.
    let folder = host.program.parent().context("no folder")?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    // The agent starts a shell, that starts the agent's program again in a network namespace and as a
    // user of its own, and that one connects to nobody.
    let held = host.escape("become", host.tcp(0)?, &[])?;
    assert!(held.told.starts_with("failed"), "{}", held.told);
    let seen = until(|| {
        let seen = turns(&host)?;
        let ended = seen.iter().filter(|turn| turn["turn"] == "exit").count();
        Ok((ended >= 3).then_some(seen))
    })?;
    let of =
        |kind: &str| -> Vec<&Value> { seen.iter().filter(|turn| turn["turn"] == kind).collect() };
    let text = |turn: &Value, name: &str| {
        turn["process"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let shell = of("exec").into_iter().find(|turn| {
        text(turn, "exe").ends_with("/dash")
            || text(turn, "exe").ends_with("/bash")
            || text(turn, "comm") == "sh"
    });
    let shell = shell.context("no shell")?;
    let last = of("exec").into_iter().find(|turn| turn["euid"] == 65_534);
    let last = last.with_context(|| format!("nobody became another: {seen:#?}"))?;
    assert_eq!(text(last, "exe"), host.program.display().to_string());
    assert_eq!(text(last, "exe_sha256").len(), 64);
    let ancestors = last["process"]["ancestors"]
        .as_array()
        .context("no ancestors")?;
    let shell_pid = shell["process"]["pid"].to_string();
    ensure!(
        ancestors.iter().any(|one| one
            .as_str()
            .is_some_and(|it| it.starts_with(&format!("{shell_pid} ")))),
        "{ancestors:?} without {shell_pid}"
    );
    // It was root, in the host's namespace, when it was forked.
    let own = |turn: &&Value| turn["process"]["pid"] == last["process"]["pid"];
    assert!(of("credentials").iter().any(own), "{seen:#?}");
    assert!(of("namespaces").iter().any(own), "{seen:#?}");
    assert_eq!(last["capabilities"], "0");
    assert!(last["process"]["cgroup"].is_string(), "{last}");
    ensure!(of("fork").len() >= 2, "{seen:#?}");
    until(|| {
        let records = records::list(&host.gateway)?;
        let turns = records.iter().filter(|record| record.kind() == "process");
        Ok((turns.count() >= seen.len()).then_some(()))
    })?;
    exported(&host, seen.len())?;
    Ok(())
}

/// `audit export --format ocsf` has them as Process Activity.
fn exported(host: &Host, least: usize) -> Result<String> {
    let text = records::ocsf(&host.gateway)?;
    let of_processes = text
        .lines()
        .filter(|line| line.contains("\"class_uid\":1007"));
    assert!(of_processes.count() >= least, "{text}");
    Ok(text)
}

const PYTHON: &str = "spiffe://tests.example/agent/becomes";

#[test]
fn who_a_running_process_becomes_is_told_and_its_call_is_that_users() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let python = folder.path().join("python3");
    // A copy: the kernel knows an executable by its inode.
    fs::copy(Agent::python()?.program(), &python)?;
    let selector = format!("unix:path:{}", python.display());
    let two = |setup: Setup, _: &_| {
        setup
            .agent(PYTHON, &[selector], "optional")
            .egress("observe", &[])
            .set("egress", json!({ "processes": "record" }))
    };
    let Some(host) = Host::start("observe", two)? else {
        return Ok(());
    };
    let to = host.gateway.listen(0)?;
    let output = Command::new(&python)
        .env("PYTHONHOME", "/usr")
        .args(["-c", include_str!("becomes.py")])
        .args([to.ip().to_string(), to.port().to_string(), HOST.to_owned()])
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told.trim(), "200", "{output:?}");
    let changes = until(|| {
        let seen = host.flows(&["--processes", "--workload", PYTHON])?;
        let ended = seen.iter().any(|turn| turn["turn"] == "exit");
        let changes = seen
            .into_iter()
            .filter(|turn| turn["turn"] == "credentials");
        Ok(ended.then(|| changes.collect::<Vec<_>>()))
    })?;
    // One for each call where the kernel has probes, else one for all of them.
    let (first, last) = (changes.first(), changes.last());
    let (first, last) = (first.context("no change")?, last.context("no change")?);
    assert_eq!(first["before"]["uid"], 0, "{first}");
    assert_eq!(last["process"]["uid"], 65_534, "{last}");
    assert_eq!(
        (&last["euid"], &last["egid"]),
        (&json!(65_534), &json!(65_534))
    );
    assert_eq!(last["capabilities"], "0");
    let raw = |turn: &Value| -> Result<bool> {
        let before = turn["before"]["capabilities"]
            .as_str()
            .context("no capabilities")?;
        Ok(u64::from_str_radix(before, 16)? & (1 << 13) != 0)
    };
    assert!(raw(first)?, "{first}");
    let records = records::list(&host.gateway)?;
    let opened = records.iter().find(|record| record.kind() == "open");
    assert_eq!(opened.context("no record")?.number("uid"), Some(65_534));
    until(|| {
        let records = records::list(&host.gateway)?;
        let mut turns = records.iter().filter(|record| record.kind() == "process");
        Ok(turns
            .any(|turn| turn.text("turn") == "credentials")
            .then_some(()))
    })?;
    let text = exported(&host, changes.len())?;
    // Set User ID, with what it was.
    let of_users = |line: &&str| line.contains("\"type_uid\":100705");
    let event = text.lines().find(of_users).context("no Set User ID")?;
    let event: Value = serde_json::from_str(event)?;
    assert_eq!(event["unmapped"]["tidegate"]["before"]["uid"], 0, "{event}");
    Ok(())
}

#[test]
fn a_flow_of_an_agent_is_a_span_at_a_real_collector() -> Result<()> {
    let collector = Collector::start()?;
    let endpoint = collector.endpoint();
    let Some(host) = Host::start("observe", |setup, _| setup.telemetry(&endpoint, 1.0))? else {
        return Ok(());
    };
    let to = host.tcp(0)?;
    drop(host.escape("tcp", to, &[])?);
    let governed = host.escape("http", host.gateway.listen(0)?, &["crm.tests.example"])?;
    assert!(governed.told.starts_with("200 "), "{}", governed.told);
    let port = to.port().to_string();
    let is_flow = |span: &tests::collector::Span, port: &str| {
        span.name == "flow"
            && span
                .attributes
                .get("network.peer.port")
                .is_some_and(|it| it == port)
    };
    let spans = collector.wait_for(|spans| {
        spans.iter().any(|span| is_flow(span, &port))
            && spans.iter().any(|span| span.kind == "SERVER")
    })?;
    let flow = spans
        .iter()
        .find(|span| is_flow(span, &port))
        .context("no flow")?;
    let has = |name: &str, value: &str| flow.attributes.get(name).is_some_and(|it| it == value);
    assert!(has("tidegate.agent.id", AGENT), "{flow:?}");
    assert!(
        has("network.transport", "tcp") && has("network.peer.address", "127.0.0.1"),
        "{flow:?}"
    );
    assert!(has("tidegate.flow.verdict", "none"), "{flow:?}");
    assert!(flow.start_ns < flow.end_ns, "{flow:?}");
    // The exchange names its flow.
    let server = spans
        .iter()
        .find(|span| span.kind == "SERVER")
        .context("no exchange")?;
    let named = server
        .attributes
        .get("tidegate.flow.id")
        .context("no flow's name")?;
    let opened = records::list(&host.gateway)?;
    let opened = opened
        .iter()
        .find(|record| record.kind() == "open")
        .context("no record")?;
    assert_eq!(&opened.text("flow"), named);
    Ok(())
}
