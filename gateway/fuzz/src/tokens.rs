//! What callers show: tokens, proofs that they hold a token's key, and the keys that issuers publish.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use flows::{Attribution, Process, Source};
use identity::{
    ACTORS_MAX, Agent, Cause, Claims, Identity, Issuer, KEYS_MAX, KeySet, Mapping, Possession,
    ProofError, Registry, Request, SCOPE_ENTRIES_MAX, SCOPE_VALUE_BYTES_MAX, Scheme, TokenRule,
    Verifier,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::edits::edited;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "tidegate";
const SUPPORT: &str = "spiffe://clinic.example/agent/support";
/// When it is, in seconds since 1970.
const NOW: i64 = 1_800_000_000;
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

const REQUEST: Request<'_> = Request {
    method: "GET",
    scheme: "http",
    authority: "127.0.0.1:8080",
    path: "/customers/C-771",
};

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("a time")
}

/// A pair of keys.
fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Its public part, as an issuer publishes it.
fn jwk(key: &SigningKey) -> Value {
    let public = encoded(key.verifying_key().as_bytes());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": public })
}

/// A JWT of these two, signed.
fn signed(key: &SigningKey, header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = key.sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", encoded(&signature))
}

fn verifier() -> Verifier {
    let mut published = jwk(&key(1));
    published["kid"] = "k".into();
    published["alg"] = "EdDSA".into();
    let keys = json!({ "keys": [published] }).to_string();
    let issuer = Issuer {
        name: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys: Arc::new(KeySet::parse(&keys).expect("a key set")),
        lifetime_max: LIFETIME,
        mapping: Mapping::default(),
    };
    Verifier::build(vec![issuer]).expect("a verifier")
}

const HEADER: &[u8] = br#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#;

/// What a token says that is good for the agent, and bound to a key if that is named.
fn claims(bound: Option<&str>) -> Vec<u8> {
    let mut claims = json!({
        "iss": ISSUER, "sub": SUPPORT, "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300, "jti": "t-1",
        "task": { "id": "T-1", "purpose": "support", "scope": { "customer": "C-771" } },
    });
    if let Some(thumbprint) = bound {
        claims["cnf"] = json!({ "jkt": thumbprint });
    }
    claims.to_string().into_bytes()
}

/// A token: any, one of any claims that is signed, one of any header that is, and a good one with edits. The first byte says which.
pub fn token(data: &[u8]) {
    let Some((which, data)) = data.split_first() else {
        return;
    };
    let (issuer, verifier) = (key(1), verifier());
    let good = signed(&issuer, HEADER, &claims(None));
    match which % 4 {
        0 => {
            let shown = String::from_utf8_lossy(data);
            assert!(verifier.verify(&shown, now()).is_err(), "nobody signed it");
        }
        1 => {
            let token = signed(&issuer, HEADER, data);
            if let Ok(claims) = verifier.verify(&token, now()) {
                check(&claims, data);
                let broken = edited(token.as_bytes(), &[1, 0xff, 0xff, *which]);
                let broken = String::from_utf8_lossy(&broken);
                assert!(verifier.verify(&broken, now()).is_err(), "{broken}");
            }
        }
        2 => {
            let token = signed(&issuer, data, &claims(None));
            if verifier.verify(&token, now()).is_ok() {
                let header = json(data);
                assert_eq!(header["alg"], "EdDSA");
                // Of one key it need not say which.
                assert!(header["kid"] == "k" || header["kid"].is_null());
                let kind = header["typ"].as_str().unwrap_or_default();
                assert!(!kind.to_ascii_lowercase().contains("dpop") && header["crit"].is_null());
            }
        }
        _ => {
            let shown = edited(good.as_bytes(), data);
            if let Ok(claims) = verifier.verify(&String::from_utf8_lossy(&shown), now()) {
                assert_eq!(Some(claims), verifier.verify(&good, now()).ok());
            }
        }
    }
}

/// What stands there as JSON; members that nobody reads need not be text.
fn json(bytes: &[u8]) -> Value {
    serde_json::from_str(&String::from_utf8_lossy(bytes)).expect("it is JSON")
}

/// What is believed of a token, against what it says by another reader.
fn check(claims: &Claims, said: &[u8]) {
    let said = json(said);
    assert_eq!(said["iss"], ISSUER);
    assert!(claims.expires_at > now() && claims.issued_at < claims.expires_at);
    assert!(claims.expires_at.duration_since(claims.issued_at) <= LIFETIME);
    let named = |aud: &Value| aud == AUDIENCE;
    let audience = &said["aud"];
    assert!(named(audience) || audience.as_array().is_some_and(|all| all.iter().any(named)));
    if said.get("act").is_none() {
        assert_eq!(said["sub"], claims.subject.as_str());
    }
    if let Some(task) = &claims.task {
        assert!(task.scope.len() <= SCOPE_ENTRIES_MAX);
        let long = |text: &String| text.len() > SCOPE_VALUE_BYTES_MAX;
        assert!(
            !task
                .scope
                .iter()
                .any(|(name, value)| long(name) || long(value))
        );
    }
    let actors = claims.delegation.as_ref().map_or(0, |it| it.actors.len());
    assert!(actors <= ACTORS_MAX);
}

/// A key set.
pub fn jwks(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(keys) = KeySet::parse(text) else {
        return;
    };
    assert!((1..=KEYS_MAX).contains(&keys.len()));
    let said: Value = serde_json::from_str(text).expect("a key set is JSON");
    let all = said["keys"].as_array().expect("an array of keys");
    assert!(
        all.iter().all(|key| key.get("d").is_none()),
        "a private key"
    );
}

fn process() -> Process {
    Process {
        pid: 4711,
        start_ns: 1,
        uid: 1001,
        gid: 100,
        cgroup_id: 7,
        cgroup: None,
        comm: "agent".to_owned(),
        exe: None,
        exe_sha256: None,
        netns: 1,
        agent: 0,
        ancestors: Vec::new(),
    }
}

fn agent() -> Agent {
    let id = SUPPORT.parse().expect("an id");
    let selector = "unix:uid:1001".parse().expect("a selector");
    Agent {
        selectors: [selector].into(),
        token: TokenRule::Bound,
        ..Agent::no_process(id)
    }
}

/// A proof that a token's key is held: any, one of any claims that is signed, one of any header that is, and a good one with edits. The
/// first byte says which.
pub fn dpop(data: &[u8]) {
    let Some((which, data)) = data.split_first() else {
        return;
    };
    let own = key(2);
    let token = signed(&key(1), HEADER, &claims(Some(&thumbprint(&own))));
    let registry = Registry::build(vec![agent()]).expect("agents");
    let identity = Identity::new(registry, verifier());
    let attribution = Arc::new(Attribution {
        process: process(),
        source: Source::Kernel,
    });
    let proven = identity.identify((Some(&attribution), None), Some(&token), now());
    let proven = proven.expect("a good token");
    let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk(&own) }).to_string();
    let claims = json!({
        "jti": "p-1", "htm": "GET", "htu": "http://127.0.0.1:8080/customers/C-771", "iat": NOW,
        "ath": sha256(token.as_bytes()),
    });
    let claims = claims.to_string();
    // No input could say what the digest of the token is.
    let said = String::from_utf8_lossy(data).replace("ATH", &sha256(token.as_bytes()));
    let proof = match which % 4 {
        0 => said.clone(),
        1 => signed(&own, header.as_bytes(), said.as_bytes()),
        2 => signed(&own, data, claims.as_bytes()),
        _ => {
            let good = signed(&own, header.as_bytes(), claims.as_bytes());
            String::from_utf8_lossy(&edited(good.as_bytes(), data)).into_owned()
        }
    };
    let shown = Possession {
        certificate: None,
        proof: Some(&proof),
        scheme: Scheme::Dpop,
        request: REQUEST,
    };
    if identity.possesses(&proven, &shown, now()).is_err() {
        return;
    }
    assert!(which % 4 != 0, "nobody signed it");
    if which % 4 == 1 {
        let said: Value = serde_json::from_str(&said).expect("claims are JSON");
        assert_eq!(said["htm"], "GET");
        assert_eq!(said["ath"], sha256(token.as_bytes()).as_str());
        assert!((NOW - 60..=NOW + 30).contains(&said["iat"].as_i64().expect("a time")));
    }
    let again = identity.possesses(&proven, &shown, now());
    let again = again.expect_err("it can be used once").cause;
    assert_eq!(again, Cause::ProofInvalid(ProofError::Replayed));
}

/// What a token is bound to a key by (RFC 7638).
fn thumbprint(key: &SigningKey) -> String {
    let public = encoded(key.verifying_key().as_bytes());
    sha256(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#).as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    encoded(&Sha256::digest(bytes))
}
