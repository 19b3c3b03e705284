use flows::{Attribution, Source};
use serde_json::json;

use super::*;
use crate::{Identity, Registry, Svid, TokenError};

const DOMAIN: &str = "spiffe://clinic.example";

fn svid(id: &str, seconds: i64) -> Arc<Svid> {
    Arc::new(Svid {
        id: id.parse().unwrap(),
        expires_at: after(seconds),
    })
}

fn seen(exe: &str) -> Arc<Attribution> {
    Arc::new(Attribution {
        process: process(exe, 1001),
        source: Source::Kernel,
    })
}

#[test]
fn a_certificate_must_be_the_agents_own_and_good() {
    let required = Agent {
        svid: true,
        ..agent(SUPPORT, &["unix:path:/bin/a"], TokenRule::Optional)
    };
    let registry = Registry::build(vec![required]).unwrap();
    let identity = Identity::new(registry, verifier(&[&Key::es256("k")]));
    let reason = |exe: &str, shown: Option<Arc<Svid>>| {
        let outcome = identity.identify((Some(&seen(exe)), shown.as_ref()), None, now());
        outcome.map_or_else(
            |unproven| (unproven.reason(), unproven.status(), unproven.is_finding()),
            |proven| (proven.caller().evidence, 200, false),
        )
    };
    assert_eq!(
        reason("/bin/a", Some(svid(SUPPORT, 60))),
        ("kernel+svid", 200, false)
    );
    assert_eq!(reason("/bin/a", None), ("svid_required", 401, false));
    assert_eq!(
        reason("/bin/a", Some(svid(SUPPORT, 0))),
        ("svid_expired", 401, false)
    );
    let other = || Some(svid("spiffe://clinic.example/agent/other", 60));
    let mismatch = ("svid_workload_mismatch", 403, true);
    assert_eq!(reason("/bin/a", other()), mismatch);
    assert_eq!(reason("/bin/nobody", other()), mismatch);
}

#[test]
fn who_was_proven_by_a_certificate_is_so_until_that_ends() {
    let registry = Registry::build(vec![agent(
        SUPPORT,
        &["unix:path:/bin/a"],
        TokenRule::Optional,
    )]);
    let identity = Identity::new(registry.unwrap(), verifier(&[&Key::es256("k")]));
    let shown = svid(SUPPORT, 60);
    let proven = identity.identify((Some(&seen("/bin/a")), Some(&shown)), None, now());
    let proven = proven.unwrap();
    assert!(proven.holds(None, after(59)));
    assert!(!proven.holds(None, after(60)));
    assert_eq!(proven.caller().expires_at(), Some(after(60)));
}

/// A JWT-SVID: no issuer, no time of issue.
fn jwt_svid(changes: Value) -> Value {
    let bare = claims_with(json!({ "iss": null, "iat": null, "jti": null, "task": null }));
    let mut all = bare.as_object().unwrap().clone();
    all.extend(changes.as_object().unwrap().clone());
    all.into()
}

#[test]
fn a_jwt_svid_is_its_trust_domains() {
    let (own, other) = (Key::es256("own"), Key::es256("other"));
    let domain = |name: &str, key: &Key| Issuer {
        name: name.into(),
        ..issuer(&[key])
    };
    let partner = "spiffe://partner.example";
    let issuers = vec![domain(DOMAIN, &own), domain(partner, &other)];
    let verifier = Verifier::build(issuers).unwrap();
    let verify = |token: &str| verifier.verify(token, now());
    let token = own.sign(&jwt_svid(json!({})));
    let claims = verify(&token).unwrap();
    assert_eq!(
        (&*claims.issuer, claims.subject.as_str()),
        (DOMAIN, SUPPORT)
    );
    // The key of one trust domain vouches for nobody of another.
    let lent = other.sign(&jwt_svid(json!({})));
    assert_eq!(verify(&lent), Err(TokenError::Key));
    // Nor by saying that the other one issued it.
    let said = other.sign(&jwt_svid(json!({ "iss": partner })));
    assert_eq!(verify(&said), Err(TokenError::Subject));
    // Its end may be no farther away than its lifetime, and the clocks' difference.
    let farthest = now().as_second() + 15 * 60;
    let edge = own.sign(&jwt_svid(json!({ "exp": farthest })));
    assert!(verify(&edge).is_ok());
    let beyond = own.sign(&jwt_svid(json!({ "exp": farthest + 60 })));
    assert_eq!(verify(&beyond), Err(TokenError::Immature));
    // Who is no trust domain must say who it is, and when.
    let plain = super::verifier(&[&own]);
    assert_eq!(plain.verify(&token, now()), Err(TokenError::Issuer));
    let undated = own.sign(&claims_with(json!({ "iat": null })));
    assert_eq!(plain.verify(&undated, now()), Err(TokenError::Malformed));
}
