use identity::{Delegation, GotWith, Issuer, KeySet, Task, Verifier};

use super::*;

const AGENT: &str = "spiffe://tests.example/agent/one";

fn process() -> Process {
    Process {
        pid: 7,
        start_ns: 1_000_000_000,
        uid: 0,
        gid: 0,
        cgroup_id: 0,
        cgroup: None,
        comm: String::new(),
        exe: None,
        exe_sha256: None,
        netns: 0,
        agent: 0,
        ancestors: Vec::new(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

struct Desk {
    passes: Passes,
    verifier: Verifier,
}

impl Desk {
    fn new() -> Self {
        let key = SigningKey::generate().unwrap();
        let issuer = Issuer {
            name: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            keys: Arc::new(KeySet::parse(&key.key_set().unwrap()).unwrap()),
            lifetime_max: LIFETIME_MAX,
            mapping: identity::Mapping::default(),
        };
        Self {
            passes: Passes::new(key),
            verifier: Verifier::build(vec![issuer]).unwrap(),
        }
    }

    fn make(
        &self,
        shown: Option<&Claims>,
        only: &[&str],
        lifetime: i64,
    ) -> Result<Arc<Claims>, PassFault> {
        let process = process();
        let bearer = Bearer {
            agent: AGENT,
            process: &process,
            shown,
            key: None,
            record: CallerRecord::default().into(),
        };
        let wanted = Wanted {
            only: only.iter().map(|&one| one.into()).collect(),
            lifetime_seconds: Some(lifetime),
        };
        let (pass, _) = self.passes.make(&bearer, wanted, now())?;
        let claims = self.verifier.verify(&pass.token, now()).unwrap();
        assert_eq!(claims.token_id.as_deref(), Some(pass.id.as_str()));
        assert_eq!(claims.expires_at, pass.expires_at);
        Ok(claims)
    }
}

#[test]
fn a_pass_says_who_may_use_it_for_what_and_until_when() {
    let claims = Desk::new().make(None, &["crm"], 600).unwrap();
    assert_eq!(claims.subject.as_str(), AGENT);
    // The process tells its session, as it does without a pass.
    assert_eq!(claims.session.as_deref(), Some(""));
    assert_eq!(claims.expires_at, now() + SignedDuration::from_secs(600));
    let bounds = claims.bounds.as_ref().unwrap();
    // It proves no more than what it was got with.
    assert_eq!(claims.got_with(), GotWith::Nothing);
    assert!(bounds.hold(&process()) && bounds.cover("crm", "any") && !bounds.cover("shop", "any"));
}

#[test]
fn a_pass_says_no_more_than_what_was_shown_for_it() {
    let desk = Desk::new();
    let first = desk.make(None, &["crm", "shop/thing.read"], 60).unwrap();
    let mut shown = Claims::clone(&first);
    shown.task = Some(Task {
        id: "T-1".into(),
        purpose: "support".into(),
        scope: Arc::new([("customer".to_owned(), "C-771".to_owned())].into()),
    });
    shown.delegation = Some(Arc::new(Delegation {
        subject: "https://other.example alice".into(),
        actors: [Arc::from(AGENT), Arc::from("bob")].into(),
    }));
    let next = desk.make(Some(&shown), &[], 600).unwrap();
    assert_eq!(next.task, shown.task);
    assert_eq!(next.delegation, shown.delegation);
    // Nor by a pass that was got with it.
    let third = desk.make(Some(&next), &[], 600).unwrap();
    assert_eq!(third.delegation, shown.delegation);
    assert_eq!(
        (&next.session, next.expires_at),
        (&shown.session, shown.expires_at)
    );
    let (first, then) = (shown.bounds.clone().unwrap(), next.bounds.clone().unwrap());
    assert_eq!((&then.only, then.pid), (&first.only, first.pid));
    assert_eq!(*then.from, [shown.token_id.clone().unwrap()]);
    assert_eq!(
        desk.make(Some(&shown), &["shop"], 600),
        Err(PassFault::Wider)
    );
    assert!(desk.make(Some(&shown), &["crm/customer.read"], 600).is_ok());
}

#[test]
fn what_is_asked_for_has_limits() {
    let desk = Desk::new();
    for lifetime in [0, -1, 24 * 3600 + 1, i64::MAX] {
        assert_eq!(desk.make(None, &[], lifetime), Err(PassFault::Lifetime));
    }
    assert_eq!(desk.make(None, &["crm"; 65], 60), Err(PassFault::TooMany));
}
