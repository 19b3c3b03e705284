//! OpenAI's SDKs in a realtime session, unchanged and without a key, whatever way they go.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    gateway::{self, Gateway},
    peers::vendor::{EMAIL, KEY},
    records,
    sdks::Language,
    setup::{Service, Setup},
};

use super::{AGENT, POLICY, Talk, at, serve};
use crate::{bypass::can_attach, credentials::set};

/// How an agent comes to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    BaseUrl,
    Proxy,
    Redirect,
}

/// A gateway before what its agents take for OpenAI.
fn start(way: Way) -> Result<Talk> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("run"))?;
    let heard = folder.path().join("heard");
    let server = serve(&heard)?;
    set(&folder.path().join("data"), "openai", KEY)?;
    let service = Service::of("openai", "openai", &server.url(), "US");
    let service = service.set("credential", json!({ "name": "openai" }));
    let service = match way {
        Way::BaseUrl => service.set("prefix", "/openai".into()),
        Way::Proxy | Way::Redirect => service,
    };
    let mut listen = vec![json!({ "address": "127.0.0.1:0" })];
    if way == Way::Proxy {
        listen.push(json!({ "address": "127.0.0.1:0", "forward": true }));
    }
    let setup = Setup::new()
        .set("listen", listen.into())
        .set("exec", json!({ "socket": "run/exec.sock" }))
        .agent(AGENT, &["tidegate:exec:0".to_owned()], "optional")
        .policy(POLICY);
    let setup = match way {
        Way::Redirect => setup.egress("redirect", &[]),
        Way::BaseUrl | Way::Proxy => setup,
    };
    Ok(Talk {
        gateway: Gateway::start_in(folder, &setup.service(service))?,
        _server: server,
        heard,
    })
}

/// What the SDK tells of its session.
fn told(talk: &Talk, way: Way, language: Language) -> Result<Value> {
    let script = language.command("realtime")?;
    let mut exec = Command::new(gateway::binary()?);
    exec.args(["exec", "--pass", "--agent", AGENT, "--socket"])
        .arg(talk.gateway.folder().join("run/exec.sock"))
        .arg("--")
        .arg(script.get_program())
        .args(script.get_args());
    for (name, value) in script.get_envs().filter(|(name, _)| *name != "NO_PROXY") {
        exec.env(name, value.unwrap_or_default());
    }
    exec.env_remove("NO_PROXY");
    if way == Way::Redirect {
        exec.env("RESOLVED", "1");
    }
    let output = exec.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout)?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{way:?} {language:?}: {text}{errors}{}",
            talk.gateway.stderr()
        )
    })
}

fn talks(way: Way, languages: &[Language]) -> Result<()> {
    if !can_attach()? {
        return Ok(());
    }
    let talk = start(way)?;
    for &language in languages {
        let told = told(&talk, way, language)?;
        assert_eq!(at(&told, "/session"), "session.updated", "{told}");
        let said = at(&told, "/said").as_str().context("nothing said")?;
        ensure!(
            said.contains("the order ships on Tuesday") && !said.contains(EMAIL),
            "{told}"
        );
        let key = at(&told, "/key").as_str().context("no key")?;
        ensure!(!key.is_empty() && key != KEY, "{told}");
    }
    let fields = talk.heard("fields")?;
    assert_eq!(fields.len(), languages.len());
    for fields in fields {
        let shown = json!([format!("Bearer {KEY}")]);
        assert_eq!(*at(&fields, "/authorization"), shown);
    }
    let messages = json!(talk.heard("message")?).to_string();
    ensure!(
        messages.contains("session.update") && !messages.contains("orla.quist"),
        "{messages}"
    );
    let last = talk.last()?;
    assert_eq!(last.text("result"), "released", "{:?}", last.0);
    let log = records::list(&talk.gateway)?;
    let of_service = |it: &&records::Record| it.kind() == "open" && it.text("service") == "openai";
    let mut opened = log.iter().filter(of_service);
    ensure!(
        opened.all(|it| it.0.to_string().contains("/v1/realtime")),
        "{log:?}"
    );
    talk.finish()
}

/// The library of Node.js speaks TLS whatever address it is told, and knows of no proxies.
#[test]
fn an_sdk_that_is_told_an_address() -> Result<()> {
    talks(Way::BaseUrl, &[Language::Python])
}

#[test]
fn an_sdk_that_is_told_a_proxy() -> Result<()> {
    talks(Way::Proxy, &[Language::Python])
}

#[test]
fn sdks_that_are_led_by_the_kernel() -> Result<()> {
    talks(Way::Redirect, &[Language::Python, Language::Node])
}
