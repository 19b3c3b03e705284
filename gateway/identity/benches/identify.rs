//! What it costs to know who is calling: with a token seen before, and with a new one.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at its first fault")]

use std::{hint::black_box, path::PathBuf, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use divan::Bencher;
use flows::{Attribution, Process, Source};
use identity::{Agent, Identity, Issuer, KeySet, Registry, TokenRule, Verifier};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::json;

const AGENT: &str = "spiffe://clinic.example/agent/support";

fn main() {
    divan::main();
}

struct Scene {
    identity: Identity,
    verifier: Verifier,
    key: EncodingKey,
    seen: Arc<Attribution>,
}

impl Scene {
    fn new() -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let key = EncodingKey::from_ec_der(pkcs8.unwrap().as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some("k".into());
        let jwks = json!({ "keys": [jwk] }).to_string();
        let verifier = || {
            let issuer = Issuer {
                name: "https://issuer.example".into(),
                audience: "tidegate".into(),
                keys: Arc::new(KeySet::parse(&jwks).unwrap()),
                lifetime_max: SignedDuration::from_mins(15),
                mapping: identity::Mapping::default(),
            };
            Verifier::build(vec![issuer]).unwrap()
        };
        let agent = Agent {
            id: AGENT.parse().unwrap(),
            selectors: ["unix:path:/usr/bin/python3", "unix:uid:1001"]
                .into_iter()
                .map(|text| text.parse().unwrap())
                .collect(),
            token: TokenRule::Required,
            svid: false,
            keys: Vec::new(),
            known_as: Vec::new(),
            abroad: None,
        };
        Self {
            identity: Identity::new(Registry::build(vec![agent]).unwrap(), verifier()),
            verifier: verifier(),
            key,
            seen: Arc::new(attribution()),
        }
    }

    fn token(&self, number: u64) -> String {
        let claims = json!({
            "iss": "https://issuer.example",
            "sub": AGENT,
            "aud": "tidegate",
            "iat": now().as_second(),
            "exp": now().as_second() + 300,
            "jti": number.to_string(),
            "task": { "id": "T-4891", "purpose": "support", "scope": { "customer": "C-771" } },
        });
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("k".into());
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_772_366_400).unwrap()
}

fn attribution() -> Attribution {
    Attribution {
        process: Process {
            pid: 4711,
            start_ns: 1,
            uid: 1001,
            gid: 1001,
            cgroup_id: 1,
            cgroup: Some("/system.slice/agent.service".into()),
            comm: "python3".into(),
            exe: Some(PathBuf::from("/usr/bin/python3")),
            exe_sha256: None,
            netns: 1,
            agent: 0,
            ancestors: Vec::new(),
        },
        source: Source::Kernel,
    }
}

#[divan::bench]
fn identify_remembered(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let token = scene.token(0);
    bencher.bench(|| {
        let seen = Some(black_box(&scene.seen));
        scene
            .identity
            .identify((seen, None), Some(black_box(&token)), now())
            .unwrap()
    });
}

#[divan::bench]
fn token_remembered(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let token = scene.token(0);
    bencher.bench(|| scene.verifier.verify(black_box(&token), now()).unwrap());
}

#[divan::bench]
fn token_proven(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let mut number = 0;
    bencher
        .with_inputs(|| {
            number += 1;
            scene.token(number)
        })
        .bench_local_refs(|token| scene.verifier.verify(token, now()).unwrap());
}
