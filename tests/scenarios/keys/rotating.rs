//! Another key-encryption key while agents call: the gateway is killed while it wraps anew what the older one wrapped, and
//! goes on by itself. Afterwards that is in no file, and everything opens: the log, its copy, whom it is about, the
//! services' keys. Who was erased stays so.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{client::Client, env, gateway::Gateway, peers::Peer, people::Dice, records};

use super::{
    ANYTHING, HERE, Keeper, Keyed, Service, Setup, Shop, bearer_of, key, path_selector, private,
    shown, until, verified,
};
use crate::{canary::contains, cluster::Cluster, credentials::write};

/// Data subjects before the rotation: some batches of keys.
const SUBJECTS: u64 = 2000;
/// How many call at a time.
const CALLERS: u64 = 4;
/// Kills fall within this time after a rotation began, in milliseconds.
const KILL_AFTER_MS_MAX: u64 = 80;

/// A gateway whose log is copied to a PostgreSQL, if there is one, and that presents a key.
struct Host {
    gateway: Gateway,
    cluster: Cluster,
    _peer: Peer,
    /// Numbers of things, each asked for once.
    next: Arc<AtomicU64>,
}

impl Host {
    fn start() -> Result<Self> {
        let cluster = Cluster::start();
        let keyed = Keyed::default();
        let peer = Peer::serve(keyed.router(), "127.0.0.1:0", None)?;
        let service = Service::new("shop", &peer.url(), "DE")
            .operation("thing.read", "GET", "/things/{thing}")
            .set("credential", json!({ "name": "shop", "as": "bearer" }));
        let this = std::env::current_exe()?.canonicalize()?;
        let postgres = json!({ "url": cluster.url() });
        let setup = Setup::new()
            .agent(HERE, &[path_selector(&this)], "optional")
            .service(service)
            .policy(ANYTHING)
            .set(
                "audit",
                json!({ "directory": "data", "postgres": postgres }),
            );
        let folder = tempfile::tempdir()?;
        let key = key(66);
        keyed.want(&bearer_of(&key));
        write(&folder.path().join("data"), &["set", "shop"], &key)?;
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            cluster,
            _peer: peer,
            next: Arc::default(),
        })
    }

    /// Calls about ever new things until nobody is there, or it is told to stop; gives the record of each, by its thing.
    fn callers(&self, most: u64, stop: &AtomicBool) -> Result<BTreeMap<u64, String>> {
        let base = self.gateway.url("/shop/things")?;
        let call = || -> Result<BTreeMap<u64, String>> {
            let (client, mut answers) = (Client::plain()?, BTreeMap::new());
            while !stop.load(Ordering::Relaxed) {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                if number >= most {
                    break;
                }
                let thing = format!("T-{number:08}");
                let Ok(reply) = client.get(&format!("{base}/{thing}"), &[]) else {
                    break;
                };
                ensure!(reply.status == 200, "{}: {}", reply.status, reply.text());
                if reply.whole {
                    answers.insert(reply.record().context("no record")?, thing);
                }
            }
            Ok(answers)
        };
        thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
            let mut all = BTreeMap::new();
            for caller in callers {
                all.extend(caller.join().map_err(|_| anyhow!("a caller panicked"))??);
            }
            Ok(all)
        })
    }

    /// Others call while the keys are rotated and one rotates the service's; it ends by SIGKILL, at any moment of that.
    fn life(&mut self, dice: &mut Dice) -> Result<BTreeMap<u64, String>> {
        let data = self.gateway.data();
        write(&data, &["rotate", "shop"], &key(66))?;
        let stop = AtomicBool::new(false);
        let after = dice.between(0, KILL_AFTER_MS_MAX);
        let answers = thread::scope(|scope| {
            let calls = scope.spawn(|| self.callers(u64::MAX, &stop));
            let rotated = self
                .gateway
                .cli(&["keys", "rotate", "--data", &shown(&data)]);
            // Not a wait for something: the random moment is the test.
            thread::sleep(Duration::from_millis(after));
            let killed = self.gateway.signal(Signal::KILL);
            stop.store(true, Ordering::Relaxed);
            let answers = calls.join().map_err(|_| anyhow!("it panicked"))?;
            killed?;
            let rotated = rotated?;
            let said = String::from_utf8_lossy(&rotated.stderr);
            let is_under_way = said.contains("a rotation is under way");
            ensure!(rotated.status.success() || is_under_way, "{said}");
            answers
        })?;
        self.gateway.kill()?;
        Ok(answers)
    }

    fn status(&self) -> Result<Value> {
        let data = shown(&self.gateway.data());
        let status = ["keys", "status", "-o", "json", "--data", &data];
        Ok(serde_json::from_str(&said(&self.gateway, &status)?)?)
    }
}

/// What `tidegate` says, if it does what it is told.
fn said(gateway: &Gateway, arguments: &[&str]) -> Result<String> {
    let output = gateway.cli(arguments)?;
    let text = String::from_utf8([&output.stdout[..], &output.stderr].concat())?;
    ensure!(output.status.success(), "{arguments:?}: {text}");
    Ok(text)
}

/// Whether any file beside the log has this key, in whatever form.
pub(super) fn holding(gateway: &Gateway, key: &str) -> Result<Vec<String>> {
    let bytes = BASE64_STANDARD.decode(key)?;
    let digits = hex::encode(&bytes);
    let mut found = Vec::new();
    for (path, text) in gateway.files()? {
        if contains(&text, &bytes) || contains(&text, key) || contains(&text, &digits) {
            found.push(shown(&path));
        }
    }
    Ok(found)
}

/// The key-encryption keys that the keyring in clear has.
fn wrapping_keys(data: &Path) -> Result<BTreeSet<String>> {
    let keyring: Value = serde_json::from_slice(&fs::read(data.join("keyring.json"))?)?;
    let keys = keyring.get("wrapping").and_then(Value::as_array);
    let keys = keys.context("no keys")?;
    let keys = keys
        .iter()
        .filter_map(|it| Some(it["key"].as_str()?.to_owned()));
    Ok(keys.collect())
}

/// Copies what opens a log to `to`.
fn backup(data: &Path, to: &Path) -> Result<()> {
    for file in fs::read_dir(data)? {
        let file = file?;
        let name = file.file_name();
        let name = name.to_str().context("a name")?;
        let kept = ["log.sqlite", "subjects.sqlite", "keyring.json"];
        if kept.iter().any(|it| name.starts_with(it)) && !name.ends_with("-shm") {
            fs::copy(file.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// All records of the log in `folder`, by whoever has its keys, as text.
fn readable(gateway: &Gateway, folder: &Path) -> Result<String> {
    let list = ["audit", "list", "--limit", "1000000", "-o", "json"];
    said(gateway, &[&list[..], &["--data", &shown(folder)]].concat())
}

/// What was done to keys, as it is on record, with what is said of it.
fn acts(gateway: &Gateway) -> Result<Vec<(String, Value)>> {
    let list = [
        "list", "--limit", "1000000", "--kind", "query", "-o", "json",
    ];
    let output = gateway.audit(&list)?;
    ensure!(output.status.success(), "{output:?}");
    let entries: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let act = |entry: Value| {
        let record = records::Record(entry);
        let criteria = record.find("criteria").cloned().unwrap_or_default();
        (record.text("command"), criteria)
    };
    let all = entries.into_iter().map(act);
    Ok(all
        .filter(|(command, _)| command.starts_with("keys "))
        .collect())
}

#[test]
fn a_killed_gateway_goes_on_with_a_rotation_and_older_keys_are_gone() -> Result<()> {
    let mut host = Host::start()?;
    let data = host.gateway.data();
    let mut answers = host.callers(SUBJECTS, &AtomicBool::new(false))?;
    let before = tempfile::tempdir()?;
    backup(&data, before.path())?;
    let mut older = wrapping_keys(&data)?;
    for key in &older {
        assert_eq!(holding(&host.gateway, key)?.len(), 1, "the keyring has it");
    }
    let (&erased, thing) = answers.first_key_value().context("no answer")?;
    let subject = format!("thing={thing}");
    let erase = ["erase", "--subject", &subject, "--reason", "ticket 12"];
    let output = host.gateway.audit(&erase)?;
    ensure!(output.status.success(), "{output:?}");

    let mut dice = Dice::new(u64::from(std::process::id()));
    for _ in 0..env::number(env::KILLS, 6) {
        answers.extend(host.life(&mut dice)?);
        older.extend(wrapping_keys(&data)?);
        host.gateway.restart()?;
    }
    let ended = until("the end of the rotation", || {
        Ok(wrapping_keys(&data)?.len() == 1)
    });
    ended.with_context(|| format!("{:?}\n{}", host.status(), host.gateway.stderr()))?;
    let last = host.next.load(Ordering::Relaxed) + 20;
    answers.extend(host.callers(last, &AtomicBool::new(false))?);

    older.retain(|key| wrapping_keys(&data).is_ok_and(|kept| !kept.contains(key)));
    ensure!(!older.is_empty(), "nothing was rotated");
    for key in &older {
        assert_eq!(holding(&host.gateway, key)?, [] as [String; 0]);
    }
    let newest = all_under_one(&host.status()?)?;
    copied(&host)?;
    ensure!(host.gateway.stop()?.success(), "{}", host.gateway.stderr());
    on_record(&host.gateway, newest)?;
    opens(&host, before.path(), &answers, erased)
}

/// Everything is wrapped by one key; gives which.
fn all_under_one(status: &Value) -> Result<u64> {
    assert_eq!(status["rotation"], Value::Null, "{status}");
    let [wrapped] = &status["wrapped"].as_array().context("no keys")?[..] else {
        anyhow::bail!("some key wraps what it should not: {status}");
    };
    assert_eq!(status["wrapping"], json!([wrapped["key"]]), "{status}");
    for (name, least) in [
        ("data_keys", 3),
        ("subject_keys", SUBJECTS - 1),
        ("credentials", 2),
        ("signing_keys", 1),
    ] {
        ensure!(wrapped[name].as_u64() >= Some(least), "{name}: {status}");
    }
    wrapped["key"].as_u64().context("no id")
}

/// Every rotation has its beginning and its end on record.
fn on_record(gateway: &Gateway, newest: u64) -> Result<()> {
    let acts = acts(gateway)?;
    for command in ["keys rotate", "keys retire"] {
        let of_it = acts.iter().filter(|(it, _)| it == command);
        let mut keys: Vec<u64> = of_it
            .filter_map(|(_, said)| said["key"].as_str()?.parse().ok())
            .collect();
        // A crash between the record and what it is of has it done, and said, again.
        keys.dedup();
        let expected: Vec<u64> = (2..=newest).collect();
        assert_eq!(keys, expected, "{command}: {acts:?}");
    }
    Ok(())
}

/// Waits until the copy has all records.
fn copied(host: &Host) -> Result<()> {
    let client = Client::plain()?;
    let figure = |text: &str, name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit_once(' ')?.1.parse().ok()
    };
    until("a copy of all records", || {
        let text = client
            .get(&host.gateway.admin_url("/metrics")?, &[])?
            .text();
        let records = figure(&text, "tidegate_audit_records_total ");
        Ok(records.is_some() && records == figure(&text, "tidegate_audit_records_copied "))
    })
}

/// Everything opens by the keys that are left, and what was kept before by those of then.
fn opens(host: &Host, before: &Path, answers: &BTreeMap<u64, String>, erased: u64) -> Result<()> {
    let data = host.gateway.data();
    let log = records::list(&host.gateway)?;
    let about: BTreeMap<u64, String> = log
        .iter()
        .filter_map(|it| {
            let thing = it.find("bound")?["thing"].as_str()?;
            Some((it.index()?, thing.to_owned()))
        })
        .collect();
    for (record, thing) in answers {
        let told = about.get(record).context("a call is not on record")?;
        if *record == erased {
            ensure!(told.starts_with("erased:"), "{told}");
        } else {
            assert_eq!(told, thing, "record {record}");
        }
    }
    verified(&host.gateway)?;
    let verify = ["audit", "verify", "--data", &shown(&data)];
    said(&host.gateway, &verify)?;

    // The copy, by the log's keyring of now.
    let elsewhere = tempfile::tempdir()?;
    for file in ["keyring.json", "subjects.sqlite"] {
        fs::copy(data.join(file), elsewhere.path().join(file))?;
    }
    let url = host.cluster.url();
    let copy = ["audit", "copy", "--from", &url, "--data"];
    said(
        &host.gateway,
        &[&copy[..], &[&shown(elsewhere.path())]].concat(),
    )?;
    let text = readable(&host.gateway, elsewhere.path())?;
    let (_, last) = answers.last_key_value().context("no answer")?;
    ensure!(contains(text.as_bytes(), last), "the copy does not open");
    // And what was put aside before it, by the keyring that was put aside with it.
    let text = readable(&host.gateway, before)?;
    ensure!(contains(text.as_bytes(), "T-00000001"), "it does not open");
    Ok(())
}

#[test]
fn an_older_key_stays_until_the_copy_has_what_was_wrapped_anew() -> Result<()> {
    let host = Host::start()?;
    let data = host.gateway.data();
    host.callers(20, &AtomicBool::new(false))?;
    copied(&host)?;
    host.cluster.kill();
    said(&host.gateway, &["keys", "rotate", "--data", &shown(&data)])?;
    until("all is wrapped anew", || {
        let rotation = host.status()?["rotation"].take();
        Ok(rotation["left"] == 0)
    })?;
    assert_eq!(host.status()?["wrapping"], json!([1, 2]));
    host.cluster.restart();
    until("the end of the rotation", || {
        Ok(host.status()?["wrapping"] == json!([2]))
    })
    .with_context(|| host.gateway.stderr())?;
    Ok(())
}

#[test]
fn a_sealed_keyring_stays_sealed_by_whoever_keeps_its_root() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let phrase = [key(67), key(68)].join(" ");
    let secret = folder.path().join("phrase");
    let mut keeper = Keeper::of_file("passphrase", &secret, phrase.as_bytes())?;
    let mut shop = Shop::sealed_by(&keeper)?;
    let data = shown(&shop.gateway.data());
    let keyring = shop.gateway.data().join("keyring.json");
    let kept = || -> Result<Value> { Ok(serde_json::from_slice(&fs::read(&keyring)?)?) };
    shop.until(200)?;
    let first = kept()?;
    (keeper.away)(true)?;
    let rotate = ["keys", "rotate", "--data", &data];
    let refused = keeper.run(&rotate)?;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(kept()?, first, "it changed what it could not");
    (keeper.away)(false)?;
    shop.until(200)?;
    keeper.done(&rotate)?;
    shop.until(200)?;
    let status = ["keys", "status", "-o", "json", "--data", &data];
    let wrapping = || -> Result<Value> {
        let told: Value = serde_json::from_str(&keeper.done(&status)?)?;
        Ok(told["wrapping"].clone())
    };
    until("the end of the rotation", || Ok(wrapping()? == json!([2])))
        .with_context(|| shop.gateway.stderr())?;
    let second = kept()?;
    ensure!(second["sealed"] != first["sealed"], "it is what it was");
    for name in ["version", "log", "verifier", "provider", "root"] {
        assert_eq!(second[name], first[name], "{name}");
    }
    ensure!(shop.gateway.stop()?.success(), "{}", shop.gateway.stderr());

    // Where no gateway runs, the command does all of it.
    let text = keeper.done(&rotate)?;
    ensure!(text.contains("the older key is gone"), "{text}");
    assert_eq!(wrapping()?, json!([3]));
    shop.gateway.restart()?;
    shop.until(200)?;
    ensure!(shop.gateway.stop()?.success(), "{}", shop.gateway.stderr());
    keeper.done(&["keys", "unseal", "--data", &data])?;
    let said: Vec<_> = acts(&shop.gateway)?
        .into_iter()
        .map(|(command, said)| (command, said["key"].as_str().map(str::to_owned)))
        .filter(|(command, _)| command != "keys seal")
        .collect();
    let expected = [
        ("keys rotate", "2"),
        ("keys retire", "2"),
        ("keys rotate", "3"),
        ("keys retire", "3"),
    ];
    let expected = expected.map(|(command, key)| (command.to_owned(), Some(key.to_owned())));
    assert_eq!(said, expected);
    let keys: Value = kept()?["wrapping"].take();
    assert_eq!(
        keys.as_array().map(Vec::len),
        Some(1),
        "older keys are left"
    );
    verified(&shop.gateway)?;
    Ok(())
}

#[test]
fn a_keyring_opens_whenever_sealing_it_was_cut_short() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let phrase = [key(69), key(70)].join(" ");
    let secret = folder.path().join("phrase");
    private(&secret, phrase.as_bytes())?;
    let data = shown(&folder.path().join("data"));
    let binary = tests::gateway::binary()?;
    let status = || -> Result<Value> {
        let status = ["keys", "status", "-o", "json", "--data", &data];
        let output = std::process::Command::new(&binary).args(status).output()?;
        ensure!(output.status.success(), "{output:?}");
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let sealing = || {
        let seal = ["keys", "seal", "passphrase", "--secret"];
        let mut command = std::process::Command::new(&binary);
        command.args(seal).arg(&secret).args(["--data", &data]);
        command.stdout(std::process::Stdio::null());
        command
    };
    ensure!(sealing().status()?.success(), "it is not sealed");
    let verifier = status()?["verifier"].clone();
    let mut dice = Dice::new(u64::from(std::process::id()));
    let began = std::time::Instant::now();
    ensure!(sealing().status()?.success(), "it is not sealed");
    let whole = u64::try_from(began.elapsed().as_millis())?.max(2);
    for _ in 0..8 {
        let mut child = sealing().spawn()?;
        // Not a wait for something: the random moment is the test.
        thread::sleep(Duration::from_millis(dice.between(0, whole)));
        child.kill()?;
        child.wait()?;
        let told = status()?;
        assert_eq!(
            (&told["opens"], &told["verifier"]),
            (&json!(true), &verifier)
        );
    }
    ensure!(sealing().status()?.success(), "it is not sealed");
    let unseal = ["keys", "unseal", "--data", &data];
    let unsealed = std::process::Command::new(&binary).args(unseal).output()?;
    ensure!(unsealed.status.success(), "{unsealed:?}");
    let verify = ["audit", "verify", "--data", &data];
    let judged = std::process::Command::new(&binary).args(verify).output()?;
    ensure!(judged.status.success(), "{judged:?}");
    Ok(())
}
