//! Hosts that share budgets through Redis: to the last call while all is well, and never beyond it whatever happens to
//! the server, the way there, or a host.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tests::{
    certificate::Certificate,
    client::{Client, Reply},
    env,
    gateway::{Gateway, POLL, START_MAX},
    peers::{self, Peer},
    people::{Dice, Home},
    records,
    redis::{Line, RedisServer},
    setup::{Service, Setup},
    tokens::{Claims, Issuer, claims},
};

use crate::world::{ANYTHING, HERE, path_selector, verified};

/// The hosts.
const NAMES: [&str; 3] = ["one", "two", "three"];
/// Who call at each.
const CALLING: usize = 2;
/// Between two calls that are refused.
const PAUSE: Duration = Duration::from_millis(20);
/// For so long a trouble lasts: longer than the server's time to answer.
const TROUBLE: Duration = Duration::from_millis(1200);

struct Shared {
    hosts: Vec<Gateway>,
    redis: RedisServer,
    lines: Vec<Line>,
    client: Client,
    issuer: Issuer,
    _crm: Peer,
}

impl Shared {
    /// Hosts with these budgets, which reach the server each by a line of its own.
    fn with(budgets: &Value) -> Result<Self> {
        Self::over(budgets, RedisServer::start()?, None)
    }

    fn over(budgets: &Value, redis: RedisServer, by_tls: Option<&Certificate>) -> Result<Self> {
        let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
        let issuer = Issuer::new()?;
        let listed = json!({ "records": { "array": "/customers", "id": "/id", "subject": "/id" } });
        let service = Service::new("crm", &crm.url(), "DE")
            .governed("customer.list", "GET", "/customers", listed)
            .operation("ticket.read", "GET", "/tickets/{ticket}");
        let here = path_selector(&std::env::current_exe()?.canonicalize()?);
        let (mut hosts, mut lines) = (Vec::new(), Vec::new());
        for name in NAMES {
            let line = Line::to(redis.address())?;
            let (scheme, port) = (by_tls.map_or("redis", |_| "rediss"), line.address().port());
            let mut server = json!({
                "url": format!("{scheme}://localhost:{port}"),
                "login": "redis.login",
                "timeout": "500ms",
            });
            let mut setup = Setup::new()
                .issuer(&issuer)
                .agent(HERE, std::slice::from_ref(&here), "optional")
                .service(service.clone())
                .policy(ANYTHING)
                .set("budgets", budgets.clone())
                .secret("redis.login", redis.login());
            if let Some(certificate) = by_tls {
                setup = setup.file("redis.pem", certificate.authority.clone());
                if let Some(server) = server.as_object_mut() {
                    server.insert("ca".to_owned(), "redis.pem".into());
                }
            }
            setup = setup.set(
                "fleet",
                json!({ "host": name, "hosts": NAMES, "redis": server,
                    "budgets": { "lease": "5%", "lease_ttl": "1s" } }),
            );
            hosts.push(Gateway::start(&setup)?);
            lines.push(line);
        }
        let fleet = Self {
            hosts,
            redis,
            lines,
            client: Client::plain()?,
            issuer,
            _crm: crm,
        };
        fleet.until("budgets are leased", |fleet| {
            for host in &fleet.hosts {
                if fleet.ready(host)?.contains("not leased") {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        Ok(fleet)
    }

    fn ready(&self, host: &Gateway) -> Result<String> {
        Ok(self.client.get(&host.admin_url("/readyz")?, &[])?.text())
    }

    fn until(&self, what: &str, is_so: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + START_MAX;
        while !is_so(self)? {
            ensure!(
                Instant::now() < deadline,
                "it never came to that: {what}\n{}",
                self.hosts.iter().map(Gateway::stderr).collect::<String>()
            );
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn host(&self, at: usize) -> Result<&Gateway> {
        self.hosts.get(at).context("there is no such host")
    }

    fn get(&self, at: usize, path: &str) -> Result<Reply> {
        self.client.get(&self.host(at)?.url(path)?, &[])
    }

    /// Calls at one host until it refuses; the refusal.
    fn until_refused(&self, at: usize, path: &str) -> Result<(u64, Reply)> {
        let mut went = 0;
        loop {
            let reply = self.get(at, path)?;
            if reply.status != 200 {
                return Ok((went, reply));
            }
            went += 1;
        }
    }

    fn metric(&self, at: usize, name: &str) -> Result<u64> {
        let text = self
            .client
            .get(&self.host(at)?.admin_url("/metrics")?, &[])?;
        let text = text.text();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.context("no such metric")?
            .trim()
            .parse()
            .context("no number")
    }

    fn finish(mut self) -> Result<()> {
        for host in &mut self.hosts {
            ensure!(host.stop()?.success(), "{}", host.stderr());
            verified(host)?;
        }
        Ok(())
    }
}

/// What calls came to, of many threads.
#[derive(Default)]
struct Tally {
    went: AtomicU64,
    exhausted: AtomicU64,
    unleased: AtomicU64,
    stop: AtomicBool,
}

impl Tally {
    fn went(&self) -> u64 {
        self.went.load(Ordering::SeqCst)
    }

    /// Calls until told to stop; what is refused has its reason.
    fn call(&self, url: &str) -> Result<()> {
        let client = Client::plain()?;
        while !self.stop.load(Ordering::SeqCst) {
            // A host that is killed answers nothing.
            let Ok(reply) = client.get(url, &[]) else {
                thread::sleep(PAUSE);
                continue;
            };
            let counted = match (reply.status.as_u16(), &*reason(&reply)) {
                (200, _) => &self.went,
                (429, "budget_exhausted") => &self.exhausted,
                (503, "budget_unleased") => &self.unleased,
                other => bail!("{other:?}: {}", reply.text()),
            };
            counted.fetch_add(1, Ordering::SeqCst);
            if reply.status != 200 {
                thread::sleep(PAUSE);
            }
        }
        Ok(())
    }
}

fn reason(reply: &Reply) -> String {
    let problem = reply.json().unwrap_or_default();
    let reason = problem.get("reason").and_then(Value::as_str);
    reason.unwrap_or_default().to_owned()
}

/// Calls at every host while `meanwhile` does something, and then until everything is used up; what it came to.
fn amid_calls(
    fleet: &mut Shared,
    allowed: u64,
    meanwhile: impl FnOnce(&mut Shared, &Tally) -> Result<()>,
) -> Result<Tally> {
    let tally = Tally::default();
    let urls = fleet
        .hosts
        .iter()
        .map(|host| host.url("/crm/tickets/T-4891"));
    let urls = urls.collect::<Result<Vec<String>>>()?;
    thread::scope(|scope| {
        let calling: Vec<_> = urls
            .iter()
            .flat_map(|url| (0..CALLING).map(move |_| url))
            .map(|url| scope.spawn(|| tally.call(url)))
            .collect();
        let done = meanwhile(fleet, &tally).and_then(|()| {
            fleet.until("everything is used up", |_| {
                let broken = calling.iter().any(thread::ScopedJoinHandle::is_finished);
                Ok(broken || tally.went() >= allowed)
            })
        });
        // Who would get one more gets it now.
        thread::sleep(TROUBLE);
        tally.stop.store(true, Ordering::SeqCst);
        for caller in calling {
            caller
                .join()
                .map_err(|_| anyhow::anyhow!("a caller panicked"))??;
        }
        done
    })?;
    Ok(tally)
}

/// So many calls are allowed in all.
fn allowed() -> u64 {
    env::number(env::FLEET, 600)
}

fn calls(allowed: u64) -> Value {
    json!([{ "id": "calls", "per": "agent", "calls": allowed, "operations": ["ticket.read"] }])
}

#[test]
fn hosts_spend_a_budget_to_its_last_call_and_not_one_more() -> Result<()> {
    let certificate = Certificate::for_loopback()?;
    let redis = RedisServer::by_tls(&certificate)?;
    let mut fleet = Shared::over(&calls(allowed()), redis, Some(&certificate))?;
    let tally = amid_calls(&mut fleet, allowed(), |_, _| Ok(()))?;
    assert_eq!(tally.went(), allowed());
    assert_eq!(tally.unleased.load(Ordering::SeqCst), 0);
    ensure!(
        tally.exhausted.load(Ordering::SeqCst) > 0,
        "nobody was refused"
    );
    for at in 0..NAMES.len() {
        assert_eq!(
            reason(&fleet.get(at, "/crm/tickets/T-4891")?),
            "budget_exhausted"
        );
        ensure!(
            fleet.metric(at, "tidegate_budget_leases_taken_total ")? > 0,
            "{at}"
        );
    }
    // What spends of no budget goes on.
    assert_eq!(fleet.get(0, "/crm/customers?limit=1")?.status, 200);

    let listed =
        fleet
            .host(0)?
            .cli(&["fleet", "list", "--config", "tidegate.yaml", "-o", "json"])?;
    let listed: Value = serde_json::from_slice(&listed.stdout)?;
    let states: Vec<_> = listed
        .as_array()
        .context("no list")?
        .iter()
        .map(|host| (host["host"].clone(), host["state"].clone()))
        .collect();
    let expected = ["one", "three", "two"].map(|host| (host.into(), "there".into()));
    assert_eq!(states, expected, "{listed}");
    fleet.finish()
}

#[test]
fn a_host_that_is_taken_over_keeps_its_leases_and_gives_none_twice() -> Result<()> {
    let mut fleet = Shared::with(&calls(allowed()))?;
    let tally = amid_calls(&mut fleet, allowed(), |fleet, tally| {
        for (at, host) in [(0, allowed() / 6), (1, allowed() / 3), (0, allowed() / 2)] {
            fleet.until("calls are made", |_| Ok(tally.went() >= host))?;
            let gateway = fleet.hosts.get_mut(at).context("no such host")?;
            let mut former = gateway.take_over(&[])?;
            ensure!(former.ended()?.success(), "{}", gateway.stderr());
        }
        Ok(())
    })?;
    assert_eq!(tally.went(), allowed());
    fleet.finish()
}

#[test]
fn without_the_server_hosts_spend_what_they_leased_and_go_on_when_it_is_back() -> Result<()> {
    let mut fleet = Shared::with(&calls(10_000))?;
    for at in 0..NAMES.len() {
        assert_eq!(fleet.get(at, "/crm/tickets/T-4891")?.status, 200);
    }
    fleet.redis.kill()?;
    let mut went = 0;
    for at in 0..NAMES.len() {
        let (more, refusal) = fleet.until_refused(at, "/crm/tickets/T-4891")?;
        went += more;
        assert_eq!(refusal.status, 503, "{}", refusal.text());
        assert_eq!(reason(&refusal), "budget_unleased", "{}", refusal.text());
        let rule = refusal.json()?.get("rule").cloned();
        assert_eq!(rule, Some("calls".into()), "{}", refusal.text());
        // What another one says of servers is not for agents.
        ensure!(!refusal.text().contains("localhost"), "{}", refusal.text());
        let record = records::show(fleet.host(at)?, refusal.record().context("no record")?)?;
        assert_eq!(record.text("reason"), "budget_unleased");
        ensure!(
            fleet.metric(at, "tidegate_budget_leases_refused_total ")? > 0,
            "{at}"
        );
    }
    ensure!(went > 0 && went < 5_000, "{went} of what was leased");
    let of = |reason: &'static str| {
        move |fleet: &Shared| {
            let records = records::list(fleet.host(0)?)?;
            Ok(records.iter().any(|it| it.text("reason") == reason))
        }
    };
    fleet.until("it is on record", of("leases_withheld"))?;
    ensure!(
        fleet
            .ready(fleet.host(0)?)?
            .contains("budgets are not leased")
    );

    fleet.redis.restart()?;
    for at in 0..NAMES.len() {
        fleet.until("it goes on", |fleet| {
            Ok(fleet.get(at, "/crm/tickets/T-4891")?.status == 200)
        })?;
    }
    fleet.until("it is on record", of("leases_returned"))?;
    fleet.until("that a ledger is new is on record", of("ledger_lost"))?;
    fleet.finish()
}

#[test]
fn whatever_happens_to_the_server_no_call_goes_beyond_the_budget() -> Result<()> {
    let allowed = allowed() * 4;
    let mut fleet = Shared::with(&calls(allowed))?;
    let tally = amid_calls(&mut fleet, allowed, |fleet, tally| {
        let mut dice = Dice::new(7);
        for round in 0..5 {
            // Some go in between.
            let before = tally.went();
            fleet.until("calls go", |_| {
                Ok(tally.went() > before || before >= allowed)
            })?;
            match round {
                1 => {
                    fleet.redis.stands_still(true)?;
                    thread::sleep(TROUBLE);
                    fleet.redis.stands_still(false)?;
                }
                2 => {
                    fleet.redis.kill()?;
                    thread::sleep(TROUBLE);
                    fleet.redis.restart()?;
                }
                3 => {
                    let one = usize::try_from(dice.between(0, 2))?;
                    let line = fleet.lines.get(one).context("no line")?;
                    line.cut(true);
                    // The others cannot go on without it in a new ledger, and it cannot without them.
                    fleet.redis.flush()?;
                    thread::sleep(TROUBLE);
                    line.cut(false);
                }
                _ => fleet.redis.flush()?,
            }
            ensure!(tally.went() <= allowed, "{} went", tally.went());
        }
        Ok(())
    })?;
    assert_eq!(tally.went(), allowed);
    fleet.finish()
}

#[test]
fn a_host_that_is_killed_gives_nothing_back_and_takes_nothing_with_it() -> Result<()> {
    let mut fleet = Shared::with(&calls(300))?;
    let (went, _) = {
        let (_, two) = (
            fleet.get(0, "/crm/tickets/T-4891")?,
            fleet.get(1, "/crm/tickets/T-4891")?,
        );
        (2, two)
    };
    let killed = fleet.hosts.get_mut(0).context("no host")?;
    killed.kill()?;
    // What it leased stays its own.
    let mut all = went;
    let deadline = Instant::now() + START_MAX;
    let mut dry = 0;
    while dry < 10 && Instant::now() < deadline {
        for at in [1, 2] {
            let (more, refusal) = fleet.until_refused(at, "/crm/tickets/T-4891")?;
            assert_eq!(reason(&refusal), "budget_exhausted", "{}", refusal.text());
            dry = if more > 0 { 0 } else { dry + 1 };
            all += more;
        }
        thread::sleep(PAUSE * 10);
    }
    ensure!(all < 300, "{all} went without it");
    fleet.hosts.get_mut(0).context("no host")?.restart()?;
    fleet.until("it has what is left", |fleet| {
        Ok(fleet.get(0, "/crm/tickets/T-4891")?.status == 200)
    })?;
    all += 1;
    let deadline = Instant::now() + START_MAX;
    while all < 300 && Instant::now() < deadline {
        for at in 0..NAMES.len() {
            all += fleet.until_refused(at, "/crm/tickets/T-4891")?.0;
        }
        thread::sleep(PAUSE);
    }
    for at in 0..NAMES.len() {
        all += fleet.until_refused(at, "/crm/tickets/T-4891")?.0;
    }
    assert_eq!(all, 300);
    fleet.finish()
}

#[test]
fn what_answers_show_is_spent_on_all_hosts() -> Result<()> {
    let fleet = Shared::with(&json!([
        { "id": "rows", "per": "agent", "records": 40 },
        { "id": "bytes", "per": "agent", "bytes": 1_000_000 },
    ]))?;
    assert_eq!(fleet.get(0, "/crm/customers?limit=25")?.status, 200);
    // Each host counts what it shows itself, and leases what it shows beyond its slice.
    let reply = fleet.get(1, "/crm/customers?limit=25")?;
    assert_eq!(reason(&reply), "budget_exhausted", "{}", reply.text());
    assert_eq!(fleet.get(1, "/crm/customers?limit=15")?.status, 200);
    assert_eq!(fleet.get(0, "/crm/customers?limit=25")?.status, 200);
    let reply = fleet.get(2, "/crm/customers?limit=1")?;
    assert_eq!(reason(&reply), "budget_exhausted", "{}", reply.text());
    fleet.finish()
}

#[test]
fn a_long_answer_waits_for_leases_and_goes_on() -> Result<()> {
    // Of five hundred, a slice is twenty-five.
    let fleet = Shared::with(&json!([{ "id": "rows", "per": "agent", "records": 510 }]))?;
    let reply = fleet.get(0, "/crm/customers?limit=500")?;
    ensure!(reply.status == 200 && reply.whole, "{}", reply.status);
    ensure!(reply.text().contains("\"C-500\""));
    let reply = fleet.get(1, "/crm/customers?limit=11")?;
    assert_eq!(reason(&reply), "budget_exhausted", "{}", reply.text());
    assert_eq!(fleet.get(1, "/crm/customers?limit=10")?.status, 200);
    fleet.finish()
}

#[test]
fn a_session_that_a_token_names_is_one_on_all_hosts_where_that_is_meant() -> Result<()> {
    let fleet = Shared::with(&json!([
        { "id": "session", "calls": 6, "shared": true, "operations": ["ticket.read"] },
        { "id": "host", "calls": 4, "operations": ["customer.list"] },
    ]))?;
    let claims: Claims = claims(HERE);
    let (one, other) = (fleet.issuer.mint(&claims)?, fleet.issuer.mint(&claims)?);
    let ask = |at: usize, path: &str, token: &str| {
        let url = fleet.host(at)?.url(path)?;
        fleet.client.get(&url, &[("tidegate-token", token)])
    };
    let went = |path: &str, token: &str| -> Result<usize> {
        let each = (0..NAMES.len()).flat_map(|at| (0..6).map(move |_| at));
        let replies = each.map(|at| Ok(ask(at, path, token)?.status == 200));
        let replies = replies.collect::<Result<Vec<bool>>>()?;
        Ok(replies.iter().filter(|went| **went).count())
    };
    assert_eq!(went("/crm/tickets/T-4891", &one)?, 6);
    assert_eq!(went("/crm/tickets/T-4891", &other)?, 6);
    // Where nothing is said, each host has its own.
    assert_eq!(went("/crm/customers?limit=1", &one)?, 4 * NAMES.len());
    fleet.finish()
}

#[test]
fn doctor_tells_what_a_fleet_lacks() -> Result<()> {
    let mut fleet = Shared::with(&calls(allowed()))?;
    let told = |fleet: &Shared| -> Result<String> {
        let doctor = ["doctor", "--config", "tidegate.yaml"];
        Ok(String::from_utf8(fleet.host(0)?.cli(&doctor)?.stdout)?)
    };
    let said = told(&fleet)?;
    for what in ["server", "clock", "hosts"] {
        ensure!(said.contains(&format!("fleet {what}: fine\n")), "{said}");
    }
    for setting in [["maxmemory", "100mb"], ["maxmemory-policy", "allkeys-lru"]] {
        let [name, value] = setting;
        ensure!(fleet.redis.cli(&["CONFIG", "SET", name, value])? == "OK");
    }
    let said = told(&fleet)?;
    ensure!(said.contains("fleet server: it forgets"), "{said}");
    // Who is not among its hosts is not a host of it.
    fleet.host(0)?.reconfigure(|config| {
        config["fleet"]["hosts"] = json!(["one", "two"]);
    })?;
    let said = told(&fleet)?;
    ensure!(said.contains("another list"), "{said}");
    ensure!(said.contains("one, three, two; give all"), "{said}");
    fleet.redis.kill()?;
    let said = told(&fleet)?;
    ensure!(said.contains("fleet server: the server"), "{said}");
    ensure!(!said.contains("fleet hosts"), "{said}");
    Ok(())
}
