//! Another key signs the log while agents call: the gateway is killed at any moment of that, and its next start finishes
//! it. Every form of the log verifies by the first key and by the newest one; the older private halves are in no file.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    auditor::{self, Go, Judgement},
    client::Client,
    cosigner::Witness,
    env,
    people::Dice,
    records,
};

use super::{private, rotating::holding, shown, until};
use crate::{
    cluster::Cluster,
    world::{World, verified},
};

/// How many call at a time.
const CALLERS: usize = 4;
/// Kills fall within this time after a rotation began, in milliseconds.
const KILL_AFTER_MS_MAX: u64 = 60;

/// A log, and those who judge every form of it.
struct Host {
    world: World,
    cluster: Cluster,
    first: String,
    /// A checkpoint of before.
    kept: String,
}

impl Host {
    fn start() -> Result<Self> {
        let cluster = Cluster::start();
        let url = cluster.url();
        let world = World::with(|setup| {
            let postgres = json!({ "url": url });
            let audit = json!({ "directory": "data", "tiles": "tiles", "postgres": postgres });
            setup.set("audit", audit)
        })?;
        let first = world.gateway.public_key()?;
        let kept = shown(&world.gateway.folder().join("kept"));
        Ok(Self {
            world,
            cluster,
            first,
            kept,
        })
    }

    fn tiles(&self) -> PathBuf {
        self.world.gateway.folder().join("tiles")
    }

    fn rotate(&self) -> Result<std::process::Output> {
        let data = shown(&self.world.gateway.data());
        let rotate = ["keys", "rotate", "--signing", "--data", &data];
        self.world.gateway.cli(&rotate)
    }

    /// Calls until nobody is there, or it is told to stop; gives the records.
    fn callers(&self, stop: &AtomicBool) -> Result<BTreeSet<u64>> {
        let url = self.world.gateway.url("/crm/items/1")?;
        let call = || -> Result<BTreeSet<u64>> {
            let (client, mut answers) = (Client::plain()?, BTreeSet::new());
            while !stop.load(Ordering::Relaxed) {
                let Ok(reply) = client.get(&url, &[]) else {
                    break;
                };
                ensure!(reply.status == 200, "{}: {}", reply.status, reply.text());
                if reply.whole {
                    answers.insert(reply.record().context("no record")?);
                }
            }
            Ok(answers)
        };
        thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
            let mut all = BTreeSet::new();
            for caller in callers {
                all.extend(caller.join().map_err(|_| anyhow!("a caller panicked"))??);
            }
            Ok(all)
        })
    }

    /// Others call while another key comes; it ends by SIGKILL, at any moment of that.
    fn life(&mut self, dice: &mut Dice) -> Result<BTreeSet<u64>> {
        let stop = AtomicBool::new(false);
        let after = dice.between(0, KILL_AFTER_MS_MAX);
        let answers = thread::scope(|scope| {
            let calls = scope.spawn(|| self.callers(&stop));
            let rotated = scope.spawn(|| self.rotate());
            // Not a wait for something: the random moment is the test.
            thread::sleep(Duration::from_millis(after));
            let killed = self.world.gateway.signal(Signal::KILL);
            stop.store(true, Ordering::Relaxed);
            let answers = calls.join().map_err(|_| anyhow!("it panicked"))?;
            // Whether it was answered is a matter of chance.
            let rotated = rotated.join().map_err(|_| anyhow!("it panicked"))?;
            killed.and(rotated)?;
            answers
        })?;
        self.world.gateway.kill()?;
        // As it was left: the log's first key is enough.
        let judged = self.verify(&["--data", "data", "--key", &self.first])?;
        assert_eq!(judged.code, Some(0), "{judged:?}");
        self.world.gateway.restart()?;
        until("the end of the succession", || Ok(self.next()?.is_null()))
            .with_context(|| self.world.gateway.stderr())?;
        Ok(answers)
    }

    fn status(&self) -> Result<Value> {
        let data = shown(&self.world.gateway.data());
        let status = ["keys", "status", "-o", "json", "--data", &data];
        let output = self.world.gateway.cli(&status)?;
        ensure!(output.status.success(), "{output:?}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn next(&self) -> Result<Value> {
        let status = self.status()?;
        let next = status.pointer("/succession/next");
        next.cloned().context("no word of it")
    }

    fn verify(&self, of: &[&str]) -> Result<Judgement> {
        let verify = ["audit", "verify", "-o", "json"];
        let output = self.world.gateway.cli(&[&verify, of].concat())?;
        Ok(Judgement::of(&output))
    }

    /// Every form of the log is true by this key; gives what is said of its successions and since when the key signs.
    fn all_true(&self, key: &str) -> Result<(Value, Value)> {
        let export = self.world.gateway.folder().join("export.jsonl");
        ensure!(self.world.gateway.export(&export)?.status.success());
        let export = shown(&export);
        let mut told = Vec::new();
        for of in [
            vec!["--data", "data"],
            vec!["--postgres", &self.cluster.url()],
            vec!["--export", &export],
        ] {
            told.push(self.verify(&[&of[..], &["--key", key]].concat())?);
        }
        for (what, place) in [("export", Path::new(&export)), ("tiles", &self.tiles())] {
            let by: [&OsStr; 4] = [
                what.as_ref(),
                place.as_ref(),
                "--key".as_ref(),
                key.as_ref(),
            ];
            told.push(auditor::verify(&by)?);
        }
        let what = |judged: &Judgement| {
            let said = &judged.said;
            (said["successions"].clone(), said["since"].clone())
        };
        let first = what(told.first().context("nobody judged")?);
        for judged in &told {
            assert_eq!(judged.code, Some(0), "{judged:?}");
            assert_eq!(what(judged), first, "{judged:?}");
        }
        Ok(first)
    }
}

/// The private halves of the keys that the keyring in clear has.
fn seeds(data: &Path) -> Result<BTreeSet<String>> {
    let keyring: Value = serde_json::from_slice(&fs::read(data.join("keyring.json"))?)?;
    let seeds =
        ["signing", "next_signing"].map(|name| Some(keyring.get(name)?.as_str()?.to_owned()));
    Ok(seeds.into_iter().flatten().collect())
}

#[test]
fn a_signing_key_goes_under_load_and_kills_and_every_form_of_the_log_is_true() -> Result<()> {
    let mut host = Host::start()?;
    let (go, data) = (Go::build()?, host.world.gateway.data());
    call(&host.world)?;
    let newest = host.tiles().join("checkpoint");
    until("tiles", || Ok(newest.exists()))?;
    fs::copy(newest, &host.kept)?;

    let mut dice = Dice::new(u64::from(std::process::id()));
    let (mut answers, mut older) = (BTreeSet::new(), seeds(&data)?);
    for _ in 0..env::number(env::KILLS, 6) {
        answers.extend(host.life(&mut dice)?);
        older.extend(seeds(&data)?);
    }
    // Once without a kill, while others call.
    let stop = AtomicBool::new(false);
    let rotated = thread::scope(|scope| {
        let calls = scope.spawn(|| host.callers(&stop));
        let rotated = host.rotate();
        stop.store(true, Ordering::Relaxed);
        let calls = calls.join().map_err(|_| anyhow!("it panicked"))?;
        answers.extend(calls?);
        rotated
    })?;
    ensure!(rotated.status.success(), "{rotated:?}");
    call(&host.world)?;
    ensure!(host.world.gateway.stop()?.success());

    let status = host.status()?;
    let current = host.world.gateway.public_key()?;
    let said = String::from_utf8(rotated.stdout)?;
    assert_eq!(said.lines().next(), Some(&*current), "it says which");
    let former = status["succession"]["former"].as_array().context("none")?;
    ensure!(!former.is_empty() && current != host.first);
    assert_eq!(former[0]["verifier"], *host.first);
    let (successions, since) = host.all_true(&host.first)?;
    let indices: Vec<&Value> = former.iter().map(|it| &it["until"]).collect();
    let told = successions.as_array().context("no successions")?;
    let told: Vec<&Value> = told.iter().map(|it| &it["index"]).collect();
    assert_eq!((told, since), (indices.clone(), Value::Null));
    let (_, since) = host.all_true(&current)?;
    assert_eq!(Some(&&since), indices.last());
    let own = host.verify(&["--data", "data"])?;
    assert_eq!(own.code, Some(0), "{own:?}");

    by_few_tiles(&host, &current)?;
    on_record(&host, &indices, &answers)?;
    by_go(&host, &go, former, &current)?;
    let now = seeds(&data)?;
    for seed in older.iter().filter(|seed| !now.contains(*seed)) {
        assert_eq!(holding(&host.world.gateway, seed)?, [] as [String; 0]);
    }
    verified(&host.world.gateway)?;
    Ok(())
}

/// Few tiles show that the log continues what the first key signed, to whoever names the newest as well.
fn by_few_tiles(host: &Host, current: &str) -> Result<()> {
    let tiles = host.tiles();
    let by = |successor: &[&str]| {
        let mut all: Vec<&OsStr> = vec!["consistency".as_ref(), tiles.as_ref()];
        let keys = ["--key", &host.first, "--checkpoint", &host.kept];
        all.extend(keys.iter().chain(successor).map(AsRef::<OsStr>::as_ref));
        auditor::verify(&all)
    };
    let judged = by(&["--successor", current])?;
    assert_eq!(judged.code, Some(0), "{judged:?}");
    assert_eq!(by(&[])?.verdict, "wrong_key");
    Ok(())
}

/// Every answer has its record, and every succession one of its kind.
fn on_record(host: &Host, indices: &[&Value], answers: &BTreeSet<u64>) -> Result<()> {
    let all = records::list(&host.world.gateway)?;
    let of = |kind: &str| -> BTreeSet<u64> {
        let of = all.iter().filter(|it| it.kind() == kind);
        of.filter_map(records::Record::index).collect()
    };
    ensure!(of("open").is_superset(answers), "answers without a record");
    let indices: Option<BTreeSet<u64>> = indices.iter().map(|it| it.as_u64()).collect();
    assert_eq!(Some(of("succeed")), indices);
    Ok(())
}

/// Go follows the keys through the tiles, and reads the checkpoints before, at and after a succession.
fn by_go(host: &Host, go: &Go, former: &[Value], current: &str) -> Result<()> {
    let judged = go.judge(&host.tiles(), &[&host.first])?;
    let judged = judged.map_err(|why| anyhow!("Go: {why}"))?;
    let followed = judged.get("successions").and_then(Value::as_u64);
    assert_eq!(followed, Some(former.len() as u64));
    let last = former.last().context("none")?;
    let (until, before) = (last["until"].as_u64(), last["verifier"].as_str());
    let (until, before) = (until.context("no record")?, before.context("no key")?);
    let export = fs::read_to_string(host.world.gateway.folder().join("export.jsonl"))?;
    let lines = export.lines().skip(1).map(serde_json::from_str);
    let lines = lines.collect::<Result<Vec<Value>, _>>()?;
    let notes = lines.iter().filter_map(|line| {
        let size = line["size"].as_u64()?;
        Some((size, line["checkpoint"].as_str()?))
    });
    let notes: Vec<(u64, &str)> = notes.collect();
    let at = notes.iter().position(|(size, _)| *size > until);
    let at = at.context("no checkpoint covers it")?;
    let file = host.world.gateway.folder().join("note");
    let signed = |at: usize, keys: &[&str]| -> Result<bool> {
        fs::write(&file, notes.get(at).context("no checkpoint")?.1)?;
        Ok(go.note(&file, keys)?.is_ok())
    };
    let (both, old, new) = ([before, current], [before], [current]);
    for (place, keys, expected) in [
        (at - 1, &old[..], true),
        (at - 1, &new, false),
        (at, &both, true),
        (at, &old, true),
        (at, &new, true),
        (at + 1, &new, true),
        (at + 1, &old, false),
    ] {
        assert_eq!(
            signed(place, keys)?,
            expected,
            "{place} of {at} by {keys:?}"
        );
    }
    Ok(())
}

#[test]
fn a_sealed_keyring_takes_another_key_and_a_witness_must_learn_of_it() -> Result<()> {
    let mut world = World::new()?;
    let first = world.gateway.public_key()?;
    let mut witness = Witness::new(&first)?;
    world.gateway.stop()?;
    let secret = world.gateway.folder().join("passphrase");
    private(&secret, b"a long enough passphrase\n")?;
    let (secret, data) = (shown(&secret), shown(&world.gateway.data()));
    let cli = |world: &World, arguments: &[&str]| -> Result<()> {
        let output = world
            .gateway
            .cli(&[arguments, &["--data", &data]].concat())?;
        ensure!(output.status.success(), "{arguments:?}: {output:?}");
        Ok(())
    };
    cli(&world, &["keys", "seal", "passphrase", "--secret", &secret])?;
    let asked = witness.configured()?;
    world.gateway.reconfigure(|config| {
        if let Some(audit) = config.get_mut("audit").and_then(Value::as_object_mut) {
            audit.insert("witnesses".to_owned(), json!([asked]));
            // It stays the log that must be there.
            audit.insert("log".to_owned(), json!(first));
        }
    })?;
    witness.start()?;
    // By the gateway that runs, and by the command where none does.
    world.gateway.restart()?;
    call(&world)?;
    cli(&world, &["keys", "rotate", "--signing"])?;
    call(&world)?;
    heard(&world, "no key of this log signed it")?;
    let second = world.gateway.public_key()?;
    assert_ne!(second, first);
    witness.kill()?;
    witness.learn(&second);
    witness.start()?;
    heard(&world, "the witness signs again")?;
    ensure!(world.gateway.stop()?.success());
    cli(&world, &["keys", "rotate", "--signing"])?;
    let third = world.gateway.public_key()?;
    witness.kill()?;
    witness.learn(&third);
    witness.start()?;
    world.gateway.restart()?;
    call(&world)?;
    ensure!(world.gateway.stop()?.success());
    let trusted = witness.key()?;
    for key in [&first, &second, &third] {
        let by = ["verify", "-o", "json", "--key", key, "--witness", &trusted];
        let judged = Judgement::of(&world.gateway.audit(&by)?);
        assert_eq!(judged.code, Some(0), "{judged:?}");
        let told = judged.said["successions"].as_array().map(Vec::len);
        assert_eq!(told, Some(2), "{judged:?}");
    }
    let first_one = ["key", "--first"];
    let told = world.gateway.audit(&first_one)?;
    assert_eq!(String::from_utf8(told.stdout)?.trim(), first);
    world.finish()
}

fn call(world: &World) -> Result<()> {
    let reply = world.client.get(&world.gateway.url("/crm/items/1")?, &[])?;
    ensure!(reply.status == 200, "{}", reply.text());
    Ok(())
}

/// Waits until the gateway has said this.
fn heard(world: &World, what: &str) -> Result<()> {
    until(what, || Ok(world.gateway.stderr().contains(what)))
        .with_context(|| world.gateway.stderr())
}
