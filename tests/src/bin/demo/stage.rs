//! The scenery: services as processes, the gateway, the issuer, the agents.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    agent::Agent,
    env,
    gateway::Gateway,
    tokens::{Claims, Issuer, claims},
};

use crate::page::Page;

const TEMPLATE: &str = include_str!("../../../demo/tidegate.yaml");
const POLICIES: &[(&str, &str)] = &[
    (
        "calls.cedar",
        include_str!("../../../demo/policies/calls.cedar"),
    ),
    (
        "disclosure.cedar",
        include_str!("../../../demo/policies/disclosure.cedar"),
    ),
    (
        "residency.cedar",
        include_str!("../../../demo/policies/residency.cedar"),
    ),
];

/// The users that agents run as, where we may choose.
const UID_SUPPORT: u32 = 1001;
const UID_REPORTING: u32 = 1002;
const UID_WARD: u32 = 1003;

/// Everything that runs. What it started ends with it, the gateway first.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) issuer: Issuer,
    pub(crate) support: Agent,
    pub(crate) reporting: Agent,
    pub(crate) ward: Agent,
    pub(crate) stranger: Agent,
    services: Vec<Service>,
    binary: PathBuf,
    // Last, so that it goes when nothing uses it any more.
    programs: TempDir,
}

/// A service in a process of its own.
struct Service {
    name: &'static str,
    url: String,
    child: Child,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Stage {
    pub(crate) fn set(binary: PathBuf) -> Result<Self> {
        let programs = folder_for_everyone()?;
        let support = Agent::python()?.user(UID_SUPPORT);
        let curl = Agent::curl()?;
        let ward = copy(&curl, &programs.path().join("ward-round"))?.user(UID_WARD);
        let stranger = copy(&curl, &programs.path().join("free-tool"))?.user(UID_SUPPORT);
        let reporting = curl.user(UID_REPORTING);
        let services = [
            ("crm", "crm"),
            ("clinic", "clinic"),
            ("analytics", "analytics"),
        ]
        .into_iter()
        .chain([("insights", "analytics"), ("mail", "eu")])
        .map(|(name, kind)| Service::start(name, kind))
        .collect::<Result<Vec<_>>>()?;
        let issuer = Issuer::new()?;

        let mut config = TEMPLATE.to_owned();
        for service in &services {
            config = config.replace(&format!("{{{}}}", service.name), &service.url);
        }
        for (name, agent) in [
            ("support", &support),
            ("reporting", &reporting),
            ("ward", &ward),
        ] {
            config = config.replace(&format!("{{uid_{name}}}"), &agent.uid().to_string());
        }
        for (name, agent) in [("python", &support), ("curl", &reporting), ("ward", &ward)] {
            let path = agent.program().display().to_string();
            config = config.replace(&format!("{{{name}}}"), &path);
        }
        let gateway = start_gateway(&binary, &config, &issuer)?;
        Ok(Self {
            gateway,
            issuer,
            support,
            reporting,
            ward,
            stranger,
            services,
            binary,
            programs,
        })
    }

    /// The URL of `path` at a service itself, past the gateway.
    pub(crate) fn direct(&self, service: &str, path: &str) -> Result<String> {
        let found = self.services.iter().find(|known| known.name == service);
        Ok(format!(
            "{}{path}",
            found.ok_or_else(|| anyhow!("no service {service}"))?.url
        ))
    }

    /// A token for the agent called `name`.
    pub(crate) fn token(&self, name: &str, shape: impl FnOnce(Claims) -> Claims) -> Result<String> {
        self.issuer.mint(&shape(claims(&format!(
            "spiffe://demo.example/agent/{name}"
        ))))
    }

    /// Whether agents run as users of their own.
    pub(crate) fn users_differ(&self) -> bool {
        self.support.uid() != self.ward.uid()
    }

    /// What a reader may try while the gateway stays up.
    pub(crate) fn invite(&self, page: &mut Page) -> Result<()> {
        let token = self.token("support", |claims| {
            claims
                .task("T-4891", "support")
                .scope("customer", "C-771")
                .lifetime(900)
        })?;
        let token_file = self.programs.path().join("support.header");
        fs::write(&token_file, format!("tidegate-token: {token}"))?;
        let data = self.gateway.data();
        let (tidegate, data) = (self.binary.display(), data.display());
        page.act("Your turn");
        page.prose(
            "The gateway stays up until Ctrl-C. The token below is good for fifteen minutes.",
        );
        for command in [
            format!("curl {}", self.gateway.url("/crm/customers/C-771")?),
            format!(
                "curl -H @{} {}",
                token_file.display(),
                self.gateway.url("/crm/customers/C-771")?
            ),
            format!("curl {}", self.gateway.admin_url("/metrics")?),
            format!("{tidegate} audit list --data {data}"),
            format!("{tidegate} audit verify --data {data}"),
        ] {
            page.command(&command);
        }
        Ok(())
    }
}

impl Service {
    fn start(name: &'static str, kind: &str) -> Result<Self> {
        let program = env::sibling("tidegate-peer").ok_or_else(|| {
            anyhow!("there is no `tidegate-peer` beside this program: run `cargo build -p tests`")
        })?;
        let mut child = Command::new(program)
            .arg(kind)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the service {name}"))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or_else(|| anyhow!("no stdout"))?;
        BufReader::new(stdout).read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line)
            .with_context(|| format!("the service {name} printed no ready line"))?;
        let address = ready
            .get("listen")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Ok(Self {
            name,
            url: format!("http://{address}"),
            child,
        })
    }
}

fn start_gateway(binary: &Path, config: &str, issuer: &Issuer) -> Result<Gateway> {
    let folder = tempfile::tempdir()?;
    let policies = folder.path().join("policies");
    fs::create_dir(&policies)?;
    for (name, text) in POLICIES {
        fs::write(policies.join(name), text)?;
    }
    fs::write(folder.path().join("jwks.json"), issuer.jwks())?;
    let file = folder.path().join("tidegate.yaml");
    fs::write(&file, config)?;
    Gateway::start_with(binary.to_owned(), folder, file)
}

/// A temporary folder whose programs other users may run.
fn folder_for_everyone() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

fn copy(agent: &Agent, target: &Path) -> Result<Agent> {
    fs::copy(agent.program(), target)?;
    fs::set_permissions(target, fs::Permissions::from_mode(0o755))?;
    Ok(Agent::curl_at(&target.canonicalize()?))
}
