//! Tokens of the gateway's own, and agents that are told nothing but those: whatever way they go, the
//! service gets its key and the agent has no byte of it.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    client::Client,
    gateway::{self, Gateway, POLL},
    peers::{
        Peer,
        vendor::{KEY, openai, stripe},
    },
    records,
    sdks::Language,
    setup::{Service, Setup},
};

use crate::{bypass::can_attach, credentials::set, forward::Shop, world::verified};

const AGENT: &str = "spiffe://tests.example/agent/unaware";
const PATH: &str = "/.well-known/tidegate/pass";

/// The longest mapping of an agent that is read at once, in bytes.
const MAPPING_BYTES_MAX: u64 = 1 << 30;

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource)
unless { context.operation == "closed" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

/// Requests for a pass that are none.
const UNFIT: [&str; 3] = [
    r#"{"only": "shop"}"#,
    r#"{"lifetime_seconds": 0}"#,
    r#"{"more": 1}"#,
];

#[test]
fn a_pass_is_its_process_own_and_no_wider_than_it_says() -> Result<()> {
    let mut shop = Shop::new(|setup| setup)?;
    let client = Client::plain()?;
    let url = |path: &str| shop.gateway.url(path);
    let asked = client.post(&url(PATH)?, &[], r#"{"only": ["shop/thing.read"]}"#)?;
    assert_eq!(asked.status, 200, "{}", asked.text());
    let pass = asked.json()?;
    let token = pass["token"].as_str().context("a token")?.to_owned();
    let id = pass["id"].as_str().context("an id")?.to_owned();

    let bearer = format!("Bearer {token}");
    let fields = [("host", "shop.example"), ("authorization", bearer.as_str())];
    let answer = client.get(&url("/things/7")?, &fields)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    ensure!(
        !shop
            .keyed
            .came()
            .iter()
            .any(|(_, value)| value.contains(&token))
    );
    let answer = client.post(&url("/things")?, &fields, "{}")?;
    assert_eq!(
        (answer.status.as_u16(), answer.json()?["reason"].clone()),
        (403, "token_scope".into())
    );
    // It cannot be widened, nor asked for by less than all of a request.
    let wider = client.post(
        &url(PATH)?,
        &[("tidegate-token", &token)],
        r#"{"only": ["shop"]}"#,
    )?;
    assert_eq!(wider.status, 400, "{}", wider.text());
    for body in UNFIT {
        assert_eq!(client.post(&url(PATH)?, &[], body)?.status, 400, "{body}");
    }
    // In other hands it is nothing, and a finding.
    let ask = Ask::get(url("/things/7")?).header("host", "shop.example");
    let stolen = Agent::curl()?.ask(&ask.header("authorization", &bearer))?;
    assert_eq!(stolen.status, 403, "{}", stolen.text());
    assert_eq!(stolen.json()?["reason"], "token_workload_mismatch");
    // One that is got with it goes with it.
    let next = client.post(&url(PATH)?, &[("tidegate-token", &token)], "")?;
    assert_eq!(next.status, 200, "{}", next.text());
    let next = next.json()?;
    let next = format!("Bearer {}", next["token"].as_str().context("a token")?);
    let heir = [("host", "shop.example"), ("authorization", next.as_str())];
    assert_eq!(client.get(&url("/things/7")?, &heir)?.status, 200);
    // It is revoked as any token is.
    let revoked = shop
        .gateway
        .cli(&["revoke", "token", &id, "--reason", "test", "--data", "data"])?;
    ensure!(revoked.status.success());
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = client.get(&url("/things/7")?, &fields)?;
        if answer.status == 403 {
            assert_eq!(answer.json()?["reason"], "revoked");
            break;
        }
        ensure!(Instant::now() < deadline, "{}", answer.text());
        thread::sleep(POLL);
    }
    let answer = client.get(&url("/things/7")?, &heir)?;
    assert_eq!(answer.json()?["reason"], "revoked");
    // That it was given is on record, and that it may be; the pass itself is nowhere.
    let records = records::list(&shop.gateway)?;
    let given = records
        .iter()
        .find(|it| it.text("operation").contains("pass.issue"));
    let given = given.context("not on record")?;
    assert_eq!(given.text("pass"), id);
    ensure!(!shop.gateway.stderr().contains(&token));
    ensure!(shop.gateway.stop()?.success());
    verified(&shop.gateway).map(drop)
}

/// How an agent comes to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the address of the service that its library is told.
    BaseUrl,
    /// By a proxy.
    Proxy,
    /// By the kernel.
    Redirect,
}

struct Vendors {
    gateway: Gateway,
    way: Way,
    _peers: [Peer; 2],
}

impl Vendors {
    fn start(way: Way) -> Result<Self> {
        let peers =
            [openai::router(), stripe::router()].map(|it| Peer::serve(it, "127.0.0.1:0", None));
        let [openai, stripe] = peers;
        let peers = [openai?, stripe?];
        let service = |name: &str, host: &str, peer: &Peer| {
            let service = match way {
                Way::BaseUrl => Service::new(name, &peer.url(), "US"),
                Way::Proxy | Way::Redirect => Service::hosted(name, host, &peer.url(), "US"),
            };
            service.set("credential", json!({ "name": "vendor", "as": "bearer" }))
        };
        let [openai, stripe] = &peers;
        let openai = service("openai", "api.openai.com", openai)
            .operation("chat", "POST", "/v1/chat/completions")
            .operation("closed", "GET", "/v1/models");
        let stripe = service("stripe", "api.stripe.com", stripe).operation(
            "customer.list",
            "GET",
            "/v1/customers",
        );
        let mut listen = vec![json!({ "address": "127.0.0.1:0" })];
        if way == Way::Proxy {
            listen.push(json!({ "address": "127.0.0.1:0", "forward": true }));
        }
        let mut setup = Setup::new()
            .set("listen", listen.into())
            .set("exec", json!({ "socket": "run/exec.sock" }))
            .agent(AGENT, &["tidegate:exec:0".to_owned()], "optional")
            .service(openai)
            .policy(POLICY);
        // Its library takes no path before its own.
        if way != Way::BaseUrl {
            setup = setup.service(stripe);
        }
        if way == Way::Redirect {
            setup = setup.egress("redirect", &[]);
        }
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("run"))?;
        set(&folder.path().join("data"), "vendor", KEY)?;
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            way,
            _peers: peers,
        })
    }

    /// Starts the agent as `tidegate exec` does, and waits for what it tells.
    fn agent(&self) -> Result<(Child, String)> {
        let script = Language::Python.command("unaware")?;
        let mut exec = Command::new(gateway::binary()?);
        exec.args(["exec", "--pass", "--agent", AGENT, "--socket"])
            .arg(self.gateway.folder().join("run/exec.sock"))
            .arg("--")
            .arg(script.get_program())
            .args(script.get_args())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("NO_PROXY");
        if self.way == Way::Redirect {
            exec.env("RESOLVED", "1");
        }
        let errors = self.gateway.folder().join("agent.log");
        let mut child = exec
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors)?)
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
        if line.is_empty() {
            child.kill().ok();
            child.wait()?;
            let errors = fs::read_to_string(errors)?;
            anyhow::bail!("{:?}: {errors}\n{}", self.way, self.gateway.stderr());
        }
        Ok((child, line))
    }
}

/// Whether one of `needles` is in what a process has in its memory and its environment.
fn is_in_process(pid: u32, needles: &[Vec<u8>]) -> Result<bool> {
    let held = |bytes: &[u8]| {
        let is_in = |needle: &Vec<u8>| {
            bytes
                .windows(needle.len())
                .any(|it| it == needle.as_slice())
        };
        needles.iter().any(is_in)
    };
    let mut memory = File::open(format!("/proc/{pid}/mem"))?;
    for line in fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
        let mut words = line.split(' ');
        let (range, rights) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        // What is mapped from files without being written is the files'.
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').context("a range")?;
        let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        ensure!(
            to - from <= MAPPING_BYTES_MAX,
            "a mapping of {} bytes",
            to - from
        );
        memory.seek(SeekFrom::Start(from))?;
        let mut bytes = vec![0; usize::try_from(to - from)?];
        // Some pages cannot be read, and then nobody has put anything there.
        if memory.read_exact(&mut bytes).is_ok() && held(&bytes) {
            return Ok(true);
        }
    }
    Ok(held(&fs::read(format!("/proc/{pid}/environ"))?))
}

fn an_agent_that_knows_of_nothing_calls(way: Way) -> Result<()> {
    if !can_attach()? {
        return Ok(());
    }
    let mut vendors = Vendors::start(way)?;
    let (mut child, line) = vendors.agent()?;
    let told: Value = serde_json::from_str(&line)?;
    let said = |name: &str| told.get(name).cloned().unwrap_or_default();
    // The services take no other key than the real one.
    ensure!(
        said("openai")
            .as_str()
            .is_some_and(|it| it.contains("Tuesday")),
        "{told}"
    );
    assert_eq!(said("refused"), 403, "{told}");
    if way != Way::BaseUrl {
        ensure!(
            said("stripe")
                .as_str()
                .is_some_and(|it| it.starts_with("cus_")),
            "{told}"
        );
    }
    // What it has for a key is a pass of its own.
    let pass = said("key").as_str().context("a key")?.to_owned();
    ensure!(
        is_in_process(child.id(), &[pass.clone().into_bytes()])?,
        "memory was not searched"
    );
    let forms = [
        KEY.into(),
        STANDARD.encode(KEY).into_bytes(),
        hex::encode(KEY).into_bytes(),
    ];
    ensure!(!is_in_process(child.id(), &forms)?, "the agent has the key");
    ensure!(!line.contains(KEY), "the agent was told the key");
    ensure!(!fs::read_to_string(vendors.gateway.folder().join("agent.log"))?.contains(KEY));
    for file in fs::read_dir(vendors.gateway.folder().join("run"))? {
        let path = file?.path();
        let text = fs::read(&path).unwrap_or_default();
        ensure!(
            !String::from_utf8_lossy(&text).contains(KEY),
            "{} has the key",
            path.display()
        );
    }
    // Nobody else can use the pass.
    let url = vendors.gateway.url("/v1/chat/completions")?;
    let ask = Ask::post(url, "{}").header("authorization", &format!("Bearer {pass}"));
    let stolen = Agent::curl()?.ask(&ask.header("host", "api.openai.com"))?;
    assert_eq!(stolen.status, 403, "{}", stolen.text());
    drop(child.stdin.take());
    ensure!(child.wait()?.success());
    ensure!(vendors.gateway.stop()?.success());
    verified(&vendors.gateway).map(drop)
}

#[test]
fn an_agent_that_is_told_an_address_has_no_key() -> Result<()> {
    an_agent_that_knows_of_nothing_calls(Way::BaseUrl)
}

#[test]
fn an_agent_that_is_told_a_proxy_has_no_key() -> Result<()> {
    an_agent_that_knows_of_nothing_calls(Way::Proxy)
}

#[test]
fn an_agent_that_is_told_nothing_has_no_key() -> Result<()> {
    an_agent_that_knows_of_nothing_calls(Way::Redirect)
}
