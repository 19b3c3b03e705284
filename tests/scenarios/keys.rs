//! Who keeps the root of the keyring: a passphrase, a key of systemd's, a token (`SoftHSM`), a real OpenBao, AWS KMS as
//! `moto` stands in for it. Under load its keeper goes away: the lease ends, nothing is served, it is on record; the keeper
//! comes back, and so does the service, without a hand. A start without it waits.

mod rotating;
mod signing;

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::Client,
    gateway::{Gateway, POLL, binary},
    peers::{Peer, keyed::Keyed},
    records,
    sdks::{Language, Server},
    setup::{Service, Setup},
};

use crate::{
    canary::contains,
    credentials::{bearer_of, key},
    world::{ANYTHING, HERE, path_selector, verified},
};

/// How long anything may take that hangs on a keeper.
const WAIT_MAX: Duration = Duration::from_mins(2);
/// The module of `SoftHSM`, where Debian puts it.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// Whoever keeps a root, and can be taken away.
struct Keeper {
    /// What `keys seal` is told.
    seal: Vec<String>,
    /// What the keeper's module is told.
    variable: Option<(&'static str, String)>,
    away: Box<dyn FnMut(bool) -> Result<()>>,
}

impl Keeper {
    /// One that is away when its secret is, which comes back as another file of that name, as agents put it there.
    fn of_file(kind: &str, secret: &Path, bytes: &[u8]) -> Result<Self> {
        private(secret, bytes)?;
        let aside = secret.with_extension("aside");
        let at = secret.to_owned();
        Ok(Self {
            seal: vec![kind.into(), "--secret".into(), shown(secret)],
            variable: None,
            away: Box::new(move |is_away| {
                if is_away {
                    return Ok(fs::rename(&at, &aside)?);
                }
                let new = at.with_extension("new");
                private(&new, &fs::read(&aside)?)?;
                fs::remove_file(&aside)?;
                Ok(fs::rename(new, &at)?)
            }),
        })
    }

    /// One that a server is.
    fn of_server(mut server: Server, seal: Vec<String>) -> Self {
        Self {
            seal,
            variable: None,
            away: Box::new(move |is_away| server.tell(if is_away { "off" } else { "on" })),
        }
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(binary()?);
        command.args(arguments).envs(self.variable.clone());
        Ok(command.stdin(Stdio::null()).output()?)
    }

    fn done(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    let file = options.mode(0o600).write(true).create_new(true).open(path);
    Ok(file?.write_all(bytes)?)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + WAIT_MAX;
    while !holds()? {
        ensure!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(POLL);
    }
    Ok(())
}

/// A shop whose key is sealed, as all else is.
struct Shop {
    gateway: Gateway,
    keyed: Keyed,
    client: Client,
    _peer: Peer,
    key: String,
}

impl Shop {
    fn sealed_by(keeper: &Keeper) -> Result<Self> {
        let keyed = Keyed::default();
        let peer = Peer::serve(keyed.router(), "127.0.0.1:0", None)?;
        let service = Service::new("shop", &peer.url(), "DE")
            .operation("thing.read", "GET", "/things/{thing}")
            .set("credential", json!({ "name": "shop", "as": "bearer" }));
        let this = std::env::current_exe()?.canonicalize()?;
        let terms = json!({ "probe": "100ms", "lease": "5s" });
        let setup = Setup::new()
            .agent(HERE, &[path_selector(&this)], "optional")
            .service(service)
            .policy(ANYTHING)
            .set("audit", json!({ "directory": "data", "keys": terms }));
        let folder = tempfile::tempdir()?;
        let data = shown(&folder.path().join("data"));
        let mut seal = vec!["keys", "seal"];
        seal.extend(keeper.seal.iter().map(String::as_str));
        seal.extend(["--data", &data]);
        keeper.done(&seal)?;
        let key = key(61);
        let secret = folder.path().join("key");
        private(&secret, key.as_bytes())?;
        let set = Command::new(binary()?)
            .args(["credentials", "set", "shop", "--data", &data])
            .envs(keeper.variable.clone())
            .stdin(fs::File::open(&secret)?)
            .status()?;
        ensure!(set.success(), "the credential is not sealed");
        fs::remove_file(secret)?;
        keyed.want(&bearer_of(&key));
        let variable = keeper.variable.as_ref();
        let prefix = variable.map(|(name, value)| vec!["env".into(), format!("{name}={value}")]);
        let gateway = Gateway::start_as(&prefix.unwrap_or_default(), folder, &setup)?;
        Ok(Self {
            gateway,
            keyed,
            client: Client::plain()?,
            _peer: peer,
            key,
        })
    }

    fn ask(&self) -> Result<(u16, String)> {
        let url = self.gateway.url("/shop/things/7")?;
        let answer = self.client.get(&url, &[])?;
        Ok((answer.status.as_u16(), answer.text()))
    }

    fn until(&self, status: u16) -> Result<()> {
        let mut last = String::new();
        until(&format!("{status}"), || {
            let (came, text) = self.ask()?;
            last = text;
            Ok(came == status)
        })
        .with_context(|| format!("{last}\n{}", self.gateway.stderr()))
    }

    fn ready(&self) -> Result<String> {
        let url = self.gateway.admin_url("/readyz")?;
        Ok(self.client.get(&url, &[])?.text())
    }
}

/// Seals, serves, loses the keeper under load, has it back, starts without it.
fn goes_and_comes(mut keeper: Keeper) -> Result<()> {
    let mut shop = Shop::sealed_by(&keeper)?;
    let data = shown(&shop.gateway.data());
    let status = ["keys", "status", "-o", "json", "--data", &data];
    let told: Value = serde_json::from_str(&keeper.done(&status)?)?;
    ensure!(told.get("opens") == Some(&json!(true)), "{told}");
    let kind = keeper.seal.first().map(|it| it.replace('-', "_"));
    ensure!(
        told.get("kind").and_then(Value::as_str) == kind.as_deref(),
        "{told}"
    );
    shop.until(200)?;

    // The load: whoever was told something has it on record.
    let served = under_load(&shop, || {
        (keeper.away)(true)?;
        shop.until(503)?;
        let (_, text) = shop.ask()?;
        ensure!(text.contains("audit_unavailable"), "{text}");
        let before = shop.keyed.asked();
        ensure!(
            shop.ready()?.contains("last opened the keyring"),
            "{}",
            shop.ready()?
        );
        ensure!(keeper.run(&status)?.status.code() == Some(1), "it opens");
        shop.until(503)?;
        ensure!(shop.keyed.asked() == before, "the service heard of it");
        (keeper.away)(false)?;
        shop.until(200)
    })?;

    // A start waits, and needs nobody either.
    ensure!(shop.gateway.stop()?.success(), "{}", shop.gateway.stderr());
    (keeper.away)(true)?;
    let log = shop.gateway.folder().join("stderr.log");
    thread::scope(|scope| {
        let started = scope.spawn(|| shop.gateway.restart());
        let waits = until("a start that waits", || {
            Ok(fs::read_to_string(&log)?.contains("not serving"))
        });
        (keeper.away)(false)?;
        waits?;
        started.join().map_err(|_| anyhow::anyhow!("it panicked"))?
    })?;
    shop.until(200)?;
    ensure!(shop.gateway.stop()?.success(), "{}", shop.gateway.stderr());

    for (path, bytes) in shop.gateway.files()? {
        ensure!(
            !contains(&bytes, &shop.key),
            "{} holds the credential",
            path.display()
        );
    }
    // From here on the tools of the tests read the log, which know of no keeper.
    keeper.done(&["keys", "unseal", "--data", &data])?;
    let list = records::list(&shop.gateway)?;
    let gaps: Vec<String> = list
        .iter()
        .filter(|it| it.kind() == "gap")
        .map(|it| it.text("reason"))
        .collect();
    // A machine that is busy may be late with an answer, too.
    let pairs = gaps.chunks(2);
    let alternate = |it: &[String]| it == ["keys_withheld", "keys_returned"];
    ensure!(!gaps.is_empty() && pairs.clone().all(alternate), "{gaps:?}");
    let mut refused = list
        .iter()
        .filter(|it| it.text("reason") == "keys_returned");
    ensure!(refused.any(|it| it.number("lost") > Some(0)), "{gaps:?}");
    let closed = list.iter().filter(|it| it.kind() == "close").count();
    ensure!(closed >= served, "{closed} of {served} are on record");
    verified(&shop.gateway)?;
    Ok(())
}

/// Asks all the while; gives how many were served.
fn under_load(shop: &Shop, work: impl FnOnce() -> Result<()>) -> Result<usize> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| -> Result<usize> {
            let mut served = 0;
            while !over.load(Ordering::Relaxed) {
                let (status, text) = shop.ask()?;
                ensure!(status == 200 || status == 503, "{status}: {text}");
                served += usize::from(status == 200);
            }
            Ok(served)
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let served = load.join().map_err(|_| anyhow::anyhow!("it panicked"))?;
        done.and(served)
    })
}

#[test]
fn a_passphrase_keeps_the_root() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let phrase = [key(62), key(63)].join(" ");
    let secret = folder.path().join("phrase");
    goes_and_comes(Keeper::of_file("passphrase", &secret, phrase.as_bytes())?)
}

#[test]
fn a_key_of_the_units_keeps_the_root() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("key");
    let bytes = key(64).into_bytes().repeat(2);
    goes_and_comes(Keeper::of_file(
        "credential",
        &secret,
        bytes.get(..32).context("too few")?,
    )?)
}

#[test]
fn a_credential_of_systemd_keeps_the_root() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("tidegate.key");
    let bytes = key(71).into_bytes().repeat(2);
    let mut keeper = Keeper::of_file("credential", &secret, bytes.get(..32).context("too few")?)?;
    keeper.seal = ["credential", "--systemd", "tidegate.key"]
        .map(ToOwned::to_owned)
        .to_vec();
    keeper.variable = Some(("CREDENTIALS_DIRECTORY", shown(folder.path())));
    goes_and_comes(keeper)
}

#[test]
fn openbao_keeps_the_root() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let token = folder.path().join("token");
    let mut command = Language::Python.command("transit_server")?;
    command.env("BAO_TOKEN", &token).stdin(Stdio::piped());
    let server = Server::run(command)?;
    let seal = [
        "transit",
        "--address",
        &server.url(),
        "--key",
        "gateway",
        "--secret",
        &shown(&token),
    ];
    let seal = seal.map(ToOwned::to_owned).to_vec();
    goes_and_comes(Keeper::of_server(server, seal))
}

#[test]
fn aws_kms_keeps_the_root() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (keys, id) = (folder.path().join("keys"), folder.path().join("id"));
    let mut command = Language::Python.command("kms_server")?;
    command
        .env("AWS_KEYS", &keys)
        .env("KMS_KEY", &id)
        .stdin(Stdio::piped());
    let server = Server::run(command)?;
    let id = fs::read_to_string(id)?;
    let seal = [
        "aws-kms",
        "--region",
        "eu-central-1",
        "--key",
        &id,
        "--endpoint",
        &server.url(),
        "--secret",
        &shown(&keys),
    ];
    let seal = seal.map(ToOwned::to_owned).to_vec();
    goes_and_comes(Keeper::of_server(server, seal))
}

fn softhsm(conf: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("softhsm2-util")
        .args(arguments)
        .env("SOFTHSM2_CONF", conf)
        .output()
        .context("there is no softhsm2-util: run `cargo xtask setup`")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{arguments:?}: {said}");
    Ok(())
}

#[test]
fn a_token_keeps_the_root() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let tokens = folder.path().join("tokens");
    fs::create_dir(&tokens)?;
    let conf = folder.path().join("softhsm2.conf");
    fs::write(
        &conf,
        format!(
            "directories.tokendir = {}\nobjectstore.backend = file\n",
            shown(&tokens)
        ),
    )?;
    let (pin, aes) = (folder.path().join("pin"), folder.path().join("aes"));
    let number = tests::people::Dice::new(u64::from(std::process::id())).digits(8);
    private(&pin, number.as_bytes())?;
    let bytes = key(65).into_bytes().repeat(2);
    private(&aes, bytes.get(..32).context("too few")?)?;
    let util = |arguments: &[&str]| softhsm(&conf, arguments);
    util(&[
        "--init-token",
        "--free",
        "--label",
        "gateway",
        "--pin",
        &number,
        "--so-pin",
        &number,
    ])?;
    util(&[
        "--import",
        &shown(&aes),
        "--aes",
        "--token",
        "gateway",
        "--label",
        "root",
        "--id",
        "01",
        "--pin",
        &number,
    ])?;
    fs::remove_file(&aes)?;
    let aside = folder.path().join("aside");
    let seal = [
        "pkcs11",
        "--module",
        SOFTHSM,
        "--token",
        "gateway",
        "--key",
        "root",
        "--needs",
        &shown(&conf),
        "--needs",
        &shown(folder.path()),
        "--secret",
        &shown(&pin),
    ];
    goes_and_comes(Keeper {
        seal: seal.map(ToOwned::to_owned).to_vec(),
        variable: Some(("SOFTHSM2_CONF", shown(&conf))),
        away: Box::new(move |is_away| {
            // The token is pulled out.
            if is_away {
                let token: PathBuf = fs::read_dir(&tokens)?.next().context("no token")??.path();
                fs::rename(token, &aside)?;
            } else {
                fs::rename(&aside, tokens.join("again"))?;
            }
            Ok(())
        }),
    })
}
