//! Ways past the gateway: each is found where it is observed, refused where it is denied, and
//! governed where it is redirected.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, UdpSocket},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tests::{
    env,
    gateway::{Gateway, POLL},
    peers::{self, Peer},
    people::Home,
    records,
    setup::{Service, Setup},
};

use crate::world::verified;

pub(crate) const AGENT: &str = "spiffe://tests.example/agent/escape";
const POLICY: &str = include_str!("policy.cedar");
pub(crate) const HOST: &str = "crm.tests.example";
/// What takes longer does not come about.
const PATIENCE: Duration = Duration::from_mins(1);

/// A gateway and an agent of its own: other gateways on this host must not hold it.
pub(crate) struct Host {
    pub(crate) gateway: Gateway,
    pub(crate) program: PathBuf,
    crm: Peer,
    /// Where the agent wants to go: TCP and UDP, on each loopback.
    listeners: Vec<TcpListener>,
    datagrams: Vec<UdpSocket>,
    _folder: TempDir,
}

/// An agent that has done what it was told, and holds what it got.
pub(crate) struct Escape {
    child: Child,
    pub(crate) told: String,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Escape {
    /// Ends what goes on till it is ended; what it says at its end, by name.
    pub(crate) fn end(mut self) -> Result<BTreeMap<String, u64>> {
        drop(self.stdin.take());
        let mut told = String::new();
        self.stdout.read_line(&mut told)?;
        let figures = told.split_whitespace().map(|figure| {
            let (name, count) = figure.split_once('=').context("no figure")?;
            Ok((name.to_owned(), count.parse()?))
        });
        figures.collect::<Result<_>>().with_context(|| told.clone())
    }

    /// Checks what came of it: `passed` or `refused`.
    pub(crate) fn was(&self, result: &str) -> Result<()> {
        let as_told = match result {
            "refused" => self.told.contains("Operation not permitted"),
            _ => self.told == result,
        };
        ensure!(as_told, "not {result}: {}", self.told);
        Ok(())
    }
}

impl Drop for Escape {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().ok();
    }
}

impl Host {
    pub(crate) fn start(
        mode: &str,
        shape: impl FnOnce(Setup, &[SocketAddr]) -> Setup,
    ) -> Result<Option<Self>> {
        if !can_attach()? {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("escape");
        let built = env::sibling("tidegate-escape").context("run `cargo build -p tests`")?;
        // A copy: the kernel knows an executable by its inode.
        fs::copy(built, &program)?;
        let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
        let both = ["127.0.0.1:0", "[::1]:0"];
        let listeners = both.map(TcpListener::bind).into_iter();
        let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
        let datagrams = both.map(UdpSocket::bind).into_iter();
        let datagrams = datagrams.collect::<Result<Vec<_>, _>>()?;
        let mut ends = Vec::new();
        for listener in &listeners {
            ends.push(listener.local_addr()?);
        }
        for socket in &datagrams {
            ends.push(socket.local_addr()?);
        }
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
            .egress(mode, &[])
            .service(service)
            .policy(POLICY);
        Ok(Some(Self {
            gateway: Gateway::start(&shape(setup, &ends))?,
            program,
            crm,
            listeners,
            datagrams,
            _folder: folder,
        }))
    }

    pub(crate) fn tcp(&self, index: usize) -> Result<SocketAddr> {
        let listener = self.listeners.get(index).context("no listener")?;
        Ok(listener.local_addr()?)
    }

    pub(crate) fn udp(&self, index: usize) -> Result<SocketAddr> {
        let socket = self.datagrams.get(index).context("no socket")?;
        Ok(socket.local_addr()?)
    }

    /// Tries one way, and waits for what the agent says of it.
    pub(crate) fn escape(&self, way: &str, to: SocketAddr, more: &[&str]) -> Result<Escape> {
        self.escape_with(way, to, more, Stdio::piped())
    }

    pub(crate) fn escape_with(
        &self,
        way: &str,
        to: SocketAddr,
        more: &[&str],
        stdin: Stdio,
    ) -> Result<Escape> {
        let mut child = Command::new(&self.program)
            .args([way, &to.to_string()])
            .args(more)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut told = String::new();
        let stdout = child.stdout.take().context("no stdout")?;
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut told)?;
        Ok(Escape {
            stdin: child.stdin.take(),
            stdout,
            child,
            told: told.trim().to_owned(),
        })
    }

    /// Tries one way, and checks what comes of it and that it is found.
    pub(crate) fn attempt<'a>(
        &self,
        way: &str,
        to: SocketAddr,
        technique: &str,
        result: &'a str,
    ) -> Result<(SocketAddr, &'a str)> {
        let held = self.escape(way, to, &[])?;
        held.was(result).with_context(|| format!("{way} {to}"))?;
        self.found(to, technique, result)?;
        Ok((to, result))
    }

    /// What `tidegate flows` says, one value a flow.
    pub(crate) fn flows(&self, more: &[&str]) -> Result<Vec<Value>> {
        let admin = self.gateway.admin_url("")?;
        let admin = admin.trim_start_matches("http://");
        let mut arguments = vec!["flows", "--admin", admin, "-o", "json"];
        arguments.extend(more);
        let output = self.gateway.cli(&arguments)?;
        let text = String::from_utf8(output.stdout)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(errors.is_empty(), "tidegate flows: {errors}");
        let lines = text.lines().map(serde_json::from_str);
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// Waits for the finding of a way to `to`.
    fn found(&self, to: SocketAddr, technique: &str, result: &str) -> Result<Value> {
        until(|| {
            let flows = self.flows(&["--bypass", "--workload", AGENT])?;
            let to = to.to_string();
            let found = flows.into_iter().find(|flow| flow["remote"] == to);
            if let Some(flow) = &found {
                ensure!(
                    flow["technique"] == technique && flow["result"] == result,
                    "{technique} {result}: {flow}"
                );
            }
            Ok(found)
        })
    }

    /// Ends the gateway, and checks that the log holds a finding for each of these, and no other.
    pub(crate) fn finish(mut self, expected: &[(SocketAddr, &str)]) -> Result<()> {
        self.gateway.stop()?;
        let report = verified(&self.gateway)?;
        ensure!(
            report
                .get("open")
                .and_then(Value::as_array)
                .is_none_or(Vec::is_empty),
            "{report}"
        );
        let mut found: Vec<(String, String)> = records::list(&self.gateway)?
            .iter()
            .filter(|record| record.kind() == "bypass")
            .map(|record| (record.text("remote"), record.text("result")))
            .collect();
        let mut expected: Vec<(String, String)> = expected
            .iter()
            .map(|(to, result)| (to.to_string(), (*result).to_owned()))
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "\n{}", self.gateway.stderr());
        Ok(())
    }
}

/// Waits for what comes about.
pub(crate) fn until<T>(mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(POLL);
    }
    bail!("it did not come about")
}

/// Whether this host lets the kernel programs run; says so where it does not.
pub(crate) fn can_attach() -> Result<bool> {
    let can = rustix::process::geteuid().is_root() && Path::new("/sys/kernel/btf/vmlinux").exists();
    if !can {
        ensure!(
            !env::ebpf_required(),
            "TIDEGATE_EBPF=require, but no root or no BTF"
        );
        writeln!(
            std::io::stderr(),
            "**** SKIPPED, NOT TESTED: ways past the gateway ****"
        )?;
    }
    Ok(can)
}

#[test]
fn every_way_past_the_gateway_is_found_where_it_is_observed() -> Result<()> {
    let Some(host) = Host::start("observe", |setup, _| setup)? else {
        return Ok(());
    };
    let (v4, v6) = (host.tcp(0)?, host.tcp(1)?);
    let (udp4, udp6) = (host.udp(0)?, host.udp(1)?);
    let mut expected = Vec::new();
    for (way, to, technique) in [
        ("tcp", v4, "loopback"),
        ("tcp", v6, "loopback"),
        ("udp", udp4, "udp"),
        ("udp", udp6, "udp"),
        ("connected-udp", udp4, "udp"),
        ("connected-udp", udp6, "udp"),
        ("child", v4, "loopback"),
    ] {
        expected.push(host.attempt(way, to, technique, "passed")?);
    }
    inherited(&host, v4)?.was("passed")?;
    expected.push((v4, "passed"));
    expected.push(ping(&host)?);
    // What goes to the gateway is no finding, and has the flow's name on record.
    let governed = host.escape("http", host.gateway.listen(0)?, &[HOST])?;
    assert!(governed.told.starts_with("200 "), "{}", governed.told);
    let opened = records::list(&host.gateway)?;
    let opened = opened.iter().find(|record| record.kind() == "open");
    let flow = opened.context("no exchange")?.text("flow");
    assert!(!flow.is_empty());
    until(|| {
        let found = host.flows(&["--bypass", "--workload", AGENT])?;
        Ok((found.len() >= expected.len()).then_some(()))
    })?;
    let metrics = read(&host.gateway.admin_url("/metrics")?)?;
    let counted = format!("tidegate_bypasses_total {}", expected.len());
    assert!(metrics.contains(&counted), "{metrics}");
    host.finish(&expected)
}

/// An agent in Python that may have raw sockets asks whether somebody is there, as `ping` does.
fn ping(host: &Host) -> Result<(SocketAddr, &'static str)> {
    const PING: &str = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); \
        s.sendto(bytes([8, 0, 0xf7, 0xff, 0, 0, 0, 0]), ('127.0.0.1', 0)); print(len(s.recv(64)) > 0)";
    // What the agent starts belongs to it.
    let told = host.escape("python", host.tcp(0)?, &[PING])?.told.clone();
    ensure!(told == "True", "{told}");
    let anywhere = SocketAddr::from(([0_u16; 8], 0));
    let found = host.found(anywhere, "socket", "passed")?;
    assert_eq!(found.get("protocol"), Some(&Value::from("raw")), "{found}");
    Ok((anywhere, "passed"))
}

#[test]
fn every_way_past_the_gateway_is_refused_where_it_is_denied() -> Result<()> {
    let allowed = |setup: Setup, ends: &[SocketAddr]| {
        let allowed: Vec<String> = ends.get(3).iter().map(ToString::to_string).collect();
        setup.egress("deny", &allowed)
    };
    let Some(host) = Host::start("deny", allowed)? else {
        return Ok(());
    };
    let (v4, v6) = (host.tcp(0)?, host.tcp(1)?);
    let (udp4, udp6) = (host.udp(0)?, host.udp(1)?);
    let mut expected = Vec::new();
    for (way, to, technique) in [
        ("tcp", v4, "loopback"),
        ("tcp", v6, "loopback"),
        ("udp", udp4, "udp"),
        ("connected-udp", udp4, "udp"),
        ("child", v4, "loopback"),
    ] {
        expected.push(host.attempt(way, to, technique, "refused")?);
    }
    inherited(&host, v4)?.was("refused")?;
    expected.push((v4, "refused"));
    host.escape("raw", v4, &[])?.was("refused")?;
    expected.push((SocketAddr::from(([0_u16; 8], 0)), "refused"));
    // The one that is allowed, and the gateway itself.
    assert_eq!(host.escape("udp", udp6, &[])?.told, "passed");
    let governed = host.escape("http", host.gateway.listen(0)?, &[HOST])?;
    assert!(governed.told.starts_with("200 "), "{}", governed.told);
    for listener in &host.listeners {
        listener.set_nonblocking(true)?;
        assert!(listener.accept().is_err(), "something came through");
    }
    host.finish(&expected)
}

#[test]
fn what_is_redirected_is_governed_and_the_rest_refused() -> Result<()> {
    let Some(host) = Host::start("redirect", |setup, _| setup)? else {
        return Ok(());
    };
    // Addresses that nobody has: no packet of this leaves the host.
    for to in ["192.0.2.7:80", "[2001:db8::7]:80"] {
        let to: SocketAddr = to.parse()?;
        let asked = host.escape("http", to, &[HOST])?;
        assert_eq!(asked.told, format!("200 {to}"));
        let unknown = host.escape("http", to, &["elsewhere.example"])?;
        assert_eq!(unknown.told, format!("404 {to}"));
    }
    let refused = records::list(&host.gateway)?;
    let refused = refused.iter().filter(|record| record.kind() == "refuse");
    assert_eq!(
        refused
            .map(|record| record.text("reason"))
            .collect::<Vec<_>>(),
        ["service_unknown"; 2]
    );
    let udp = host.udp(0)?;
    let refused = host.attempt("connected-udp", udp, "udp", "refused")?;
    assert!(!host.crm.url().is_empty());
    host.finish(&[refused])
}

/// The agent connects a socket that it did not make.
fn inherited(host: &Host, to: SocketAddr) -> Result<Escape> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    host.escape_with("inherited", to, &[], Stdio::from(OwnedFd::from(socket)))
}

fn read(url: &str) -> Result<String> {
    let reply = tests::client::Client::plain()?.get(url, &[])?;
    Ok(reply.text())
}

#[test]
fn a_ring_that_is_too_small_is_a_gap_on_record_and_costs_no_finding() -> Result<()> {
    const TIMES: u64 = 400;
    let small = |setup: Setup, _: &[SocketAddr]| setup.ring(4_096);
    let Some(host) = Host::start("observe", small)? else {
        return Ok(());
    };
    let v4 = host.tcp(0)?;
    let listener = host.listeners.first().context("no listener")?.try_clone()?;
    let serving = thread::spawn(move || {
        for _ in 0..TIMES {
            drop(listener.accept());
        }
    });
    let flood = host.escape("many", v4, &[&TIMES.to_string()])?;
    assert_eq!(flood.told, "passed");
    serving.join().ok();
    let counted = |name: &str| -> Result<u64> {
        let metrics = read(&host.gateway.admin_url("/metrics")?)?;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.context("no such figure")?.trim().parse()?)
    };
    // Each attempt is found once, though most events were lost.
    until(|| Ok((counted("tidegate_bypasses_total ")? == TIMES).then_some(())))?;
    let lost = until(|| {
        let lost = counted("tidegate_flow_events_lost_total ")?;
        let records = records::list(&host.gateway)?;
        let gaps = records.iter().filter(|record| record.kind() == "gap");
        let told: u64 = gaps.filter_map(|record| record.number("lost")).sum();
        Ok((told == lost && lost > 0).then_some(lost))
    })?;
    writeln!(
        std::io::stderr(),
        "scenario bypass: {lost} events lost, all on record"
    )?;
    let expected: Vec<_> = (0..TIMES).map(|_| (v4, "passed")).collect();
    host.finish(&expected)
}

#[test]
fn of_many_agents_each_bypass_is_found_and_nothing_else() -> Result<()> {
    const PLANTED: u64 = 3;
    if !can_attach()? {
        return Ok(());
    }
    let connections = env::number(env::FLOWS, 1_200);
    let agents = if connections < 10_000 { 6 } else { 50 };
    let (open, closed) = (drain("127.0.0.1:0")?, drain("127.0.0.1:0")?);
    let folder = tempfile::tempdir()?;
    let built = env::sibling("tidegate-escape").context("run `cargo build -p tests`")?;
    let mut setup = Setup::new().policy(POLICY);
    let mut programs = Vec::new();
    for number in 0..agents {
        let program = folder.path().join(format!("agent-{number}"));
        fs::copy(&built, &program)?;
        let name = format!("{AGENT}/{number}");
        setup = setup
            .agent(
                &name,
                &[format!("unix:path:{}", program.display())],
                "optional",
            )
            .egress("observe", &[open.to_string()]);
        programs.push((name, program));
    }
    let mut gateway = Gateway::start(&setup)?;
    let mut running = Vec::new();
    for (_, program) in &programs {
        running.push(connect_often(program, open, connections / agents)?);
        running.push(connect_often(program, closed, PLANTED)?);
    }
    for mut child in running {
        ensure!(child.wait()?.success(), "an agent could not connect");
    }
    let expected = usize::try_from(PLANTED * agents)?;
    until(|| Ok((bypasses(&gateway)?.len() >= expected).then_some(())))?;
    gateway.stop()?;
    verified(&gateway)?;
    let found = bypasses(&gateway)?;
    assert_eq!(found.len(), expected);
    for (name, program) in &programs {
        let own = found.iter().filter(|record| record.text("agent") == *name);
        let own: Vec<_> = own.collect();
        assert_eq!(own.len() as u64, PLANTED, "{name}");
        for record in own {
            assert_eq!(record.text("exe"), program.display().to_string());
            assert_eq!(record.text("remote"), closed.to_string());
        }
    }
    writeln!(
        std::io::stderr(),
        "scenario bypass: {agents} agents, {connections} connections, {expected} bypasses of as many"
    )?;
    Ok(())
}

fn bypasses(gateway: &Gateway) -> Result<Vec<records::Record>> {
    let mut records = records::list(gateway)?;
    records.retain(|record| record.kind() == "bypass");
    Ok(records)
}

fn connect_often(program: &Path, to: SocketAddr, times: u64) -> Result<Child> {
    let mut command = Command::new(program);
    command.args(["many", &to.to_string(), &times.to_string()]);
    Ok(command.stdout(Stdio::null()).spawn()?)
}

/// A listener that takes and drops whatever comes.
fn drain(at: &str) -> Result<SocketAddr> {
    let listener = TcpListener::bind(at)?;
    let address = listener.local_addr()?;
    thread::spawn(move || listener.incoming().for_each(drop));
    Ok(address)
}

/// A BPF file system of the test's own.
pub(crate) struct Bpffs(TempDir);

impl Bpffs {
    pub(crate) fn mount() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut mount = Command::new("mount");
        let status = mount
            .args(["-t", "bpf", "bpf"])
            .arg(folder.path())
            .status()?;
        ensure!(status.success(), "mount -t bpf: {status}");
        Ok(Self(folder))
    }

    pub(crate) fn pins(&self) -> PathBuf {
        self.0.path().join("tidegate")
    }
}

impl Drop for Bpffs {
    fn drop(&mut self) {
        Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status()
            .ok();
    }
}

#[test]
fn a_killed_gateway_lets_nothing_out_and_the_next_one_takes_over() -> Result<()> {
    if !can_attach()? {
        return Ok(());
    }
    let bpffs = Bpffs::mount()?;
    let pinned = |setup: Setup, _: &[SocketAddr]| setup.pins(&bpffs.pins(), "closed");
    let Some(mut host) = Host::start("deny", pinned)? else {
        return Ok(());
    };
    let v4 = host.tcp(0)?;
    let refused = |host: &Host| host.escape("tcp", v4, &[])?.was("refused");
    refused(&host)?;
    host.found(v4, "loopback", "refused")?;
    host.gateway.kill()?;
    refused(&host)?;
    host.gateway.restart()?;
    refused(&host)?;
    // What was tried while nobody watched is told as well.
    until(|| {
        let records = records::list(&host.gateway)?;
        let found = records.iter().filter(|record| record.kind() == "bypass");
        Ok((found.count() == 3).then_some(()))
    })?;
    let pins = bpffs.pins().display().to_string();
    let detach = ["flows", "detach", "--pins", &pins];
    let early = host.gateway.cli(&detach)?;
    assert!(
        !early.status.success(),
        "it was taken away from a running gateway"
    );
    host.gateway.stop()?;
    refused(&host)?;
    let detached = host.gateway.cli(&detach)?;
    ensure!(
        detached.status.success(),
        "{}",
        String::from_utf8_lossy(&detached.stderr)
    );
    assert!(!bpffs.pins().exists());
    // The kernel lets programs go a moment after their last pin.
    until(|| {
        let held = host.escape("tcp", v4, &[])?;
        Ok((held.told == "passed").then_some(()))
    })?;
    verified(&host.gateway)?;
    Ok(())
}

#[test]
fn a_gateway_that_fails_open_lets_agents_go_once_it_is_gone() -> Result<()> {
    if !can_attach()? {
        return Ok(());
    }
    let bpffs = Bpffs::mount()?;
    let pinned = |setup: Setup, _: &[SocketAddr]| setup.pins(&bpffs.pins(), "open");
    let Some(mut host) = Host::start("deny", pinned)? else {
        return Ok(());
    };
    let v4 = host.tcp(0)?;
    host.escape("tcp", v4, &[])?.was("refused")?;
    host.gateway.kill()?;
    until(|| {
        let held = host.escape("tcp", v4, &[])?;
        Ok((held.told == "passed").then_some(()))
    })?;
    host.gateway.restart()?;
    until(|| {
        let records = records::list(&host.gateway)?;
        let mut found = records.iter().filter(|record| record.kind() == "bypass");
        Ok(found
            .any(|record| record.text("result") == "failed_open")
            .then_some(()))
    })?;
    Ok(())
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_command_and_nothing_is_said() -> Result<()> {
    let Some(host) = Host::start("observe", |setup, _| setup)? else {
        return Ok(());
    };
    let admin = host.gateway.admin_url("")?;
    let admin = admin.trim_start_matches("http://");
    let all: [&[&str]; 4] = [
        &["flows", "--admin", admin],
        &["flows", "--admin", admin, "-o", "json"],
        &["doctor"],
        &["completions", "bash"],
    ];
    for arguments in all {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let tidegate = env::sibling("tidegate").context("run `cargo build -p daemon`")?;
        let output = Command::new(tidegate)
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(told.is_empty(), "{arguments:?}: {told}");
    }
    // Who reads on gets a table, flow by flow.
    let output = host.gateway.cli(&["flows", "--admin", admin])?;
    let table = String::from_utf8(output.stdout)?;
    ensure!(
        table.starts_with("STATE        PROTO  DIR  LOCAL"),
        "{table}"
    );
    let listens = format!("listening    tcp    in   {}", host.gateway.listen(0)?);
    ensure!(table.contains(&listens), "no `{listens}` in\n{table}");
    host.finish(&[])
}

/// The gateway has a cgroup to itself; an agent that is put into it is held as anywhere else.
#[test]
fn nobody_is_exempt_for_being_where_the_gateway_is() -> Result<()> {
    let Some(host) = Host::start("deny", |setup, _| setup)? else {
        return Ok(());
    };
    let pid = host.gateway.pid()?;
    let of = |pid: u32| -> Result<String> {
        let listed = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        let own = listed.lines().find_map(|line| line.strip_prefix("0::"));
        Ok(own.context("no cgroup v2")?.to_owned())
    };
    let own = of(pid)?;
    ensure!(own.ends_with(&format!("/tidegate-{pid}")), "{own}");
    assert_ne!(own, of(std::process::id())?);
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mut mounts = mounts.lines().map(|line| line.split(' '));
    let root = mounts.find_map(|mut words| {
        let at = words.nth(1)?;
        (words.next()? == "cgroup2").then(|| PathBuf::from(at))
    });
    let procs = root
        .context("no cgroup v2")?
        .join(own.trim_start_matches('/'))
        .join("cgroup.procs");
    let to = host.tcp(0)?;
    let output = Command::new("sh")
        .args(["-c", "echo $$ > \"$0\" && exec \"$1\" tcp \"$2\""])
        .args([&procs, &host.program])
        .arg(to.to_string())
        .stdin(Stdio::null())
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(told.contains("Operation not permitted"), "{told}");
    host.finish(&[(to, "refused")])
}
