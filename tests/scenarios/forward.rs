//! The forward proxy: agents that keep the addresses of their services are governed like any other, and
//! tunnels lead nowhere else than they may.

mod attacks;

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::Agent,
    certificate::Certificate,
    gateway::Gateway,
    peers::{Peer, keyed::Keyed},
    records::{self, Record},
    setup::{Service, Setup},
    tokens::{Issuer, claims},
};

use crate::{
    credentials::{bearer_of, key, set},
    world::{HERE, SUPPORT, path_selector, verified},
};

const POLICY: &str = r#"
@id("agents-may-read")
permit (principal, action == Action::"call", resource)
when { context.effect == "read" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

const TUNNELS: &str = r#"
@id("agents-may-go-to-localhost")
permit (principal, action == Action::"call", resource in Operation::"tunnel/connect")
when { resource.hasTag("host") && ["localhost", "metadata.example", "127.0.0.1"].contains(resource.getTag("host")) };
"#;

/// The name of a service that nobody can look up.
pub(crate) const HOST: &str = "shop.example";

/// A gateway with a proxy's listener before a service that wants a key.
pub(crate) struct Shop {
    pub(crate) gateway: Gateway,
    pub(crate) keyed: Keyed,
    pub(crate) key: String,
    curl: PathBuf,
    _peer: Peer,
}

impl Shop {
    pub(crate) fn new(shape: impl FnOnce(Setup) -> Setup) -> Result<Self> {
        let keyed = Keyed::default();
        let peer = Peer::serve(keyed.router(), "127.0.0.1:0", None)?;
        let key = key(11);
        keyed.want(&bearer_of(&key));
        let curl = Agent::curl()?.program().to_owned();
        let this = std::env::current_exe()?.canonicalize()?;
        let service = Service::hosted("shop", HOST, &peer.url(), "DE")
            .set("credential", json!({ "name": "shop", "as": "bearer" }))
            .operation("thing.read", "GET", "/things/{thing}")
            .operation("thing.make", "POST", "/things");
        let listen =
            json!([{ "address": "127.0.0.1:0" }, { "address": "127.0.0.1:0", "forward": true }]);
        let setup = Setup::new()
            .set("listen", listen)
            .agent(SUPPORT, &[path_selector(&curl)], "optional")
            .agent(HERE, &[path_selector(&this)], "optional")
            .service(service)
            .policy(POLICY);
        let folder = tempfile::tempdir()?;
        set(&folder.path().join("data"), "shop", &key)?;
        Ok(Self {
            gateway: Gateway::start_in(folder, &shape(setup))?,
            keyed,
            key,
            curl,
            _peer: peer,
        })
    }

    /// The root that the gateway vouches by, in a file.
    fn authority(&self) -> Result<PathBuf> {
        let shown = self
            .gateway
            .cli(&["ca", "show", "--data", "data", "-o", "json"])?;
        let shown: Value = serde_json::from_slice(&shown.stdout)?;
        let path = self.gateway.folder().join("ca.pem");
        let certificate = shown.get("certificate").and_then(Value::as_str);
        fs::write(&path, certificate.context("a certificate")?)?;
        Ok(path)
    }

    /// What curl gets by the proxy: body, then status of the request and of `CONNECT`, and version.
    fn curl(&self, arguments: &[&str]) -> Result<String> {
        self.curl_as("", arguments)
    }

    /// The same, with this before the proxy's address: `agent:TOKEN@`.
    fn curl_as(&self, user: &str, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.curl)
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "60",
                "--noproxy",
                "",
            ])
            .arg("--proxy")
            .arg(format!("http://{user}{}", self.gateway.listen(1)?))
            .args([
                "--write-out",
                " %{http_code} %{http_connect} %{http_version}",
            ])
            .args(arguments)
            .current_dir(self.gateway.folder())
            .output()?;
        let told = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&told).trim_end().to_owned())
    }

    fn refused(&self) -> Result<Vec<String>> {
        let records = records::list(&self.gateway)?;
        let refused = records.iter().filter(|record| record.kind() == "refuse");
        Ok(refused.map(|record| record.text("reason")).collect())
    }

    /// The newest record that was opened, with its end.
    fn newest(&self) -> Result<(Record, Record)> {
        let records = records::list(&self.gateway)?;
        let mut opened = records.iter().rev().filter(|it| it.kind() == "open");
        let index = opened
            .next()
            .and_then(Record::index)
            .context("nothing opened")?;
        let opening = records::show(&self.gateway, index)?;
        Ok((opening, records::closing(&self.gateway, index)?))
    }

    fn finish(mut self) -> Result<()> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        verified(&self.gateway).map(drop)
    }
}

#[test]
fn an_agent_with_a_proxy_calls_the_service_and_the_gateway_has_the_key() -> Result<()> {
    let shop = Shop::new(|setup| setup)?;
    let ca = shop.authority()?.display().to_string();
    for (arguments, told) in [
        (
            &["--http2", "https://shop.example/things/7"][..],
            "200 200 2",
        ),
        (
            &["--http1.1", "https://shop.example/things/7"],
            "200 200 1.1",
        ),
        (
            &["--http1.1", "https://SHOP.example/things/7"],
            "200 200 1.1",
        ),
        (&["http://shop.example/things/7"], "200 000 1.1"),
        // A tunnel with nothing encrypted in it.
        (
            &["--proxytunnel", "http://shop.example/things/7"],
            "200 200 1.1",
        ),
        // What a client sends for a key, the service does not get.
        (
            &[
                "-H",
                "authorization: Bearer tidegate",
                "https://shop.example/things/7",
            ],
            "200 200 2",
        ),
    ] {
        let answer = shop.curl(&[&["--cacert", &ca], arguments].concat())?;
        ensure!(answer.ends_with(told), "{arguments:?}: {answer}");
        ensure!(
            answer.contains("green") && !answer.contains(&shop.key),
            "{answer}"
        );
    }
    assert_eq!(shop.keyed.asked(), 6);
    let (opening, closing) = shop.newest()?;
    assert_eq!(opening.text("agent"), SUPPORT);
    assert_eq!(opening.text("operation"), opening.text("operation"));
    assert_eq!(
        closing.find("credential").map(|it| it["version"].clone()),
        Some(1.into())
    );
    // Without the root nobody believes the gateway.
    let answer = shop.curl(&["https://shop.example/things/7"])?;
    ensure!(answer.contains("000 200"), "{answer}");
    // What policy refuses costs the service nothing.
    let post = ["--cacert", &ca, "-d", "{}", "https://shop.example/things"];
    let answer = shop.curl(&post)?;
    ensure!(
        answer.contains("not_permitted") && answer.contains(" 403 200"),
        "{answer}"
    );
    assert_eq!(shop.keyed.asked(), 6);
    shop.finish()
}

#[test]
fn a_tunnel_is_for_the_host_that_it_was_asked_for() -> Result<()> {
    let shop = Shop::new(|setup| setup)?;
    let ca = shop.authority()?.display().to_string();
    let with_ca = |arguments: &[&str]| shop.curl(&[&["--cacert", &ca], arguments].concat());
    // The greeting names another.
    let led = "other.example:443:shop.example:443";
    let answer = with_ca(&["--connect-to", led, "https://other.example/things/7"])?;
    ensure!(answer.contains(" 000 200"), "{answer}");
    // The request names another.
    let answer = with_ca(&["-H", "host: other.example", "https://shop.example/things/7"])?;
    ensure!(
        answer.contains("host_mismatch") && answer.contains(" 421 200"),
        "{answer}"
    );
    // No service has it.
    for elsewhere in [
        "https://other.example/",
        "https://169.254.169.254/",
        "https://localhost/",
    ] {
        let answer = with_ca(&[elsewhere])?;
        ensure!(answer.contains(" 000 403"), "{answer}");
    }
    let answer = with_ca(&["http://other.example/things/7"])?;
    ensure!(
        answer.contains("service_unknown") && answer.contains(" 404 000"),
        "{answer}"
    );
    let refused = [
        "sni_mismatch",
        "host_mismatch",
        "host_unlisted",
        "host_unlisted",
        "host_unlisted",
    ];
    assert_eq!(
        shop.refused()?,
        [&refused[..], &["service_unknown"]].concat()
    );
    assert_eq!(shop.keyed.asked(), 0);
    shop.finish()
}

#[test]
fn who_needs_a_token_shows_it_to_the_proxy() -> Result<()> {
    let issuer = Issuer::new()?;
    let shop = Shop::new(|setup| {
        let curl = Agent::curl().map(|curl| path_selector(curl.program()));
        let selectors = [curl.unwrap_or_default(), "unix:uid:0".to_owned()];
        setup
            .issuer(&issuer)
            .agent("spiffe://tests.example/agent/held", &selectors, "required")
    })?;
    let ca = shop.authority()?.display().to_string();
    let token = issuer.mint(&claims("spiffe://tests.example/agent/held"))?;
    let https = ["--cacert", &ca, "https://shop.example/things/7"];
    let http = ["http://shop.example/things/7"];
    let answer = shop.curl(&https)?;
    ensure!(answer.contains(" 000 407"), "{answer}");
    let answer = shop.curl(&http)?;
    ensure!(
        answer.contains("token_required") && answer.contains(" 401 "),
        "{answer}"
    );
    assert_eq!(shop.keyed.asked(), 0);
    let user = format!("x:{token}@");
    for asked in [&https[..], &http[..]] {
        let answer = shop.curl_as(&user, asked)?;
        ensure!(answer.contains(" 200 "), "{answer}");
        let came = shop.keyed.came();
        ensure!(
            !came.iter().any(|(_, value)| value.contains(&token)),
            "the token went on"
        );
    }
    let bearer = format!("Proxy-Authorization: Bearer {token}");
    let answer = shop.curl(&[&["--proxy-header", &bearer][..], &https].concat())?;
    ensure!(answer.contains(" 200 200"), "{answer}");
    let answer = shop.curl_as("x:none@", &https)?;
    ensure!(answer.contains(" 000 407"), "{answer}");
    shop.finish()
}

/// Where no tunnel leads, and why.
const CLOSED: [(&str, u16, &str); 5] = [
    ("localhost", 443, "address_refused"),
    ("127.0.0.1", 443, "address_refused"),
    ("other.example", 443, "not_permitted"),
    ("169.254.169.254", 443, "not_permitted"),
    ("localhost", 22, "port_refused"),
];

#[test]
fn a_tunnel_to_others_is_led_as_far_as_policy_says_and_is_on_record() -> Result<()> {
    let certificate = Certificate::for_loopback()?;
    let elsewhere = Keyed::default();
    elsewhere.want("Bearer elsewhere");
    let tls = certificate.server(&["http/1.1"])?;
    let peer = Peer::serve(elsewhere.router(), "127.0.0.1:0", Some(&tls))?;
    let port = peer.address().port();
    let rules = json!({
        "unlisted": "tunnel",
        "ports": [port, 443],
        "networks": [format!("127.0.0.1:{port}"), format!("[::1]:{port}")],
    });
    let shop = Shop::new(|setup| setup.set("forward", rules).policy(TUNNELS))?;
    let ca = shop.gateway.folder().join("theirs.pem");
    fs::write(&ca, &certificate.authority)?;
    let ca = ca.display().to_string();
    let get = |host: &str, port: u16, more: &[&str]| {
        let url = format!("https://{host}:{port}/things/7");
        let fields = [
            "--cacert",
            &ca,
            "-H",
            "authorization: Bearer elsewhere",
            &url,
        ];
        shop.curl(&[&fields[..], more].concat())
    };
    let answer = get("localhost", port, &[])?;
    ensure!(
        answer.contains("green") && answer.ends_with(" 200 200 1.1"),
        "{answer}"
    );
    let (opening, closing) = shop.newest()?;
    assert_eq!(opening.text("service"), "tunnel");
    assert_eq!(
        opening.find("bound"),
        Some(&json!({ "host": "localhost", "port": port.to_string() }))
    );
    assert_eq!(closing.text("result"), "released");
    for way in ["request", "response"] {
        let body = closing.find(way).context("a body")?;
        assert_eq!(body["gaps"], json!(["not_inspected"]));
        ensure!(body["received"].as_u64() > Some(100), "{body}");
    }
    // An address has no name to greet, and must be listed.
    let answer = get("127.0.0.1", port, &[])?;
    ensure!(
        answer.contains("green") && answer.ends_with(" 200 200 1.1"),
        "{answer}"
    );
    let asked = elsewhere.asked();

    // The greeting names another; loopback at another port; no policy; another port.
    let led = format!("other.example:{port}:localhost:{port}");
    let answer = get("other.example", port, &["--connect-to", &led])?;
    ensure!(answer.contains(" 000 200"), "{answer}");
    let (_, closing) = shop.newest()?;
    let told = [closing.text("result"), closing.text("reason")];
    assert_eq!(told, ["refused", "sni_mismatch"]);
    for (host, port, reason) in CLOSED {
        let answer = get(host, port, &[])?;
        ensure!(answer.contains(" 000 403"), "{host}:{port} {answer}");
        let records = records::list(&shop.gateway)?;
        let last = records
            .iter()
            .rev()
            .find(|it| !it.text("reason").is_empty())
            .context("a record")?;
        assert_eq!(last.text("reason"), reason, "{host}:{port} {last:?}");
    }
    assert_eq!(elsewhere.asked(), asked);
    shop.finish()
}

#[test]
fn another_root_is_used_at_once_and_believed_by_who_trusts_the_one_before() -> Result<()> {
    let shop = Shop::new(|setup| setup)?;
    let before = shop.authority()?;
    let (old, new) = (
        shop.gateway.folder().join("old.pem"),
        shop.gateway.folder().join("ca.pem"),
    );
    fs::rename(before, &old)?;
    let rotated = shop
        .gateway
        .cli(&["ca", "rotate", "--config", "tidegate.yaml"])?;
    ensure!(
        rotated.status.success(),
        "{}",
        String::from_utf8_lossy(&rotated.stderr)
    );
    shop.authority()?;
    ensure!(fs::read(&old)? != fs::read(&new)?, "the same root");
    let get = |ca: &PathBuf| {
        let ca = ca.display().to_string();
        shop.curl(&["--cacert", &ca, "https://shop.example/things/7"])
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !get(&new)?.contains(" 200 200") {
        ensure!(std::time::Instant::now() < deadline, "{}", get(&new)?);
        std::thread::sleep(tests::gateway::POLL);
    }
    ensure!(get(&old)?.contains(" 200 200"), "{}", get(&old)?);
    // What clients are given.
    let installed = shop
        .gateway
        .cli(&["ca", "install", "--data", "data", "--to", "trusted"])?;
    ensure!(
        installed.status.success(),
        "{}",
        String::from_utf8_lossy(&installed.stderr)
    );
    for file in ["ca.pem", "ca-bundle.pem"] {
        let path = shop.gateway.folder().join("trusted").join(file);
        ensure!(get(&path)?.contains(" 200 200"), "{file}");
    }
    // Nothing in the log's folder holds the key in the clear.
    for (_, text) in shop.gateway.files()? {
        ensure!(
            !String::from_utf8_lossy(&text).contains("PRIVATE KEY"),
            "a key in the clear"
        );
    }
    shop.finish()
}
