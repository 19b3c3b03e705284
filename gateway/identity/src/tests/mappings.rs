use super::*;
use crate::{Mapping, TokenError};

/// What a verifier with this mapping makes of the usual claims with these changes.
fn read(mapping: Mapping, changes: Value) -> Result<Arc<crate::Claims>, TokenError> {
    let key = Key::es256("k");
    let issuer = Issuer {
        mapping,
        ..issuer(&[&key])
    };
    let token = key.sign(&claims_with(changes));
    Verifier::build(vec![issuer]).unwrap().verify(&token, now())
}

fn at(pointer: &str) -> String {
    pointer.to_owned()
}

#[test]
fn a_transaction_token_says_what_its_task_is() {
    let mapping = Mapping {
        subject: Some(at("/req_wl")),
        subjects: [("support-app".to_owned(), SUPPORT.parse().unwrap())].into(),
        task: Some(at("/txn")),
        purpose: Some(at("/purp")),
        scope: Some(at("/tctx")),
    };
    let token = json!({
        "sub": "user-17", "req_wl": "support-app", "txn": "97053963", "purp": "refund",
        "tctx": { "customer": "C-771", "amount": 50, "urgent": true, "items": ["a"], "by": {} },
        "task": null,
    });
    let claims = read(mapping.clone(), token).unwrap();
    assert_eq!(claims.subject.as_str(), SUPPORT);
    let task = claims.task.clone().unwrap();
    assert_eq!((&*task.id, &*task.purpose), ("97053963", "refund"));
    let scope = [("amount", "50"), ("customer", "C-771"), ("urgent", "true")];
    let scope = scope.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(*task.scope, scope.into());
    // A task of another shape than the issuer's is not the issuer's.
    let claims = read(mapping.clone(), json!({ "req_wl": "support-app" })).unwrap();
    assert_eq!(claims.task, None);
    for (changes, expected) in [
        (json!({}), TokenError::Subject),
        (json!({ "req_wl": "another" }), TokenError::Subject),
        (
            json!({ "req_wl": "support-app", "txn": 7 }),
            TokenError::Malformed,
        ),
        (
            json!({ "req_wl": "support-app", "txn": "t", "purp": 7 }),
            TokenError::Malformed,
        ),
        (
            json!({ "req_wl": "support-app", "txn": "t", "tctx": [] }),
            TokenError::Malformed,
        ),
    ] {
        let told = read(mapping.clone(), changes.clone()).unwrap_err();
        assert_eq!(told, expected, "{changes}");
    }
}

#[test]
fn a_mapped_token_says_on_whose_behalf_as_others_do() {
    let subjects = || [("support-app".to_owned(), SUPPORT.parse().unwrap())].into();
    let elsewhere = Mapping {
        subject: Some(at("/client_id")),
        subjects: subjects(),
        ..Mapping::default()
    };
    let usual = Mapping {
        subjects: subjects(),
        ..Mapping::default()
    };
    let acting =
        json!({ "sub": "alice", "client_id": "support-app", "act": { "sub": "support-app" } });
    for mapping in [elsewhere.clone(), usual.clone()] {
        let claims = read(mapping, acting.clone()).unwrap();
        assert_eq!(claims.subject.as_str(), SUPPORT);
        let delegation = claims.delegation.as_ref().unwrap();
        assert_eq!(&*delegation.subject, "alice");
        assert_eq!(*delegation.actors, [Arc::from("support-app")]);
    }
    // Without actors nobody acts for anybody, and whom the token is about is the agent.
    let own = json!({ "sub": "alice", "client_id": "support-app" });
    assert_eq!(read(elsewhere, own).unwrap().delegation, None);
    let other = json!({ "sub": "support-app", "act": { "sub": "another" } });
    assert_eq!(read(usual, other), Err(TokenError::Subject));
}

#[test]
fn whoever_lists_no_agents_names_them_itself() {
    let mapping = Mapping {
        subject: Some(at("/azp")),
        ..Mapping::default()
    };
    let claims = read(mapping.clone(), json!({ "azp": SUPPORT, "sub": "user-17" })).unwrap();
    assert_eq!(claims.subject.as_str(), SUPPORT);
    // The task is where ours is.
    assert!(claims.task.is_some());
    let told = read(mapping, json!({ "azp": "user-17" })).unwrap_err();
    assert_eq!(told, TokenError::Subject);
}
