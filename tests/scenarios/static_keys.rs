//! Static keys: refused unless an operator says otherwise, and then each use is a finding.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tests::{gateway, records, setup::Setup};

use crate::{behaviour::anomaly, world::World};

/// A key, and what the configuration knows it by.
fn made(folder: &Path) -> Result<(String, String)> {
    let file = folder.join("agent.key");
    let output = Command::new(gateway::binary()?)
        .args(["static-key", "--to"])
        .arg(&file)
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let mode = std::fs::metadata(&file)?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let printed = String::from_utf8(output.stdout)?;
    let digest = printed.trim().strip_prefix("sha256: ");
    let key = std::fs::read_to_string(&file)?;
    ensure!(!printed.contains(&key));
    Ok((key, digest.context("no digest")?.to_owned()))
}

fn keys(digest: &str, until: &str) -> Value {
    json!([{ "name": "ci-1", "sha256": digest, "until": until }])
}

/// The reason of a refusal, or nothing.
fn ask(world: &World, fields: &[(&str, &str)]) -> Result<(u16, String, records::Record)> {
    let url = world.gateway.url("/crm/customers/C-771")?;
    let reply = world.client.get(&url, fields)?;
    let record = records::show(&world.gateway, reply.record().context("no record")?)?;
    let reason = record.text("reason");
    Ok((reply.status.as_u16(), reason, record))
}

#[test]
fn a_configuration_with_static_keys_is_refused_until_they_are_meant() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_, digest) = made(folder.path())?;
    let world = World::new()?;
    let check = |shape: &dyn Fn(Setup) -> Setup| -> Result<(bool, String)> {
        let folder = tempfile::tempdir()?;
        let setup = Setup::new()
            .agent(
                "spiffe://tests.example/a",
                &["unix:uid:4242".into()],
                "required",
            )
            .of_agent("keys", keys(&digest, "2999-01-01"))
            .policy("permit (principal, action, resource);");
        let config = shape(setup).write(folder.path())?;
        let config = config.display().to_string();
        let output = world.gateway.cli(&["check", "--config", &config])?;
        let told = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8(told)?))
    };
    let (_, told) = check(&|setup| setup)?;
    for words in [
        "static key",
        "static_keys: true",
        "spiffe://tests.example/a",
    ] {
        ensure!(told.contains(words), "{told}");
    }
    let (_, told) = check(&|setup| setup.set("static_keys", json!(true)))?;
    ensure!(!told.contains("static key"), "{told}");
    let (is_good, told) = check(&|setup| {
        setup
            .set("static_keys", json!(true))
            .of_agent("token", json!("bound"))
    })?;
    ensure!(
        !is_good && told.contains("must show bound tokens"),
        "{told}"
    );
    for (key, fault) in [
        (keys("00", "2999-01-01"), "64 hexadecimal"),
        (keys(&digest, "soon"), "is no date"),
    ] {
        let meant = |setup: Setup| {
            setup
                .set("static_keys", json!(true))
                .of_agent("keys", key.clone())
        };
        let (is_good, told) = check(&meant)?;
        ensure!(!is_good && told.contains(fault), "{told}");
    }
    world.finish()
}

#[test]
fn each_use_of_a_static_key_is_a_finding_and_a_pass_proves_no_more() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (key, digest) = made(folder.path())?;
    let world = World::with(|setup| {
        setup
            .set("static_keys", json!(true))
            .of_agent("token", json!("required"))
            .of_agent("keys", keys(&digest, "2999-01-01"))
            .set(
                "behaviour",
                json!({ "otherwise": "off", "detectors": { "static_key": "note" } }),
            )
    })?;
    let (status, reason, _) = ask(&world, &[])?;
    assert_eq!((status, &*reason), (401, "token_required"));
    let bearer = format!("Bearer {key}");
    for field in [("authorization", &*bearer), ("tidegate-token", &*key)] {
        let (status, _, record) = ask(&world, &[field])?;
        assert_eq!(status, 200);
        assert_eq!(record.find("notices"), Some(&json!(["static_key"])));
        assert_eq!(record.find("key"), Some(&json!("ci-1")));
        ensure!(record.text("evidence").ends_with("+key"), "{record:?}");
        ensure!(!record.0.to_string().contains(&key));
    }
    let (status, reason, _) = ask(&world, &[("authorization", &format!("{bearer}x"))])?;
    assert_eq!((status, &*reason), (401, "key_invalid"));
    let url = world.gateway.url("/crm/customers/C-771")?;
    let wrong = world
        .client
        .get(&url, &[("tidegate-token", &format!("{key}x"))])?;
    // RFC 9110, 15.5.2: whoever is told 401 is told what would help.
    assert_eq!(
        wrong.header("www-authenticate"),
        Some("Bearer realm=\"tidegate\"")
    );
    is_found_where_it_does_not_belong(&world, &key)?;
    assert_eq!(anomaly(&world, "static_key")?.text("about"), "key");

    let url = world.gateway.url("/.well-known/tidegate/pass")?;
    let reply = world
        .client
        .post(&url, &[("authorization", &bearer)], "{}")?;
    let pass = reply.json()?["token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let (status, _, record) = ask(&world, &[("tidegate-token", &pass)])?;
    assert_eq!(status, 200, "{}", reply.text());
    assert_eq!(record.find("notices"), Some(&json!(["static_key"])));
    ensure!(record.text("evidence").ends_with("+key"), "{record:?}");

    ends_with_its_name(&world, [&key, &pass])?;
    let files = world.gateway.files()?;
    ensure!(
        !files
            .iter()
            .any(|(_, bytes)| crate::canary::contains(bytes, &key))
    );
    world.finish()
}

/// Whatever becomes of a call, the use of a key is found; where the service would get it, it is refused.
fn is_found_where_it_does_not_belong(world: &World, key: &str) -> Result<()> {
    let bearer = format!("Bearer {key}");
    let unknown = world.gateway.url("/crm/no/such/thing")?;
    let reply = world.client.get(&unknown, &[("authorization", &bearer)])?;
    let refused = records::show(&world.gateway, reply.record().context("no record")?)?;
    ensure!(!reply.status.is_success(), "{refused:?}");
    assert_eq!(refused.find("notices"), Some(&json!(["static_key"])));
    let pair = ["agent", key].join(":");
    let pair = format!("Basic {}", BASE64_STANDARD.encode(pair));
    for beside in [("x-api-key", key), ("authorization", &*pair)] {
        let (status, reason, record) = ask(world, &[("tidegate-token", key), beside])?;
        assert_eq!((status, &*reason), (400, "key_misplaced"));
        assert_eq!(record.find("notices"), Some(&json!(["static_key"])));
    }
    Ok(())
}

/// It ends with its name, and what was got with it ends as well.
fn ends_with_its_name(world: &World, all: [&str; 2]) -> Result<()> {
    let data = world.gateway.data().display().to_string();
    let revoked = world.gateway.cli(&[
        "revoke", "token", "ci-1", "--reason", "lost", "--data", &data,
    ])?;
    ensure!(revoked.status.success(), "{revoked:?}");
    for shown in all {
        let deadline = std::time::Instant::now() + gateway::START_MAX;
        loop {
            let (status, reason, _) = ask(world, &[("tidegate-token", shown)])?;
            if (status, &*reason) == (403, "revoked") {
                break;
            }
            ensure!(std::time::Instant::now() < deadline, "{status} {reason}");
            std::thread::sleep(gateway::POLL);
        }
    }
    Ok(())
}
