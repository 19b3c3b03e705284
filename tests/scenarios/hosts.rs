//! A host full of agents of every kind: each flow attributed, byte totals as the peers counted them, and of
//! flows that nobody governs exactly the planted ones found.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
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
        let mount = line.and_then(|line| line.split(' ').nth(4)).context("no cgroup2")?;
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

/// What `tidegate flows --follow` tells of flows that ended, by agent: how many, and bytes both ways.
type Figures = BTreeMap<String, (u64, u64, u64)>;

struct Follower {
    child: Child,
    figures: Arc<Mutex<Figures>>,
}

impl Follower {
    fn start(gateway: &Gateway, peers: &[SocketAddr]) -> Result<Self> {
        let admin = gateway.admin_url("")?;
        let admin = admin.trim_start_matches("http://");
        let mut child = Command::new(tests::gateway::binary()?)
            .args(["flows", "--follow", "--admin", admin, "-o", "json"])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("no stdout")?;
        let figures = Arc::new(Mutex::new(Figures::new()));
        let (told, peers) = (Arc::clone(&figures), peers.iter().map(ToString::to_string));
        let peers: Vec<String> = peers.collect();
        let mut lines = BufReader::new(stdout).lines();
        // The first answer is what is open, the gateway's own listeners at least: from now on nothing
        // that ends is missed.
        lines.next().context("nothing told")??;
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(flow) = serde_json::from_str::<Value>(&line) else { continue };
                let to = flow["remote"].as_str().unwrap_or_default();
                let agent = flow["workload"].as_str();
                let ended = flow["state"] == "closed" && flow["direction"] == "out";
                let Some(agent) = agent.filter(|_| ended && peers.iter().any(|peer| peer == to)) else {
                    continue;
                };
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let figures = told.entry(agent.to_owned()).or_default();
                figures.0 += 1;
                figures.1 += flow["sent_bytes"].as_u64().unwrap_or(0);
                figures.2 += flow["received_bytes"].as_u64().unwrap_or(0);
            }
        });
        Ok(Self { child, figures })
    }

    fn figures(&self) -> Figures {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
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
    let at: Vec<SocketAddr> = peers.iter().map(|peer| peer.at).collect();
    let follower = Follower::start(&gateway, &at)?;
    let mut running = Vec::new();
    for (index, agent) in agents.iter().enumerate() {
        let peer = peers.get(index % 2).context("no peer")?;
        running.push(start(agent, peer.at, each, &setuid, &cgroup)?);
        running.push(start(agent, planted.at, PLANTED, &setuid, &cgroup)?);
    }
    for mut child in running {
        ensure!(child.wait()?.success(), "an agent failed");
    }
    let total = each * count as u64;
    let figures = until(|| {
        let figures = follower.figures();
        let ended: u64 = figures.values().map(|it| it.0).sum();
        Ok((ended >= total).then_some(figures))
    })
    .with_context(|| format!("{:#?}", follower.figures()))?;
    let counted = |of: fn(&Peer) -> &AtomicU64| -> u64 {
        peers.iter().map(|peer| of(peer).load(Ordering::Relaxed)).sum()
    };
    let (received, sent) = (counted(|it| &it.received), counted(|it| &it.sent));
    assert_eq!(figures.values().map(|it| it.0).sum::<u64>(), total);
    assert_eq!(figures.values().map(|it| it.1).sum::<u64>(), received);
    assert_eq!(figures.values().map(|it| it.2).sum::<u64>(), sent);
    for agent in &agents {
        let expected = (each, each * THERE as u64, each * BACK as u64);
        assert_eq!(figures.get(&agent.name), Some(&expected), "{} {}", agent.name, agent.kind);
    }
    drop(follower);
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
        writeln!(std::io::stderr(), "**** SKIPPED, NOT TESTED: agents of the kind `{kind}` ****")?;
    }
    let kinds: Vec<_> = KINDS.iter().filter(|kind| !missing.contains(kind)).collect();
    let agents = (0..count).zip(kinds.into_iter().cycle()).map(|(number, kind)| {
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
    let needs = [("python", "python3"), ("node", "node"), ("shell", "bash"), ("static", "busybox")];
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
        let own = found.iter().filter(|record| record.text("agent") == agent.name);
        let own: Vec<_> = own.collect();
        assert_eq!(own.len() as u64, PLANTED, "{} {}", agent.name, agent.kind);
        for record in own {
            assert_eq!(record.text("remote"), planted.to_string());
        }
    }
    Ok(())
}
