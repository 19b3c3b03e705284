//! Policies come in signed bundles: taken when they hold and are newer, by each host in its turn, and left again when they
//! refuse too much.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result, ensure};
use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    certificate::Certificate,
    gateway,
    peers::Peer,
    records::{self, Record},
    setup::Setup,
    tokens::Claims,
};

use crate::{
    objects::{self, Store},
    redaction::{TARIFF, plan},
    reload::while_called,
    upstreams::wait,
    world::{HERE, World},
};

/// What the bundles of these tests are called.
const NAME: &str = "rules.example";
/// What is called that by the gateway's policies alone.
const OWN: &str = "own";

fn own(claims: Claims) -> Claims {
    claims.scope("customer", "C-771")
}

/// Who makes bundles: a key, and policies.
struct Publisher {
    folder: TempDir,
    /// What gateways trust.
    key: String,
}

impl Publisher {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let key = keygen(&folder.path().join("key"), NAME)?;
        Ok(Self { folder, key })
    }

    /// Where gateways look.
    fn at(&self) -> PathBuf {
        self.folder.path().join("edge.bundle")
    }

    /// The configuration of a gateway that looks there.
    fn followed(&self, setup: Setup, more: &Value) -> Setup {
        let mut bundle = json!({ "from": self.at(), "keys": [self.key], "every": "1s" });
        if let (Some(bundle), Some(more)) = (bundle.as_object_mut(), more.as_object()) {
            bundle.extend(more.clone());
        }
        setup.set("bundle", bundle)
    }

    fn world(&self) -> Result<World> {
        World::with(|setup| self.followed(setup, &json!({})))
    }

    /// Makes a bundle of the policies of `world` after `change`, and puts it where gateways look.
    fn publish(
        &self,
        world: &World,
        revision: u64,
        change: impl FnOnce(&str) -> String,
        more: &[&str],
    ) -> Result<()> {
        self.put(&self.made("key", world, revision, change, more)?)
    }

    /// Puts something where gateways look, which find it whole or not at all.
    fn put(&self, content: &[u8]) -> Result<()> {
        let draft = self.folder.path().join("draft");
        fs::write(&draft, content)?;
        Ok(fs::rename(draft, self.at())?)
    }

    /// A bundle of the policies of `world` after `change`, signed by that key.
    fn made(
        &self,
        key: &str,
        world: &World,
        revision: u64,
        change: impl FnOnce(&str) -> String,
        more: &[&str],
    ) -> Result<Vec<u8>> {
        // A configuration of its own: that of the gateway is read again when it is started again.
        let apart = self.folder.path().join("apart");
        fs::create_dir_all(&apart)?;
        for entry in fs::read_dir(world.gateway.folder())? {
            let path = entry?.path();
            if path.is_file() {
                fs::copy(&path, apart.join(path.file_name().context("no name")?))?;
            }
        }
        let policies = policies_in(&apart)?;
        let text = fs::read_to_string(&policies)?;
        fs::write(&policies, change(&text))?;
        let made = self.folder.path().join("made");
        let output = Command::new(gateway::binary()?)
            .args(["bundle", "make", "--config"])
            .arg(apart.join("tidegate.yaml"))
            .arg("--key")
            .arg(self.folder.path().join(key))
            .args(["--revision", &revision.to_string(), "--to"])
            .arg(&made)
            .args(more)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
        Ok(fs::read(made)?)
    }
}

pub(crate) fn keygen(path: &Path, name: &str) -> Result<String> {
    let output = Command::new(gateway::binary()?)
        .args(["bundle", "keygen", "--name", name, "--key"])
        .arg(path)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The one file of policies of a folder.
fn policies_in(folder: &Path) -> Result<PathBuf> {
    let paths = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .into_iter()
        .find(|path| path.extension().is_some_and(|it| it == "cedar"))
        .context("no policies")
}

/// The policies without the rule that a session sees its customer alone.
fn looser(policies: &str) -> String {
    let (before, rest) = policies
        .split_once("@id(\"session-sees")
        .unwrap_or_default();
    let (_, after) = rest.split_once(";\n").unwrap_or_default();
    format!("{before}{after}")
}

fn as_they_are(policies: &str) -> String {
    policies.to_owned()
}

/// Whom everything is forbidden.
fn nothing(policies: &str) -> String {
    format!(
        "{policies}\n@id(\"nothing\")\nforbid (principal, action == Action::\"call\", resource);\n"
    )
}

/// What `tidegate bundle …` says of the gateway of `world`; `code` is how it must end.
fn bundle(world: &World, arguments: &[&str], code: i32) -> Result<Value> {
    let more = ["--config", "tidegate.yaml", "-o", "json"];
    let output = world
        .gateway
        .cli(&[&["bundle"], arguments, &more[..]].concat())?;
    let said = [output.stdout.clone(), output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.code() == Some(code), "{arguments:?}: {said}");
    Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

/// What is in force after a look: a revision, or the gateway's own.
fn looked(world: &World, code: i32) -> Result<Value> {
    bundle(world, &["look"], code)
}

fn changes(world: &World) -> Result<Vec<Record>> {
    let mut records = records::list(&world.gateway)?;
    records.retain(|record| record.kind() == "policies");
    Ok(records)
}

fn gaps(world: &World) -> Result<Vec<String>> {
    let mut records = records::list(&world.gateway)?;
    records.retain(|record| record.kind() == "gap");
    let told = records.iter().map(|record| record.text("reason"));
    Ok(told.filter(|it| it.starts_with("bundle")).collect())
}

/// How a session for C-771 fares that asks for another customer.
fn other(world: &World) -> Result<u16> {
    let token = world.token(HERE, own)?;
    let url = world.gateway.url("/crm/customers/C-332")?;
    let reply = world
        .client
        .get(&url, &[("tidegate-token", token.as_str())])?;
    Ok(reply.status.as_u16())
}

#[test]
fn a_bundle_decides_once_it_is_there_and_only_a_newer_one_after_it() -> Result<()> {
    let publisher = Publisher::new()?;
    let mut world = publisher.world()?;
    // Nothing is there yet: the gateway's own policies decide.
    assert_eq!(looked(&world, 1)?["in_force"], Value::Null);
    assert_eq!(other(&world)?, 403, "{OWN}");
    publisher.publish(&world, 1, looser, &[])?;
    assert_eq!(looked(&world, 0)?["in_force"], 1);
    assert_eq!(other(&world)?, 200);
    // Why, is told by the policies that decided.
    let last = records::list(&world.gateway)?;
    let last = last.iter().rev().find(|record| record.kind() == "open");
    let last = last.and_then(Record::index).context("no call on record")?;
    let index = last.to_string();
    let explain = ["policy", "explain", &index, "--config", "tidegate.yaml"];
    let output = world.gateway.cli(&explain)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success() && said.contains("(the same policies)"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    publisher.publish(&world, 2, as_they_are, &[])?;
    assert_eq!(looked(&world, 0)?["in_force"], 2);
    assert_eq!(other(&world)?, 403);

    // Whoever can put an older one there changes nothing, nor does another one of the same number.
    for (revision, told) in [(1, "older than 2"), (2, "too")] {
        publisher.publish(&world, revision, looser, &[])?;
        let stands = looked(&world, 1)?;
        assert_eq!(stands["in_force"], 2);
        let fault = stands["fault"].as_str().unwrap_or_default().to_owned();
        ensure!(fault.contains(told), "{fault}");
    }
    wait("it is on record", || {
        Ok(gaps(&world)?
            .last()
            .is_some_and(|it| it == "bundle_withheld"))
    })?;
    let ready = objects::ready(&world)?;
    ensure!(ready.contains("another bundle has revision 2"), "{ready}");
    assert_eq!(other(&world)?, 403);
    // Nor is there any other way.
    let output = world
        .gateway
        .cli(&["policy", "reload", "--config", "tidegate.yaml"])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(1) && said.contains("bundle make"),
        "{said}"
    );

    publisher.publish(&world, 3, looser, &[])?;
    assert_eq!(looked(&world, 0)?["in_force"], 3);
    ensure!(
        gaps(&world)?
            .last()
            .is_some_and(|it| it == "bundle_returned")
    );
    assert_eq!(other(&world)?, 200);
    let bundles: Vec<String> = changes(&world)?
        .iter()
        .map(|it| it.text("bundle"))
        .collect();
    assert_eq!(bundles, [1, 2, 3].map(|it| format!("{NAME} {it}")));

    // It stays so, wherever the gateway goes, also while nothing is to be had.
    fs::remove_file(publisher.at())?;
    world.gateway.stop()?;
    world.gateway.restart()?;
    assert_eq!(other(&world)?, 200);
    let mut former = world.gateway.take_over(&[])?;
    ensure!(former.ended()?.success());
    assert_eq!(other(&world)?, 200);
    assert_eq!(bundle(&world, &["status"], 1)?["in_force"], 3);
    world.finish()
}

#[test]
fn an_operator_leaves_a_bundle_and_only_a_newer_one_comes_after_that() -> Result<()> {
    let publisher = Publisher::new()?;
    let mut world = publisher.world()?;
    publisher.publish(&world, 1, as_they_are, &[])?;
    looked(&world, 0)?;
    publisher.publish(&world, 2, looser, &[])?;
    assert_eq!(looked(&world, 0)?["before"], 1);
    let stands = bundle(&world, &["rollback", "--reason", "C-332 was seen"], 0)?;
    assert_eq!(stands["in_force"], 1);
    assert_eq!(stands["left"]["revision"], 2);
    assert_eq!(other(&world)?, 403);
    assert_eq!(looked(&world, 0)?["in_force"], 1, "it is not taken again");
    let last = changes(&world)?.pop().context("no change on record")?;
    assert_eq!(last.text("bundle"), format!("{NAME} 1"));
    ensure!(last.text("reason").ends_with("C-332 was seen"), "{last:?}");
    world.gateway.stop()?;
    world.gateway.restart()?;
    assert_eq!(other(&world)?, 403);
    // From the first one back to the gateway's own.
    let stands = bundle(&world, &["rollback", "--reason", "and this"], 0)?;
    assert_eq!(stands["in_force"], Value::Null);
    bundle(&world, &["rollback", "--reason", "and this"], 1)?;
    publisher.publish(&world, 3, looser, &[])?;
    assert_eq!(looked(&world, 0)?["in_force"], 3);
    assert_eq!(other(&world)?, 200);
    world.finish()
}

#[test]
fn what_is_not_signed_or_does_not_hold_changes_nothing() -> Result<()> {
    let publisher = Publisher::new()?;
    let world = publisher.world()?;
    publisher.publish(&world, 1, as_they_are, &[])?;
    assert_eq!(looked(&world, 0)?["in_force"], 1);
    let amiss = |told: &str| -> Result<()> {
        let stands = looked(&world, 1)?;
        assert_eq!(stands["in_force"], 1, "{stands}");
        let fault = stands["fault"].as_str().unwrap_or_default();
        ensure!(fault.contains(told), "{told}: {fault}");
        assert_eq!(other(&world)?, 403);
        Ok(())
    };
    let theirs = keygen(&publisher.folder.path().join("theirs"), NAME)?;
    ensure!(theirs != publisher.key);
    publisher.put(&publisher.made("theirs", &world, 2, looser, &[])?)?;
    amiss("none of the keys")?;
    let shown = Command::new(gateway::binary()?)
        .args(["bundle", "show", "--key", &publisher.key])
        .arg(publisher.at())
        .output()?;
    assert_eq!(shown.status.code(), Some(1));

    let whole = publisher.made("key", &world, 2, looser, &[])?;
    publisher.put(whole.get(..whole.len() / 2).context("short")?)?;
    amiss("no bundle, or a part of one")?;
    publisher.put(&vec![b'x'; 5 << 20])?;
    amiss("longer than")?;

    // Made for a gateway that serves more than this one does.
    let config = world.gateway.folder().join("tidegate.yaml");
    let before = fs::read_to_string(&config)?;
    let mut more: Value = serde_json::from_str(&before)?;
    let agents = more.get_mut("agents").and_then(Value::as_array_mut);
    agents.context("no agents")?.push(json!({
        "id": "spiffe://tests.example/agent/later", "selectors": ["unix:uid:4711"], "token": "optional",
    }));
    fs::write(&config, more.to_string())?;
    let rule = "@id(\"later\")\npermit (principal in Agent::\"spiffe://tests.example/agent/later\", \
                action == Action::\"call\", resource);\n";
    publisher.publish(&world, 2, |policies| format!("{policies}\n{rule}"), &[])?;
    fs::write(&config, before)?;
    amiss("agent/later")?;

    publisher.publish(&world, 2, looser, &["--expires", "1s"])?;
    thread::sleep(std::time::Duration::from_millis(1100));
    // It may have been taken in time; then the next one is what is tried.
    if looked(&world, 0).is_ok() {
        publisher.publish(&world, 3, as_they_are, &[])?;
        assert_eq!(looked(&world, 0)?["in_force"], 3);
    } else {
        amiss("expired")?;
        publisher.publish(&world, 3, as_they_are, &[])?;
        assert_eq!(looked(&world, 0)?["in_force"], 3);
    }
    world.finish()
}

#[test]
fn no_call_fails_while_bundles_come() -> Result<()> {
    let publisher = Publisher::new()?;
    let world = publisher.world()?;
    while_called(&world, || {
        (1..=6).try_for_each(|revision| {
            let change = if revision % 2 == 0 {
                as_they_are
            } else {
                looser
            };
            publisher.publish(&world, revision, change, &[])?;
            assert_eq!(looked(&world, 0)?["in_force"], revision);
            Ok(())
        })
    })?;
    assert_eq!(changes(&world)?.len(), 6);
    world.finish()
}

#[test]
fn each_host_takes_a_bundle_when_its_stage_has_come() -> Result<()> {
    let publisher = Publisher::new()?;
    let host =
        |name: &str| World::with(|setup| publisher.followed(setup, &json!({ "host": name })));
    let (first, second, third) = (host("first")?, host("second")?, host("third")?);
    let rollout = publisher.folder.path().join("rollout.yaml");
    fs::write(
        &rollout,
        "stages:\n  - { hosts: [first], after: 0s }\n  - { hosts: [second], after: 6h }\n",
    )?;
    let staged = rollout.display().to_string();
    publisher.publish(&first, 1, looser, &["--rollout", &staged])?;
    assert_eq!(looked(&first, 0)?["in_force"], 1);
    assert_eq!(other(&first)?, 200);
    let waits = looked(&second, 0)?;
    assert_eq!(waits["in_force"], Value::Null);
    assert_eq!(waits["waiting"]["revision"], 1);
    ensure!(waits["waiting"]["due"].is_string(), "{waits}");
    assert_eq!(other(&second)?, 403);
    let never = looked(&third, 0)?;
    assert_eq!(never["waiting"], json!({ "revision": 1, "due": null }));

    let at = publisher.at().display().to_string();
    let shown = bundle(
        &second,
        &["show", &at, "--host", "first", "--host", "third"],
        0,
    )?;
    assert_eq!(shown["hosts"]["first"], shown["made"]);
    assert_eq!(shown["hosts"]["third"], Value::Null);

    // What waits gives way to what is newer, and is there again when the gateway is.
    let mut second = second;
    second.gateway.stop()?;
    second.gateway.restart()?;
    assert_eq!(looked(&second, 0)?["waiting"]["revision"], 1);
    publisher.publish(&first, 2, looser, &[])?;
    for world in [&first, &second, &third] {
        let stands = looked(world, 0)?;
        assert_eq!(
            (&stands["in_force"], &stands["waiting"]),
            (&json!(2), &Value::Null)
        );
        assert_eq!(other(world)?, 200);
    }
    [first, second, third]
        .into_iter()
        .try_for_each(World::finish)
}

#[test]
fn a_host_that_refuses_too_much_goes_back_by_itself() -> Result<()> {
    let publisher = Publisher::new()?;
    let world = publisher.world()?;
    publisher.publish(&world, 1, looser, &[])?;
    looked(&world, 0)?;
    let rollout = publisher.folder.path().join("rollout.yaml");
    fs::write(
        &rollout,
        "stages:\n  - { share: 100%, after: 0s }\n\
         watch: { for: 1h, refused_above: 20%, calls_min: 10 }\n",
    )?;
    let watched = rollout.display().to_string();
    // A few refusals are none too many.
    publisher.publish(&world, 2, as_they_are, &["--rollout", &watched])?;
    assert_eq!(looked(&world, 0)?["in_force"], 2);
    assert_eq!(other(&world)?, 403);
    let item = world.gateway.url("/crm/items/1")?;
    for _ in 0..9 {
        assert_eq!(world.client.get(&item, &[])?.status, 200);
    }
    assert_eq!(looked(&world, 0)?["in_force"], 2);

    publisher.publish(&world, 3, nothing, &["--rollout", &watched])?;
    assert_eq!(looked(&world, 0)?["in_force"], 3);
    wait("it has gone back", || {
        let reply = world.client.get(&item, &[])?;
        Ok(reply.status == 200)
    })?;
    let stands = bundle(&world, &["status"], 0)?;
    assert_eq!(stands["in_force"], 2);
    assert_eq!(stands["left"]["revision"], 3);
    let why = stands["left"]["why"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    ensure!(why.contains("calls refused, more than 20 %"), "{why}");
    let last = changes(&world)?.pop().context("no change on record")?;
    assert_eq!(last.text("bundle"), format!("{NAME} 2"));
    assert_eq!(looked(&world, 0)?["in_force"], 2, "it is not taken again");
    world.finish()
}

#[test]
fn classifiers_come_with_policies() -> Result<()> {
    let publisher = Publisher::new()?;
    let world = publisher.world()?;
    let shown = plan(&world)?;
    let config = world.gateway.folder().join("tidegate.yaml");
    let before = fs::read_to_string(&config)?;
    let mut more: Value = serde_json::from_str(&before)?;
    more["classifiers"] = json!(["own.yaml"]);
    fs::write(world.gateway.folder().join("own.yaml"), TARIFF)?;
    fs::write(&config, more.to_string())?;
    publisher.publish(&world, 1, as_they_are, &[])?;
    fs::write(&config, before)?;
    looked(&world, 0)?;
    let covered = plan(&world)?;
    ensure!(covered != shown, "{shown:?} came through");
    publisher.publish(&world, 2, as_they_are, &[])?;
    looked(&world, 0)?;
    assert_eq!(
        plan(&world)?,
        shown,
        "they go with the bundle that had them"
    );
    world.finish()
}

/// A server of the web that has one bundle, with a tag.
#[derive(Clone, Default)]
struct Web {
    content: Arc<Mutex<Vec<u8>>>,
    unchanged: Arc<AtomicU64>,
}

impl Web {
    fn put(&self, content: Vec<u8>) {
        *self.content.lock().unwrap_or_else(PoisonError::into_inner) = content;
    }

    fn serve(&self, certificate: &Certificate) -> Result<Peer> {
        let web = self.clone();
        let answer = async move |headers: HeaderMap| web.answer(&headers);
        let router = Router::new().route("/edge.bundle", get(answer));
        let tls = certificate.server(&["http/1.1"])?;
        Peer::serve(router, "127.0.0.1:0", Some(&tls))
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let tag = format!("\"{}\"", content.len());
        let known = headers.get(header::IF_NONE_MATCH);
        if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
            self.unchanged.fetch_add(1, Ordering::SeqCst);
            return StatusCode::NOT_MODIFIED.into_response();
        }
        ([(header::ETAG, tag)], content.clone()).into_response()
    }
}

#[test]
fn bundles_come_from_the_web() -> Result<()> {
    let (publisher, web) = (Publisher::new()?, Web::default());
    let certificate = Certificate::for_loopback()?;
    let peer = web.serve(&certificate)?;
    let from = format!("https://localhost:{}/edge.bundle", peer.address().port());
    let world = World::with(|setup| {
        let setup = setup.trust(&certificate.authority);
        publisher.followed(setup, &json!({ "from": from }))
    })?;
    looked(&world, 1)?;
    web.put(publisher.made("key", &world, 1, looser, &[])?);
    assert_eq!(looked(&world, 0)?["in_force"], 1);
    assert_eq!(other(&world)?, 200);
    // What has not changed does not come again.
    let before = web.unchanged.load(Ordering::SeqCst);
    looked(&world, 0)?;
    ensure!(web.unchanged.load(Ordering::SeqCst) > before);
    // What was odd stays so until there is another.
    web.put(b"what is no bundle".to_vec());
    looked(&world, 1)?;
    looked(&world, 1)?;
    web.put(publisher.made("key", &world, 2, as_they_are, &["--expires", "30d"])?);
    assert_eq!(looked(&world, 0)?["in_force"], 2);
    drop(peer);
    let fault = looked(&world, 1)?;
    ensure!(fault.to_string().contains("nobody answers"), "{fault}");
    assert_eq!(other(&world)?, 403);
    world.finish()
}

#[test]
fn bundles_come_from_a_bucket() -> Result<()> {
    let (publisher, store) = (Publisher::new()?, Store::new()?);
    let world = World::with(|setup| {
        let setup = setup.set("buckets", store.bucket());
        publisher.followed(setup, &json!({ "from": "s3://evidence/log/edge.bundle" }))
    })?;
    let none = looked(&world, 1)?;
    ensure!(none.to_string().contains("has no"), "{none}");
    publisher.publish(&world, 1, looser, &[])?;
    let at = publisher.at().display().to_string();
    store.attacked(&["put", "edge.bundle", &at])?;
    assert_eq!(looked(&world, 0)?["in_force"], 1);
    assert_eq!(other(&world)?, 200);
    world.finish()
}
