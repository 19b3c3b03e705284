//! A generator of exchanges that keeps its own account of them.

use audit::{Entry, Matter};
use serde_json::{Value as Json, json};

pub(super) const AGENTS: [&str; 3] = [
    "spiffe://a.example/support",
    "spiffe://a.example/billing",
    "spiffe://a.example/research",
];
pub(super) const PURPOSES: [&str; 2] = ["support", "research"];
/// With where they keep their data.
pub(super) const SERVICES: [(&str, &str); 3] =
    [("crm", "DE"), ("clinic", "FR"), ("analytics", "US")];
pub(super) const CLASSES: [&str; 4] = ["pii.email", "pii.phone", "phi.mrn", "pci.pan"];
/// With their categories in the CCPA.
pub(super) const CATEGORIES: [(&str, &[&str]); 2] = [
    (
        "identifiers (1798.140(v)(1)(A))",
        &["pii.email", "pii.phone"],
    ),
    (
        "sensitive personal information (1798.140(ae))",
        &["phi.mrn", "pci.pan"],
    ),
];
const ACTIONS: [&str; 3] = ["show", "mask", "drop"];
pub(super) const HOST: &str = "DE";
pub(super) const BASIS: &str = "GDPR Art. 46(2)(c)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Released,
    Refused,
    Failed,
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Went {
    Nothing,
    /// It had no body.
    Head,
    Whole,
}

/// Values of one class at one place.
pub(super) struct Value {
    pub(super) to_service: bool,
    pub(super) class: &'static str,
    pub(super) action: &'static str,
    pub(super) count: u64,
    /// Whether it stands in fields or a query, beside the body.
    in_head: bool,
}

/// One request.
pub(super) struct Act {
    pub(super) agent: &'static str,
    pub(super) session: String,
    pub(super) purpose: &'static str,
    pub(super) service: &'static str,
    pub(super) country: &'static str,
    pub(super) subject: String,
    pub(super) end: End,
    pub(super) basis: bool,
    pub(super) gap: bool,
    /// Rows that were left out.
    pub(super) rows: u64,
    pub(super) values: Vec<Value>,
    /// How much of the request the service was given.
    went: Went,
    second: u64,
}

impl Act {
    pub(super) fn fate(&self, value: &Value) -> &'static str {
        match (self.end, value.action) {
            // The answer of what failed never went out; its request may have.
            (End::Failed, _) if !value.to_service => "withheld",
            _ if value.to_service && self.went == Went::Nothing => "withheld",
            _ if value.to_service && self.went == Went::Head && !value.in_head => "withheld",
            (_, "show") => "shown",
            (_, "drop") => "withheld",
            _ => "reduced",
        }
    }
}

pub(super) struct Journal {
    pub(super) acts: Vec<Act>,
}

/// Xorshift: the same acts from the same seed, on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

impl Journal {
    pub(super) fn new(seed: u64, acts: u64) -> Self {
        let mut dice = Dice(seed | 1);
        for _ in 0..32 {
            dice.below(2);
        }
        Self {
            acts: (0..acts).map(|at| act(&mut dice, at)).collect(),
        }
    }

    /// What the log has of each act.
    pub(super) fn matters(&self) -> Vec<Matter> {
        let acts = self.acts.iter().zip(0..);
        acts.map(|(act, at)| act.matter(at)).collect()
    }
}

fn act(dice: &mut Dice, at: u64) -> Act {
    let (service, country) = dice.of(&SERVICES);
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
        class: dice.of(&CLASSES),
        action: dice.of(&ACTIONS),
        count: 1 + dice.below(5) as u64,
        in_head: dice.below(3) == 0,
    };
    Act {
        agent: dice.of(&AGENTS),
        session: format!("s-{}", dice.below(12)),
        purpose: dice.of(&PURPOSES),
        service,
        country,
        subject: format!("C-{}", dice.below(40)),
        end,
        basis: dice.below(2) == 0,
        gap: !bare && dice.below(8) == 0,
        rows: if bare { 0 } else { dice.below(3) as u64 },
        values: (0..many).map(|_| value(dice)).collect(),
        went: match dice.below(3) {
            0 => Went::Head,
            1 if end != End::Released => Went::Nothing,
            _ => Went::Whole,
        },
        second: at * 3600,
    }
}

impl Act {
    fn matter(&self, at: u64) -> Matter {
        let index = 1 + 2 * at;
        let caller = json!({
            "agent": self.agent, "session": self.session, "evidence": "kernel",
            "token": { "issuer": "i", "subject": self.agent, "task": "T-1", "purpose": self.purpose,
                "scope": {} },
        });
        let operation = json!({
            "service": self.service, "operation": "read", "effect": "read", "method": "GET",
            "route": "/{customer}", "bound": { "customer": self.subject }, "country": self.country,
        });
        let rule = |id: &str, basis: bool| {
            if basis {
                json!({ "id": id, "basis": BASIS })
            } else {
                json!({ "id": id })
            }
        };
        let trace = format!("{at:032x}");
        let common = json!({
            "at": time(self.second), "trace": trace, "caller": caller, "operation": operation,
            "policy": "sha256:p",
        });
        if self.end == End::Refused {
            let more = json!({ "kind": "refuse", "reason": "task_scope", "status": 403,
                "finding": false, "policies": [rule("scope", false)] });
            return Matter {
                entry: entry(index, common, more),
                closing: None,
            };
        }
        let more = json!({ "kind": "open", "policies": [rule("may", self.basis)] });
        let opening = entry(index, common, more);
        let closing = (self.end != End::Open).then(|| self.closing(index));
        Matter {
            entry: opening,
            closing,
        }
    }

    fn closing(&self, opening: u64) -> Entry {
        let findings = |to_service: bool| -> Vec<Json> {
            let mine = self.values.iter().filter(|it| it.to_service == to_service);
            mine.map(|it| {
                let path = if it.in_head { "/@query/x" } else { "/x" };
                json!({ "class": it.class, "path": path, "count": it.count, "action": it.action,
                    "policy": format!("{}-rule", it.action) })
            })
            .collect()
        };
        let failed = self.end == End::Failed;
        let gaps: &[&str] = if self.gap { &["media_unknown"] } else { &[] };
        let withheld = json!([{ "name": "rows", "count": self.rows }]);
        let event = json!({
            "at": time(self.second + 1), "opening": opening,
            "status": if failed { 502 } else { 200 },
            "result": if failed { "upstream_failed" } else { "released" },
            "duration_us": 1000, "sent": self.went != Went::Nothing,
            "request": { "received": 10, "released": if self.went == Went::Head { 0 } else { 10 }, "findings": findings(true),
                "findings_unlisted": 0, "gaps": [] },
            "response": { "received": 100, "released": if failed { 0 } else { 90 },
                "findings": findings(false), "findings_unlisted": 0, "gaps": gaps,
                "withheld": withheld },
        });
        entry(opening + 1, event, json!({ "kind": "close" }))
    }
}

/// The start of the gateway, before any act.
pub(super) fn start() -> Matter {
    let event = json!({ "at": time(0), "version": "1", "config": "c", "policy": "p", "notes": [],
        "country": HOST });
    Matter {
        entry: entry(0, event, json!({ "kind": "start" })),
        closing: None,
    }
}

pub(super) fn time(second: u64) -> String {
    let second = 1_767_225_600 + i64::try_from(second).unwrap();
    jiff::Timestamp::from_second(second).unwrap().to_string()
}

pub(super) fn entry(index: u64, mut event: Json, more: Json) -> Entry {
    let members = event.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    Entry {
        index,
        event: serde_json::from_value(event).unwrap(),
    }
}
