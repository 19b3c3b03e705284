//! Others that stand before APIs, as they come: what they forward, and in one case what it redacts.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{env, envoy::Envoy};

use crate::{
    Cell,
    bodies::Body,
    interception::{MITMDUMP, MITMDUMP_VARIABLE},
    rig::{self, Proxy, Tool},
};

/// Where `cargo xtask setup` puts the Python that has Presidio.
const PRESIDIO: &str = "presidio/bin/python";
const PRESIDIO_VARIABLE: &str = "TIDEGATE_PRESIDIO";
/// What stands before an API with it.
const PRESIDIO_PROXY: &str = "xtask/peers/presidio_proxy.py";

/// All of them, running, each on the same CPU.
pub(crate) struct Peers {
    haproxy: Tool,
    envoy: Envoy,
    mitmproxy: Tool,
    presidio: Tool,
}

impl Peers {
    /// Starts them before `upstream`; `folder` has the certificate.
    pub(crate) fn start(folder: &Path, prefix: &[String], upstream: SocketAddr) -> Result<Self> {
        Ok(Self {
            haproxy: haproxy(folder, prefix, upstream)?,
            envoy: Envoy::start_under(prefix, bootstrap(folder, upstream), &["plain", "tls"])?,
            mitmproxy: mitmproxy(folder, prefix, upstream)?,
            presidio: presidio(prefix, upstream)?,
        })
    }

    /// The process and the address of `proxy`; none if it is nobody here.
    pub(crate) fn of(&self, proxy: Proxy, tls: bool) -> Result<Option<(u32, SocketAddr)>> {
        let tool = match proxy {
            Proxy::Haproxy => &self.haproxy,
            Proxy::Mitmproxy => &self.mitmproxy,
            Proxy::Presidio => &self.presidio,
            Proxy::Envoy => {
                let address = self.envoy.listens(usize::from(tls))?;
                return Ok(Some((self.envoy.pid(), address)));
            }
            Proxy::Nginx | Proxy::Bare | Proxy::Tidegate => return Ok(None),
        };
        let address = if tls { tool.tls } else { tool.plain };
        Ok(Some((tool.child.id(), address)))
    }
}

/// Whether `cell` is measured: what is written in Python takes a second for what others do in a millisecond.
pub(crate) fn takes(cell: Cell) -> bool {
    let python = matches!(cell.proxy, Proxy::Mitmproxy | Proxy::Presidio);
    !python || (!cell.tls && cell.connections == 32 && cell.body != Body::Large)
}

fn haproxy(folder: &Path, prefix: &[String], upstream: SocketAddr) -> Result<Tool> {
    let program = env::program("haproxy")
        .or_else(|| Some(PathBuf::from("/usr/sbin/haproxy")).filter(|path| path.is_file()));
    let program =
        program.context("haproxy is missing: install it with `apt-get install haproxy`")?;
    let read = |name: &str| fs::read_to_string(folder.join(name));
    let both = folder.join("server.both");
    fs::write(&both, read("server.pem")? + &read("server.key")?)?;
    let (plain, tls) = (rig::free_port()?, rig::free_port()?);
    let config = folder.join("haproxy.cfg");
    let text = format!(
        "global\n nbthread 1\n maxconn 4096\n\
         defaults\n mode http\n http-reuse always\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
         frontend in\n bind {plain}\n bind {tls} ssl crt {} alpn h2,http/1.1 ssl-min-ver TLSv1.2\n default_backend out\n\
         backend out\n server upstream {upstream}\n",
        both.display()
    );
    fs::write(&config, text)?;
    let arguments = ["-db", "-f"].map(str::to_owned);
    let arguments = arguments.into_iter().chain([config.display().to_string()]);
    let child = rig::spawn(prefix, &program, &arguments.collect::<Vec<_>>())?;
    let tool = Tool { child, plain, tls };
    rig::wait_for(plain)?;
    Ok(tool)
}

/// Without anything to show or keep.
fn mitmproxy(folder: &Path, prefix: &[String], upstream: SocketAddr) -> Result<Tool> {
    let program = env::tool(MITMDUMP_VARIABLE, MITMDUMP)?;
    let address = rig::free_port()?;
    let home = folder.join("mitmproxy-reverse");
    let arguments = [
        "-q".to_owned(),
        "--mode".to_owned(),
        format!("reverse:http://{upstream}"),
        "--listen-host".to_owned(),
        address.ip().to_string(),
        "--listen-port".to_owned(),
        address.port().to_string(),
        "--set".to_owned(),
        format!("confdir={}", home.display()),
    ];
    let child = rig::spawn(prefix, &program, &arguments)?;
    let tool = Tool {
        child,
        plain: address,
        tls: address,
    };
    rig::wait_for(address)?;
    Ok(tool)
}

fn presidio(prefix: &[String], upstream: SocketAddr) -> Result<Tool> {
    let python = env::tool(PRESIDIO_VARIABLE, PRESIDIO)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(PRESIDIO_PROXY);
    let (first, rest) = prefix.split_first().context("no prefix")?;
    let mut child = Command::new(first)
        .args(rest)
        .arg(python)
        .arg(script)
        .arg(upstream.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("the proxy with Presidio does not start")?;
    let mut line = String::new();
    let stdout = child.stdout.take().context("no stdout")?;
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line.trim().parse();
    let address = address.with_context(|| format!("the proxy with Presidio says `{line}`"))?;
    Ok(Tool {
        child,
        plain: address,
        tls: address,
    })
}

/// A configuration of Envoy that forwards.
fn bootstrap(folder: &Path, upstream: SocketAddr) -> Value {
    let file = |name: &str| json!({ "filename": folder.join(name) });
    let tls = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": [{
                    "certificate_chain": file("server.pem"), "private_key": file("server.key"),
                }],
            },
        },
    });
    let endpoint = json!({ "address": { "socket_address": {
        "address": upstream.ip().to_string(), "port_value": upstream.port(),
    } } });
    json!({ "static_resources": {
        "listeners": [listener("plain", None), listener("tls", Some(tls))],
        "clusters": [{
            "name": "service", "type": "STATIC", "connect_timeout": "5s",
            // As many as there are connections.
            "circuit_breakers": { "thresholds": [{
                "max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096,
            }] },
            "load_assignment": { "cluster_name": "service", "endpoints": [{
                "lb_endpoints": [{ "endpoint": endpoint }],
            }] },
        }],
    } })
}

fn listener(name: &str, tls: Option<Value>) -> Value {
    const EXTENSIONS: &str = "type.googleapis.com/envoy.extensions.filters";
    let manager = json!({
        "@type": format!("{EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": name,
        "route_config": { "virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "service" } }],
        }] },
        "http_filters": [{ "name": "envoy.filters.http.router", "typed_config": {
            "@type": format!("{EXTENSIONS}.http.router.v3.Router"),
        } }],
    });
    let mut chain = json!({ "filters": [{
        "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
    }] });
    if let (Some(tls), Some(members)) = (tls, chain.as_object_mut()) {
        members.insert("transport_socket".to_owned(), tls);
    }
    json!({
        "name": name,
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
        "filter_chains": [chain],
    })
}
