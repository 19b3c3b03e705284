//! Everything on record is in a stream of NATS once, whoever dies meanwhile; and a login that is wrong is told, and mended.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    certificate::Certificate,
    client::Client,
    nats::{Access, Authority, Message, NatsServer, STREAM, SUBJECT},
    people::Dice,
    records,
    setup::Setup,
};

use crate::{
    canary::{contains, forms},
    objects::{call, ready, until},
    world::{World, verified},
};

/// Lives of the server, and of the gateway, that end by SIGKILL.
const KILLS: u64 = 3;
/// They end within this time, in milliseconds.
const KILL_AFTER_MS_MAX: u64 = 1000;
/// Calls that each life answers at the least.
const CALLS: u64 = 20;
/// Between two calls.
const PAUSE: Duration = Duration::from_millis(5);
/// The login's file.
const LOGIN: &str = "nats.login";

/// The gateway's configuration of the stream of this server, with this beside it.
fn configured(setup: Setup, server: &str, more: Value) -> Setup {
    let mut nats = json!({ "servers": [server], "stream": STREAM, "subject": SUBJECT });
    if let (Some(nats), Value::Object(more)) = (nats.as_object_mut(), more) {
        nats.extend(more);
    }
    setup.set(
        "shipping",
        json!([
            { "name": "bus", "nats": nats },
            { "name": "lake", "file": { "folder": "lake" } },
        ]),
    )
}

/// Calls go on until `kill` has killed somebody.
fn amid_calls(
    world: &mut World,
    item: &str,
    dice: &mut Dice,
    kill: impl FnOnce(&mut World) -> Result<()>,
) -> Result<()> {
    call(world, item, CALLS)?;
    let base = world.gateway.url(&format!("/crm/items/{item}"))?;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let calling = thread::spawn(move || -> Result<()> {
        let client = Client::plain()?;
        let goes_on = || {
            let pause = stopped.recv_timeout(PAUSE);
            matches!(pause, Err(std::sync::mpsc::RecvTimeoutError::Timeout))
        };
        while goes_on() && client.get(&base, &[]).is_ok_and(|it| it.status == 200) {}
        Ok(())
    });
    // Not a wait for something: the random moment is the test.
    thread::sleep(Duration::from_millis(dice.between(0, KILL_AFTER_MS_MAX)));
    kill(world)?;
    drop(stop);
    let called = calling.join();
    called.map_err(|_| anyhow::anyhow!("a caller panicked"))?
}

#[test]
fn every_event_is_in_the_stream_once_whoever_dies() -> Result<()> {
    let certificate = Certificate::for_loopback()?;
    let authority = Authority::new();
    // No more than the documents ask for.
    let credentials = authority.credentials(&json!({ "allow": [format!("{SUBJECT}.>")] }))?;
    let access = Access::Vouched(Box::new(authority));
    let mut server = NatsServer::start(&certificate, access)?;
    server.make_stream()?;
    let mut dice = Dice::new(u64::from(std::process::id()));
    let item = format!("item{}", dice.digits(12));
    let url = server.url()?;
    // By the system's certificates, those of `upstream_ca` with them.
    let mut world = World::with(|setup| {
        let setup = setup.secret(LOGIN, credentials.clone());
        configured(setup, &url, json!({ "credentials": LOGIN })).trust(server.authority())
    })?;
    until("it is there", &world, || Ok(!server.messages()?.is_empty()))?;

    for _ in 0..KILLS {
        amid_calls(&mut world, &item, &mut dice, |_| server.kill())?;
        call(&world, &item, CALLS)?;
        until("the server is away", &world, || {
            Ok(ready(&world)?.contains("`bus` is "))
        })?;
        let told = ready(&world)?;
        ensure!(told.contains("did not take events"), "{told}");
        server.restart()?;
        amid_calls(&mut world, &item, &mut dice, |world| world.gateway.kill())?;
        world.gateway.restart()?;
        until("the server is back", &world, || {
            Ok(!ready(&world)?.contains("`bus` is "))
        })?;
    }
    goes_again(&mut world, &item)?;
    ensure!(
        world.gateway.stop()?.success(),
        "{}",
        world.gateway.stderr()
    );

    let messages = server.messages()?;
    once_and_as_on_record(&world, &messages)?;
    let calls = usize::try_from(2 * KILLS * CALLS)?;
    ensure!(messages.len() > calls, "{} of {calls}", messages.len());
    let last = messages.last().context("nothing came")?;
    assert_eq!(last.event["class_uid"], 6002, "the stop came last");
    // What nobody may know of a call, and what opens the server, went nowhere.
    let text = format!("{messages:?}");
    let secrets = credentials.lines().filter(|it| !it.starts_with('-'));
    for secret in secrets.filter(|it| !it.is_empty()).chain([&*item]) {
        let told = forms(secret);
        let told = told.iter().any(|form| contains(text.as_bytes(), form));
        ensure!(!told, "the stream was told {secret}");
        ensure!(!world.gateway.stderr().contains(secret), "{secret} is told");
    }
    verified(&world.gateway).map(drop)
}

/// The gateway ends as a crash leaves it after the stream had everything and before that was noted, and starts again.
fn goes_again(world: &mut World, item: &str) -> Result<()> {
    let mark = world.gateway.data().join("shipping/bus.json");
    let next = |text: &[u8]| -> Result<u64> {
        let mark: Value = serde_json::from_slice(text)?;
        let next = mark.pointer("/cursor/next").and_then(Value::as_u64);
        next.context("no index")
    };
    let before = fs::read(&mark)?;
    call(world, item, CALLS)?;
    until("the stream has them", world, || {
        Ok(next(&fs::read(&mark)?)? >= next(&before)? + 2 * CALLS)
    })?;
    world.gateway.kill()?;
    fs::write(&mark, before)?;
    world.gateway.restart()
}

/// Each event that the log has is there once, as the log's export has it, under its class and its id, in the order in which
/// a file got them.
fn once_and_as_on_record(world: &World, messages: &[Message]) -> Result<()> {
    let uid = |event: &Value| {
        let uid = event.pointer("/metadata/uid").and_then(Value::as_str);
        uid.map(str::to_owned).context("an event without uid")
    };
    let came = messages.iter().map(|it| uid(&it.event));
    let came = came.collect::<Result<Vec<String>>>()?;
    let once: HashSet<&String> = came.iter().collect();
    assert_eq!(once.len(), came.len(), "some came twice");
    for (message, uid) in messages.iter().zip(&came) {
        assert_eq!(&message.id, uid);
        let class = message.event.get("class_uid").and_then(Value::as_u64);
        let class = class.context("an event without class")?;
        assert_eq!(message.subject, format!("{SUBJECT}.{class}"));
    }

    // Each event names the tree that holds it, which has grown meanwhile.
    let whole = |mut event: Value| {
        let own = event.pointer_mut("/unmapped/tidegate");
        if let Some(own) = own.and_then(Value::as_object_mut) {
            own.retain(|name, _| !name.starts_with("tree_"));
        }
        event
    };
    let exported = records::ocsf(&world.gateway)?;
    let exported = exported.lines().map(serde_json::from_str::<Value>);
    let mut expected = BTreeMap::new();
    for event in exported {
        let event = event?;
        expected.insert(uid(&event)?, whole(event));
    }
    let last = messages.iter().map(|it| sequence(&it.event)).max();
    // Reading the log is on record as well.
    expected.retain(|_, event| Some(sequence(event)) <= last);
    for message in messages {
        let expected = expected.remove(&message.id);
        assert_eq!(Some(whole(message.event.clone())), expected);
    }
    ensure!(expected.is_empty(), "these did not come: {expected:?}");

    let file = fs::read_to_string(world.gateway.folder().join("lake/lake.jsonl"))?;
    let mut known = HashSet::new();
    let mut order = Vec::new();
    for line in file.lines() {
        let uid = uid(&serde_json::from_str(line)?)?;
        if known.insert(uid.clone()) {
            order.push(uid);
        }
    }
    assert_eq!(came, order);
    Ok(())
}

fn sequence(event: &Value) -> u64 {
    let index = event.pointer("/metadata/sequence");
    index.and_then(Value::as_u64).unwrap_or(u64::MAX)
}

/// Puts another login where the gateway reads it, as agents of secrets do.
fn put_login(world: &World, text: &str) -> Result<()> {
    let (new, file) = (
        world.gateway.folder().join("nats.new"),
        world.gateway.folder().join(LOGIN),
    );
    fs::write(&new, text)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    Ok(fs::rename(new, file)?)
}

/// Waits until it is told why nothing goes.
fn told(world: &World, why: &str) -> Result<()> {
    until(why, world, || Ok(ready(world)?.contains(why)))?;
    let log = world.gateway.stderr();
    let said = log
        .lines()
        .any(|line| line.contains("events wait") && line.contains(why));
    ensure!(said, "{log}");
    Ok(())
}

/// Stops the gateway and sees that the stream has everything.
fn nothing_is_lost(mut world: World, server: &NatsServer) -> Result<()> {
    until("everything goes", &world, || {
        Ok(!ready(&world)?.contains("`bus` is "))
    })?;
    ensure!(
        world.gateway.stop()?.success(),
        "{}",
        world.gateway.stderr()
    );
    once_and_as_on_record(&world, &server.messages()?)?;
    verified(&world.gateway).map(drop)
}

/// A gateway whose login is wrong at first, by a root that it knows for this server alone.
fn with_wrong_login(server: &NatsServer, kind: &str, wrong: &str) -> Result<World> {
    let url = server.url()?;
    World::with(|setup| {
        let setup = setup
            .secret(LOGIN, wrong)
            .file("nats-ca.pem", server.authority());
        configured(setup, &url, json!({ kind: LOGIN, "ca": "nats-ca.pem" }))
    })
}

#[test]
fn a_wrong_login_is_told_and_mended_and_nothing_is_lost() -> Result<()> {
    let mut dice = Dice::new(u64::from(std::process::id()));
    let certificate = Certificate::for_loopback()?;
    let mut login = |user: &str| format!("{user}:{}", dice.digits(24));
    let (right, wrong, operator) = (login("tidegate"), login("tidegate"), login("ann"));
    let access = Access::Users {
        gateway: right.clone(),
        operator,
    };
    let server = NatsServer::start(&certificate, access)?;
    let world = with_wrong_login(&server, "login", &wrong)?;
    call(&world, "one", CALLS)?;
    told(&world, "does not take the login in")?;
    put_login(&world, &right)?;
    told(&world, "no stream takes `audit.ocsf.>`")?;
    server.make_stream()?;
    for secret in [&right, &wrong] {
        let secret = secret.rsplit(':').next().unwrap_or_default();
        ensure!(!world.gateway.stderr().contains(secret), "it is told");
    }
    nothing_is_lost(world, &server)
}

#[test]
fn a_wrong_token_and_a_wrong_root_are_told_and_nothing_is_lost() -> Result<()> {
    let mut dice = Dice::new(u64::from(std::process::id()));
    let token = dice.digits(24);
    let certificate = Certificate::for_loopback()?;
    let server = NatsServer::start(&certificate, Access::Token(token.clone()))?;
    server.make_stream()?;
    let world = with_wrong_login(&server, "token", &dice.digits(24))?;
    told(&world, "does not take the login in")?;
    let roots = world.gateway.folder().join("nats-ca.pem");
    fs::write(&roots, &Certificate::for_loopback()?.authority)?;
    told(&world, "invalid peer certificate")?;
    put_login(&world, &token)?;
    fs::write(&roots, server.authority())?;
    nothing_is_lost(world, &server)
}

#[test]
fn what_a_login_may_not_publish_is_told_and_nothing_is_lost() -> Result<()> {
    let certificate = Certificate::for_loopback()?;
    let authority = Authority::new();
    let mine = authority.credentials(&json!({ "allow": [format!("{SUBJECT}.>")] }))?;
    let others = authority.credentials(&json!({ "allow": ["others.>"] }))?;
    let access = Access::Vouched(Box::new(authority));
    let server = NatsServer::start(&certificate, access)?;
    server.make_stream()?;
    let world = with_wrong_login(&server, "credentials", &others)?;
    told(&world, "Permissions Violation for Publish")?;
    ensure!(server.messages()?.is_empty(), "it took what it may not");
    put_login(&world, &mine)?;
    nothing_is_lost(world, &server)
}
