//! Who is revoked stops: the next call, the stream under way, and after a restart too.

use std::{
    io::Read as _,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::{gateway::POLL, records};

use crate::world::{HERE, World};

/// How long a revocation may take to be heard on a busy machine.
const HEARD_MAX: Duration = Duration::from_secs(30);

fn revoke(world: &World, arguments: &[&str]) -> Result<()> {
    let arguments = [&["revoke"], arguments, &["--data", "data"]].concat();
    let output = world.gateway.cli(&arguments)?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Asks until the answer has this status.
fn until(world: &World, status: u16) -> Result<tests::client::Reply> {
    let deadline = Instant::now() + HEARD_MAX;
    loop {
        let reply = world.client.get(&world.gateway.url("/crm/items/1")?, &[])?;
        if reply.status == status || Instant::now() > deadline {
            assert_eq!(reply.status, status, "{}", reply.text());
            return Ok(reply);
        }
        thread::sleep(POLL);
    }
}

#[test]
fn an_agent_that_is_revoked_stops_and_one_that_is_not_any_more_goes_on() -> Result<()> {
    let mut world = World::new()?;
    until(&world, 200)?;
    revoke(
        &world,
        &["agent", HERE, "--reason", "it asked for too much"],
    )?;
    let refused = until(&world, 403)?;
    let problem = refused.json()?;
    assert_eq!(problem.get("reason"), Some(&json!("revoked")));
    let record = records::show(&world.gateway, refused.record().context("no record")?)?;
    assert_eq!(record.find("finding"), Some(&json!(true)));

    world.gateway.kill()?;
    world.gateway.restart()?;
    until(&world, 403)?;
    revoke(&world, &["agent", HERE, "--lift"])?;
    until(&world, 200)?;
    let kinds: Vec<String> = records::list(&world.gateway)?
        .iter()
        .filter(|record| record.kind() == "revoke")
        .map(|record| record.text("lifted"))
        .collect();
    ensure!(
        kinds.contains(&"true".to_owned()) && kinds.contains(&"false".to_owned()),
        "{kinds:?}"
    );
    world.finish()
}

#[test]
fn a_stream_under_way_ends_when_everything_is_revoked() -> Result<()> {
    let world = World::new()?;
    // An answer without end, of which some came.
    let address = world.gateway.listen(0)?;
    let mut stream = TcpStream::connect(address)?;
    let request = format!("GET /trouble/big/100000 HTTP/1.1\r\nhost: {address}\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes())?;
    let mut some = [0; 4096];
    ensure!(stream.read(&mut some)? > 0, "nothing came");
    revoke(&world, &["everything", "--reason", "drill"])?;
    // It breaks off: reading comes to an end, in whichever way.
    stream.set_read_timeout(Some(HEARD_MAX))?;
    let mut sink = vec![0; 1 << 16];
    let deadline = Instant::now() + HEARD_MAX;
    loop {
        match stream.read(&mut sink) {
            Ok(0) => break,
            Ok(_) => ensure!(Instant::now() < deadline, "the stream went on"),
            Err(error) => {
                let quiet = matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
                ensure!(!quiet, "the stream went on");
                break;
            }
        }
    }
    drop(stream);
    let deadline = Instant::now() + HEARD_MAX;
    loop {
        let records = records::list(&world.gateway)?;
        if records
            .iter()
            .any(|it| it.kind() == "close" && it.text("reason") == "revoked")
        {
            break;
        }
        ensure!(Instant::now() < deadline, "no outcome says so");
        thread::sleep(POLL);
    }
    world.finish()
}
