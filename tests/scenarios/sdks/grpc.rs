//! gRPC's own library before and behind the gateway: one message, many, and a dialogue in which each
//! message waits for the answer to the one before.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{
    gateway::Gateway,
    peers::vendor::KEY,
    sdks::{Calls, Language, Made, Server},
    setup::{Service, Setup},
};

use super::{AGENT, is_clean, policy};
use crate::{
    grpc::descriptors,
    world::{path_selector, verified},
};

/// What was handed out has the number, and nothing of the address.
fn is_told(made: &Made, number: &str) -> Result<()> {
    let value = made.value()?;
    ensure!(value.contains(number), "{value}");
    is_clean(value)
}

fn fails(made: &Made, class: &str, code: &str) -> Result<()> {
    assert_eq!(made.error()?.0, class, "{}", made.message());
    ensure!(made.message().contains(code), "{}", made.message());
    is_clean(made.message())
}

fn check(calls: &Calls) -> Result<()> {
    is_told(&calls.of("get")?, ":3")?;
    let listed = calls.of("listed")?;
    is_told(&listed, ":2")?;
    assert_eq!(listed.value()?.split(' ').count() % 3, 0);
    let chat = calls.of("chat")?;
    is_told(&chat, ":5")?;
    ensure!(chat.value()?.ends_with("[]"), "{}", chat.value()?);
    fails(&calls.of("fail")?, "_InactiveRpcError", "NOT_FOUND")?;
    fails(
        &calls.of("closed")?,
        "_InactiveRpcError",
        "PERMISSION_DENIED",
    )?;
    let blocked = calls.of("blocked")?;
    fails(&blocked, "_MultiThreadedRendezvous", "PERMISSION_DENIED")?;
    ensure!(blocked.seen().contains(":2"), "{}", blocked.seen());
    ensure!(!blocked.seen().contains("1111"), "{}", blocked.seen());
    is_clean(blocked.seen())
}

#[test]
fn python() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let set = folder.path().join("set.binpb");
    fs::write(&set, descriptors())?;
    let set = set.to_string_lossy().into_owned();
    let mut command = Language::Python.command("grpc_server")?;
    command.env("DESCRIPTORS", &set);
    let server = Server::run(command)?;
    let service = Service::hosted("rpc", "localhost", &server.url(), "US")
        .set("descriptors", json!("set.binpb"));
    let methods = ["Get", "List", "Chat", "Fail"].map(|name| (name, name));
    let service = methods
        .into_iter()
        .chain([("closed", "Closed")])
        .fold(service, |service, (id, name)| {
            service.operation(id, "POST", &format!("/crm.Customers/{name}"))
        });
    let program = Language::Python.program()?;
    let setup = Setup::new()
        .agent(AGENT, &[path_selector(&program)], "optional")
        .service(service)
        .file("set.binpb", descriptors())
        .policy(policy::POLICY);
    let mut gateway = Gateway::start(&setup)?;
    let url = format!("http://localhost:{}", gateway.listen(0)?.port());
    let variables = [("SDK_URL", &*url), ("SDK_KEY", KEY), ("DESCRIPTORS", &*set)];
    check(&Language::Python.calls("grpc", &variables)?)?;
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway)?;
    Ok(())
}
