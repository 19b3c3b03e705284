//! What parses strangers' bytes has no privileges: no capability, no files but its own, few system
//! calls. And it needs only three capabilities to start.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, chown},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tests::{
    client::Client,
    env,
    gateway::Gateway,
    peers,
    people::Home,
    records,
    setup::{Service, Setup},
    tokens::Issuer,
};

use crate::{
    bypass::{can_attach, until},
    world::verified,
};

const AGENT: &str = "spiffe://tests.example/agent/confined";
const POLICY: &str = include_str!("policy.cedar");
const HOST: &str = "crm.tests.example";

/// One line of a thread's status.
fn status(pid: u32, name: &str) -> Result<Vec<String>> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))?;
    let mut found = Vec::new();
    for thread in threads {
        // Threads that wait for files come and go.
        let Ok(text) = fs::read_to_string(thread?.path().join("status")) else {
            continue;
        };
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        found.push(
            line.context("no such line")?
                .trim_matches([':', '\t'])
                .to_owned(),
        );
    }
    Ok(found)
}

#[test]
fn what_serves_has_no_capability_and_few_system_calls() -> Result<()> {
    let mut gateway = Gateway::start(&Setup::new().policy(POLICY))?;
    let pid = gateway.pid()?;
    let none = "0000000000000000";
    let mut expected = vec![
        ("CapInh", none),
        ("CapPrm", none),
        ("CapEff", none),
        ("CapAmb", none),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ];
    if rustix::process::geteuid().is_root() {
        expected.push(("CapBnd", none));
    }
    for (name, value) in expected {
        let threads = status(pid, name)?;
        assert!(threads.len() > 1, "it has one thread");
        assert!(
            threads.iter().all(|told| told == value),
            "{name}: {threads:?}"
        );
    }
    gateway.stop()?;
    // The whole of it was to be had here, or the record says what was not.
    let report = verified(&gateway)?;
    assert!(!report.is_null());
    Ok(())
}

#[test]
fn a_file_outside_its_rules_cannot_be_read() -> Result<()> {
    let issuer = Issuer::new()?;
    let (inside, outside) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let keys = inside.path().join("jwks.json");
    fs::write(&keys, issuer.jwks())?;
    let nowhere = format!(
        "http://{}/jwks.json",
        TcpListener::bind("127.0.0.1:0")?.local_addr()?
    );
    let setup = Setup::new().policy(POLICY).set(
        "tokens",
        // While one issuer's keys cannot be had, all are asked for again every few seconds.
        json!([{
            "issuer": tests::tokens::ISSUER,
            "audience": tests::tokens::AUDIENCE,
            "jwks": { "file": keys },
        }, {
            "issuer": "https://nobody.example",
            "audience": tests::tokens::AUDIENCE,
            "jwks": { "url": &nowhere },
        }]),
    );
    let mut gateway = Gateway::start(&setup)?;
    let of = format!("`{}`", keys.display());
    let failures = |gateway: &Gateway| {
        let told = gateway.stderr();
        let failed = |line: &&str| line.contains("could not be refreshed") && line.contains(&of);
        told.lines().filter(failed).count()
    };
    // The very keys, planted where it may not look.
    let planted = outside.path().join("jwks.json");
    fs::write(&planted, issuer.jwks())?;
    let link = inside.path().join("link");
    std::os::unix::fs::symlink(&planted, &link)?;
    fs::rename(&link, &keys)?;
    until(|| Ok((failures(&gateway) > 0).then_some(()))).with_context(|| gateway.stderr())?;
    let told = gateway.stderr();
    assert!(told.contains("Permission denied"), "{told}");
    // The same in their place are read.
    let fresh = inside.path().join("fresh");
    fs::write(&fresh, issuer.jwks())?;
    fs::rename(&fresh, &keys)?;
    let nobody = |gateway: &Gateway| gateway.stderr().matches(&nowhere).count();
    let (before, seen) = (failures(&gateway), nobody(&gateway));
    until(|| Ok((nobody(&gateway) > seen + 1).then_some(())))?;
    assert!(failures(&gateway) <= before + 1, "{}", gateway.stderr());
    gateway.stop()?;
    verified(&gateway).map(drop)
}

/// Nobody is this one, and it has nothing.
const USER: u32 = 64_534;

/// Starts a command as that user, with what loads programs and no more.
fn with_three_capabilities() -> Vec<String> {
    let three = "+bpf,+net_admin,+perfmon";
    vec![
        "setpriv".to_owned(),
        format!("--reuid={USER}"),
        format!("--regid={USER}"),
        "--clear-groups".to_owned(),
        format!("--inh-caps={three}"),
        format!("--ambient-caps={three}"),
        format!("--bounding-set=-all,{three}"),
    ]
}

#[test]
fn three_capabilities_are_enough_to_start() -> Result<()> {
    if !can_attach()? {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), open)?;
    chown(folder.path(), Some(USER), Some(USER))?;
    let program = folder.path().join("escape");
    let built = env::sibling("tidegate-escape").context("run `cargo build -p tests`")?;
    fs::copy(built, &program)?;
    let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
    let service = Service::hosted("crm", HOST, &crm.url(), "DE").operation(
        "customer.read",
        "GET",
        "/customers/{customer}",
    );
    let setup = Setup::new()
        .agent(
            AGENT,
            &[format!("unix:path:{}", program.display())],
            "optional",
        )
        .egress("deny", &[])
        .service(service)
        .policy(POLICY)
        .set("attestation", "kernel".into());
    let mut gateway = Gateway::start_as(&with_three_capabilities(), folder, &setup)?;
    let text = fs::read_to_string(format!("/proc/{}/status", gateway.pid()?))?;
    assert!(
        text.contains(&format!("Uid:\t{USER}\t{USER}\t{USER}\t")),
        "{text}"
    );
    for name in ["CapPrm", "CapEff", "CapAmb"] {
        let threads = status(gateway.pid()?, name)?;
        assert!(
            threads.iter().all(|told| told == "0000000000000000"),
            "{name}: {threads:?}"
        );
    }
    let escape = |words: &[&str]| -> Result<String> {
        let mut command = Command::new(&program);
        let output = command
            .args(words)
            .stdin(std::process::Stdio::null())
            .output()?;
        Ok(String::from_utf8(output.stdout)?)
    };
    let listen = gateway.listen(0)?.to_string();
    let told = escape(&["http", &listen, HOST])?;
    ensure!(told.starts_with("200 "), "{told}{}", gateway.stderr());
    let told = escape(&["tcp", "192.0.2.7:443"])?;
    assert!(told.contains("Operation not permitted"), "{told}");
    until(|| {
        let records = records::list(&gateway)?;
        let mut found = records.iter().filter(|record| record.kind() == "bypass");
        Ok(found
            .any(|record| record.text("result") == "refused")
            .then_some(()))
    })?;
    let records = records::list(&gateway)?;
    let opened = records.iter().find(|record| record.kind() == "open");
    let opened = opened.context("no exchange")?;
    assert_eq!(
        (opened.text("agent"), opened.text("evidence")),
        (AGENT.into(), "kernel".into())
    );
    assert!(opened.text("cgroup").starts_with('/'), "no cgroup");
    gateway.stop()?;
    verified(&gateway).map(drop)
}

#[test]
fn what_holds_keys_leaves_no_core_and_lets_nobody_look() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can start it as somebody else");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    chown(folder.path(), Some(USER), Some(USER))?;
    let user = [
        "setpriv".to_owned(),
        format!("--reuid={USER}"),
        format!("--regid={USER}"),
        "--clear-groups".to_owned(),
        "--inh-caps=-all".to_owned(),
    ];
    let setup = Setup::new()
        .policy(POLICY)
        .set("attestation", "proc".into());
    let mut gateway = Gateway::start_as(&user, folder, &setup)?;
    let pid = gateway.pid()?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let children = children.split_whitespace().map(str::parse::<u32>);
    for pid in std::iter::once(Ok(pid)).chain(children) {
        let pid = pid?;
        let limits = fs::read_to_string(format!("/proc/{pid}/limits"))?;
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let core: Vec<&str> = core.context("no limit")?.split_whitespace().collect();
        assert_eq!(core.get(4..6), Some(["0", "0"].as_slice()), "{limits}");
        // What of a process is its user's while it may be dumped is root's when it may not (proc_pid_mem(5)).
        assert_eq!(fs::metadata(format!("/proc/{pid}/maps"))?.uid(), 0);
        let look = Command::new("setpriv")
            .args([format!("--reuid={USER}"), "--clear-groups".to_owned()])
            .args(["cat", &format!("/proc/{pid}/maps")])
            .output()?;
        ensure!(!look.status.success() && look.stdout.is_empty(), "{look:?}");
    }
    gateway.stop()?;
    verified(&gateway).map(drop)
}

#[test]
fn without_its_keeper_it_says_that_it_is_down_and_ends_in_good_order() -> Result<()> {
    let mut gateway = Gateway::start(&Setup::new().policy(POLICY))?;
    let pid = gateway.pid()?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let keeper = children.trim().parse().context("not one child")?;
    let keeper = Pid::from_raw(keeper).context("no pid")?;
    kill_process(keeper, Signal::KILL)?;
    let client = Client::plain()?;
    until(|| {
        // Whoever calls makes it ask.
        client.get(&gateway.url("/")?, &[])?;
        let ready = client.get(&gateway.admin_url("/readyz")?, &[])?.text();
        Ok(ready.contains("looks at callers is gone").then_some(()))
    })?;
    gateway.stop()?;
    verified(&gateway).map(drop)
}
