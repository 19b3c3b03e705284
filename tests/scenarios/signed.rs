//! Services of AWS get their requests signed by the key that the gateway holds: boto3 runs unchanged with keys
//! that are worth nothing, and whoever verifies signatures as AWS does is content.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    gateway::Gateway,
    records,
    sdks::{Calls, Language, Server},
    setup::{Service, Setup},
    tokens::{Issuer, claims},
};

use crate::{
    canary::contains,
    world::{path_selector, verified},
};

const AGENT: &str = "spiffe://tests.example/agent/storage";

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);

@id("no-addresses-go-out")
@obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email");
"#;

/// Moto behind the gateway: its S3 by a host, its `DynamoDB` by a prefix.
struct Cloud {
    _server: Server,
    gateway: Gateway,
    issuer: Issuer,
    secret: String,
}

/// How a service of AWS is called.
fn signed(service: Service, keys: &Path, name: &str) -> Service {
    let form = json!({ "sigv4": { "region": "eu-central-1", "service": name } });
    service.set("credential", json!({ "file": keys, "as": form }))
}

impl Cloud {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let keys = folder.path().join("aws.keys");
        let mut command = Language::Python.command("aws_server")?;
        command.env("AWS_KEYS", &keys);
        let server = Server::run(command)?;
        let pair = fs::read_to_string(&keys)?;
        let (_, secret) = pair.trim().split_once(':').context("no pair")?;
        let secret = secret.to_owned();
        let url = server.url();
        let s3 = Service::hosted("s3", "localhost", &url, "DE")
            .operation("list", "GET", "/{bucket}")
            .operation("get", "GET", "/{bucket}/{key}")
            .operation("put", "PUT", "/{bucket}/{key}")
            .operation("get.nested", "GET", "/{bucket}/{folder}/{key}")
            .operation("put.nested", "PUT", "/{bucket}/{folder}/{key}");
        let dynamodb = Service::new("dynamodb", &url, "DE").governed(
            "call",
            "POST",
            "/",
            json!({ "header": { "target": "x-amz-target" } }),
        );
        let issuer = Issuer::new()?;
        let setup = Setup::new()
            .issuer(&issuer)
            .agent(
                AGENT,
                &[path_selector(&Language::Python.program()?)],
                "required",
            )
            .service(signed(s3, &keys, "s3"))
            .service(signed(dynamodb, &keys, "dynamodb"))
            .policy(POLICY);
        Ok(Self {
            _server: server,
            gateway: Gateway::start_in(folder, &setup)?,
            issuer,
            secret,
        })
    }

    fn calls(&self, token: &str) -> Result<Calls> {
        let port = self.gateway.listen(0)?.port();
        let url = format!("http://localhost:{port}");
        let dynamodb = format!("http://127.0.0.1:{port}/dynamodb");
        let variables = [
            ("SDK_URL", url.as_str()),
            ("SDK_KEY", "none"),
            ("DYNAMODB_URL", dynamodb.as_str()),
            ("AWS_TOKEN", token),
        ];
        Language::Python.calls("aws", &variables)
    }
}

#[test]
fn boto3_runs_unchanged_and_what_it_sends_is_signed_here() -> Result<()> {
    let mut cloud = Cloud::new()?;
    let calls = cloud.calls(&cloud.issuer.mint(&claims(AGENT))?)?;
    calls.of("put")?.value()?;
    let got: Value = serde_json::from_str(calls.of("get")?.value()?)?;
    assert_eq!(got["colour"], "green");
    let told = got["email"].as_str().context("no address")?;
    ensure!(!told.contains("tamsel"), "{told}");
    assert_eq!(calls.of("listed")?.value()?, "a b/ü+1.json");
    assert_eq!(calls.of("long")?.value()?, "360011");
    let too_long = calls.of("too_long")?;
    ensure!(too_long.message().contains("413"), "{}", too_long.message());
    let item = calls.of("item")?.value()?.to_owned();
    ensure!(item.contains("gold") && !item.contains("tamsel"), "{item}");

    // Who shows no token is nobody, whatever else its request is signed by.
    let nobody = cloud.calls("")?;
    for name in ["put", "get", "item"] {
        let message = nobody.of(name)?.message().to_owned();
        ensure!(message.contains("401"), "{name}: {message}");
    }
    ensure!(
        cloud.gateway.stop()?.success(),
        "{}",
        cloud.gateway.stderr()
    );
    for (path, bytes) in cloud.gateway.files()? {
        let holds = contains(&bytes, &cloud.secret);
        ensure!(
            !holds || path.ends_with("aws.keys"),
            "{} holds the secret",
            path.display()
        );
    }
    let log = records::list(&cloud.gateway)?;
    let sent = log.iter().filter(|it| it.find("credential").is_some());
    ensure!(sent.count() >= 7, "what was presented is on record");
    let refused = log
        .iter()
        .find(|it| it.text("reason") == "message_too_long");
    let refused = refused.context("the long body is not on record")?;
    assert_eq!(refused.find("credential"), None);
    verified(&cloud.gateway)?;
    Ok(())
}
