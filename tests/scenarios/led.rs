//! TLS that is led to the gateway: served for the names of services, by a certificate that it was given
//! or that it made, else refused, and on record either way.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde_json::json;
use tempfile::TempDir;
use tests::{
    certificate::Certificate,
    env,
    gateway::Gateway,
    peers::{self, Peer},
    people::Home,
    records,
    setup::{Service, Setup},
};

use crate::{bypass::can_attach, world::verified};

const AGENT: &str = "spiffe://tests.example/agent/led";
const POLICY: &str = include_str!("policy.cedar");
/// The name that the certificate has, too.
const HOST: &str = "localhost";

struct Host {
    gateway: Gateway,
    /// A copy of curl, so that it is this test's agent and no other's.
    curl: PathBuf,
    authority: PathBuf,
    folder: TempDir,
    _crm: Peer,
}

impl Host {
    fn start(certified: bool) -> Result<Option<Self>> {
        if !can_attach()? {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let (curl, authority) = (folder.path().join("curl"), folder.path().join("ca.pem"));
        let found = env::program("curl").context("there is no curl")?;
        fs::copy(found, &curl)?;
        fs::set_permissions(&curl, fs::Permissions::from_mode(0o755))?;
        let certificate = Certificate::for_loopback()?;
        fs::write(&authority, &certificate.authority)?;
        let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
        let service = Service::hosted("crm", HOST, &crm.url(), "DE").operation(
            "customer.read",
            "GET",
            "/customers/{customer}",
        );
        let mut setup = Setup::new()
            .agent(
                AGENT,
                &[format!("unix:path:{}", curl.display())],
                "optional",
            )
            .egress("redirect", &[])
            .service(service)
            .policy(POLICY);
        if certified {
            let tls = json!({ "certificate": "led.pem", "key": "led.key" });
            setup = setup
                .file("led.pem", certificate.certificate.clone())
                .file("led.key", certificate.key.clone())
                .set("egress", json!({ "tls": tls }));
        }
        Ok(Some(Self {
            gateway: Gateway::start(&setup)?,
            curl,
            authority,
            folder,
            _crm: crm,
        }))
    }

    /// What curl gets from `host`, which it believes to be at an address that nobody has.
    fn get(&self, host: &str) -> Result<String> {
        let output = Command::new(&self.curl)
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "30",
                "--noproxy",
                "*",
            ])
            .arg("--cacert")
            .arg(&self.authority)
            .args(["--connect-to", &format!("{host}:443:192.0.2.7:443")])
            .args(["--write-out", " %{http_code} %{remote_ip}"])
            .arg(format!("https://{host}/customers/C-771"))
            .current_dir(self.folder.path())
            .output()?;
        let told = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&told).trim().to_owned())
    }

    /// What the log says of connections that were refused.
    fn refused(&self) -> Result<Vec<(String, String)>> {
        let records = records::list(&self.gateway)?;
        let refused = records.iter().filter(|record| record.kind() == "refuse");
        Ok(refused
            .map(|record| (record.text("agent"), record.text("reason")))
            .collect())
    }
}

#[test]
fn tls_that_is_led_here_is_served_for_the_names_of_services_alone() -> Result<()> {
    let Some(mut host) = Host::start(true)? else {
        return Ok(());
    };
    let told = host.get(HOST)?;
    // The agent sees the peer that it asked for.
    assert!(told.ends_with(" 200 192.0.2.7"), "{told}");
    let told = host.get("elsewhere.example")?;
    assert!(told.contains("000 192.0.2.7"), "{told}");
    let refused = (AGENT.to_owned(), "service_unknown".to_owned());
    assert_eq!(host.refused()?, [refused]);
    host.gateway.stop()?;
    verified(&host.gateway).map(drop)
}

#[test]
fn tls_that_is_led_here_needs_no_certificate_but_the_hosts_own_root() -> Result<()> {
    let Some(mut host) = Host::start(false)? else {
        return Ok(());
    };
    let told = host.get(HOST)?;
    assert!(told.contains("000 192.0.2.7"), "{told}");
    let shown = host
        .gateway
        .cli(&["ca", "show", "--data", "data", "-o", "json"])?;
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout)?;
    let root = shown["certificate"].as_str().context("no certificate")?;
    fs::write(&host.authority, root)?;
    let told = host.get(HOST)?;
    assert!(told.ends_with(" 200 192.0.2.7"), "{told}");
    let told = host.get("elsewhere.example")?;
    assert!(told.contains("000 192.0.2.7"), "{told}");
    let refused = (AGENT.to_owned(), "service_unknown".to_owned());
    assert_eq!(host.refused()?, [refused]);
    host.gateway.stop()?;
    verified(&host.gateway).map(drop)
}
