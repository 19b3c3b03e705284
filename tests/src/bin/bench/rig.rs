//! The machines on the bench: upstream, proxies, and which CPU each may use.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    certificate::Certificate,
    collector::Collector,
    env,
    gateway::{Gateway, POLL},
    setup::{Service, Setup},
    tokens::{Issuer, claims},
};

use crate::{
    Cell, bodies,
    load::{self, Order},
    meter,
    peers::Peers,
    table::Measurement,
};

/// The CPU of the proxy under test, and that of upstream and load.
pub(crate) const PROXY_CPU: &str = "0";
pub(crate) const LOAD_CPU: &str = "1";
/// How long a proxy may take to listen.
const LISTEN_MAX: Duration = Duration::from_mins(1);
/// The part of traces without a redaction that is exported.
const SAMPLE: f64 = 0.01;
pub(crate) const AGENT: &str = "spiffe://bench.example/agent/load";
pub(crate) const POLICY: &str = include_str!("policy.cedar");

/// What stands between load and upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proxy {
    /// nginx, `proxy_pass`.
    Nginx,
    /// `tidegate-bare`.
    Bare,
    /// `HAProxy`, one thread.
    Haproxy,
    /// Envoy, one worker.
    Envoy,
    /// mitmproxy, in reverse.
    Mitmproxy,
    /// A proxy with Presidio in it.
    Presidio,
    /// The gateway, with everything on.
    Tidegate,
}

pub(crate) const ALL: [Proxy; 3] = [Proxy::Nginx, Proxy::Bare, Proxy::Tidegate];
/// With those that need more than Debian's nginx.
pub(crate) const WITH_PEERS: [Proxy; 7] = [
    Proxy::Nginx,
    Proxy::Bare,
    Proxy::Haproxy,
    Proxy::Envoy,
    Proxy::Mitmproxy,
    Proxy::Presidio,
    Proxy::Tidegate,
];

impl Proxy {
    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Bare => "bare hyper",
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy",
            Self::Mitmproxy => "mitmproxy",
            Self::Presidio => "Presidio in a proxy",
            Self::Tidegate => "**tidegate**",
        }
    }
}

/// Everything that runs while cells are measured.
pub(crate) struct Rig {
    gateway: Gateway,
    issuer: Issuer,
    nginx: Tool,
    bare: Tool,
    bare_tls: Tool,
    peers: Option<Peers>,
    load_prefix: Vec<String>,
    realtime: bool,
    collector: Result<Collector, String>,
    _upstream: Tool,
    folder: TempDir,
}

/// A process with its addresses: plain, TLS.
pub(crate) struct Tool {
    pub(crate) child: Child,
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
}

impl Drop for Tool {
    fn drop(&mut self) {
        // nginx ends its workers on SIGTERM; killed, it would leave them behind.
        if let Some(pid) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        }
        self.child.wait().ok();
    }
}

impl Rig {
    pub(crate) fn build(binary: PathBuf, realtime: bool, peers: bool) -> Result<Self> {
        pin_this_process()?;
        let folder = tempfile::tempdir()?;
        let certificate = Certificate::for_loopback()?;
        fs::write(folder.path().join("server.pem"), &certificate.certificate)?;
        fs::write(folder.path().join("server.key"), &certificate.key)?;
        for body in bodies::ALL {
            fs::write(folder.path().join(body.file()), body.text())?;
        }
        let proxy_prefix = prefix(PROXY_CPU, realtime);
        let load_prefix = prefix(LOAD_CPU, realtime);
        let upstream = nginx(folder.path(), &load_prefix, None)?;
        let nginx = nginx(folder.path(), &proxy_prefix, Some(upstream.plain))?;
        let bare = bare(folder.path(), &proxy_prefix, upstream.plain, false)?;
        let bare_tls = self::bare(folder.path(), &proxy_prefix, upstream.plain, true)?;
        let peers = peers.then(|| Peers::start(folder.path(), &proxy_prefix, upstream.plain));
        let collector = Collector::start();
        let issuer = Issuer::new()?;
        let mut setup = setup(&issuer, &certificate, upstream.plain)?;
        if let Ok(collector) = &collector {
            setup = setup.telemetry(&collector.endpoint(), SAMPLE);
        }
        let gateway = gateway(&setup, &binary, &proxy_prefix)?;
        Ok(Self {
            gateway,
            issuer,
            nginx,
            bare,
            bare_tls,
            peers: peers.transpose()?,
            load_prefix,
            realtime,
            collector: collector.map_err(|missing| missing.to_string()),
            _upstream: upstream,
            folder,
        })
    }

    /// Measures one cell.
    pub(crate) fn measure(&self, cell: Cell, seconds: u32) -> Result<Measurement> {
        let (pid, address, base) = match (cell.proxy, cell.tls) {
            (Proxy::Nginx, false) => (self.nginx.child.id(), self.nginx.plain, ""),
            (Proxy::Nginx, true) => (self.nginx.child.id(), self.nginx.tls, ""),
            (Proxy::Bare, false) => (self.bare.child.id(), self.bare.plain, ""),
            (Proxy::Bare, true) => (self.bare_tls.child.id(), self.bare_tls.plain, ""),
            (Proxy::Tidegate, tls) => (
                self.gateway.pid()?,
                self.gateway.listen(usize::from(tls))?,
                "/bench",
            ),
            (proxy, tls) => {
                let peers = self.peers.as_ref().context("peers were not asked for")?;
                let (pid, address) = peers.of(proxy, tls)?.context("nobody has this name")?;
                (pid, address, "")
            }
        };
        let scheme = if cell.tls { "https" } else { "http" };
        let url = format!("{scheme}://{address}{base}/{}", cell.body.file());
        let token = self
            .issuer
            .mint(&claims(AGENT).task("bench", "support").lifetime(600))?;
        meter::forget_peaks(pid);
        let before = meter::cpu_ns(pid);
        let load = load::run(
            &self.load_prefix,
            &Order {
                url: &url,
                connections: cell.connections,
                seconds,
                token: &token,
                close: false,
                folder: self.folder.path(),
            },
        )?;
        let used = Duration::from_nanos(meter::cpu_ns(pid).saturating_sub(before));
        let peak = u32::try_from(meter::memory_peak_kib(pid))?;
        Ok(Measurement {
            load,
            cpu_us: used.as_secs_f64() * 1e6 / load.requests,
            peak_mib: f64::from(peak) / 1024.0,
        })
    }

    /// What was measured, and with what switched on.
    pub(crate) fn describe(&self) -> Result<String> {
        let starts = self
            .gateway
            .audit(&["list", "--kind", "start", "-o", "json"])?;
        let starts: Value = serde_json::from_slice(&starts.stdout)?;
        let notes = starts
            .pointer("/0/event/notes")
            .map(Value::to_string)
            .unwrap_or_default();
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name\t: "))
            .unwrap_or("-");
        let telemetry = match &self.collector {
            Ok(_) => format!(
                "Spans go to a rotel collector: {SAMPLE} of all, and each one with a redaction"
            ),
            Err(missing) => format!("Telemetry export is off ({missing})"),
        };
        let peers = match &self.peers {
            Some(_) => {
                " HAProxy, Envoy and mitmproxy forward only, too. The proxy with Presidio is a few lines of Python \
                 (aiohttp) that replace what Presidio's patterns find, without a model of names."
            }
            None => "",
        };
        Ok(format!(
            "Machine: {model}; proxy on CPU {PROXY_CPU}, upstream (nginx) and load (wrk) on CPU \
             {LOAD_CPU}{}.\nnginx and bare hyper forward only.{peers} The gateway does everything: it \
             attributes the caller, checks a signed token and Cedar policies, classifies and \
             redacts every body, and has two sealed records on disk per exchange before it \
             answers. {telemetry}. Its own notes at the start: {notes}",
            if self.realtime {
                ", all under SCHED_RR"
            } else {
                ""
            },
        ))
    }
}

/// Whoever we start inherits it, the collector too; only proxies are put elsewhere.
pub(crate) fn pin_this_process() -> Result<()> {
    let pid = std::process::id().to_string();
    let output = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", LOAD_CPU, &pid])
        .output()
        .context("cannot run taskset: install it with `apt-get install util-linux`")?;
    ensure!(
        output.status.success(),
        "this host has no CPU {LOAD_CPU} for us"
    );
    Ok(())
}

pub(crate) fn prefix(cpu: &str, realtime: bool) -> Vec<String> {
    let pinned = ["taskset", "--cpu-list", cpu];
    let first: &[&str] = if realtime {
        &["chrt", "--rr", "10"]
    } else {
        &[]
    };
    first
        .iter()
        .chain(&pinned)
        .map(|&word| word.to_owned())
        .collect()
}

pub(crate) fn spawn(prefix: &[String], program: &Path, arguments: &[String]) -> Result<Child> {
    let (first, rest) = prefix.split_first().ok_or_else(|| anyhow!("no prefix"))?;
    Command::new(first)
        .args(rest)
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {} under {first}", program.display()))
}

/// nginx as upstream (static files), or as proxy in front of `upstream`.
pub(crate) fn nginx(
    folder: &Path,
    prefix: &[String],
    upstream: Option<SocketAddr>,
) -> Result<Tool> {
    let program = env::program("nginx")
        .or_else(|| Some(PathBuf::from("/usr/sbin/nginx")).filter(|path| path.is_file()))
        .ok_or_else(|| {
            anyhow!("nginx is missing: install it with `apt-get install nginx-light`")
        })?;
    let (plain, tls) = (free_port()?, free_port()?);
    let role = if upstream.is_some() {
        "proxy"
    } else {
        "upstream"
    };
    let config = folder.join(format!("{role}.conf"));
    let root = folder.display();
    let (pool, location) = match upstream {
        Some(address) => (
            format!(
                "upstream backend {{ server {address}; keepalive 512; keepalive_requests 100000000; }}"
            ),
            "proxy_pass http://backend; proxy_http_version 1.1; \
             proxy_set_header Connection \"\"; proxy_buffers 16 32k; proxy_buffer_size 32k; \
             proxy_max_temp_file_size 0;"
                .to_owned(),
        ),
        None => (String::new(), format!("root {root};")),
    };
    let text = format!(
        "daemon off; worker_processes 1; pid {root}/{role}.pid; error_log {root}/{role}.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;\n\
         keepalive_requests 100000000; keepalive_timeout 600s; open_file_cache max=16;\n\
         types {{ application/json json; }}\n\
         client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root};\n\
         uwsgi_temp_path {root}; scgi_temp_path {root};\n\
         {pool}\n\
         server {{ listen {plain}; listen {tls} ssl http2;\n\
         ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.key;\n\
         ssl_protocols TLSv1.2 TLSv1.3;\n\
         location / {{ {location} }} }} }}\n"
    );
    fs::write(&config, text)?;
    let arguments = ["-c".to_owned(), config.display().to_string()];
    let child = spawn(prefix, &program, &arguments)?;
    let tool = Tool { child, plain, tls };
    wait_for(plain)?;
    Ok(tool)
}

pub(crate) fn bare(
    folder: &Path,
    prefix: &[String],
    upstream: SocketAddr,
    tls: bool,
) -> Result<Tool> {
    let program =
        env::sibling("tidegate-bare").ok_or_else(|| anyhow!("there is no tidegate-bare"))?;
    let mut arguments = vec!["--upstream".to_owned(), upstream.to_string()];
    if tls {
        let file = |name: &str| folder.join(name).display().to_string();
        arguments.extend(["--tls".to_owned(), file("server.pem"), file("server.key")]);
    }
    let mut child = spawn(prefix, &program, &arguments)?;
    let stdout = child.stdout.take().ok_or_else(|| anyhow!("no stdout"))?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let ready: Value =
        serde_json::from_str(&line).context("tidegate-bare printed no ready line")?;
    let address = ready
        .get("listen")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .parse()?;
    Ok(Tool {
        child,
        plain: address,
        tls: address,
    })
}

fn setup(issuer: &Issuer, certificate: &Certificate, upstream: SocketAddr) -> Result<Setup> {
    let wrk = env::program("wrk").ok_or_else(|| anyhow!("wrk is missing: apt-get install wrk"))?;
    let selector = format!("unix:path:{}", wrk.canonicalize()?.display());
    let service = Service::new("bench", &format!("http://{upstream}"), "DE").operation(
        "body.read",
        "GET",
        "/{body}",
    );
    Ok(Setup::new()
        .set("workers", 1.into())
        .issuer(issuer)
        .agent(AGENT, &[selector], "optional")
        .service(service)
        .policy(POLICY)
        .tls(certificate))
}

/// The gateway, pinned like the others: its workers count the CPUs that it may use.
pub(crate) fn gateway(setup: &Setup, binary: &Path, prefix: &[String]) -> Result<Gateway> {
    let folder = tempfile::tempdir()?;
    let config = setup.write(folder.path())?;
    Gateway::start_under(prefix, binary.to_owned(), folder, config)
}

pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

pub(crate) fn wait_for(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + LISTEN_MAX;
    while Instant::now() < deadline {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        thread::sleep(POLL);
    }
    bail!("nobody listens on {address} after {LISTEN_MAX:?}")
}
