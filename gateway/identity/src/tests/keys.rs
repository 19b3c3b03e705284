use flows::{Attribution, Source};

use super::*;
use crate::{
    Cause, Identity, KeyDigest, Proven, Registry, Revocable, Revoked, StaticKey, Unproven,
};

const OTHER: &str = "spiffe://clinic.example/agent/other";

/// An agent of this program with a key that holds for five minutes.
fn keyed(id: &str, exe: &str, token: TokenRule, key: &str) -> Agent {
    Agent {
        keys: vec![StaticKey {
            name: format!("{exe}-1").into(),
            digest: KeyDigest::of(key),
            expires_at: after(300),
        }],
        ..agent(id, &[&format!("unix:path:{exe}")], token)
    }
}

struct World {
    identity: Identity,
    key: String,
    others: String,
}

impl World {
    fn new(rule: TokenRule) -> Self {
        let (key, others) = (
            StaticKey::generate().unwrap(),
            StaticKey::generate().unwrap(),
        );
        let registry = Registry::build(vec![
            keyed(SUPPORT, "/bin/a", rule, &key),
            keyed(OTHER, "/bin/b", TokenRule::Required, &others),
        ]);
        let identity = Identity::new(registry.unwrap(), verifier(&[&Key::es256("k")]));
        Self {
            identity,
            key,
            others,
        }
    }

    fn ask(&self, shown: Option<&str>, at: i64) -> Result<Proven, Box<Unproven>> {
        let seen = Arc::new(Attribution {
            process: process("/bin/a", 1001),
            source: Source::Kernel,
        });
        let asked = self
            .identity
            .identify((Some(&seen), None), shown, after(at));
        asked.map_err(Box::new)
    }

    fn refused(&self, shown: Option<&str>, at: i64) -> (&'static str, u16, bool) {
        let why = self.ask(shown, at).expect_err("nobody is proven");
        (why.reason(), why.status(), why.is_finding())
    }
}

#[test]
fn a_key_stands_for_a_token_until_it_ends_and_says_so() {
    let world = World::new(TokenRule::Required);
    let proven = world.ask(Some(&world.key), 0).unwrap();
    let caller = proven.caller();
    assert_eq!(caller.evidence, "kernel+key");
    assert!(caller.showed() && caller.token.is_none());
    assert_eq!(caller.expires_at(), Some(after(300)));
    assert!(proven.holds(Some(&world.key), after(299)));
    assert!(!proven.holds(Some(&world.key), after(300)));
    assert!(!proven.holds(Some(&world.others), now()) && !proven.holds(None, now()));
    assert!(!format!("{proven:?}").contains(&world.key));
    assert_eq!(world.refused(None, 0), ("token_required", 401, false));
    assert_eq!(
        world.refused(Some(&world.key), 300),
        ("key_expired", 401, false)
    );
}

#[test]
fn another_key_is_none_and_another_agents_is_a_finding() {
    let world = World::new(TokenRule::Required);
    let longer = format!("{}x", world.key);
    let fresh = StaticKey::generate().unwrap();
    for odd in [longer.as_str(), &fresh, crate::KEY_PREFIX] {
        assert_eq!(world.refused(Some(odd), 0), ("key_invalid", 401, false));
    }
    let lent = ("key_workload_mismatch", 403, true);
    assert_eq!(world.refused(Some(&world.others), 0), lent);
    // It never passes for a service's own key.
    assert!(world.identity.is_token(&world.key) && world.identity.is_token(&fresh));
}

#[test]
fn a_key_is_bound_to_nothing_and_is_revoked_by_its_name() {
    let world = World::new(TokenRule::Bound);
    let why = world.ask(Some(&world.key), 0).unwrap_err();
    assert_eq!(why.cause, Cause::TokenUnbound);
    let world = World::new(TokenRule::Optional);
    assert_eq!(world.ask(None, 0).unwrap().caller().evidence, "kernel");
    let proven = world.ask(Some(&world.key), 0).unwrap();
    let named = Revocable::Token("/bin/a-1".into());
    let revoked = Revoked([(named.clone(), "lost".into())].into());
    assert_eq!(revoked.of(proven.caller()), Some(&named));
}
