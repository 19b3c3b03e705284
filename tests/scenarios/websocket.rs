//! WebSocket, governed by message: by real clients and a real service, and by hand where no library would say it.

mod bounds;
mod cuts;
mod ends;
mod hostile;
mod raw;
mod realtime;
mod talks;
mod upstreams;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    gateway::Gateway,
    peers::vendor::{EMAIL, KEY, card},
    records::{self, Record},
    sdks::{Language, Server},
    setup::{Service, Setup},
};

use crate::{
    credentials::set,
    upstreams::wait,
    world::{path_selector, verified},
};

const AGENT: &str = "spiffe://tests.example/agent/talker";

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);

@id("addresses-are-covered")
@obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email");

@id("cards-stay")
@obligation("block")
forbid (principal, action == Action::"disclose", resource in DataClass::"pci.pan");

@id("secrets-stay")
@obligation("block")
forbid (principal, action == Action::"disclose", resource in DataClass::"secret");
"#;

/// A service that speaks WebSocket, behind a gateway.
struct Talk {
    gateway: Gateway,
    _server: Server,
    heard: PathBuf,
}

/// The service, which writes what it hears into `heard`.
fn serve(heard: &Path) -> Result<Server> {
    serve_with(heard, &[])
}

/// The same with these variables.
fn serve_with(heard: &Path, more: &[(&str, &Path)]) -> Result<Server> {
    fs::write(heard, "")?;
    let mut command = Language::Python.command("websocket_server")?;
    command
        .env("EMAIL", EMAIL)
        .env("CARD", card())
        .env("KEY", KEY)
        .env("HEARD", heard)
        .envs(more.iter().copied());
    Server::run(command)
}

/// What may be asked of it.
fn operations(service: Service) -> Service {
    service
        .governed(
            "talk",
            "GET",
            "/talk",
            json!({ "websocket": { "subprotocols": ["chat.v2"] }, "effect": "write" }),
        )
        .governed("refused", "GET", "/refused", json!({ "websocket": {} }))
        .governed(
            "lie",
            "GET",
            "/lies/{lie}",
            json!({ "websocket": { "subprotocols": ["chat.v2"] } }),
        )
        .operation("page", "GET", "/page")
}

/// What a JSON Pointer leads to; nothing is `null`.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    static NULL: Value = Value::Null;
    value.pointer(pointer).unwrap_or(&NULL)
}

impl Talk {
    /// One whose agent is the SDK of this language, or this program.
    fn start(
        language: Option<Language>,
        shape: impl FnOnce(Setup, &Service) -> Setup,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let heard = folder.path().join("heard");
        let server = serve(&heard)?;
        let program = match language {
            Some(language) => language.program()?,
            None => env::current_exe()?.canonicalize()?,
        };
        set(&folder.path().join("data"), "talk", KEY)?;
        let service = operations(Service::new("talk", &server.url(), "US"))
            .set("credential", json!({ "name": "talk", "as": "bearer" }));
        let setup = Setup::new()
            .agent(AGENT, &[path_selector(&program)], "optional")
            .policy(POLICY);
        let gateway = Gateway::start_in(folder, &shape(setup, &service).service(service))?;
        Ok(Self {
            gateway,
            _server: server,
            heard,
        })
    }

    /// What the service heard of this kind.
    fn heard(&self, kind: &str) -> Result<Vec<Value>> {
        let text = fs::read_to_string(&self.heard)?;
        let lines = text.lines().map(serde_json::from_str::<Value>);
        let lines: Vec<Value> = lines.collect::<Result<_, _>>()?;
        let told = lines.into_iter().filter_map(|line| line.get(kind).cloned());
        Ok(told.collect())
    }

    /// How the last of these exchanges ended, once it did.
    fn last(&self) -> Result<Record> {
        let mut last = None;
        wait("all are closed", || {
            let all = records::list(&self.gateway)?;
            let count = |kind: &str| all.iter().filter(|it| it.kind() == kind).count();
            last = all.iter().rfind(|it| it.kind() == "close").cloned();
            Ok(count("open") == count("close") && last.is_some())
        })?;
        let index = last.and_then(|last| last.index());
        records::show(&self.gateway, index.context("nothing is closed")?)
    }

    /// Stops the gateway; its log is whole, and every exchange in it has its end.
    fn finish(mut self) -> Result<()> {
        if self.gateway.alive() {
            ensure!(self.gateway.stop()?.success());
        }
        let told = self.gateway.stderr();
        for planted in [EMAIL, KEY, &card()] {
            ensure!(!told.contains(planted), "{planted} in {told}");
        }
        let report = verified(&self.gateway)?;
        let open = report.get("open").and_then(Value::as_array);
        ensure!(open.is_some_and(Vec::is_empty), "{report}");
        Ok(())
    }
}
