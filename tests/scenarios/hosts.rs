//! A host full of agents of every kind: each flow attributed, byte totals as the peers counted them, and of
//! flows that nobody governs exactly the planted ones found.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{env, gateway::Gateway, records, setup::Setup};

use crate::{
    bypass::{can_attach, until},
    world::verified,
};

const AGENT: &str = "spiffe://tests.example/agent/host";
const KINDS: [&str; 8] = [
    "native", "python", "node", "shell", "static", "setuid", "cgroup", "uring",
];
/// Bytes there and back in one exchange.
const THERE: usize = 100;
const BACK: usize = 300;
/// Of each agent, past what is allowed.
const PLANTED: u64 = 3;
/// The user that a setuid program becomes.
const NOBODY: u32 = 65_534;

/// A peer that counts.
struct Peer {
    at: SocketAddr,
    received: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
}

impl Peer {
    fn start(at: &str) -> Result<Self> {
        let listener = TcpListener::bind(at)?;
        let peer = Self {
            at: listener.local_addr()?,
            received: Arc::default(),
            sent: Arc::default(),
        };
        for _ in 0..4 {
            let listener = listener.try_clone()?;
            let (received, sent) = (Arc::clone(&peer.received), Arc::clone(&peer.sent));
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    exchange(stream, &received, &sent).ok();
                }
            });
        }
        Ok(peer)
    }
}

fn exchange(mut stream: TcpStream, received: &AtomicU64, sent: &AtomicU64) -> Result<()> {
    let mut bytes = [0; THERE];
    stream.read_exact(&mut bytes)?;
    received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    stream.write_all(&[b'y'; BACK])?;
    sent.fetch_add(BACK as u64, Ordering::Relaxed);
    Ok(())
}

/// An agent: its name, its kind, and the program by which it is known.
struct Agent {
    name: String,
    kind: &'static str,
    program: PathBuf,
}

/// Where agents are that are known by a cgroup; removed at the end.
struct Cgroup(PathBuf);

impl Cgroup {
    fn make() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let line = mounts.lines().find(|line| line.contains(" - cgroup2 "));
        let mount = line
            .and_then(|line| line.split(' ').nth(4))
            .context("no cgroup2")?;
        let id = format!("{:064x}", std::process::id());
        let path = Path::new(mount).join(format!("docker-{id}.scope"));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        fs::remove_dir(&self.0).ok();
    }
}

/// Flows, and bytes both ways.
type Figures = (u64, u64, u64);

/// What `tidegate flows --totals` says of each agent.
fn totals(gateway: &Gateway) -> Result<BTreeMap<String, Figures>> {
    let admin = gateway.admin_url("")?;
    let admin = admin.trim_start_matches("http://");
    let output = gateway.cli(&["flows", "--totals", "--admin", admin, "-o", "json"])?;
    let text = String::from_utf8(output.stdout)?;
    let total = |line: &str| {
        let total: Value = serde_json::from_str(line)?;
        let of = |name: &str| total.get(name).and_then(Value::as_u64).context("no figure");
        let agent = total.get("workload").and_then(Value::as_str);
        let agent = agent.context("no agent")?;
        let figures = (of("flows")?, of("sent_bytes")?, of("received_bytes")?);
        Ok((agent.to_owned(), figures))
    };
    text.lines().map(total).collect()
}

#[test]
fn agents_of_every_kind_are_attributed_to_the_byte_and_their_bypasses_found() -> Result<()> {
    if !can_attach()? {
        return Ok(());
    }
    let exchanges = env::number(env::HOSTS, 320);
    let count = if exchanges < 10_000 { KINDS.len() } else { 50 };
    let each = exchanges / count as u64;
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let (agents, setuid) = agents(folder.path(), count)?;
    let cgroup = Cgroup::make()?;
    let peers = [Peer::start("127.0.0.1:0")?, Peer::start("[::1]:0")?];
    let planted = Peer::start("127.0.0.1:0")?;
    let allowed: Vec<String> = peers.iter().map(|peer| peer.at.to_string()).collect();
    let mut setup = Setup::new().policy(include_str!("policy.cedar"));
    for agent in &agents {
        let selector = format!("unix:path:{}", agent.program.display());
        setup = setup
            .agent(&agent.name, &[selector], "optional")
            .egress("observe", &allowed);
    }
    let mut gateway = Gateway::start(&setup)?;
    let mut running = Vec::new();
    for (index, agent) in agents.iter().enumerate() {
        let peer = peers.get(index % 2).context("no peer")?;
        running.push(start(agent, peer.at, each, &setuid, &cgroup)?);
        running.push(start(agent, planted.at, PLANTED, &setuid, &cgroup)?);
    }
    for mut child in running {
        ensure!(child.wait()?.success(), "an agent failed");
    }
    let total = (each + PLANTED) * count as u64;
    let figures = until(|| {
        let figures = totals(&gateway)?;
        let ended: u64 = figures.values().map(|it| it.0).sum();
        Ok((ended >= total).then_some(figures))
    })
    .with_context(|| format!("{:#?}", totals(&gateway)))?;
    let counted = |of: fn(&Peer) -> &AtomicU64| -> u64 {
        let all = peers.iter().chain([&planted]);
        all.map(|peer| of(peer).load(Ordering::Relaxed)).sum()
    };
    let (received, sent) = (counted(|it| &it.received), counted(|it| &it.sent));
    assert_eq!(figures.values().map(|it| it.1).sum::<u64>(), received);
    assert_eq!(figures.values().map(|it| it.2).sum::<u64>(), sent);
    for agent in &agents {
        let own = each + PLANTED;
        let expected = (own, own * THERE as u64, own * BACK as u64);
        assert_eq!(
            figures.get(&agent.name),
            Some(&expected),
            "{} {}",
            agent.name,
            agent.kind
        );
    }
    found(&mut gateway, &agents, planted.at)?;
    writeln!(
        std::io::stderr(),
        "scenario hosts: {count} agents of {} kinds, {total} exchanges all attributed, {received} and {sent} \
         bytes as the peers counted, {} planted bypasses found and no other",
        KINDS.len(),
        PLANTED * count as u64
    )?;
    Ok(())
}

/// Agents by turns of each kind, and the program that runs as another user.
fn agents(folder: &Path, count: usize) -> Result<(Vec<Agent>, PathBuf)> {
    let built = env::sibling("tidegate-escape").context("run `cargo build -p tests`")?;
    let setuid = folder.join("setuid");
    fs::copy(&built, &setuid)?;
    chown(&setuid, Some(NOBODY), Some(NOBODY))?;
    fs::set_permissions(&setuid, fs::Permissions::from_mode(0o4755))?;
    let missing = missing();
    for kind in &missing {
        writeln!(
            std::io::stderr(),
            "**** SKIPPED, NOT TESTED: agents of the kind `{kind}` ****"
        )?;
    }
    let kinds: Vec<_> = KINDS
        .iter()
        .filter(|kind| !missing.contains(kind))
        .collect();
    let agents = (0..count)
        .zip(kinds.into_iter().cycle())
        .map(|(number, kind)| {
            let program = folder.join(format!("agent-{number}"));
            fs::copy(&built, &program)?;
            Ok(Agent {
                name: format!("{AGENT}/{number}"),
                kind,
                program,
            })
        });
    Ok((agents.collect::<Result<_>>()?, setuid))
}

/// Kinds that this host cannot have.
fn missing() -> Vec<&'static str> {
    let needs = [
        ("python", "python3"),
        ("node", "node"),
        ("shell", "bash"),
        ("static", "busybox"),
    ];
    let mut missing: Vec<_> = needs
        .into_iter()
        .filter(|(_, program)| env::program(program).is_none())
        .map(|(kind, _)| kind)
        .collect();
    if !crate::techniques::io_uring_is_allowed() {
        missing.push("uring");
    }
    missing
}

fn start(
    agent: &Agent,
    to: SocketAddr,
    times: u64,
    setuid: &Path,
    cgroup: &Cgroup,
) -> Result<Child> {
    let mut command = Command::new(&agent.program);
    command
        .args(["exchange", &to.to_string(), agent.kind, &times.to_string()])
        .arg(match agent.kind {
            "setuid" => setuid,
            _ => &cgroup.0,
        })
        .stdout(Stdio::null());
    Ok(command.spawn()?)
}

/// The log has the planted ones, each its agent's, and no other.
fn found(gateway: &mut Gateway, agents: &[Agent], planted: SocketAddr) -> Result<()> {
    let bypasses = |gateway: &Gateway| -> Result<Vec<records::Record>> {
        let mut records = records::list(gateway)?;
        records.retain(|record| record.kind() == "bypass");
        Ok(records)
    };
    let expected = usize::try_from(PLANTED)? * agents.len();
    until(|| Ok((bypasses(gateway)?.len() >= expected).then_some(())))?;
    gateway.stop()?;
    verified(gateway)?;
    let found = bypasses(gateway)?;
    assert_eq!(found.len(), expected);
    for agent in agents {
        let own = found
            .iter()
            .filter(|record| record.text("agent") == agent.name);
        let own: Vec<_> = own.collect();
        assert_eq!(own.len() as u64, PLANTED, "{} {}", agent.name, agent.kind);
        for record in own {
            assert_eq!(record.text("remote"), planted.to_string());
        }
    }
    Ok(())
}
