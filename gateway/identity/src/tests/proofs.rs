use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flows::{Attribution, Source};
use jsonwebtoken::jwk::ThumbprintHash;

use super::*;
use crate::{Cause, Identity, Possession, ProofError, Registry, Request, Scheme, TokenError};

const REQUEST: Request<'_> = Request {
    method: "GET",
    scheme: "http",
    authority: "127.0.0.1:8080",
    path: "/customers/C-771",
};

fn jwk_of(key: &Key) -> Jwk {
    Jwk::from_encoding_key(&key.encoding, key.algorithm).unwrap()
}

fn jkt(key: &Key) -> String {
    jwk_of(key).thumbprint(ThumbprintHash::SHA256).unwrap()
}

fn hash_of(token: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(hash)
}

fn proof_header(key: &Key) -> Header {
    let mut header = Header::new(key.algorithm);
    header.typ = Some("dpop+jwt".into());
    header.jwk = Some(jwk_of(key));
    header
}

/// A proof of `key` for [`REQUEST`] and `token`, with some claims changed.
fn proof(key: &Key, token: &str, changes: Value) -> String {
    let mut claims = json!({
        "jti": "proof-1", "htm": "GET", "htu": "http://127.0.0.1:8080/customers/C-771",
        "iat": now().as_second(), "ath": hash_of(token),
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    key.sign_as(&proof_header(key), &claims)
}

fn gateway(key: &Key, rule: TokenRule) -> Identity {
    let registry = Registry::build(vec![agent(SUPPORT, &["unix:uid:1001"], rule)]);
    Identity::new(registry.unwrap(), verifier(&[key]))
}

/// What a token and what is shown with it come to.
fn shown(
    identity: &Identity,
    token: &str,
    possession: Possession<'_>,
) -> Result<&'static str, Cause> {
    let attribution = Arc::new(Attribution {
        process: process("/usr/bin/python3", 1001),
        source: Source::Kernel,
    });
    let proven = identity
        .identify((Some(&attribution), None), Some(token), now())
        .map_err(|unproven| unproven.cause)?;
    identity
        .possesses(&proven, &possession, now())
        .map_err(|unproven| unproven.cause)?;
    Ok(proven.caller().evidence)
}

fn with(proof: &str) -> Possession<'_> {
    Possession {
        certificate: None,
        proof: Some(proof),
        scheme: Scheme::Dpop,
        request: REQUEST,
    }
}

#[test]
fn a_bound_token_is_good_with_its_keys_proof_alone() {
    let issuer = Key::es256("k");
    let identity = gateway(&issuer, TokenRule::Bound);
    for own in [
        Key::es256("own"),
        Key::eddsa("own"),
        Key::rsa("own", Algorithm::RS256),
        Key::rsa("own", Algorithm::PS256),
    ] {
        let token = issuer.sign(&claims_with(json!({ "cnf": { "jkt": jkt(&own) } })));
        let good = proof(&own, &token, json!({}));
        let answer = shown(&identity, &token, with(&good));
        assert_eq!(answer, Ok("kernel+bound-token"), "{:?}", own.algorithm);
        let again = shown(&identity, &token, with(&good));
        assert_eq!(again, Err(Cause::ProofInvalid(ProofError::Replayed)));
    }
}

#[test]
fn whatever_a_proof_says_wrong_is_told() {
    let (issuer, own) = (Key::es256("k"), Key::es256("own"));
    let identity = gateway(&issuer, TokenRule::Required);
    let token = issuer.sign(&claims_with(json!({ "cnf": { "jkt": jkt(&own) } })));
    let second = |ahead: i64| json!({ "iat": now().as_second() + ahead });
    let at = |address: &str| json!({ "htu": address });
    for (changes, expected) in [
        (json!({ "htm": "POST" }), ProofError::Request),
        (
            at("http://127.0.0.1:8080/customers/C-332"),
            ProofError::Request,
        ),
        (
            at("https://127.0.0.1:8080/customers/C-771"),
            ProofError::Request,
        ),
        (
            at("http://127.0.0.1:8081/customers/C-771"),
            ProofError::Request,
        ),
        (json!({ "ath": hash_of("another") }), ProofError::Token),
        (json!({ "ath": null }), ProofError::Token),
        (second(-61), ProofError::Stale),
        (second(31), ProofError::Stale),
        (json!({ "jti": "" }), ProofError::Malformed),
    ] {
        let proof = proof(&own, &token, changes.clone());
        let answer = shown(&identity, &token, with(&proof));
        assert_eq!(answer, Err(Cause::ProofInvalid(expected)), "{changes}");
    }
    // None of these used up the id of a good one.
    let good = at("HTTP://127.0.0.1:8080/customers/C-771?x=1");
    let good = proof(&own, &token, good);
    let answer = shown(&identity, &token, with(&good));
    assert_eq!(answer, Ok("kernel+bound-token"));
}

#[test]
fn whoever_signs_a_proof_wrong_is_told() {
    let (issuer, own, other) = (Key::es256("k"), Key::es256("own"), Key::es256("other"));
    let identity = gateway(&issuer, TokenRule::Required);
    let token = issuer.sign(&claims_with(json!({ "cnf": { "jkt": jkt(&own) } })));
    let claims = json!({ "jti": "x", "htm": "GET", "htu": "http://a", "iat": 1 });
    let unlike = |change: fn(&mut Header)| {
        let mut header = proof_header(&own);
        change(&mut header);
        own.sign_as(&header, &claims)
    };
    let forged = {
        let [head, ..] = parts(&proof(&own, &token, json!({})));
        let [_, body, mark] = parts(&proof(&other, &token, json!({})));
        format!("{head}.{body}.{mark}")
    };
    for (proof, expected) in [
        (proof(&other, &token, json!({})), ProofError::OtherKey),
        (forged, ProofError::Signature),
        (
            unlike(|header| header.typ = Some("jwt".into())),
            ProofError::Malformed,
        ),
        (unlike(|header| header.jwk = None), ProofError::Malformed),
        (
            unlike(|header| header.crit = Some(vec!["b64".into()])),
            ProofError::Malformed,
        ),
        ("not.a.proof".to_owned(), ProofError::Malformed),
        ("x".repeat(5000), ProofError::Malformed),
    ] {
        let answer = shown(&identity, &token, with(&proof));
        assert_eq!(answer, Err(Cause::ProofInvalid(expected)), "{proof}");
    }
}

fn parts(token: &str) -> [String; 3] {
    let mut parts = token.split('.').map(str::to_owned);
    [(); 3].map(|()| parts.next().unwrap())
}

#[test]
fn a_proof_that_shows_its_private_key_is_none() {
    let (issuer, own) = (Key::es256("k"), Key::es256("own"));
    let token = issuer.sign(&claims_with(json!({ "cnf": { "jkt": jkt(&own) } })));
    let [head, body, mark] = parts(&proof(&own, &token, json!({})));
    let head = BASE64_URL_SAFE_NO_PAD.decode(head).unwrap();
    let mut head: Value = serde_json::from_slice(&head).unwrap();
    head["jwk"]["d"] = "AAAA".into();
    let head = BASE64_URL_SAFE_NO_PAD.encode(head.to_string());
    let shown = shown(
        &gateway(&issuer, TokenRule::Required),
        &token,
        with(&format!("{head}.{body}.{mark}")),
    );
    assert_eq!(shown, Err(Cause::ProofInvalid(ProofError::Key)));
}

#[test]
fn a_copied_token_is_worth_nothing() {
    let (issuer, own) = (Key::es256("k"), Key::es256("own"));
    let identity = gateway(&issuer, TokenRule::Required);
    let token = issuer.sign(&claims_with(json!({ "cnf": { "jkt": jkt(&own) } })));
    let good = proof(&own, &token, json!({}));
    let bare = Possession {
        proof: None,
        ..with(&good)
    };
    let as_bearer = Possession {
        scheme: Scheme::Bearer,
        ..with(&good)
    };
    for possession in [bare, as_bearer] {
        assert_eq!(
            shown(&identity, &token, possession),
            Err(Cause::ProofRequired)
        );
    }
    let certificate = [7; 32];
    let bound = json!({ "cnf": { "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(certificate) } });
    let token = issuer.sign(&claims_with(bound));
    for (shows, expected) in [
        (Some(certificate), Ok("kernel+bound-token")),
        (Some([8; 32]), Err(Cause::CertificateMismatch)),
        (None, Err(Cause::CertificateMismatch)),
    ] {
        let possession = Possession {
            certificate: shows,
            scheme: Scheme::Bearer,
            ..bare
        };
        assert_eq!(shown(&identity, &token, possession), expected);
    }
}

#[test]
fn what_is_bound_to_nothing_known_is_not_believed() {
    let issuer = Key::es256("k");
    let identity = gateway(&issuer, TokenRule::Bound);
    let plain = issuer.sign(&claims());
    assert_eq!(shown(&identity, &plain, with("")), Err(Cause::TokenUnbound));
    let identity = gateway(&issuer, TokenRule::Required);
    // Whoever brings a proof believes that the token asks for one.
    assert_eq!(shown(&identity, &plain, with("")), Err(Cause::TokenUnbound));
    for cnf in [json!({}), json!({ "kid": "x" }), json!({ "jkt": "short" })] {
        let token = issuer.sign(&claims_with(json!({ "cnf": cnf })));
        let answer = shown(&identity, &token, with(""));
        let expected = Cause::TokenInvalid(TokenError::Confirmation);
        assert_eq!(answer, Err(expected), "{cnf}");
    }
}
