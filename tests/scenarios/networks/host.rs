//! The hosts, each in a network of its own with its gateway, its agents' API and two ways out: to the one Redis and to
//! the one PostgreSQL, which are hosts of their own as well.

use std::{
    collections::BTreeSet,
    fs,
    net::Ipv4Addr,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use axum::{
    Json, Router, body::Body, extract::Path as Named, http::header::CONTENT_TYPE,
    response::Response, routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tests::{
    certificate::Certificate,
    client::Client,
    gateway::Gateway,
    peers::Peer,
    redis::RedisServer,
    setup::{Service, Setup},
    switch::{Namespace, Port, Switch},
};

use crate::{
    cluster::Cluster,
    world::{ANYTHING, HERE, path_selector},
};

/// Calls that all hosts together have for each turn.
pub(super) const CALLS: u64 = 150;
/// Bytes of streams that they have.
pub(super) const BYTES: u64 = 40_000;
/// How long a turn is, in seconds.
pub(super) const EVERY: i64 = 5;
/// Where each gateway listens: in its network nobody else does.
pub(super) const AT: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:9090";

/// Where the servers are, in a segment each.
const REDIS: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
const POSTGRES: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 1);

/// Events of a stream, and what is between two.
const EVENTS: u64 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// How long anything may take that has to happen.
const WAIT_MAX: Duration = Duration::from_mins(4);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// A gateway on a host of its own.
pub(super) struct Host {
    pub(super) network: Arc<Namespace>,
    pub(super) to_redis: Port,
    pub(super) to_postgres: Port,
    pub(super) gateway: Gateway,
    pub(super) heard: Heard,
    _upstream: Peer,
}

/// What an upstream was asked for.
pub(super) type Heard = Arc<Mutex<BTreeSet<String>>>;

/// A server on a host of its own.
pub(super) struct Remote<S> {
    pub(super) network: Namespace,
    pub(super) port: Port,
    pub(super) server: S,
}

/// All of them.
pub(super) struct Fleet {
    pub(super) hosts: Vec<Host>,
    pub(super) redis: Remote<RedisServer>,
    pub(super) postgres: Remote<Cluster>,
}

impl Fleet {
    /// So many hosts.
    pub(super) fn of(count: u8) -> Result<Self> {
        let switch = Switch::new(&["redis", "pg"])?;
        let certificate = Certificate::of(&[&REDIS.to_string(), &POSTGRES.to_string()])?;
        let network = Namespace::new()?;
        let redis = Remote {
            port: switch.plug("redis", "r-server", (&network, &format!("{REDIS}/24")))?,
            server: network.inside(|| RedisServer::kept_at(REDIS, &certificate))?,
            network,
        };
        let network = Namespace::new()?;
        let password = redis.server.login();
        let (_, password) = password.split_once(':').context("no password")?;
        let postgres = Remote {
            port: switch.plug("pg", "p-server", (&network, &format!("{POSTGRES}/24")))?,
            server: network.inside(|| cluster(&certificate, password))?,
            network,
        };
        let shared = Shared {
            names: (1..=count).map(|number| format!("host-{number}")).collect(),
            authority: &certificate.authority,
            redis: (redis.server.address().port(), redis.server.login()),
            password,
        };
        let hosts = (1..=count).map(|number| shared.host(&switch, number));
        Ok(Self {
            hosts: hosts.collect::<Result<_>>()?,
            redis,
            postgres,
        })
    }

    /// Waits until something is so.
    pub(super) fn until(
        &self,
        what: &str,
        mut is_so: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        let began = Instant::now();
        while !is_so(self)? {
            ensure!(
                began.elapsed() < WAIT_MAX,
                "it never came to that: {what}\n{}",
                self.told()
            );
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// The end of what each gateway said.
    fn told(&self) -> String {
        let each = self.hosts.iter().enumerate().map(|(at, host)| {
            let stderr = host.gateway.stderr();
            let lines: Vec<&str> = stderr.lines().collect();
            let last = lines.get(lines.len().saturating_sub(8)..);
            format!("{}:\n{}\n", at + 1, last.unwrap_or_default().join("\n"))
        });
        each.collect()
    }
}

impl Host {
    /// Records of its log, and how many of them are copied.
    pub(super) fn copied(&self) -> Result<(u64, u64)> {
        let metrics = self.admin("/metrics")?;
        let figure = |name: &str| -> Result<u64> {
            let mut lines = metrics.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let value = value.with_context(|| format!("no metric {name}"))?;
            Ok(value.trim().parse()?)
        };
        let records = figure("tidegate_audit_records_total")?;
        Ok((records, figure("tidegate_audit_records_copied")?))
    }

    /// Whether it can lease.
    pub(super) fn leases(&self) -> Result<bool> {
        Ok(!self.admin("/readyz")?.contains("not leased"))
    }

    fn admin(&self, path: &str) -> Result<String> {
        let url = self.gateway.admin_url(path)?;
        self.network
            .inside(|| Ok(Client::plain()?.get(&url, &[])?.text()))
    }

    /// Starts it again, on its host.
    pub(super) fn restart(&mut self) -> Result<()> {
        let gateway = &mut self.gateway;
        self.network.inside(|| gateway.restart())
    }
}

impl Remote<RedisServer> {
    pub(super) fn restart(&mut self) -> Result<()> {
        let server = &mut self.server;
        self.network.inside(|| server.restart())
    }
}

impl Remote<Cluster> {
    pub(super) fn restart(&self) -> Result<()> {
        self.network.inside(|| {
            self.server.restart();
            Ok(())
        })
    }
}

/// What is the same on all hosts.
struct Shared<'a> {
    names: Vec<String>,
    authority: &'a str,
    redis: (u16, String),
    password: &'a str,
}

impl Shared<'_> {
    fn host(&self, switch: &Switch, number: u8) -> Result<Host> {
        let network = Arc::new(Namespace::new()?);
        let plug = |segment: &str, net: u8| {
            let address = format!("10.77.{net}.{}/24", 100 + u16::from(number));
            let port = format!("{segment}-{number}");
            switch.plug(segment, &port, (&network, &address))
        };
        let (to_redis, to_postgres) = (plug("redis", 1)?, plug("pg", 2)?);
        let heard = Heard::default();
        let (upstream, gateway) = network.inside(|| {
            let upstream = Peer::serve(upstream(&heard), "127.0.0.1:0", None)?;
            let gateway = Gateway::start(&self.setup(number, &upstream.url())?)?;
            Ok((upstream, gateway))
        })?;
        Ok(Host {
            network,
            to_redis,
            to_postgres,
            gateway,
            heard,
            _upstream: upstream,
        })
    }

    fn setup(&self, number: u8, upstream: &str) -> Result<Setup> {
        let here = path_selector(&std::env::current_exe()?.canonicalize()?);
        let service = Service::new("shop", upstream, "DE")
            .operation("item.read", "GET", "/items/{item}")
            .operation("stream.read", "GET", "/streams/{stream}");
        let (port, login) = &self.redis;
        let every = format!("{EVERY}s");
        Ok(Setup::new()
            .agent(HERE, &[here], "optional")
            // The test asks there itself, and is the agent.
            .egress("observe", &[ADMIN.to_owned()])
            .service(service)
            .policy(ANYTHING)
            .set("listen", json!([{ "address": AT }]))
            .set("admin", json!({ "address": ADMIN }))
            .file("ca.pem", self.authority)
            .secret("redis.login", login.as_str())
            .secret("postgres.password", self.password)
            .set("fleet", self.fleet(number, *port))
            .set(
                "budgets",
                json!([
                    { "id": "calls", "per": "agent", "calls": CALLS, "every": &every,
                      "operations": ["item.read"] },
                    { "id": "bytes", "per": "agent", "bytes": BYTES, "every": &every,
                      "operations": ["stream.read"] },
                ]),
            )
            .set(
                "audit",
                json!({ "directory": "data", "postgres": {
                    "url": format!("postgres://tidegate@{POSTGRES}/postgres?sslmode=verify-full"),
                    "password": "postgres.password",
                    "ca": "ca.pem",
                } }),
            ))
    }

    fn fleet(&self, number: u8, port: u16) -> Value {
        let redis = json!({
            "url": format!("rediss://{REDIS}:{port}"),
            "login": "redis.login",
            "ca": "ca.pem",
            "timeout": "500ms",
        });
        json!({
            "host": format!("host-{number}"),
            "hosts": self.names,
            "redis": redis,
            "budgets": { "lease": "5%", "lease_ttl": "1s" },
        })
    }
}

/// A PostgreSQL that lets the gateways in by TLS and a password.
fn cluster(certificate: &Certificate, password: &str) -> Result<Cluster> {
    let settings = [
        format!("listen_addresses={POSTGRES}"),
        "ssl=on".to_owned(),
        "ssl_cert_file=server.pem".to_owned(),
        "ssl_key_file=server.key".to_owned(),
    ];
    let mut arranged = Ok(());
    let cluster = Cluster::with(settings.into(), |data| {
        arranged = arrange(data, certificate);
    });
    arranged?;
    let set = Command::new("psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1", "-c"])
        .arg(format!("ALTER ROLE tidegate PASSWORD '{password}'"))
        .arg(cluster.url())
        .status()?;
    ensure!(set.success(), "the server's password could not be set");
    Ok(cluster)
}

fn arrange(data: &Path, certificate: &Certificate) -> Result<()> {
    let owner = fs::metadata(data)?;
    for (name, content) in [
        ("server.pem", &certificate.certificate),
        ("server.key", &certificate.key),
    ] {
        let file = data.join(name);
        fs::write(&file, content)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        chown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    let rules = data.join("pg_hba.conf");
    let known = fs::read_to_string(&rules)?;
    let more = "hostssl all tidegate 10.77.2.0/24 scram-sha-256\n";
    Ok(fs::write(&rules, known + more)?)
}

/// Things, and streams of events, and what was asked for.
fn upstream(heard: &Heard) -> Router {
    let (items, streams) = (Arc::clone(heard), Arc::clone(heard));
    let hear = |heard: &Heard, what: &str| {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.insert(what.to_owned());
    };
    let item = move |Named(item): Named<String>| async move {
        hear(&items, &item);
        Json(json!({ "item": item, "stock": 3 }))
    };
    let streamed = move |Named(stream): Named<String>| async move {
        hear(&streams, &stream);
        let events = stream::unfold(0, |number| async move {
            if number == EVENTS {
                return None;
            }
            tokio::time::sleep(PAUSE).await;
            let event = json!({ "number": number, "note": "and so it goes on ".repeat(12) });
            let event = Bytes::from(format!("data: {event}\n\n"));
            Some((Ok::<_, std::io::Error>(event), number + 1))
        });
        let response = Response::builder().header(CONTENT_TYPE, "text/event-stream");
        response.body(Body::from_stream(events)).unwrap_or_default()
    };
    Router::new()
        .route("/items/{item}", get(item))
        .route("/streams/{stream}", get(streamed))
}
