//! The scripts in a real server: whatever hosts ask, and whatever is lost, their claims never go beyond a budget.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use admission::budget::{Act, Joined, Lender as _, LenderError, Lent, Meter, Want, Wanted};
use proptest::prelude::*;
use redis::{Commands as _, Connection};
use tokio::runtime::{Builder, Runtime};

use crate::{Ledger, LoginSource, Member, Place, hosts};

const ALLOWED: u64 = 40;
const NAMES: [&str; 3] = ["one", "two", "three"];
/// Where servers are. Who connects comes from elsewhere, so that nobody who looks for one that is not there yet meets
/// himself.
const HOME: &str = "127.0.0.2";
const ACCOUNT: &str = "b\n0\nagent\nx";

/// A server that keeps nothing on disk; it goes with its handle.
struct Server {
    running: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        loop {
            // It cannot have the kernel pick one itself.
            let listener = TcpListener::bind((HOME, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let folder = tempfile::tempdir().unwrap();
            let running = run(port, &folder);
            let mut server = Self {
                running,
                port,
                folder,
            };
            if server.answers() {
                return server;
            }
        }
    }

    fn answers(&mut self) -> bool {
        while self.running.try_wait().unwrap().is_none() {
            if self.connect().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    fn connect(&self) -> Option<Connection> {
        let client = redis::Client::open(format!("redis://{HOME}:{}", self.port)).unwrap();
        let mut connection = client.get_connection().ok()?;
        let said: Option<String> = redis::cmd("PING").query(&mut connection).ok();
        said.map(|_| connection)
    }

    fn restart(&mut self) {
        self.running.kill().unwrap();
        self.running.wait().unwrap();
        self.running = run(self.port, &self.folder);
        assert!(self.answers());
    }

    fn raw(&self) -> Connection {
        self.connect().unwrap()
    }

    fn place(&self) -> Place {
        Place {
            host: HOME.to_owned(),
            port: self.port,
            database: 0,
            tls: None,
            timeout: Duration::from_secs(20),
        }
    }

    fn ledger(&self, host: &str, instance: &str) -> Ledger {
        self.listing(host, instance, &NAMES)
    }

    fn listing(&self, host: &str, instance: &str, hosts: &[&str]) -> Ledger {
        let member = Member {
            fleet: "tests".to_owned(),
            host: host.to_owned(),
            hosts: hosts.iter().map(|it| (*it).to_owned()).collect(),
            instance: instance.to_owned(),
            about: Arc::default(),
        };
        Ledger::new(self.place(), Box::new(|| Ok(None)), member)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.kill().ok();
        self.running.wait().ok();
    }
}

fn run(port: u16, folder: &tempfile::TempDir) -> Child {
    let command = |program| {
        Command::new(program)
            .args(["--port", &port.to_string(), "--bind", HOME])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
    };
    let started = command("redis-server").or_else(|_| command("valkey-server"));
    started.unwrap_or_else(|error| panic!("no Redis ({error}): run `cargo xtask setup`"))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn want(act: Act, used: u64, held: u64, least: u64, wish: u64) -> Want {
    Want {
        account: ACCOUNT.into(),
        window: None,
        act,
        meters: vec![Wanted {
            meter: Meter::Calls,
            allowed: ALLOWED,
            used,
            held,
            least,
            wish,
        }],
    }
}

/// A host, as `admission::budget` has it: it spends within its claim, which is in memory, and remembers what it spent.
struct Host {
    name: &'static str,
    ledger: Ledger,
    used: u64,
    claim: u64,
    reported: Option<String>,
    lost: Option<String>,
}

impl Host {
    fn new(server: &Server, name: &'static str) -> Self {
        Self {
            name,
            ledger: server.ledger(name, name),
            used: 0,
            claim: 0,
            reported: None,
            lost: None,
        }
    }

    fn crash(&mut self, server: &Server) {
        let used = self.used;
        *self = Self::new(server, self.name);
        (self.used, self.claim) = (used, used);
    }

    async fn attend(&mut self) -> Result<Joined, LenderError> {
        let lost = self.lost.take();
        loop {
            let reported = self.reported.clone();
            let joined = self
                .ledger
                .attend(reported.as_deref(), lost.as_deref())
                .await?;
            if self.reported.as_ref() == Some(&joined.generation) {
                return Ok(joined);
            }
            let held = self.claim.max(self.used);
            let report = want(Act::Report, self.used, held, held, held);
            match self.ledger.lend(&[report]).await?.first() {
                Some(Lent::Claims(claims)) => {
                    self.claim = claims[0].0;
                    self.reported = Some(joined.generation);
                }
                other => assert_eq!(other, Some(&Lent::Again)),
            }
        }
    }

    /// What it asks for. An answer that is lost changes nothing here, but for what was to be given back.
    async fn ask(&mut self, act: Act, more: u64, heard: bool) -> Option<bool> {
        if act == Act::Return {
            self.claim = self.used;
        }
        let least = match act {
            Act::Return => self.used,
            _ => self.claim.max(self.used + more),
        };
        let wish = if act == Act::Return {
            self.used
        } else {
            least + 3
        };
        let asked = want(
            act,
            self.used,
            self.claim,
            least,
            wish.min(ALLOWED).max(least),
        );
        let lent = self.ledger.lend(&[asked]).await.ok()?;
        if !heard {
            return None;
        }
        match &lent[0] {
            Lent::Claims(claims) => {
                assert!(claims[0].0 >= self.claim, "{lent:?}");
                self.claim = claims[0].0;
                Some(self.claim >= least)
            }
            Lent::Lost => {
                self.lost.clone_from(&self.reported);
                None
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Ask(usize, u64, bool),
    Spend(usize, u64),
    Return(usize, bool),
    Attend(usize),
    Crash(usize),
    Flush,
    Forget,
    Restart,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let host = || 0..NAMES.len();
    let heard = || prop_oneof![4 => Just(true), 1 => Just(false)];
    let turn = prop_oneof![
        40 => (host(), 1..6_u64, heard()).prop_map(|(host, more, heard)| Turn::Ask(host, more, heard)),
        40 => (host(), 1..6_u64).prop_map(|(host, most)| Turn::Spend(host, most)),
        10 => (host(), heard()).prop_map(|(host, heard)| Turn::Return(host, heard)),
        20 => host().prop_map(Turn::Attend),
        5 => host().prop_map(Turn::Crash),
        3 => Just(Turn::Flush),
        2 => Just(Turn::Forget),
        1 => Just(Turn::Restart),
    ];
    proptest::collection::vec(turn, 1..120)
}

async fn play(server: &mut Server, turns: &[Turn]) -> Result<(), TestCaseError> {
    redis::cmd("FLUSHALL").exec(&mut server.raw()).unwrap();
    let mut hosts = NAMES.map(|name| Host::new(server, name));
    for turn in turns {
        match *turn {
            Turn::Ask(host, more, heard) => drop(hosts[host].ask(Act::Lease, more, heard).await),
            Turn::Return(host, heard) => drop(hosts[host].ask(Act::Return, 0, heard).await),
            Turn::Spend(host, most) => {
                let host = &mut hosts[host];
                host.used += most.min(host.claim.saturating_sub(host.used));
            }
            Turn::Attend(host) => drop(hosts[host].attend().await),
            Turn::Crash(host) => hosts[host].crash(server),
            Turn::Flush => redis::cmd("FLUSHALL").exec(&mut server.raw()).unwrap(),
            Turn::Forget => {
                // The account alone is gone.
                let mut raw = server.raw();
                let keys: Vec<String> = raw.keys("tidegate:{tests}:budget:*").unwrap();
                for key in keys {
                    let _: u64 = raw.del(key).unwrap();
                }
            }
            Turn::Restart => server.restart(),
        }
        let claims: u64 = hosts.iter().map(|host| host.claim.max(host.used)).sum();
        prop_assert!(claims <= ALLOWED, "{claims} after {turn:?}");
    }
    // Nothing is gone for good: each in turn asks for one more until nobody gets any.
    let mut dry = 0;
    while dry < 20 {
        dry += 1;
        for host in &mut hosts {
            // The first one after a restart finds its connection broken.
            let Ok(joined) = host.attend().await else {
                continue;
            };
            if joined.closed.is_none() && host.ask(Act::Lease, 1, true).await == Some(true) {
                host.used += 1;
                dry = 0;
            }
            host.ask(Act::Return, 0, true).await;
        }
    }
    let used: u64 = hosts.iter().map(|host| host.used).sum();
    prop_assert_eq!(used, ALLOWED);
    Ok(())
}

#[test]
fn claims_never_go_beyond_a_budget_whatever_is_lost_and_whoever_crashes() {
    let mut server = Server::start();
    let runtime = runtime();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let server = std::cell::RefCell::new(&mut server);
    let played = runner.run(&turns(), |turns| {
        runtime.block_on(play(&mut server.borrow_mut(), &turns))
    });
    played.unwrap_or_else(|error| panic!("{error}"));
}

/// Runs the script as a host would whose requests have these numbers.
fn lend(
    raw: &mut Connection,
    generation: &str,
    order: u64,
    act: &str,
    amounts: [u64; 4],
) -> Vec<String> {
    let mut ask = redis::cmd("EVAL");
    ask.arg(include_str!("lend.lua"))
        .arg(2)
        .arg("tidegate:{tests}:fleet")
        .arg("tidegate:{tests}:budget:a")
        .arg(&[
            "one",
            generation,
            "1",
            &order.to_string(),
            act,
            "",
            "",
            "list",
            "1",
            "one",
        ])
        .arg("calls")
        .arg(ALLOWED);
    for amount in amounts {
        ask.arg(amount);
    }
    ask.query(raw).unwrap()
}

#[test]
fn what_was_overtaken_is_of_no_effect() {
    let server = Server::start();
    let mut raw = server.raw();
    let run: String = redis::cmd("INFO").arg("server").query(&mut raw).unwrap();
    let run = run.lines().find_map(|line| line.strip_prefix("run_id:"));
    let fields = [
        ("generation", "g"),
        ("run", run.unwrap().trim()),
        ("boot:one", "1"),
        ("list:one", "list"),
        ("reported:one", "1"),
    ];
    let _: () = raw
        .hset_multiple("tidegate:{tests}:fleet", &fields)
        .unwrap();
    let claim = |told: &[String]| told.get(1).cloned().unwrap_or_default();
    assert_eq!(
        claim(&lend(&mut raw, "g", 1, "lease", [0, 0, 10, 10])),
        "10"
    );
    // Given back by number 2, which waits in a connection, while number 3 takes more.
    assert_eq!(
        claim(&lend(&mut raw, "g", 3, "lease", [10, 10, 20, 20])),
        "20"
    );
    assert_eq!(lend(&mut raw, "g", 2, "return", [0, 0, 0, 0]), ["again"]);
    assert_eq!(
        claim(&lend(&mut raw, "g", 4, "lease", [20, 20, 20, 20])),
        "20"
    );
    // Nor has what was meant for another generation any.
    assert_eq!(lend(&mut raw, "f", 5, "return", [0, 0, 0, 0]), ["again"]);
    // Whoever has more than the ledger knows finds out.
    assert_eq!(lend(&mut raw, "g", 6, "lease", [20, 30, 31, 31]), ["lost"]);
    // What was used stands there, whatever is left.
    assert_eq!(
        lend(&mut raw, "g", 7, "lease", [50, 20, 50, 50]),
        ["ok", "50", "0"]
    );
}

#[test]
fn one_name_is_one_host() {
    let server = Server::start();
    runtime().block_on(async {
        let mut first = server.ledger("one", "its-data");
        first.attend(None, None).await.unwrap();
        // The same data, by a process that began later: the first one is out.
        let mut second = server.ledger("one", "its-data");
        second.attend(None, None).await.unwrap();
        let why = first.attend(None, None).await.unwrap_err().to_string();
        assert!(why.contains("another process"), "{why}");
        let lent = first.lend(&[want(Act::Report, 0, 5, 5, 5)]).await.unwrap();
        assert_eq!(lent, [Lent::Again]);
        // Other data by the same name.
        let mut other = server.ledger("one", "other-data");
        let why = other.attend(None, None).await.unwrap_err().to_string();
        assert!(why.contains("another's"), "{why}");
        second.attend(None, None).await.unwrap();
    });
}

#[test]
fn nothing_is_lent_before_all_are_there_and_agree() {
    let server = Server::start();
    runtime().block_on(async {
        let mut one = Host::new(&server, "one");
        let closed = one.attend().await.unwrap().closed.unwrap();
        assert!(closed.contains("not there yet: three, two"), "{closed}");
        let lease = || want(Act::Lease, 0, 0, 1, 1);
        assert_eq!(one.ledger.lend(&[lease()]).await.unwrap(), [Lent::Again]);
        let mut two = Host::new(&server, "two");
        two.attend().await.unwrap();
        let mut three = Host::new(&server, "three");
        three.ledger = server.listing("three", "three", &["one", "three"]);
        three.attend().await.unwrap();
        let closed = one.attend().await.unwrap().closed.unwrap();
        assert!(closed.contains("another list"), "{closed}");
        assert_eq!(one.ledger.lend(&[lease()]).await.unwrap(), [Lent::Again]);
        three.crash(&server);
        assert_eq!(three.attend().await.unwrap().closed, None);
        assert_eq!(one.attend().await.unwrap().closed, None);
        let lent = one.ledger.lend(&[lease()]).await.unwrap();
        assert!(
            matches!(&lent[0], Lent::Claims(claims) if claims[0].0 == 1),
            "{lent:?}"
        );

        let (place, login): (_, LoginSource) = (server.place(), Box::new(|| Ok(None)));
        let known = hosts(&place, &login, "tests").await.unwrap();
        let known: Vec<_> = known.into_iter().map(|it| it.name).collect();
        assert_eq!(known, ["one", "three", "two"]);
    });
}

#[test]
fn a_turn_that_is_over_or_far_off_lends_nothing() {
    let server = Server::start();
    runtime().block_on(async {
        let mut all = NAMES.map(|name| Host::new(&server, name));
        let mut now = 0;
        for host in &mut all {
            now = host.attend().await.unwrap().now;
        }
        let one = &mut all[0];
        one.attend().await.unwrap();
        for (begins, is_lent) in [
            (-3600, true),
            (-3700, false),
            (-30, true),
            (30, true),
            (600, false),
        ] {
            let mut asked = want(Act::Lease, 0, 0, 1, 1);
            let begins = now + begins;
            asked.account = format!("b\n{begins}\nagent\nx").into();
            asked.window = Some((begins, begins + 3600));
            let lent = one.ledger.lend(&[asked]).await.unwrap();
            assert_eq!(
                matches!(lent[0], Lent::Claims(_)),
                is_lent,
                "{begins}: {lent:?}"
            );
        }
    });
}

#[test]
fn a_server_that_forgets_is_refused() {
    let server = Server::start();
    let mut raw = server.raw();
    let set = |raw: &mut Connection, name: &str, value: &str| {
        redis::cmd("CONFIG")
            .arg("SET")
            .arg(name)
            .arg(value)
            .exec(raw)
            .unwrap();
    };
    set(&mut raw, "maxmemory", "100mb");
    set(&mut raw, "maxmemory-policy", "allkeys-lru");
    runtime().block_on(async {
        let mut one = server.ledger("one", "one");
        let why = one.attend(None, None).await.unwrap_err().to_string();
        assert!(why.contains("noeviction"), "{why}");
        set(&mut raw, "maxmemory-policy", "noeviction");
        one.attend(None, None).await.unwrap();
    });
}
