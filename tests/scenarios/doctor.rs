//! Whoever asks what is amiss is told each thing by its name, and how to mend it.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::{certificate::Certificate, peers::Peer, setup::Service};

use crate::{bundles::keygen, world::World};

/// What is said of the thing of this name.
fn said(world: &World, name: &str) -> Result<String> {
    let config = world.gateway.config().display().to_string();
    let output = world.gateway.cli(&["doctor", "--config", &config])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let line = line.with_context(|| {
        format!(
            "nothing of `{name}` in {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let is_fine = line == "fine";
    ensure!(
        is_fine || output.status.code() == Some(1),
        "{}: {text}",
        output.status
    );
    Ok(line.to_owned())
}

#[test]
fn what_a_configuration_needs_is_looked_at() -> Result<()> {
    let theirs = Certificate::for_loopback()?;
    let tls = theirs.server(&["http/1.1"])?;
    let secure = Peer::serve(axum::Router::new(), "127.0.0.1:0", Some(&tls))?;
    let url = format!("https://localhost:{}", secure.address().port());
    let world = World::with(|setup| setup.service(Service::new("secure", &url, "DE")))?;
    let upstream = |name: &str, peer: &Peer, host: &str| {
        format!("upstream {name} at {host}:{}", peer.address().port())
    };
    let crm = upstream("crm", &world.peers.crm, "127.0.0.1");
    for name in ["configuration", "log", "keys", crm.as_str()] {
        assert_eq!(said(&world, name)?, "fine", "{name}");
    }
    // Whose certificate nobody vouches for.
    let strange = said(&world, &upstream("secure", &secure, "localhost"))?;
    ensure!(
        strange.contains("no TLS") && strange.contains("upstream_ca"),
        "{strange}"
    );

    let key = keygen(&world.gateway.folder().join("bundles.key"), "rules.example")?;
    let absent = "spiffe://tests.example/agent/absent";
    world.gateway.reconfigure(|config| {
        if let Some(agents) = config["agents"].as_array_mut() {
            agents.push(json!({
                "id": absent, "selectors": ["unix:path:/opt/absent/agent"], "token": "optional",
            }));
        }
        config["upstream_ca"] = json!("theirs.pem");
        config["bundle"] = json!({ "from": "edge.bundle", "keys": [key] });
    })?;
    std::fs::write(world.gateway.folder().join("theirs.pem"), &theirs.authority)?;
    let mend = said(&world, &format!("agent {absent}"))?;
    ensure!(mend.contains("/opt/absent/agent"), "{mend}");
    assert_eq!(
        said(&world, &upstream("secure", &secure, "localhost"))?,
        "fine"
    );
    let mend = said(&world, "bundle")?;
    ensure!(mend.contains("edge.bundle"), "{mend}");

    let gone = upstream("secure", &secure, "localhost");
    drop(secure);
    let mend = said(&world, &gone)?;
    ensure!(mend.contains("refused"), "{mend}");
    // What is no configuration is told as ever.
    world
        .gateway
        .reconfigure(|config| config["policies"] = json!(["none.cedar"]))?;
    ensure!(said(&world, "log").is_err());
    world.finish()
}
