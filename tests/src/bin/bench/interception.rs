//! TLS that ends at a proxy, the gateway's beside mitmproxy's, in one run.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    certificate::Certificate,
    env,
    gateway::{Gateway, POLL},
    setup::{Service, Setup},
};

use crate::{
    bodies::Body,
    load::Load,
    meter,
    proxied::{self, Order, Version},
    rig::{self, AGENT, LOAD_CPU, POLICY, PROXY_CPU, Tool, pin_this_process, prefix},
    table::median,
};

/// Where `cargo xtask setup --bench` puts it.
pub(crate) const MITMDUMP: &str = "mitmproxy/bin/mitmdump";
/// Which `mitmdump` to run, in place of that one.
pub(crate) const MITMDUMP_VARIABLE: &str = "TIDEGATE_MITMDUMP";
/// How long it may take to make its root and listen.
const START_MAX: Duration = Duration::from_mins(1);
/// Calls one by one, of which the median is told.
const ALONE: usize = 200;

/// What stands between agent and service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Through {
    Nothing,
    Mitmproxy,
    Tidegate,
}

const ALL: [Through; 3] = [Through::Nothing, Through::Mitmproxy, Through::Tidegate];

impl Through {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "direct",
            Self::Mitmproxy => "mitmproxy",
            Self::Tidegate => "**tidegate**",
        }
    }
}

type Cell = (Version, Body, Through);

struct Measured {
    load: Load,
    alone_us: f64,
    cpu_us: f64,
    peak_mib: f64,
}

struct Rig {
    upstream: Tool,
    mitmproxy: Tool,
    gateway: Gateway,
    roots: BTreeMap<Through, String>,
    runtime: tokio::runtime::Runtime,
    _folder: TempDir,
}

/// Measures all, and gives the table.
pub(crate) fn measure(binary: &Path, rounds: u32, seconds: u32, realtime: bool) -> Result<String> {
    let rig = Rig::build(binary, realtime)?;
    let mut cells: BTreeMap<Cell, Vec<Measured>> = BTreeMap::new();
    for round in 1..=rounds {
        for version in [Version::Http1, Version::Http2] {
            for body in [Body::Small, Body::Clean, Body::Dense] {
                for through in ALL {
                    let cell = (version, body, through);
                    eprintln!("round {round}: {cell:?}");
                    let measured = rig.measure(cell, seconds)?;
                    cells.entry(cell).or_default().push(measured);
                }
            }
        }
    }
    Ok(format!(
        "{}\nRounds: {rounds}, {seconds} s a cell, medians; ratios are of the same round.\n\n{}",
        describe()?,
        table(&cells)
    ))
}

fn table(cells: &BTreeMap<Cell, Vec<Measured>>) -> String {
    let mut text = String::from(
        "| agent | body | through | req/s | × mitmproxy | CPU µs/req | p50 µs | p99 µs | alone, added µs | peak MiB |\n\
         |---|---|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for ((version, body, through), rounds) in cells {
        let of = |get: fn(&Measured) -> f64| median(rounds.iter().map(get).collect());
        let beside = |other: Through, of: fn(&Measured, &Measured) -> f64| {
            let others = cells.get(&(*version, *body, other));
            let pairs = rounds.iter().zip(others.into_iter().flatten());
            median(pairs.map(|(one, other)| of(one, other)).collect())
        };
        writeln!(
            text,
            "| {} | {} | {} | {:.0} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            version.name(),
            body.name(),
            through.name(),
            of(|it| it.load.per_second),
            beside(Through::Mitmproxy, |it, other| it.load.per_second
                / other.load.per_second),
            of(|it| it.cpu_us),
            of(|it| it.load.p50_us),
            of(|it| it.load.p99_us),
            beside(Through::Nothing, |it, other| it.alone_us - other.alone_us),
            of(|it| it.peak_mib),
        )
        .ok();
    }
    text
}

impl Rig {
    fn build(binary: &Path, realtime: bool) -> Result<Self> {
        pin_this_process()?;
        let folder = tempfile::tempdir()?;
        let certificate = Certificate::for_loopback()?;
        let at = |name: &str| folder.path().join(name);
        fs::write(at("server.pem"), &certificate.certificate)?;
        fs::write(at("server.key"), &certificate.key)?;
        fs::write(at("upstream.pem"), &certificate.authority)?;
        for body in crate::bodies::ALL {
            fs::write(at(body.file()), body.text())?;
        }
        let upstream = rig::nginx(folder.path(), &prefix(LOAD_CPU, realtime), None)?;
        let proxy_prefix = prefix(PROXY_CPU, realtime);
        let (mitmproxy, root) = mitmproxy(folder.path(), &proxy_prefix)?;
        let setup = setup(&certificate, upstream.tls)?;
        let gateway = rig::gateway(&setup, binary, &proxy_prefix)?;
        let shown = gateway.cli(&["ca", "show", "--data", "data", "-o", "json"])?;
        let shown: Value = serde_json::from_slice(&shown.stdout)?;
        let own = shown.get("certificate").and_then(Value::as_str);
        let roots = BTreeMap::from([
            (Through::Nothing, certificate.authority.clone()),
            (Through::Mitmproxy, root),
            (Through::Tidegate, own.context("a root")?.to_owned()),
        ]);
        Ok(Self {
            upstream,
            mitmproxy,
            gateway,
            roots,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            _folder: folder,
        })
    }

    fn measure(&self, (version, body, through): Cell, seconds: u32) -> Result<Measured> {
        let (proxy, pid) = match through {
            Through::Nothing => (None, self.upstream.child.id()),
            Through::Mitmproxy => (Some(self.mitmproxy.plain), self.mitmproxy.child.id()),
            Through::Tidegate => (Some(self.gateway.listen(0)?), self.gateway.pid()?),
        };
        let order = |version: Version| {
            anyhow::Ok(Order {
                proxy,
                upstream: self.upstream.tls,
                version,
                tls: self.tls(through, version)?,
                path: format!("/{}", body.file()),
                until: Instant::now() + Duration::from_secs(seconds.into()),
            })
        };
        let alone = self
            .runtime
            .block_on(proxied::alone(order(Version::Http1)?, ALONE))?;
        meter::forget_peaks(pid);
        let before = meter::cpu_ns(pid);
        let load = self
            .runtime
            .block_on(proxied::run(order(version)?, seconds))?;
        let used = Duration::from_nanos(meter::cpu_ns(pid).saturating_sub(before));
        let peak = u32::try_from(meter::memory_peak_kib(pid))?;
        Ok(Measured {
            load,
            alone_us: alone.as_secs_f64() * 1e6,
            cpu_us: used.as_secs_f64() * 1e6 / load.requests,
            peak_mib: f64::from(peak) / 1024.0,
        })
    }

    fn tls(&self, through: Through, version: Version) -> Result<Arc<ClientConfig>> {
        let pem = self.roots.get(&through).context("no root")?;
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(root?)?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![version.protocol().to_vec()];
        Ok(Arc::new(config))
    }
}

/// What was measured, and what each did.
fn describe() -> Result<String> {
    let version = Command::new(env::tool(MITMDUMP_VARIABLE, MITMDUMP)?)
        .arg("--version")
        .output()?;
    let version = String::from_utf8_lossy(&version.stdout);
    let version = version.lines().next().unwrap_or_default();
    let version = version.trim_start_matches("Mitmproxy: ");
    Ok(format!(
        "Each proxy has CPU {PROXY_CPU}; service (nginx, TLS) and agents share CPU {LOAD_CPU}: 32 requests at a \
             time, in as many connections of HTTP/1.1 or in four of HTTP/2. Both end TLS by a root of their own and \
             begin it anew to the service, whose certificate they verify. mitmproxy {version} forwards, and keeps nothing \
             (`mitmdump -q`). The gateway identifies the process, decides by policy, looks into every body, covers \
             what policy covers, and has two sealed records on disk for each call. `alone`: one call at a time over \
             HTTP/1.1, what it takes more than without a proxy."
    ))
}

fn setup(certificate: &Certificate, upstream: SocketAddr) -> Result<Setup> {
    let this = std::env::current_exe()?.canonicalize()?;
    let url = format!("https://localhost:{}", upstream.port());
    let service =
        Service::hosted("bench", "localhost", &url, "DE").operation("body.read", "GET", "/{body}");
    Ok(Setup::new()
        .set("workers", 1.into())
        .set(
            "listen",
            json!([{ "address": "127.0.0.1:0", "forward": true }]),
        )
        .agent(
            AGENT,
            &[format!("unix:path:{}", this.display())],
            "optional",
        )
        .service(service)
        .policy(POLICY)
        .trust(&certificate.authority))
}

/// mitmproxy, with nothing to show or keep, and its root.
fn mitmproxy(folder: &Path, prefix: &[String]) -> Result<(Tool, String)> {
    let program: PathBuf = env::tool(MITMDUMP_VARIABLE, MITMDUMP)?;
    let home = folder.join("mitmproxy");
    let address = rig::free_port()?;
    let (first, rest) = prefix.split_first().context("no prefix")?;
    let child = Command::new(first)
        .args(rest)
        .arg(program)
        .args(["-q", "--listen-host", "127.0.0.1", "--listen-port"])
        .arg(address.port().to_string())
        .arg("--set")
        .arg(format!("confdir={}", home.display()))
        .arg("--set")
        .arg(format!(
            "ssl_verify_upstream_trusted_ca={}",
            folder.join("upstream.pem").display()
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("mitmdump does not start")?;
    let tool = Tool {
        child,
        plain: address,
        tls: address,
    };
    let root = home.join("mitmproxy-ca-cert.pem");
    let deadline = Instant::now() + START_MAX;
    while Instant::now() < deadline {
        if let (Ok(root), Ok(_)) = (
            fs::read_to_string(&root),
            std::net::TcpStream::connect(address),
        ) {
            return Ok((tool, root));
        }
        std::thread::sleep(POLL);
    }
    bail!("mitmproxy does not listen after {START_MAX:?}")
}
