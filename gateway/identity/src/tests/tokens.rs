use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::{ACTORS_MAX, KeySetError, TOKEN_BYTES_MAX, TokenError, VerifierError};

#[test]
fn a_token_is_for_what_it_names() {
    let one = Key::es256("one");
    let resources = ["https://gateway.example/a", "https://gateway.example/b"];
    let verifier = Verifier::build(vec![issuer(&[&one])]).unwrap();
    let verifier = verifier.with_resources(resources.map(Arc::from));
    let [a, b] = resources;
    for (audience, gateway, for_a, for_b) in [
        (json!(AUDIENCE), true, false, false),
        (json!(a), false, true, false),
        (json!([b, "other"]), false, false, true),
        (json!([AUDIENCE, a, b]), true, true, true),
    ] {
        let token = one.sign(&claims_with(json!({ "aud": audience })));
        let said = verifier.verify(&token, now()).unwrap();
        let covers = [None, Some(a), Some(b)].map(|it| said.audience.covers(it));
        assert_eq!(covers, [gateway, for_a, for_b], "{audience}");
        assert!(!said.audience.covers(Some("https://gateway.example/c")));
    }
    let token = one.sign(&claims_with(json!({ "aud": "https://gateway.example/a/" })));
    assert_eq!(
        verifier.verify(&token, now()).err(),
        Some(TokenError::Audience)
    );
}

#[test]
fn a_good_token_tells_its_task() {
    for key in [
        Key::es256("k"),
        Key::eddsa("k"),
        Key::rsa("k", Algorithm::RS256),
        Key::rsa("k", Algorithm::PS256),
    ] {
        let verifier = verifier(&[&key]);
        let found = verifier.verify(&key.sign(&claims()), now());
        let found = found.unwrap_or_else(|error| panic!("{:?}: {error}", key.algorithm));
        assert_eq!(found.subject.as_str(), SUPPORT);
        assert_eq!(found.token_id.as_deref(), Some("token-1"));
        assert_eq!(found.expires_at, after(300));
        let task = found.task.as_ref().unwrap();
        assert_eq!((&*task.id, &*task.purpose), ("T-4891", "support"));
        assert_eq!(task.scope["customer"], "C-771");
    }
}

#[test]
fn claims_that_do_not_hold_are_refused() {
    use TokenError::{Audience, Expired, Immature, Issuer, Lifetime, Malformed, Scope, Subject};
    let key = Key::es256("k");
    let verifier = verifier(&[&key]);
    let at = now().as_second();
    let wide: serde_json::Map<String, Value> = (0..33)
        .map(|index| (index.to_string(), "x".into()))
        .collect();
    for (changes, expected) in [
        (json!({ "aud": "other" }), Audience),
        (json!({ "aud": ["other", "another"] }), Audience),
        (json!({ "aud": null }), Audience),
        (json!({ "iss": "https://evil.example" }), Issuer),
        (json!({ "iss": [ISSUER] }), Malformed),
        (json!({ "iss": null }), Issuer),
        (json!({ "sub": null }), Malformed),
        (json!({ "sub": "alice" }), Subject),
        (json!({ "exp": null }), Malformed),
        (json!({ "exp": "tomorrow" }), Malformed),
        (json!({ "exp": 1e300 }), Malformed),
        (json!({ "iat": null }), Malformed),
        (json!({ "exp": at }), Lifetime),
        (json!({ "exp": at - 1 }), Lifetime),
        (json!({ "iat": at - 600, "exp": at }), Expired),
        (json!({ "iat": at - 600, "exp": at - 60 }), Expired),
        (json!({ "exp": at + 901 }), Lifetime),
        (json!({ "iat": at + 31, "exp": at + 60 }), Immature),
        (json!({ "nbf": at + 31 }), Immature),
        (
            json!({ "task": { "id": "T", "scope": { "customer": "x".repeat(257) } } }),
            Scope,
        ),
        (json!({ "task": { "id": "T", "scope": wide } }), Scope),
        (
            json!({ "task": { "id": "T", "scope": { "customer": 771 } } }),
            Malformed,
        ),
        (json!({ "task": { "purpose": "no id" } }), Malformed),
    ] {
        let token = key.sign(&claims_with(changes.clone()));
        assert_eq!(verifier.verify(&token, now()), Err(expected), "{changes}");
    }
}

#[test]
fn claims_may_be_spelt_in_their_other_forms() {
    let key = Key::es256("k");
    let verifier = verifier(&[&key]);
    let at = now().as_second();
    for changes in [
        json!({ "aud": ["other", AUDIENCE] }),
        json!({ "exp": at + 900 }),
        json!({ "exp": 1_772_366_460.5 }),
        json!({ "iat": at + 30 }),
        json!({ "nbf": at - 5 }),
        json!({ "jti": null }),
        json!({ "task": null }),
        json!({ "task": { "id": "T" } }),
    ] {
        let token = key.sign(&claims_with(changes.clone()));
        assert!(verifier.verify(&token, now()).is_ok(), "{changes}");
    }
}

#[test]
fn a_token_changed_anywhere_is_refused() {
    let key = Key::es256("k");
    let verifier = verifier(&[&key]);
    let token = key.sign(&claims());
    assert!(verifier.verify(&token, now()).is_ok());
    for place in (0..token.len()).step_by(7) {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(verifier.verify(&changed, now()).is_err(), "byte {place}");
    }
    let cut = token.get(..token.len() - 4).unwrap();
    for broken in ["", ".", "..", "a.b.c", "a.b.c.d", cut] {
        assert!(verifier.verify(broken, now()).is_err(), "{broken}");
    }
    let long = "x".repeat(TOKEN_BYTES_MAX + 1);
    assert_eq!(verifier.verify(&long, now()), Err(TokenError::Length));
}

#[test]
fn the_key_and_nothing_else_chooses_the_algorithm() {
    let rsa = Key::rsa("rsa", Algorithm::RS256);
    let ec = Key::es256("ec");
    let verifier = verifier(&[&rsa, &ec]);
    let refused = |token: &str| verifier.verify(token, now()).unwrap_err();

    // The public key as an HMAC secret.
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("rsa".into());
    let secret = EncodingKey::from_secret(jwks(&[&rsa]).as_bytes());
    let forged = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    assert_eq!(refused(&forged), TokenError::Algorithm);

    // Another algorithm of the same key.
    let mut header = Header::new(Algorithm::PS256);
    header.kid = Some("rsa".into());
    assert_eq!(
        refused(&rsa.sign_as(&header, &claims())),
        TokenError::Algorithm
    );

    // One key's token under another's id.
    let mut header = ec.header();
    header.kid = Some("rsa".into());
    assert_eq!(
        refused(&ec.sign_as(&header, &claims())),
        TokenError::Algorithm
    );
    let stranger = Key::es256("ec");
    assert_eq!(refused(&stranger.sign(&claims())), TokenError::Signature);

    // No algorithm at all.
    let encode = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
    for none in ["none", "None", "nOnE"] {
        let header = encode(&json!({ "alg": none, "kid": "ec" }).to_string());
        let body = encode(&claims().to_string());
        assert_eq!(refused(&format!("{header}.{body}.")), TokenError::Malformed);
    }
}

type Change<'a> = &'a dyn Fn(&mut Header);

#[test]
fn the_header_is_read_strictly() {
    let key = Key::es256("k");
    let alone = verifier(&[&key]);
    let other = Key::es256("l");
    let among = verifier(&[&key, &other]);
    let with = |change: Change<'_>| {
        let mut header = key.header();
        change(&mut header);
        key.sign_as(&header, &claims())
    };
    let cases: [(Change<'_>, Option<TokenError>); 7] = [
        (&|header| header.typ = None, None),
        (
            &|header| header.typ = Some("application/AT+JWT".into()),
            None,
        ),
        (
            &|header| header.typ = Some("logout+jwt".into()),
            Some(TokenError::Type),
        ),
        (
            &|header| header.crit = Some(vec!["b64".into()]),
            Some(TokenError::Critical),
        ),
        (
            &|header| header.kid = Some("m".into()),
            Some(TokenError::Key),
        ),
        (
            &|header| header.kid = Some("l".into()),
            Some(TokenError::Signature),
        ),
        (&|header| header.kid = None, Some(TokenError::Key)),
    ];
    for (change, expected) in cases {
        assert_eq!(among.verify(&with(change), now()).err(), expected);
    }
    // Where there is one key only, a token need not name it.
    assert!(
        alone
            .verify(&with(&|header| header.kid = None), now())
            .is_ok()
    );
}

#[test]
fn who_acts_uses_the_token_and_whom_it_is_about_is_told() {
    let key = Key::es256("k");
    let verifier = verifier(&[&key]);
    let read = |changes: Value| verifier.verify(&key.sign(&claims_with(changes)), now());
    let acting = json!({ "sub": "alice", "act": { "sub": SUPPORT, "act": { "sub": "bob" } } });
    let claims = read(acting).unwrap();
    assert_eq!(claims.subject.as_str(), SUPPORT);
    let delegation = claims.delegation.as_ref().unwrap();
    assert_eq!(&*delegation.subject, "alice");
    assert_eq!(*delegation.actors, [Arc::from(SUPPORT), Arc::from("bob")]);
    assert_eq!(read(json!({})).unwrap().delegation, None);

    // Whoever it is about may not use it, whatever that is called.
    let other = "spiffe://clinic.example/agent/other";
    let lent = read(json!({ "act": { "sub": other } })).unwrap();
    assert_eq!(lent.subject.as_str(), other);
    let person = read(json!({ "sub": SUPPORT, "act": { "sub": "alice" } }));
    assert_eq!(person, Err(TokenError::Subject));
    let nested = (0..ACTORS_MAX).fold(
        json!({ "sub": "a" }),
        |within, _| json!({ "sub": SUPPORT, "act": within }),
    );
    let deep = read(json!({ "act": nested })).unwrap_err();
    assert_eq!(deep, TokenError::ActorsNested);
    assert!(deep.to_string().contains("more than 8 actors"));
    assert_eq!(read(json!({ "act": [] })), Err(TokenError::Actor));
}

#[test]
fn a_remembered_token_still_expires() {
    let key = Key::es256("k");
    let verifier = verifier(&[&key]);
    let token = key.sign(&claims());
    let first = verifier.verify(&token, now()).unwrap();
    let again = verifier.verify(&token, after(299)).unwrap();
    assert!(Arc::ptr_eq(&first, &again), "it was remembered");
    assert_eq!(
        verifier.verify(&token, after(300)),
        Err(TokenError::Expired)
    );
    // And an earlier clock does not bring it to life before its time.
    assert_eq!(
        verifier.verify(&token, after(-31)),
        Err(TokenError::Immature)
    );
}

#[test]
fn rotation_is_seen_at_once() {
    let old = Key::es256("old");
    let new = Key::eddsa("new");
    let issuer = issuer(&[&old]);
    let keys = Arc::clone(&issuer.keys);
    let verifier = Verifier::build(vec![issuer]).unwrap();
    let (of_old, of_new) = (old.sign(&claims()), new.sign(&claims()));
    assert!(verifier.verify(&of_old, now()).is_ok());
    assert_eq!(verifier.verify(&of_new, now()), Err(TokenError::Key));

    keys.replace(&jwks(&[&old, &new])).unwrap();
    assert!(verifier.verify(&of_old, now()).is_ok());
    assert!(verifier.verify(&of_new, now()).is_ok());

    keys.replace(&jwks(&[&new])).unwrap();
    assert_eq!(verifier.verify(&of_old, now()), Err(TokenError::Key));
    assert!(verifier.verify(&of_new, now()).is_ok());

    // Another key under the same id does not inherit what was remembered.
    keys.replace(&jwks(&[&Key::eddsa("new")])).unwrap();
    assert_eq!(verifier.verify(&of_new, now()), Err(TokenError::Signature));

    // What cannot be read changes nothing.
    assert!(keys.replace("{}").is_err());
    assert_eq!(keys.len(), 1);
}

#[test]
fn each_issuer_verifies_with_its_own_keys() {
    let (one, two) = (Key::es256("k"), Key::es256("k"));
    let other = Issuer {
        name: "https://other.example".into(),
        ..issuer(&[&two])
    };
    let verifier = Verifier::build(vec![issuer(&[&one]), other]).unwrap();
    assert!(verifier.verify(&one.sign(&claims()), now()).is_ok());
    assert_eq!(
        verifier.verify(&two.sign(&claims()), now()),
        Err(TokenError::Signature)
    );
    let of_other = claims_with(json!({ "iss": "https://other.example" }));
    assert!(verifier.verify(&two.sign(&of_other), now()).is_ok());
}

#[test]
fn no_sentence_holds_anything_of_the_token() {
    let key = Key::es256("k");
    let verifier = verifier(&[&key]);
    let canary = "canary-7c1f";
    for changes in [
        json!({ "sub": canary }),
        json!({ "aud": canary }),
        json!({ "iss": canary }),
        json!({ "exp": canary }),
        json!({ "task": canary }),
        json!({ "task": { "id": "T", "scope": { "customer": canary.repeat(40) } } }),
    ] {
        let token = key.sign(&claims_with(changes));
        let error = verifier.verify(&token, now()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(canary));
    }
}

#[test]
fn key_sets_are_read_strictly() {
    let key = Key::es256("k");
    let jwk = |changes: Value| {
        let mut jwk = key.jwk();
        let members = jwk.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
        }
        jwk
    };
    let parse = |keys: Vec<Value>| KeySet::parse(&json!({ "keys": keys }).to_string());
    assert_eq!(parse(vec![jwk(json!({}))]).unwrap().len(), 1);
    // What we cannot use is left aside, unless nothing else is there.
    let hmac = json!({ "kty": "oct", "kid": "h", "k": "AAAA", "alg": "HS256" });
    assert_eq!(parse(vec![hmac.clone(), jwk(json!({}))]).unwrap().len(), 1);
    for unusable in [
        hmac,
        jwk(json!({ "use": "enc" })),
        jwk(json!({ "alg": "ES384" })),
        jwk(json!({ "alg": "HS256" })),
        jwk(json!({ "key_ops": ["sign"], "use": "sig" })),
        jwk(json!({ "crv": "P-384" })),
        jwk(json!({ "kid": 7 })),
    ] {
        let error = parse(vec![unusable.clone()]).unwrap_err();
        assert!(matches!(error, KeySetError::Unusable), "{unusable}");
    }
    let duplicate = parse(vec![jwk(json!({})), jwk(json!({}))]).unwrap_err();
    assert!(matches!(duplicate, KeySetError::Duplicate(id) if id == "k"));
    let private = parse(vec![jwk(json!({ "d": "AAAA" }))]).unwrap_err();
    assert!(matches!(private, KeySetError::Private(id) if id == "k"));
    for shape in ["", "[]", "{}", r#"{"keys":{}}"#] {
        let error = KeySet::parse(shape).unwrap_err();
        assert!(matches!(error, KeySetError::Shape(_)), "{shape}");
    }
    assert!(matches!(
        parse(vec![json!({}); 65]).unwrap_err(),
        KeySetError::TooMany
    ));
}

#[test]
fn issuers_are_checked() {
    let key = Key::es256("k");
    let good = issuer(&[&key]);
    let twice = Verifier::build(vec![good.clone(), good.clone()]);
    assert_eq!(twice.err(), Some(VerifierError::Duplicate(ISSUER.into())));
    let broad = Issuer {
        audience: String::new(),
        ..good.clone()
    };
    let error = Verifier::build(vec![broad]).err();
    assert_eq!(error, Some(VerifierError::Audience(ISSUER.into())));
    let brief = Issuer {
        lifetime_max: SignedDuration::ZERO,
        ..good
    };
    let error = Verifier::build(vec![brief]).err();
    assert_eq!(error, Some(VerifierError::Lifetime(ISSUER.into())));
}
