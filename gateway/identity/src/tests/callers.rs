use flows::{Attribution, Source};
use serde_json::json;

use super::*;
use crate::{Identity, Proven, Registry, Unproven};

const OTHER: &str = "spiffe://clinic.example/agent/other";
const FREE: &str = "spiffe://clinic.example/agent/free";

fn identity(key: &Key) -> Identity {
    let registry = Registry::build(vec![
        agent(
            SUPPORT,
            &["unix:path:/usr/bin/python3"],
            TokenRule::Required,
        ),
        agent(OTHER, &["unix:path:/usr/bin/curl"], TokenRule::Required),
        agent(FREE, &["unix:path:/usr/bin/wget"], TokenRule::Optional),
        agent(
            "spiffe://clinic.example/a",
            &["unix:uid:7"],
            TokenRule::Optional,
        ),
        agent(
            "spiffe://clinic.example/b",
            &["unix:gid:100", "unix:uid:8"],
            TokenRule::Optional,
        ),
        agent(
            "spiffe://clinic.example/c",
            &["unix:uid:8", "unix:path:/bin/c"],
            TokenRule::Optional,
        ),
    ]);
    Identity::new(registry.unwrap(), verifier(&[key]))
}

fn attributed(exe: &str, uid: u32, source: Source) -> Arc<Attribution> {
    Arc::new(Attribution {
        process: process(exe, uid),
        source,
    })
}

fn kernel(exe: &str) -> Arc<Attribution> {
    attributed(exe, 1001, Source::Kernel)
}

/// The reason, the status, and whether it is a finding.
fn told(outcome: Result<Proven, Unproven>) -> (&'static str, u16, bool) {
    let unproven = outcome.expect_err("nobody is proven to be calling");
    (unproven.reason(), unproven.status(), unproven.is_finding())
}

#[test]
fn kernel_and_token_agree() {
    let key = Key::es256("k");
    let token = key.sign(&claims());
    let seen = kernel("/usr/bin/python3");
    let proven = identity(&key)
        .identify((Some(&seen), None), Some(&token), now())
        .unwrap();
    let caller = proven.caller().clone();
    assert_eq!(caller.agent.id.as_str(), SUPPORT);
    assert_eq!(caller.evidence, "kernel+token");
    assert_eq!(caller.session.len(), 24);
    let task = caller.token.unwrap().task.clone().unwrap();
    assert_eq!(task.scope["customer"], "C-771");
    assert!(Arc::ptr_eq(&caller.attribution.unwrap(), &seen));
}

#[test]
fn evidence_tells_what_there_is() {
    let key = Key::es256("k");
    let identity = identity(&key);
    let token = key.sign(&claims_with(json!({ "sub": FREE })));
    for (source, token, expected) in [
        (Source::Kernel, Some(&*token), "kernel+token"),
        (Source::Kernel, None, "kernel"),
        (Source::Proc, Some(&*token), "inferred+token"),
        (Source::Proc, None, "inferred"),
    ] {
        let seen = attributed("/usr/bin/wget", 1001, source);
        let proven = identity
            .identify((Some(&seen), None), token, now())
            .unwrap();
        assert_eq!(proven.caller().evidence, expected);
    }
}

#[test]
fn a_proven_caller_is_believed_again_only_for_the_same_token_while_it_holds() {
    let key = Key::es256("k");
    let issuer = issuer(&[&key]);
    let keys = Arc::clone(&issuer.keys);
    let verifier = Verifier::build(vec![issuer]).unwrap();
    let registry = Registry::build(vec![agent(
        SUPPORT,
        &["unix:path:/usr/bin/python3"],
        TokenRule::Optional,
    )]);
    let identity = Identity::new(registry.unwrap(), verifier);
    let (token, other) = (
        key.sign(&claims()),
        key.sign(&claims_with(json!({ "jti": "token-2" }))),
    );
    let seen = kernel("/usr/bin/python3");
    let proven = identity
        .identify((Some(&seen), None), Some(&token), now())
        .unwrap();
    assert!(proven.holds(Some(&token), now()));
    assert!(!proven.holds(Some(&other), now()));
    assert!(!proven.holds(None, now()));
    assert!(!proven.holds(Some(&token), after(300)), "it expires at 300");
    keys.replace(&jwks(&[&Key::es256("next")])).unwrap();
    assert!(!proven.holds(Some(&token), now()), "its key was taken away");

    let without = identity.identify((Some(&seen), None), None, now()).unwrap();
    assert!(without.holds(None, now()));
    assert!(!without.holds(Some(&other), now()));
    assert!(!format!("{proven:?}").contains(&token));
}

#[test]
fn each_way_to_fail_has_its_reason() {
    let key = Key::es256("k");
    let identity = identity(&key);
    let good = key.sign(&claims());
    let forged = Key::es256("k").sign(&claims());
    let python = kernel("/usr/bin/python3");
    let curl = kernel("/usr/bin/curl");
    let wget = kernel("/usr/bin/wget");
    let stranger = kernel("/usr/bin/nc");
    let double = attributed("/bin/c", 8, Source::Kernel);
    for (seen, token, at, expected) in [
        (None, None, 0, ("workload_unknown", 401, false)),
        (None, Some(&good), 0, ("workload_unknown", 401, false)),
        (
            Some(&stranger),
            None,
            0,
            ("workload_unregistered", 403, false),
        ),
        (
            Some(&stranger),
            Some(&forged),
            0,
            ("workload_unregistered", 403, false),
        ),
        (
            Some(&stranger),
            Some(&good),
            0,
            ("token_workload_mismatch", 403, true),
        ),
        (Some(&double), None, 0, ("agent_ambiguous", 403, false)),
        (Some(&python), None, 0, ("token_required", 401, false)),
        (
            Some(&python),
            Some(&forged),
            0,
            ("token_invalid", 401, false),
        ),
        (
            Some(&python),
            Some(&good),
            300,
            ("token_expired", 401, false),
        ),
        (
            Some(&curl),
            Some(&good),
            0,
            ("token_workload_mismatch", 403, true),
        ),
        // A token that is not required must still hold.
        (Some(&wget), Some(&forged), 0, ("token_invalid", 401, false)),
        (
            Some(&wget),
            Some(&good),
            0,
            ("token_workload_mismatch", 403, true),
        ),
    ] {
        let outcome = identity.identify((seen, None), token.map(String::as_str), after(at));
        assert_eq!(told(outcome), expected);
    }
}

#[test]
fn a_bearer_is_for_the_gateway_by_the_issuer_that_it_names() {
    let key = Key::es256("k");
    let identity = identity(&key);
    let good = key.sign(&claims());
    assert!(identity.is_token(&good));
    // Altered or forged, it still says whose it is, and so has to hold.
    let altered = format!("{good}x");
    assert!(identity.is_token(&altered));
    assert!(identity.is_token(&Key::es256("k").sign(&claims())));
    let mut foreign = claims();
    foreign["iss"] = "https://elsewhere.example".into();
    assert!(!identity.is_token(&key.sign(&foreign)));
    for key in ["", "an-api-key", "a.b.c", "..", "a.b", "e30.e30.e30"] {
        assert!(!identity.is_token(key), "{key}");
    }
}

#[test]
fn a_failure_carries_what_is_known() {
    let key = Key::es256("k");
    let curl = kernel("/usr/bin/curl");
    let token = key.sign(&claims());
    let outcome = identity(&key).identify((Some(&curl), None), Some(&token), now());
    let unproven = outcome.unwrap_err();
    assert_eq!(unproven.attribution.unwrap().process.pid, 4711);
    assert_eq!(unproven.agent.unwrap().id.as_str(), OTHER);
    assert_eq!(unproven.token.unwrap().subject.as_str(), SUPPORT);
}

#[test]
fn a_session_is_one_run_of_one_agent() {
    let key = Key::es256("k");
    let identity = identity(&key);
    let session = |change: &dyn Fn(&mut Process), claims: &Value| {
        let mut seen = kernel("/usr/bin/python3");
        change(&mut Arc::make_mut(&mut seen).process);
        let token = key.sign(claims);
        let proven = identity.identify((Some(&seen), None), Some(&token), now());
        proven.unwrap().caller().session.to_string()
    };
    let same = |_: &mut Process| ();
    let base = session(&same, &claims());
    assert_eq!(base, session(&same, &claims()));

    // Another process, or the same pid again.
    assert_ne!(base, session(&|process| process.pid = 1, &claims()));
    assert_ne!(base, session(&|process| process.start_ns = 1, &claims()));
    // Another token, unless a session joins them.
    let other = claims_with(json!({ "jti": "token-2" }));
    assert_ne!(base, session(&same, &other));
    let joined = |jti: &str| claims_with(json!({ "jti": jti, "sid": "s" }));
    assert_eq!(session(&same, &joined("1")), session(&same, &joined("2")));

    // Workers share the session of the process that made them.
    let worker = |pid: u32| {
        move |process: &mut Process| {
            process.pid = pid;
            process.start_ns = u64::from(pid);
            process
                .ancestors
                .insert(0, ancestor(500, "/usr/bin/python3"));
        }
    };
    assert_eq!(
        session(&worker(501), &claims()),
        session(&worker(502), &claims())
    );
    let parent = |process: &mut Process| (process.pid, process.start_ns) = (500, 5000);
    assert_eq!(
        session(&worker(501), &claims()),
        session(&parent, &claims())
    );
    // A parent beyond another program is not of the run.
    let through_a_shell = |process: &mut Process| {
        process.ancestors.push(ancestor(500, "/usr/bin/python3"));
    };
    assert_eq!(base, session(&through_a_shell, &claims()));
}
