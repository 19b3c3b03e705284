//! A year of requests, each made from its number alone.

use std::{collections::BTreeMap, sync::Arc};

use audit::{
    BodyRecord, CallerRecord, CountRecord, FindingRecord, Lifecycle, Opening, OperationRecord,
    Outcome, PolicyRecord, Refusal, TokenRecord,
};
use jiff::Timestamp;

pub(crate) const AGENTS: u64 = 100;
pub(crate) const PURPOSES: [&str; 2] = ["support", "research"];
/// With where they keep their data.
pub(crate) const SERVICES: [(&str, &str); 3] =
    [("crm", "DE"), ("clinic", "FR"), ("analytics", "US")];
pub(crate) const CLASSES: [&str; 4] = ["pii.email", "pii.phone", "phi.mrn", "pci.pan"];
const ACTIONS: [&str; 3] = ["show", "mask", "drop"];
pub(crate) const HOST: &str = "DE";
pub(crate) const BASIS: &str = "GDPR Art. 46(2)(c)";

/// The first second of the year, and how many it has.
const BEGINS: i64 = 1_767_225_600;
const SECONDS: u64 = 365 * 24 * 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Released,
    Refused,
    Failed,
    Open,
}

/// Values of one class, in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) to_service: bool,
    pub(crate) class: usize,
    pub(crate) action: &'static str,
    pub(crate) count: u64,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) agent: u64,
    pub(crate) session: u64,
    pub(crate) purpose: usize,
    pub(crate) service: usize,
    pub(crate) subject: u64,
    pub(crate) end: End,
    pub(crate) basis: bool,
    pub(crate) gap: bool,
    /// Rows that were left out.
    pub(crate) rows: u64,
    pub(crate) values: Vec<Value>,
    at: Timestamp,
}

/// `SplitMix64`: the same numbers from the same seed, on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(limit as u64)).unwrap()
    }
}

pub(crate) fn agent(number: u64) -> String {
    format!("spiffe://a.example/agent/{number:02}")
}

pub(crate) fn subject(number: u64) -> String {
    format!("C-{number}")
}

impl Act {
    /// The request `number` of `all`, about one of so many subjects.
    pub(crate) fn new(number: u64, all: u64, subjects: u64) -> Self {
        let mut dice = Dice(number.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
        let end = match dice.below(10) {
            0 => End::Refused,
            1 => End::Failed,
            2 => End::Open,
            _ => End::Released,
        };
        let bare = matches!(end, End::Refused | End::Open);
        let many = if bare { 0 } else { dice.below(4) };
        let value = |dice: &mut Dice| Value {
            to_service: dice.below(3) == 0,
            class: dice.index(CLASSES.len()),
            action: ACTIONS[dice.index(ACTIONS.len())],
            count: 1 + dice.below(5),
        };
        let second = u128::from(number) * u128::from(SECONDS) / u128::from(all);
        Self {
            agent: dice.below(AGENTS),
            session: dice.below(500),
            purpose: dice.index(PURPOSES.len()),
            service: dice.index(SERVICES.len()),
            subject: dice.below(subjects),
            end,
            basis: dice.below(2) == 0,
            gap: !bare && dice.below(8) == 0,
            rows: if bare { 0 } else { dice.below(3) },
            values: (0..many).map(|_| value(&mut dice)).collect(),
            at: Timestamp::from_second(BEGINS + i64::try_from(second).unwrap()).unwrap(),
        }
    }

    /// What became of a value: `shown`, `reduced`, `withheld`.
    pub(crate) fn fate(&self, value: &Value) -> &'static str {
        match (self.end, value.action) {
            // The answer of what failed never went out; its request did.
            (End::Failed, _) if !value.to_service => "withheld",
            (_, "show") => "shown",
            (_, "drop") => "withheld",
            _ => "reduced",
        }
    }

    fn caller(&self) -> CallerRecord {
        let agent = agent(self.agent);
        CallerRecord {
            agent: Some(agent.clone()),
            session: Some(format!("s-{}", self.session)),
            evidence: "kernel".into(),
            flow: None,
            process: None,
            token: Some(TokenRecord {
                issuer: "https://issuer.example".into(),
                subject: agent,
                id: None,
                task: Some("T-1".into()),
                purpose: Some(PURPOSES[self.purpose].into()),
                scope: BTreeMap::new(),
                delegation: None,
            }),
            key: None,
        }
    }

    /// `bound` has the subject, sealed.
    fn operation(&self, bound: BTreeMap<String, String>) -> OperationRecord {
        let (service, country) = SERVICES[self.service];
        OperationRecord {
            arguments: Arc::default(),
            service: service.into(),
            operation: "read".into(),
            effect: "read".into(),
            method: "GET".into(),
            route: "/{customer}".into(),
            bound: Arc::new(bound),
            country: country.into(),
        }
    }

    pub(crate) fn opening(&self, bound: BTreeMap<String, String>) -> Opening {
        let basis = self.basis.then(|| BASIS.into());
        Opening {
            at: self.at,
            trace: format!("{:032x}", self.at.as_second()).into(),
            caller: self.caller().into(),
            operation: self.operation(bound),
            policies: vec![rule("may", basis)],
            policy: "sha256:p".into(),
            declared: vec![],
            notices: vec![],
            upstream: None,
            retry_of: None,
        }
    }

    pub(crate) fn refusal(&self, bound: BTreeMap<String, String>) -> Refusal {
        Refusal {
            at: self.at,
            trace: format!("{:032x}", self.at.as_second()).into(),
            caller: self.caller().into(),
            operation: Some(self.operation(bound)),
            reason: "task_scope".into(),
            status: 403,
            policies: vec![rule("scope", None)],
            policy: "sha256:p".into(),
            finding: false,
            findings: vec![],
            declared: vec![],
            notices: vec![],
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let failed = self.end == End::Failed;
        let findings = |to_service: bool| -> Vec<FindingRecord> {
            let mine = self.values.iter().filter(|it| it.to_service == to_service);
            mine.map(|it| FindingRecord {
                class: CLASSES[it.class].into(),
                path: "/x".into(),
                count: it.count,
                action: it.action.into(),
                policy: Some(format!("{}-rule", it.action).into()),
            })
            .collect()
        };
        let (status, result) = if failed {
            (502, "upstream_failed")
        } else {
            (200, "released")
        };
        Outcome {
            at: self.at,
            opening: 0,
            status: Some(status),
            upstream_status: Some(status),
            sent: true,
            result: result.into(),
            reason: None,
            request: BodyRecord {
                received: 10,
                released: 10,
                findings: findings(true),
                ..BodyRecord::default()
            },
            response: BodyRecord {
                received: 100,
                released: if failed { 0 } else { 90 },
                findings: findings(false),
                gaps: self
                    .gap
                    .then(|| "media_unknown".into())
                    .into_iter()
                    .collect(),
                withheld: vec![CountRecord {
                    name: "rows".into(),
                    count: self.rows,
                }],
                ..BodyRecord::default()
            },
            credential: None,
            model: None,
            mediation: None,
            duration_us: 1000,
        }
    }
}

/// The start of the gateway, before any request.
pub(crate) fn lifecycle() -> Lifecycle {
    Lifecycle {
        at: Timestamp::from_second(BEGINS).unwrap(),
        version: "1".into(),
        config: "c".into(),
        policy: "p".into(),
        notes: vec![],
        country: Some(HOST.into()),
    }
}

fn rule(id: &'static str, basis: Option<Arc<str>>) -> PolicyRecord {
    PolicyRecord {
        id: id.into(),
        reason: None,
        basis: basis.map(|it| (*it).into()),
    }
}
