//! Another gateway takes the place of the one that runs: streams go on, calls are answered all the while, and the one log
//! has everything. A successor that fails changes nothing.

mod budgets;

use std::{
    collections::BTreeMap,
    env, fs,
    io::{Read as _, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixDatagram, UnixStream},
    },
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustls::version::TLS13;
use serde_json::{Value, json};
use tests::{
    agent::Agent,
    certificate::Certificate,
    client::{Begun, Client},
    env::{HANDOVER, number},
    gateway::{Former, Gateway, START_MAX, binary},
    peers::{Peer, place::Place},
    records::{self, Record},
    setup::{Service, Setup},
};

use crate::{
    upstreams::wait,
    world::{HERE, path_selector, verified},
};

/// Streams if nothing is said: few, for every day.
const FEW: u64 = 50;

/// Who calls all the while, each on connections of its own.
const CALLERS: u64 = 3;

/// Calls that each caller makes at least, before and after.
const CALLS_EACH: u64 = 10;

const MAIL: &str = "tamsel.wrenfold@example.org";

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);

@id("contact-is-masked")
@obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email");
"#;

/// A service that streams until it is let go, and a gateway before it.
struct Shop {
    gateway: Gateway,
    place: Place,
    _peer: Peer,
    client: Client,
}

impl Shop {
    fn new() -> Result<Self> {
        Self::with(|setup| setup)
    }

    fn with(shape: impl FnOnce(Setup) -> Setup) -> Result<Self> {
        let place = Place::new("DE");
        let peer = place.serve("127.0.0.1:0")?;
        let service = Service::new("shop", &peer.url(), "DE")
            .operation("stream", "GET", "/stream/{stream}")
            .operation("thing", "GET", "/things/{thing}")
            .set("idle_timeout", json!("10m"));
        let here = path_selector(&env::current_exe()?.canonicalize()?);
        let setup = Setup::new()
            .agent(HERE, &[here], "optional")
            .service(service)
            .policy(POLICY);
        Ok(Self {
            gateway: Gateway::start(&shape(setup))?,
            place,
            _peer: peer,
            client: Client::plain()?,
        })
    }

    fn begin(&self, what: &str, count: u64) -> Result<Vec<Begun>> {
        let begin = |number| {
            let url = self.gateway.url(&format!("/shop/stream/{what}-{number}"))?;
            let stream = self.client.begin(&url, &[])?;
            assert_eq!(stream.status, 200);
            Ok(stream)
        };
        (0..count).map(begin).collect()
    }

    /// Ends streams, each of which must be as `whole`.
    fn end(&self, streams: Vec<Begun>, whole: &str) -> Result<u64> {
        let count = streams.len() as u64;
        for stream in streams {
            let text = self.client.end(stream).context("a stream broke off")?;
            assert_eq!(text, whole, "a stream was changed");
        }
        Ok(count)
    }

    /// What a stream is when one gateway has it from its beginning to its end.
    fn whole(&self) -> Result<String> {
        let text = self
            .client
            .get(&self.gateway.url("/shop/stream/whole")?, &[])?
            .text();
        ensure!(text.contains("begins") && text.contains("ends"), "{text}");
        ensure!(
            text.contains("mail") && !text.contains(MAIL),
            "it is not masked: {text}"
        );
        Ok(text)
    }

    /// Stops the gateway, and holds its log to what happened.
    fn finish(mut self, released: u64) -> Result<Vec<Record>> {
        let listen = self.gateway.listen(0)?.to_string();
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        let report = verified(&self.gateway)?;
        let open = report
            .get("open")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        ensure!(open == 0, "{open} records are open: {report}");
        let records = records::list(&self.gateway)?;
        let mut ends: BTreeMap<String, u64> = BTreeMap::new();
        for record in &records {
            match record.kind().as_str() {
                "close" => *ends.entry(record.text("result")).or_default() += 1,
                // Other tests go past this gateway, to theirs; what comes to it is accepted, here or there.
                "bypass" => ensure!(record.text("remote") != listen, "{record:?}"),
                "refuse" | "anomaly" => bail!("nobody was to be refused: {record:?}"),
                _ => {}
            }
        }
        assert_eq!(ends, BTreeMap::from([("released".to_owned(), released)]));
        Ok(records)
    }
}

/// Calls all the while; any that is not answered fails the test.
struct Steady {
    stop: AtomicBool,
    calls: AtomicU64,
}

impl Steady {
    fn call(&self, url: &str, kept: bool) -> Result<()> {
        let client = Client::plain()?;
        while !self.stop.load(Ordering::SeqCst) {
            let anew = (!kept).then(Client::plain).transpose()?;
            let reply = anew.as_ref().unwrap_or(&client).get(url, &[]);
            let reply = reply.context("a call was not answered")?;
            ensure!(reply.status == 200 && reply.whole, "{}", reply.text());
            ensure!(!reply.text().contains(MAIL), "it is not masked");
            self.calls.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    fn more(&self) -> Result<()> {
        let till = self.calls.load(Ordering::SeqCst) + CALLERS * CALLS_EACH;
        wait("calls are answered", || {
            let all = self.calls.load(Ordering::SeqCst) >= till;
            Ok(all || self.stop.load(Ordering::SeqCst))
        })
    }
}

/// Does `work` while others call; gives how many calls there were, too.
fn steadily<T>(url: &str, work: impl FnOnce(&Steady) -> Result<T>) -> Result<(T, u64)> {
    let steady = Steady {
        stop: AtomicBool::new(false),
        calls: AtomicU64::new(0),
    };
    let done = thread::scope(|scope| -> Result<T> {
        let call = |number: u64| {
            let called = steady.call(url, number > 0);
            steady.stop.store(true, Ordering::SeqCst);
            called
        };
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| scope.spawn(move || call(number)))
            .collect();
        let done = work(&steady);
        steady.stop.store(true, Ordering::SeqCst);
        for caller in callers {
            caller.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        done
    })?;
    Ok((done, steady.calls.load(Ordering::SeqCst)))
}

fn ended(mut former: Former) -> Result<()> {
    let status = former.ended()?;
    ensure!(status.success(), "the gateway before ended with {status}");
    Ok(())
}

/// What starts and stops say of whose place was taken.
fn handovers(records: &[Record], kind: &str) -> usize {
    let said = if kind == "stop" {
        ", which serves"
    } else {
        "handover: from pid "
    };
    let of_kind = records.iter().filter(|record| record.kind() == kind);
    of_kind
        .filter(|record| record.0.to_string().contains(said))
        .count()
}

#[test]
fn another_gateway_takes_over_under_streams_and_calls_and_nothing_is_lost() -> Result<()> {
    let streams = number(HANDOVER, FEW);
    let mut shop = Shop::new()?;
    let url = shop.gateway.url("/shop/things/one")?;
    let old = shop.begin("old", streams)?;
    let (admin, address) = (shop.gateway.admin_url("/readyz")?, shop.gateway.listen(0)?);
    let (former, calls) = {
        let Shop { gateway, place, .. } = &mut shop;
        steadily(&url, |steady| {
            steady.more()?;
            let former = gateway.take_over(&[])?;
            steady.more()?;
            assert_eq!(place.streaming(), streams, "a stream was dropped");
            Ok(former)
        })?
    };
    assert_eq!(shop.gateway.listen(0)?, address);
    assert_eq!(shop.gateway.admin_url("/readyz")?, admin);
    let ready = shop.client.get(&admin, &[])?;
    assert_eq!(ready.status, 200, "{}", ready.text());
    let new = shop.begin("new", streams / 5)?;
    shop.place.let_go();
    let whole = shop.whole()?;
    let released = shop.end(old, &whole)? + shop.end(new, &whole)? + calls + 1;
    ended(former)?;
    assert_eq!(shop.place.asked(), released);
    let records = shop.finish(released)?;
    assert_eq!(handovers(&records, "start"), 1);
    assert_eq!(handovers(&records, "stop"), 1);
    eprintln!("scenario handover: {streams} streams and {calls} calls, all released, none dropped");
    Ok(())
}

#[test]
fn two_takeovers_in_turn_leave_one_log() -> Result<()> {
    let mut shop = Shop::new()?;
    let mut begun = vec![shop.begin("first", 5)?];
    let first = shop.gateway.take_over(&[])?;
    begun.push(shop.begin("second", 5)?);
    let second = shop.gateway.take_over(&[])?;
    begun.push(shop.begin("third", 5)?);
    shop.place.let_go();
    let whole = shop.whole()?;
    let mut released = 1;
    for streams in begun {
        released += shop.end(streams, &whole)?;
    }
    ended(first)?;
    ended(second)?;
    let records = shop.finish(released)?;
    assert_eq!(handovers(&records, "start"), 2);
    assert_eq!(handovers(&records, "stop"), 2);
    Ok(())
}

#[test]
fn a_command_does_it_and_tells_the_service_manager_who_serves() -> Result<()> {
    let mut shop = Shop::new()?;
    let (url, admin) = (
        shop.gateway.url("/shop/things/one")?,
        shop.gateway.admin_url("/readyz")?,
    );
    let told = shop.gateway.folder().join("notify");
    let manager = UnixDatagram::bind(&told)?;
    manager.set_read_timeout(Some(START_MAX))?;
    let output = Command::new(binary()?)
        .args(["upgrade", "--config"])
        .arg(shop.gateway.config())
        .env("NOTIFY_SOCKET", &told)
        .current_dir(shop.gateway.folder())
        .stderr(Stdio::null())
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{said}");
    let pid = said.split_whitespace().nth(1).context("no pid")?.to_owned();
    let mut heard = String::new();
    while !heard.contains("READY=1") {
        let mut message = [0; 256];
        let bytes = manager.recv(&mut message)?;
        heard.push_str(std::str::from_utf8(
            message.get(..bytes).unwrap_or_default(),
        )?);
        heard.push('\n');
    }
    ensure!(heard.contains(&format!("MAINPID={pid}\n")), "{heard}");
    ensure!(!heard.contains("STOPPING"), "the unit would end: {heard}");
    let former = shop.gateway.let_go()?;
    ended(former)?;
    // It is nobody's child any more.
    assert_eq!(shop.client.get(&url, &[])?.status, 200);
    assert_eq!(shop.client.get(&admin, &[])?.status, 200);
    let running = Pid::from_raw(pid.parse()?).context("no process")?;
    kill_process(running, Signal::TERM)?;
    let over = || {
        let records = records::list(&shop.gateway)?;
        Ok(records
            .iter()
            .filter(|record| record.kind() == "stop")
            .count()
            == 2)
    };
    wait("it has stopped", over)?;
    verified(&shop.gateway)?;
    Ok(())
}

#[test]
fn what_is_still_open_when_its_time_is_over_ends_on_record() -> Result<()> {
    let mut shop = Shop::new()?;
    let streams = shop.begin("long", 3)?;
    let former = shop.gateway.take_over(&["--drain", "1s"])?;
    ended(former)?;
    for stream in streams {
        ensure!(
            shop.client.end(stream).is_none(),
            "a stream had no end, and ended"
        );
    }
    ensure!(shop.gateway.stop()?.success());
    let report = verified(&shop.gateway)?;
    let open = report
        .get("open")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    assert_eq!(open, 0, "{report}");
    let records = records::list(&shop.gateway)?;
    let closed = records.iter().filter(|record| record.kind() == "close");
    let closed: Vec<String> = closed.map(|record| record.text("result")).collect();
    assert_eq!(closed.len(), 3);
    ensure!(!closed.contains(&"released".to_owned()), "{closed:?}");
    Ok(())
}

/// A successor that goes no further than it should.
struct False(UnixStream);

impl False {
    fn meet(gateway: &Gateway) -> Result<Self> {
        let stream = UnixStream::connect(gateway.data().join("handover.sock"))?;
        let mut met = Self(stream);
        met.say(r#"{"hello":[2,{"pid":1,"version":"9.9.9"}]}"#)?;
        met.hear("hello")?;
        Ok(met)
    }

    fn say(&mut self, line: &str) -> Result<()> {
        Ok(self.0.write_all(format!("{line}\n").as_bytes())?)
    }

    /// Reads up to the line that begins so.
    fn hear(&mut self, word: &str) -> Result<String> {
        let mut line = String::new();
        let mut byte = [0];
        loop {
            ensure!(
                self.0.read(&mut byte)? == 1,
                "it hung up before `{word}`: {line}"
            );
            match byte {
                [b'\n'] if line.contains(word) => return Ok(line),
                [b'\n'] => line.clear(),
                [byte] => line.push(char::from(byte)),
            }
        }
    }
}

#[test]
fn a_successor_that_fails_changes_nothing() -> Result<()> {
    let shop = Shop::new()?;
    let url = shop.gateway.url("/shop/things/one")?;
    let streams = shop.begin("old", 5)?;
    let failed = |gateway: &Gateway, why: &str| -> Result<()> {
        let output = gateway.cli(&[
            "upgrade",
            "--config",
            &gateway.config().display().to_string(),
        ])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success() && said.contains(why), "{said}");
        Ok(())
    };
    let good = fs::read(shop.gateway.config())?;
    let ((), calls) = steadily(&url, |steady| {
        let gateway = &shop.gateway;
        // It does not understand its configuration, its policies, or cannot have its address.
        gateway.reconfigure(|config| config["listen"] = json!([{ "adress": "127.0.0.1:0" }]))?;
        failed(gateway, "adress")?;
        fs::write(gateway.config(), &good)?;
        fs::write(gateway.folder().join("bad.cedar"), "permit (principal")?;
        gateway.reconfigure(|config| config["policies"] = json!(["bad.cedar"]))?;
        failed(gateway, "bad.cedar")?;
        fs::write(gateway.config(), &good)?;
        steady.more()?;
        // It goes away before it asks.
        drop(False::meet(gateway)?);
        steady.more()?;
        // Once it has the log.
        let mut asking = False::meet(gateway)?;
        asking.say(r#"{"ask":60}"#)?;
        asking.hear("yours")?;
        drop(asking);
        steady.more()?;
        // While it holds the log's lock, which is let go only later.
        let mut asking = False::meet(gateway)?;
        asking.say(r#"{"ask":60}"#)?;
        asking.hear("yours")?;
        let lock = fs::File::open(gateway.data().join("log.lock"))?;
        lock.lock()?;
        asking.say("nonsense")?;
        ensure!(asking.hear("nothing").is_err(), "it is answered");
        drop(lock);
        steady.more()
    })?;
    shop.place.let_go();
    let whole = shop.whole()?;
    let released = shop.end(streams, &whole)? + calls + 1;
    let records = shop.finish(released)?;
    let gaps = records
        .iter()
        .filter(|it| it.text("reason") == "handover_failed");
    assert_eq!(gaps.count(), 2);
    assert_eq!(handovers(&records, "start"), 0);
    Ok(())
}

#[test]
fn one_that_greets_and_never_asks_holds_nobody_off() -> Result<()> {
    let mut shop = Shop::new()?;
    let idle = (0..3)
        .map(|_| False::meet(&shop.gateway))
        .collect::<Result<Vec<_>>>()?;
    let former = shop.gateway.take_over(&[])?;
    ended(former)?;
    drop(idle);
    shop.place.let_go();
    shop.whole()?;
    shop.finish(1).map(drop)
}

#[test]
fn streams_of_http2_go_on_where_they_are_and_new_ones_go_elsewhere() -> Result<()> {
    let certificate = Certificate::for_loopback()?;
    let mut shop = Shop::with(|setup| setup.tls(&certificate))?;
    let client = Client::tls(&certificate.authority, &TLS13, true)?;
    let begin = |shop: &Shop, name: &str| -> Result<Begun> {
        let url = shop.gateway.tls_url(&format!("/shop/stream/{name}"))?;
        let stream = client.begin(&url, &[])?;
        assert_eq!(stream.status, 200);
        Ok(stream)
    };
    // Both on one connection.
    let mut streams = vec![begin(&shop, "one")?, begin(&shop, "two")?];
    let former = shop.gateway.take_over(&[])?;
    assert_eq!(shop.place.streaming(), 2, "a stream was dropped");
    streams.push(begin(&shop, "three")?);
    shop.place.let_go();
    let whole = shop.whole()?;
    for stream in streams {
        let text = client.end(stream).context("a stream broke off")?;
        assert_eq!(text, whole, "a stream was changed");
    }
    ended(former)?;
    shop.finish(4).map(drop)
}

#[test]
fn streams_whose_log_is_gone_end_at_once() -> Result<()> {
    let mut shop = Shop::new()?;
    let streams = shop.begin("old", 5)?;
    let mut former = shop.gateway.take_over(&[])?;
    // The one that has the log.
    shop.gateway.kill()?;
    ensure!(!former.ended()?.success(), "it ended as if all were well");
    shop.place.let_go();
    for stream in streams {
        ensure!(shop.client.end(stream).is_none(), "bytes without a record");
    }
    shop.gateway.restart()?;
    ensure!(shop.gateway.stop()?.success());
    let report = verified(&shop.gateway)?;
    let open = report
        .get("open")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    assert_eq!(open, 5, "{report}");
    Ok(())
}

#[test]
fn what_cannot_be_taken_over_says_so_and_serves_on() -> Result<()> {
    let shop = Shop::new()?;
    // Of another version.
    let stream = UnixStream::connect(shop.gateway.data().join("handover.sock"))?;
    let mut met = False(stream);
    met.say(r#"{"hello":[1,{"pid":1,"version":"0.0.1"}]}"#)?;
    met.hear("refused")?;
    // A new configuration of what nobody can hand over.
    shop.gateway
        .reconfigure(|config| config["egress"]["pins"] = json!("/sys/fs/bpf/never"))?;
    let config = shop.gateway.config().display().to_string();
    let output = shop.gateway.cli(&["upgrade", "--config", &config])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && said.contains("pins"), "{said}");
    let reply = shop
        .client
        .get(&shop.gateway.url("/shop/things/one")?, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    shop.finish(1)?;
    Ok(())
}

#[test]
fn another_users_process_gets_neither_sockets_nor_the_log() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let shop = Shop::new()?;
    let socket = shop.gateway.data().join("handover.sock");
    let mode = |path: &std::path::Path| -> Result<u32> {
        Ok(fs::metadata(path)?.permissions().mode() & 0o777)
    };
    assert_eq!(mode(&socket)?, 0o600);
    assert_eq!(mode(&shop.gateway.data())?, 0o700);
    let curl = Agent::curl()?;
    let stranger = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command
            .arg(curl.program())
            .args(["--silent", "--unix-socket"]);
        command.arg(&socket).arg("http://localhost/").output()
    };
    ensure!(
        !stranger()?.status.success(),
        "the folder lets strangers in"
    );
    // Where somebody has opened the folder, the kernel's word on who asks is left.
    let open = [
        (shop.gateway.folder(), 0o711),
        (&shop.gateway.data(), 0o711),
        (&socket, 0o666),
    ];
    for (path, mode) in open {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    let output = stranger()?;
    ensure!(
        !output.status.success() && output.stdout.is_empty(),
        "a stranger was answered"
    );
    let refused = || Ok(shop.gateway.stderr().contains("asked for the log"));
    wait("it is told", refused)?;
    let reply = shop
        .client
        .get(&shop.gateway.url("/shop/things/one")?, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    shop.finish(1)?;
    Ok(())
}
