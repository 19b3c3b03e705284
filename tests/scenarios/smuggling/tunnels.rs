//! Tunnels to this host, however its address is written.

use std::{collections::HashMap, net::TcpListener};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{
    front::{Front, all_well, table},
    wire,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    target: String,
    says: String,
}

/// Every tunnel may be, as far as policy says.
pub(super) const POLICY: &str = r#"
@id("agents-may-go-anywhere")
permit (principal, action == Action::"call", resource in Operation::"tunnel/connect");
"#;

fn one(front: &Front, trap: &TcpListener, port: u16, row: &Row) -> Result<()> {
    let target = row.target.replace("{port}", &port.to_string());
    for host in [format!("Host: {target}\r\n"), String::new()] {
        let request = format!("CONNECT {target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        let mut stream = wire::plain(front, 1)?;
        let answers =
            wire::exchange(&mut stream, request.as_bytes()).with_context(|| target.clone())?;
        let told = answers.first().map(|it| (it.status, it.reason()));
        let (status, reason) = told.with_context(|| format!("{target}: no answer"))?;
        let reason = if reason.is_empty() { "none" } else { &reason };
        ensure!(matches!(status, 400..=499), "{target}: {answers:?}");
        ensure!(reason == row.says, "{target}: {answers:?}");
    }
    ensure!(trap.accept().is_err(), "{target} led to the trap");
    Ok(())
}

#[test]
fn no_spelling_of_an_inner_address_is_led_there() -> Result<()> {
    let rows: Vec<Row> = table(include_str!("../../attacks/tunnels.yaml"))?;
    // Whoever is led to any address of this host is heard here.
    let trap = TcpListener::bind("[::]:0")?;
    trap.set_nonblocking(true)?;
    let port = trap.local_addr()?.port();
    let rules = json!({ "unlisted": "tunnel", "ports": [port] });
    let front = Front::before(HashMap::new(), |setup| {
        setup.set("forward", rules).policy(POLICY)
    })?;
    all_well(rows.iter().map(|row| one(&front, &trap, port, row)))?;
    ensure!(front.tap.taken().is_empty(), "{:?}", front.tap.taken());
    // What was judged is on record: tunnels were opened that led nowhere, or refused.
    drop(trap);
    let mut gateway = front.gateway;
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    let records = tests::records::list(&gateway)?;
    let led = records.iter().filter(|it| it.text("result") == "released");
    ensure!(led.count() == 0, "a tunnel was led somewhere");
    crate::world::verified(&gateway).map(drop)
}
