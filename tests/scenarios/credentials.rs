//! The gateway holds the key: services get it, agents never do.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Answer, Ask},
    gateway::{self, Gateway, POLL},
    peers::{Peer, keyed::Keyed},
    people::Dice,
    records,
    setup::{Service, Setup},
    tokens::{Issuer, claims},
};

use crate::{
    canary::contains,
    world::{SUPPORT, path_selector, verified},
};

const POLICY: &str = r#"
@id("agents-may-read")
permit (principal, action == Action::"call", resource)
when { context.effect == "read" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

/// How long a new version may take to be in use on a busy machine.
const IN_USE_MAX: Duration = Duration::from_secs(30);

struct Shop {
    gateway: Gateway,
    issuer: Issuer,
    keyed: Keyed,
    peer: Peer,
    key: String,
}

/// A key that is written nowhere else.
pub(crate) fn key(seed: u64) -> String {
    let digits = Dice::new(seed ^ u64::from(std::process::id())).digits(24);
    format!("key-{digits}-end")
}

pub(crate) fn set(data: &Path, name: &str, key: &str) -> Result<()> {
    write(data, &["set", name], key)
}

/// Runs `tidegate credentials …`, which reads `key`.
pub(crate) fn write(data: &Path, arguments: &[&str], key: &str) -> Result<()> {
    let mut child = Command::new(gateway::binary()?)
        .arg("credentials")
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    writeln!(stdin, "{key}")?;
    drop(stdin);
    ensure!(child.wait()?.success(), "credentials {arguments:?} failed");
    Ok(())
}

impl Shop {
    fn new(credential: &Value, stored: bool) -> Result<Self> {
        let keyed = Keyed::default();
        let peer = Peer::serve(keyed.router(), "127.0.0.1:0", None)?;
        let issuer = Issuer::new()?;
        let key = key(1);
        let service = Service::new("shop", &peer.url(), "DE")
            .set("credential", credential.clone())
            .operation("thing.read", "GET", "/things/{thing}")
            .operation("leak", "GET", "/leak")
            .operation("thing.make", "POST", "/things");
        let setup = Setup::new()
            .issuer(&issuer)
            .agent(
                SUPPORT,
                &[path_selector(Agent::curl()?.program())],
                "required",
            )
            .service(service)
            .policy(POLICY);
        let folder = tempfile::tempdir()?;
        if stored {
            set(&folder.path().join("data"), "shop", &key)?;
        }
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            issuer,
            keyed,
            peer,
            key,
        })
    }

    fn token(&self) -> Result<String> {
        self.issuer.mint(&claims(SUPPORT))
    }

    fn get(&self, path: &str, field: (&str, &str)) -> Result<Answer> {
        let ask = Ask::get(self.gateway.url(&format!("/shop{path}"))?);
        Agent::curl()?.ask(&ask.header(field.0, field.1))
    }

    fn bearer(&self, path: &str) -> Result<Answer> {
        self.get(
            path,
            ("authorization", &format!("Bearer {}", self.token()?)),
        )
    }

    fn finish(mut self) -> Result<()> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        verified(&self.gateway)?;
        drop(self.peer);
        Ok(())
    }
}

pub(crate) fn bearer_of(key: &str) -> String {
    format!("Bearer {key}")
}

/// Asks until the service is content, as it is once a new version is in use.
fn until(shop: &Shop, status: u16) -> Result<Answer> {
    let deadline = Instant::now() + IN_USE_MAX;
    loop {
        let answer = shop.bearer("/things/7")?;
        if answer.status == status || Instant::now() > deadline {
            assert_eq!(answer.status, status, "{}", answer.text());
            return Ok(answer);
        }
        thread::sleep(POLL);
    }
}

#[test]
fn a_service_gets_its_key_and_the_agent_never_sees_it() -> Result<()> {
    let shop = Shop::new(&json!({ "name": "shop", "as": "bearer" }), true)?;
    shop.keyed.want(&bearer_of(&shop.key));
    let token = shop.token()?;
    // However a client sends what it takes for its key, that is the agent's token.
    let basic = format!("Basic {}", STANDARD.encode(format!("AC1:{token}")));
    for field in [
        ("authorization", format!("Bearer {token}")),
        ("x-api-key", token.clone()),
        ("x-goog-api-key", token.clone()),
        ("authorization", basic),
        ("tidegate-token", token.clone()),
    ] {
        let answer = shop.get("/things/7", (field.0, &field.1))?;
        assert_eq!(answer.status, 200, "{} {}", field.0, answer.text());
        let came = shop.keyed.came();
        let tokens = came.iter().filter(|(_, value)| value.contains(&token));
        assert_eq!(tokens.count(), 0, "the token went on");
    }
    // What the service repeats arrives masked, wherever it stands and however it is cut.
    let answer = shop.bearer("/leak")?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    ensure!(answer.text().contains("key ***"), "{}", answer.text());
    ensure!(
        answer
            .header("x-debug")
            .is_some_and(|it| it.starts_with("***")),
        "{answer:?}"
    );
    let received = format!("{answer:?} {}", answer.text());
    ensure!(!received.contains(&shop.key), "the key came back");
    let record = records::closing(&shop.gateway, answer.record().context("no record")?)?;
    assert_eq!(
        record.find("credential"),
        Some(&json!({ "name": "shop", "version": 1, "returned": 3 }))
    );

    // Nothing that the gateway wrote holds it.
    for (_, bytes) in shop.gateway.files()? {
        for form in [
            shop.key.clone(),
            hex::encode(&shop.key),
            STANDARD.encode(&shop.key),
        ] {
            ensure!(!contains(&bytes, &form), "a file of the log holds the key");
        }
    }
    ensure!(
        !shop.gateway.stderr().contains(&shop.key),
        "stderr holds the key"
    );
    shop.finish()
}

#[test]
fn who_is_refused_costs_the_service_nothing() -> Result<()> {
    let shop = Shop::new(&json!({ "name": "shop", "as": "bearer" }), true)?;
    shop.keyed.want(&bearer_of(&shop.key));
    let url = shop.gateway.url("/shop/things")?;
    let refused = Agent::curl()?.ask(&Ask::post(url, "{}").token(&shop.token()?))?;
    assert_eq!(refused.status, 403, "{}", refused.text());
    // No token, one that is none, the real key itself.
    for field in [
        ("accept", "*/*"),
        ("x-api-key", "tidegate"),
        ("x-api-key", &shop.key),
    ] {
        assert_eq!(shop.get("/things/7", field)?.status, 401);
    }
    assert_eq!(shop.keyed.asked(), 0);
    shop.finish()
}

#[test]
fn a_new_version_is_in_use_without_a_restart_and_a_removed_one_is_not() -> Result<()> {
    let shop = Shop::new(&json!({ "name": "shop", "as": { "basic": "AC1" } }), false)?;
    let answer = shop.bearer("/things/7")?;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert_eq!(answer.json()?["reason"], "credential_unavailable");
    let basic = |key: &str| format!("Basic {}", STANDARD.encode(format!("AC1:{key}")));
    let data = shop.gateway.data();
    for seed in [2, 3] {
        shop.keyed.want(&basic(&key(seed)));
        set(&data, "shop", &key(seed))?;
        let answer = until(&shop, 200)?;
        let record = records::closing(&shop.gateway, answer.record().context("no record")?)?;
        assert_eq!(
            record
                .find("credential")
                .and_then(|it| it["version"].as_u64()),
            Some(seed - 1)
        );
    }
    // What was made of it is masked, too.
    let leaked = shop.bearer("/leak")?.text();
    ensure!(
        leaked.contains("***") && !leaked.contains(&STANDARD.encode(format!("AC1:{}", key(3)))),
        "{leaked}"
    );

    let listed = shop
        .gateway
        .cli(&["credentials", "list", "--data", "data"])?;
    ensure!(String::from_utf8_lossy(&listed.stdout).contains("shop"));
    let removed = shop
        .gateway
        .cli(&["credentials", "remove", "shop", "--data", "data"])?;
    ensure!(removed.status.success());
    until(&shop, 502)?;
    shop.finish()
}

#[test]
fn the_variables_of_a_file_are_sealed_all_or_none() -> Result<()> {
    let shop = Shop::new(&json!({ "name": "SHOP_KEY", "as": "bearer" }), false)?;
    let file = shop.gateway.folder().join("old.env");
    let import = |text: &str, more: &[&str]| {
        std::fs::write(&file, text)?;
        let all = [
            "credentials",
            "import",
            "--env",
            "old.env",
            "--data",
            "data",
        ];
        shop.gateway.cli(&[&all, more].concat())
    };
    let (first, second) = (key(51), key(52));
    let text = format!("# old\nexport SHOP_KEY=\"{first}\"\nOTHER_KEY='{second}'\nDEBUG=1\n");
    let told = import(&text, &[])?;
    ensure!(!told.status.success(), "a flag is no credential");
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    ensure!(told.contains("DEBUG") && !told.contains(&first), "{told}");
    for (bad, named) in [
        (format!("SHOP_KEY={first}$HOME\n"), "line 1"),
        (format!("SHOP_KEY={first}\n{second}\n"), "SHOP_KEY"),
    ] {
        let told = import(&bad, &[])?;
        ensure!(!told.status.success(), "{bad}");
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        ensure!(told.contains(named), "{told}");
        ensure!(!told.contains(&first) && !told.contains(&second), "{told}");
    }
    assert_eq!(shop.bearer("/things/7")?.status, 502);
    let only = ["--only", "SHOP_KEY", "--only", "OTHER_KEY"];
    let told = import(&text, &only)?;
    ensure!(told.status.success(), "{told:?}");
    shop.keyed.want(&bearer_of(&first));
    assert_eq!(shop.bearer("/things/7")?.status, 200);
    shop.finish()
}

#[test]
fn a_version_that_was_wrong_is_taken_back_and_the_old_one_is_destroyed_in_time() -> Result<()> {
    let shop = Shop::new(&json!({ "name": "shop", "as": "bearer" }), true)?;
    let data = shop.gateway.data();
    let version = |answer: &Answer| -> Result<Option<u64>> {
        let record = records::closing(&shop.gateway, answer.record().context("no record")?)?;
        Ok(record
            .find("credential")
            .and_then(|it| it["version"].as_u64()))
    };
    let listed = || -> Result<String> {
        let listed = shop
            .gateway
            .cli(&["credentials", "list", "--data", "data"])?;
        Ok(String::from_utf8_lossy(&listed.stdout).into_owned())
    };
    shop.keyed.want(&bearer_of(&shop.key));
    assert_eq!(version(&shop.bearer("/things/7")?)?, Some(1));

    // The very next call has the new one, and after it is revoked the old one: nobody waits for anything.
    write(&data, &["rotate", "shop", "--retire-after", "1h"], &key(2))?;
    shop.keyed.want(&bearer_of(&key(2)));
    let answer = shop.bearer("/things/7")?;
    assert_eq!((answer.status, version(&answer)?), (200, Some(2)));
    ensure!(listed()?.contains("until "), "{}", listed()?);
    let revoked = [
        "credentials",
        "revoke",
        "shop",
        "--version",
        "2",
        "--data",
        "data",
    ];
    ensure!(shop.gateway.cli(&revoked)?.status.success());
    shop.keyed.want(&bearer_of(&shop.key));
    let answer = shop.bearer("/things/7")?;
    assert_eq!((answer.status, version(&answer)?), (200, Some(1)));
    ensure!(!listed()?.contains("until "), "{}", listed()?);
    assert_eq!(shop.gateway.cli(&revoked)?.status.code(), Some(1));

    write(&data, &["rotate", "shop", "--retire-after", "1s"], &key(3))?;
    shop.keyed.want(&bearer_of(&key(3)));
    assert_eq!(version(&shop.bearer("/things/7")?)?, Some(3));
    let deadline = Instant::now() + IN_USE_MAX;
    while listed()?.contains("until ") {
        ensure!(Instant::now() < deadline, "it does not retire");
        thread::sleep(POLL);
    }
    assert_eq!(shop.bearer("/things/7")?.status, 200);
    shop.finish()
}
