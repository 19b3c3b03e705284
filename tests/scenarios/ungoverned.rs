//! What an agent asks for past the gateway over OpenSSL, in the finding of it, where the operator wants that.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{agent::Agent, certificate::Certificate, records, setup::Setup};

use crate::bypass::{Host, until};

const PYTHON: &str = "spiffe://tests.example/agent/ungoverned";
/// Asks by Python's own `ssl`, then has curl ask: ADDRESS PORT.
const SCRIPT: &str = r#"
import http.client, ssl, subprocess, sys
address, port = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
connection = http.client.HTTPSConnection(address, int(port), context=context, timeout=30)
connection.request("GET", "/asked-by-python?mail=ann%40mail.example", b"GET /body HTTP/1.1\r\nHost: nobody\r\n\r\n", {"X-Key": "s" * 32})
try:
    connection.getresponse().read()
except OSError:
    pass  # The server may hang up on the body.
subprocess.run(["curl", "-sk", "-o", "/dev/null", f"https://{address}:{port}/asked-by-curl?mail=ann%40mail.example"], check=False)
print("asked")
"#;

/// OpenSSL's own server, as long as this lives.
struct Server {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let made = Certificate::for_loopback()?;
        let (certificate, key) = (
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        fs::write(&certificate, made.certificate)?;
        fs::write(&key, made.key)?;
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
            .args([&certificate])
            .arg("-key")
            .arg(&key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        for line in lines {
            if let Some(address) = line?.strip_prefix("ACCEPT ") {
                let address = address.trim().parse()?;
                return Ok(Self {
                    child,
                    address,
                    _folder: folder,
                });
            }
        }
        anyhow::bail!("`openssl s_server` does not listen")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The findings of an agent that goes to the server twice, and the log's.
fn findings(glimpse: bool) -> Result<Option<(Vec<Value>, String)>> {
    let folder = tempfile::tempdir()?;
    let python = folder.path().join("python3");
    // A copy: the kernel knows an executable by its inode.
    fs::copy(Agent::python()?.program(), &python)?;
    let selector = format!("unix:path:{}", python.display());
    let looked_at = |setup: Setup, _: &_| {
        let setup = setup
            .agent(PYTHON, &[selector], "optional")
            .egress("observe", &[]);
        if glimpse {
            setup.set("egress", json!({ "glimpse": true }))
        } else {
            setup
        }
    };
    let Some(host) = Host::start("observe", looked_at)? else {
        return Ok(None);
    };
    let server = Server::start()?;
    let to = server.address;
    let output = Command::new(&python)
        .env("PYTHONHOME", "/usr")
        .args(["-c", SCRIPT, &to.ip().to_string(), &to.port().to_string()])
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let found = until(|| {
        let found = host.flows(&["--bypass", "--workload", PYTHON])?;
        Ok((found.len() >= 2).then_some(found))
    })?;
    let on_record = until(|| {
        let records = records::list(&host.gateway)?;
        let found = records.iter().filter(|record| record.kind() == "bypass");
        Ok((found.count() >= 2).then_some(records))
    })?;
    let mut shown = String::new();
    for record in on_record.iter().filter(|record| record.kind() == "bypass") {
        write!(shown, "{record:?}")?;
    }
    Ok(Some((found, shown)))
}

#[test]
fn a_finding_says_what_was_asked_for_and_nothing_of_query_header_or_body() -> Result<()> {
    let Some((found, shown)) = findings(true)? else {
        return Ok(());
    };
    let calls: Vec<&Value> = found.iter().map(|flow| &flow["call"]).collect();
    let call = |method: &str, path: &str| {
        let mut calls = calls.iter().copied();
        calls.find(|call| call["method"] == method && call["path"] == path)
    };
    let python = call("GET", "/asked-by-python").with_context(|| format!("{calls:?}"))?;
    let curl = call("GET", "/asked-by-curl").with_context(|| format!("{calls:?}"))?;
    for call in [python, curl] {
        let host = call["host"].as_str().context("no host")?;
        ensure!(host.starts_with("127.0.0.1:"), "{call}");
    }
    let all = format!("{found:?}{shown}");
    ensure!(
        shown.contains("/asked-by-python") && shown.contains("/asked-by-curl"),
        "{shown}"
    );
    for hidden in ["mail.example", "/body", "nobody", &"s".repeat(8)] {
        ensure!(!all.contains(hidden), "{hidden}: {all}");
    }
    Ok(())
}

#[test]
fn nobody_looks_unless_that_is_wanted() -> Result<()> {
    let Some((found, shown)) = findings(false)? else {
        return Ok(());
    };
    assert!(
        found.iter().all(|flow| flow.get("call").is_none()),
        "{found:?}"
    );
    assert!(
        !shown.contains("/asked-by-python") && !shown.contains("/asked-by-curl"),
        "{shown}"
    );
    Ok(())
}
