//! `tidegate exec`: a sealed agent has one way out, and that is governed; an agent that is started
//! by its name is that agent.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    os::{linux::net::SocketAddrExt as _, unix::net as unix},
    path::Path,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tests::{
    env,
    gateway::Gateway,
    peers::{self, Peer},
    people::Home,
    records,
    setup::{Service, Setup},
};

use crate::{bypass::until, world::verified};

const AGENT: &str = "spiffe://tests.example/agent/sealed";
const POLICY: &str = include_str!("policy.cedar");
const HOST: &str = "crm.tests.example";
/// A user that nobody is, and no other test: other gateways on this host see this one's agents too.
fn nobody() -> String {
    (100_000 + std::process::id()).to_string()
}

struct Host {
    gateway: Gateway,
    _crm: Peer,
}

impl Host {
    /// A gateway that answers `tidegate exec`, attributing as `attestation` says.
    fn start(attestation: &str, selectors: &[String], egress: &str) -> Result<Option<Self>> {
        let root = rustix::process::geteuid().is_root();
        let kernel = attestation == "proc" || Path::new("/sys/kernel/btf/vmlinux").exists();
        if !(root && kernel) {
            ensure!(
                !env::ebpf_required(),
                "TIDEGATE_EBPF=require, but no root or no BTF"
            );
            eprintln!("**** SKIPPED, NOT TESTED: sealed agents ****");
            return Ok(None);
        }
        let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
        let service = Service::hosted("crm", HOST, &crm.url(), "DE").operation(
            "customer.read",
            "GET",
            "/customers/{customer}",
        );
        let setup = Setup::new()
            .agent(AGENT, selectors, "optional")
            .egress(egress, &[])
            .service(service)
            .policy(POLICY)
            .set("attestation", attestation.into())
            .set("exec", json!({ "socket": "exec.sock" }));
        let folder = tempfile::tempdir()?;
        // The command's user has to get to the socket.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open)?;
        Ok(Some(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            _crm: crm,
        }))
    }

    /// `tidegate exec` with these options and this command.
    fn exec(&self, options: &[&str], command: &[&str]) -> Result<Command> {
        let mut exec = Command::new(tests::gateway::binary()?);
        exec.arg("exec")
            .args(options)
            .arg("--socket")
            .arg(self.gateway.folder().join("exec.sock"))
            .arg("--")
            .args(command)
            .stdin(Stdio::null());
        Ok(exec)
    }

    fn sealed(&self, command: &[&str]) -> Result<Output> {
        let options = ["--sealed", "--user", &nobody()];
        Ok(self.exec(&options, command)?.output()?)
    }

    /// What a sealed agent tells of one way out.
    fn escape(&self, words: &[&str]) -> Result<String> {
        let program = env::sibling("tidegate-escape").context("run `cargo build -p tests`")?;
        let mut command = vec![program.to_str().context("no text")?];
        command.extend(words);
        let output = self.sealed(&command)?;
        let told = String::from_utf8(output.stdout)?.trim().to_owned();
        ensure!(
            !told.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(told)
    }
}

fn uid() -> Vec<String> {
    vec![format!("unix:uid:{}", nobody())]
}

/// Each way fails as it does where there is no network, or no such kind of socket.
fn is_closed(told: &str) -> bool {
    let answers = [
        "Network is unreachable",
        "Connection refused",
        "Operation not permitted",
        "Permission denied",
        "Cannot assign requested address",
    ];
    answers.iter().any(|answer| told.contains(answer))
}

#[test]
fn a_sealed_agent_has_no_way_out_but_the_gateway() -> Result<()> {
    let Some(mut host) = Host::start("kernel", &uid(), "observe")? else {
        return Ok(());
    };
    // What is there outside, for whoever could get to it.
    let both = ["127.0.0.1:0", "[::1]:0"];
    let listeners = both.map(TcpListener::bind).into_iter();
    let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    let datagrams = UdpSocket::bind("127.0.0.1:0")?;
    datagrams.set_nonblocking(true)?;
    let name = format!("tidegate-tests-{}", std::process::id());
    let abstracted = unix::SocketAddr::from_abstract_name(&name)?;
    let abstracted = unix::UnixListener::bind_addr(&abstracted)?;
    let own = std::process::id().to_string();
    let mut ways: Vec<(&str, String)> = vec![
        ("tcp", "192.0.2.7:443".to_owned()),
        ("tcp", "[2001:db8::7]:443".to_owned()),
        ("udp", "192.0.2.7:53".to_owned()),
        ("udp", "192.0.2.7:443".to_owned()),
        ("connected-udp", "[2001:db8::7]:443".to_owned()),
        ("udp", datagrams.local_addr()?.to_string()),
        ("abstract", name),
        ("raw", "192.0.2.7:1".to_owned()),
        ("vsock", "2:1".to_owned()),
        ("setns", own.clone()),
        ("ring", own),
    ];
    for listener in &listeners {
        // A proxy on the host's loopback, for instance.
        ways.push(("tcp", listener.local_addr()?.to_string()));
    }
    for (way, to) in ways {
        let told = host.escape(&[way, &to])?;
        // A datagram to a port of one's own loopback that nobody has open goes, and is lost there.
        let lost = way == "udp" && to.starts_with("127.");
        assert!(is_closed(&told) || lost, "{way} {to}: {told}");
    }
    for listener in &listeners {
        listener.set_nonblocking(true)?;
        assert!(listener.accept().is_err(), "something came through");
    }
    abstracted.set_nonblocking(true)?;
    assert!(abstracted.accept().is_err(), "something came through");
    assert!(
        datagrams.recv(&mut [0; 8]).is_err(),
        "something came through"
    );
    governed(&host, "kernel")?;
    host.gateway.stop()?;
    verified(&host.gateway)?;
    // What it tried is on record, as what went nowhere.
    let records = records::list(&host.gateway)?;
    let mut found = records.iter().filter(|record| record.kind() == "bypass");
    assert!(found.all(|record| record.text("result") == "sealed"));
    Ok(())
}

/// A call through the listener inside is the agent's, and on record.
fn governed(host: &Host, evidence: &str) -> Result<()> {
    let inside = host.gateway.listen(0)?.to_string();
    let told = host.escape(&["http", &inside, HOST])?;
    assert!(told.starts_with("200 "), "{told}");
    let records = records::list(&host.gateway)?;
    let opened = records.iter().find(|record| record.kind() == "open");
    let opened = opened.context("no exchange is on record")?;
    assert_eq!(opened.text("agent"), AGENT);
    assert_eq!(opened.text("evidence"), evidence);
    Ok(())
}

#[test]
fn a_sealed_agent_is_known_where_the_kernel_does_not_tell() -> Result<()> {
    let Some(mut host) = Host::start("proc", &uid(), "observe")? else {
        return Ok(());
    };
    governed(&host, "inferred")?;
    host.gateway.stop()?;
    verified(&host.gateway).map(drop)
}

#[test]
fn a_sealed_agent_that_is_denied_all_else_may_call_the_gateway() -> Result<()> {
    let Some(mut host) = Host::start("kernel", &uid(), "deny")? else {
        return Ok(());
    };
    governed(&host, "kernel")?;
    let told = host.escape(&["tcp", "192.0.2.7:443"])?;
    assert!(told.contains("Operation not permitted"), "{told}");
    host.gateway.stop()?;
    verified(&host.gateway).map(drop)
}

#[test]
fn a_sealed_command_is_the_process_that_was_started() -> Result<()> {
    let Some(host) = Host::start("kernel", &uid(), "observe")? else {
        return Ok(());
    };
    let script = "cat /proc/self/status; ls /proc/self/fd; exit 7";
    let output = host.sealed(&["/bin/sh", "-c", script])?;
    assert_eq!(output.status.code(), Some(7));
    let told = String::from_utf8(output.stdout)?;
    for line in ["CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(told.contains(&format!("{line}:\t{:016x}\n", 0)), "{told}");
    }
    assert!(
        told.contains("NoNewPrivs:\t1\n") && told.contains("Seccomp:\t2\n"),
        "{told}"
    );
    let missing = host.sealed(&["/nowhere/at/all"])?;
    assert_eq!(missing.status.code(), Some(127));
    // It is there by its own pid, so signals are its own.
    let mut child = host
        .exec(&["--sealed", "--user", &nobody()], &["/bin/sleep", "600"])?
        .spawn()?;
    let cmdline = format!("/proc/{}/cmdline", child.id());
    until(|| {
        Ok(std::fs::read(&cmdline)?
            .starts_with(b"/bin/sleep")
            .then_some(()))
    })?;
    let pid = Pid::from_raw(i32::try_from(child.id())?).context("no pid")?;
    kill_process(pid, Signal::TERM)?;
    let status = child.wait()?;
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(15)
    );
    Ok(())
}

#[test]
fn who_runs_as_root_must_say_so() -> Result<()> {
    let Some(host) = Host::start("proc", &uid(), "observe")? else {
        return Ok(());
    };
    let output = host.exec(&["--sealed"], &["/bin/true"])?.output()?;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr)?.contains("--user"));
    Ok(())
}

#[test]
fn an_agent_that_is_started_by_its_name_is_that_agent() -> Result<()> {
    let launched = vec![format!("tidegate:exec:{}", nobody())];
    let Some(mut host) = Host::start("kernel", &launched, "deny")? else {
        return Ok(());
    };
    let program = env::sibling("tidegate-escape").context("run `cargo build -p tests`")?;
    let program = program.to_str().context("no text")?;
    let inside: SocketAddr = host.gateway.listen(0)?;
    let call = format!("'{program}' http {inside} {HOST}; '{program}' tcp 192.0.2.7:443");
    let user = nobody();
    let by_name = ["--agent", AGENT, "--user", &user];
    let output = host.exec(&by_name, &["/bin/sh", "-c", &call])?.output()?;
    let told = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.starts_with("200 ") && told.contains("Operation not permitted"),
        "{told}{errors}"
    );
    // Without being started so, the same user and program are nobody.
    let mut plain = Command::new(program);
    let plain = plain.args(["http", &inside.to_string(), HOST]).output()?;
    let plain = String::from_utf8(plain.stdout)?;
    assert!(plain.starts_with("403 "), "{plain}");
    // Another user may not start it.
    let switched = format!(
        "exec '{}' exec --agent {AGENT} --socket '{}' -- /bin/true",
        tests::gateway::binary()?.display(),
        host.gateway.folder().join("exec.sock").display(),
    );
    let other = Command::new("setpriv")
        .args([
            "--reuid",
            "65533",
            "--clear-groups",
            "/bin/sh",
            "-c",
            &switched,
        ])
        .output()?;
    let refusal = String::from_utf8(other.stderr)?;
    assert!(refusal.contains("may not start"), "{refusal}");
    host.gateway.stop()?;
    verified(&host.gateway)?;
    let records = records::list(&host.gateway)?;
    let opened = records.iter().find(|record| record.kind() == "open");
    assert_eq!(opened.context("no exchange")?.text("agent"), AGENT);
    Ok(())
}
