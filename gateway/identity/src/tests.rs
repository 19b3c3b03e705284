mod agents;
mod callers;
mod keys;
mod mappings;
mod proofs;
mod svids;
mod tokens;

use std::{path::PathBuf, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use flows::{Ancestor, Process};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

use crate::{Agent, Issuer, KeySet, TokenRule, Verifier};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "tidegate";
const SUPPORT: &str = "spiffe://clinic.example/agent/support";

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// A real key pair, made for this test.
struct Key {
    id: &'static str,
    algorithm: Algorithm,
    encoding: EncodingKey,
}

impl Key {
    fn es256(id: &'static str) -> Self {
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self {
            id,
            algorithm: Algorithm::ES256,
            encoding: EncodingKey::from_ec_der(made.unwrap().as_ref()),
        }
    }

    fn eddsa(id: &'static str) -> Self {
        let made = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
        Self {
            id,
            algorithm: Algorithm::EdDSA,
            encoding: EncodingKey::from_ed_der(made.unwrap().as_ref()),
        }
    }

    fn rsa(id: &'static str, algorithm: Algorithm) -> Self {
        let made = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = made.as_der().unwrap();
        let label = concat!("PRIVATE", " KEY");
        let body = BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        Self {
            id,
            algorithm,
            encoding: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
        }
    }

    fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.encoding, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = self.id.into();
        jwk["use"] = "sig".into();
        jwk
    }

    fn header(&self) -> Header {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.into());
        header
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    fn sign_as(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.encoding).unwrap()
    }
}

fn jwks(keys: &[&Key]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "sub": SUPPORT,
        "aud": AUDIENCE,
        "iat": now().as_second(),
        "exp": now().as_second() + 300,
        "jti": "token-1",
        "task": { "id": "T-4891", "purpose": "support", "scope": { "customer": "C-771" } },
    })
}

/// The usual claims with some of them put, or with `null` taken out.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => all.remove(name),
            value => all.insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn issuer(keys: &[&Key]) -> Issuer {
    Issuer {
        name: ISSUER.into(),
        audience: AUDIENCE.into(),
        keys: Arc::new(KeySet::parse(&jwks(keys)).unwrap()),
        lifetime_max: SignedDuration::from_mins(15),
        mapping: crate::Mapping::default(),
    }
}

fn verifier(keys: &[&Key]) -> Verifier {
    Verifier::build(vec![issuer(keys)]).unwrap()
}

fn agent(id: &str, selectors: &[&str], token: TokenRule) -> Agent {
    Agent {
        id: id.parse().unwrap(),
        selectors: selectors.iter().map(|text| text.parse().unwrap()).collect(),
        token,
        svid: false,
        keys: Vec::new(),
        known_as: Vec::new(),
        abroad: None,
    }
}

fn process(exe: &str, uid: u32) -> Process {
    Process {
        pid: 4711,
        start_ns: 1_000_000,
        uid,
        gid: 100,
        cgroup_id: 7,
        cgroup: Some("/system.slice/agent.service".into()),
        comm: "agent".into(),
        exe: Some(PathBuf::from(exe)),
        exe_sha256: Some([0xab; 32]),
        netns: 1,
        agent: 0,
        ancestors: vec![
            ancestor(4000, "/usr/bin/bash"),
            ancestor(1, "/usr/lib/systemd/systemd"),
        ],
    }
}

fn ancestor(pid: u32, exe: &str) -> Ancestor {
    Ancestor {
        pid,
        start_ns: u64::from(pid) * 10,
        comm: "parent".into(),
        exe: Some(PathBuf::from(exe)),
    }
}
