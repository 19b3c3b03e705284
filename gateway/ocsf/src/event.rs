//! What every event has, and the objects that several have.

use std::collections::BTreeSet;

use audit::{
    Anchor, BodyRecord, CallerRecord, DelegationRecord, Matter, OperationRecord, Outcome,
    PolicyRecord, ProcessRecord, is_workload,
};
use serde_json::{Map, Value, json};

/// How grave: `severity_id`.
#[derive(Clone, Copy)]
pub(crate) enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
}

/// A class of events, by number and activity.
#[derive(Clone, Copy)]
pub(crate) struct Class {
    pub(crate) uid: u32,
    pub(crate) category: u32,
    pub(crate) activity: u32,
    pub(crate) profiles: &'static [&'static str],
}

/// SHA-256 as `fingerprint.algorithm_id` has it.
const SHA256: u32 = 3;

/// A regular file as `file.type_id` has it.
const REGULAR_FILE: u32 = 1;

/// A matter and what holds it.
pub(crate) struct Place<'a> {
    pub(crate) matter: &'a Matter,
    pub(crate) anchor: &'a Anchor,
}

impl Place<'_> {
    /// An event of `class` that has `more`.
    pub(crate) fn event(
        &self,
        class: Class,
        at_ms: i64,
        severity: Severity,
        more: Value,
        unmapped: Value,
    ) -> Value {
        let index = self.matter.entry.index;
        let mut event = Map::new();
        event.insert("class_uid".into(), class.uid.into());
        event.insert("category_uid".into(), class.category.into());
        event.insert("activity_id".into(), class.activity.into());
        event.insert("type_uid".into(), (class.uid * 100 + class.activity).into());
        event.insert("time".into(), at_ms.into());
        event.insert("severity_id".into(), (severity as u32).into());
        event.insert(
            "metadata".into(),
            json!({
                "version": crate::VERSION,
                "uid": format!("{}#{index}/{}", self.anchor.log, class.uid),
                "log_name": self.anchor.log,
                "sequence": index,
                "profiles": class.profiles,
                "product": { "name": "Tidegate", "vendor_name": "Tidegate" },
            }),
        );
        let own = json!({
            "record": index,
            "closing": self.matter.closing.as_ref().map(|it| it.index),
            "tree_size": self.anchor.size,
            "tree_root": self.anchor.root,
        });
        let own = merged(own, unmapped);
        event.insert("unmapped".into(), json!({ "tidegate": own }));
        merged(Value::Object(event), more)
    }
}

/// `one` with what `other` has; nothing that is null.
pub(crate) fn merged(one: Value, other: Value) -> Value {
    let (Value::Object(mut one), Value::Object(other)) = (one, other) else {
        return Value::Null;
    };
    one.extend(other);
    one.retain(|_, value| !value.is_null());
    Value::Object(one)
}

/// Who called.
pub(crate) fn actor(caller: &CallerRecord) -> Value {
    let session = caller.session.as_ref();
    let token = caller.token.as_ref();
    let issuer = token.map(|it| it.issuer.as_str());
    let session = session.map(|uid| merged(json!({ "uid": uid }), json!({ "issuer": issuer })));
    merged(
        json!({ "app_name": caller.agent.as_deref().unwrap_or("unknown") }),
        json!({
            "app_uid": caller.agent,
            "session": session,
            "process": caller.process.as_ref().map(process),
            "user": caller.process.as_ref().map(|it| json!({ "uid": it.uid.to_string() })),
        }),
    )
}

/// A process of this host.
pub(crate) fn process(process: &ProcessRecord) -> Value {
    let file = process.exe.as_deref().map(|path| {
        let name = path.rsplit('/').next().filter(|it| !it.is_empty());
        let hash = |value: &String| json!([{ "algorithm_id": SHA256, "value": value }]);
        merged(
            json!({ "name": name.unwrap_or(path), "path": path, "type_id": REGULAR_FILE }),
            json!({ "hashes": process.exe_sha256.as_ref().map(hash) }),
        )
    });
    merged(
        json!({ "pid": process.pid, "name": process.comm }),
        json!({ "file": file, "user": { "uid": process.uid.to_string() } }),
    )
}

/// Where the call came from: this host has no name in the record, its process has.
pub(crate) fn source(caller: &CallerRecord) -> Value {
    let flow = caller.flow.as_deref();
    json!({ "name": "agent", "instance_uid": flow.unwrap_or("unknown") })
}

/// The call.
pub(crate) fn api(operation: Option<&OperationRecord>, trace: &str, status: Option<u16>) -> Value {
    let name = operation.map_or("unknown", |it| &it.operation);
    let service = operation.map(|it| json!({ "name": it.service }));
    let response = status.map(|code| json!({ "code": code }));
    merged(
        json!({ "operation": name, "request": { "uid": trace } }),
        json!({ "service": service, "response": response }),
    )
}

/// What the call was about, by name.
pub(crate) fn resources(operation: Option<&OperationRecord>) -> Value {
    let bound = operation.map(|it| it.bound.keys());
    let named: Vec<Value> = bound
        .into_iter()
        .flatten()
        .map(|name| json!({ "name": name, "type": "bound parameter" }))
        .collect();
    if named.is_empty() {
        Value::Null
    } else {
        named.into()
    }
}

/// The rule that counted first.
pub(crate) fn policy(policies: &[PolicyRecord], version: &str) -> Value {
    policies.first().map_or(Value::Null, |policy| {
        merged(
            json!({ "uid": policy.id, "version": version, "is_applied": true }),
            json!({ "desc": policy.reason }),
        )
    })
}

/// Why it was asked, and where the data is.
pub(crate) fn purpose(
    caller: &CallerRecord,
    operation: Option<&OperationRecord>,
    policies: &[PolicyRecord],
) -> Value {
    let token = caller.token.as_ref();
    let rules: Vec<Value> = policies
        .iter()
        .map(|it| merged(json!({ "id": it.id }), json!({ "basis": it.basis })))
        .collect();
    json!({
        "evidence": caller.evidence,
        "task": token.and_then(|it| it.task.as_ref()),
        "purpose": token.and_then(|it| it.purpose.as_ref()),
        "principal": token.map(|it| &it.subject),
        "delegation": token.and_then(|it| it.delegation.as_ref()).map(delegation),
        "rules": rules,
        "country": operation.map(|it| &it.country),
        "effect": operation.map(|it| &it.effect),
        "route": operation.map(|it| &it.route),
    })
}

/// Who acts for whom. Whoever may be a person is not named: the record has the name, sealed.
fn delegation(delegation: &DelegationRecord) -> Value {
    let named = |name: &String| {
        if is_workload(name) {
            name.as_str()
        } else {
            "person"
        }
        .to_owned()
    };
    let actors: Vec<String> = delegation.actors.iter().map(named).collect();
    json!({ "depth": actors.len(), "subject": named(&delegation.subject), "actors": actors })
}

/// What was found in both bodies, by class: never a value.
pub(crate) fn found(outcome: &Outcome) -> Vec<Value> {
    let of = |way: &'static str, body: &BodyRecord| -> Vec<Value> {
        let found = body.findings.iter();
        found
            .map(|it| {
                merged(
                    json!({ "direction": way, "class": it.class, "path": it.path,
                        "count": it.count, "action": it.action }),
                    json!({ "rule": it.policy }),
                )
            })
            .collect()
    };
    let mut all = of("request", &outcome.request);
    all.extend(of("response", &outcome.response));
    all
}

/// The classes that were found, each once.
pub(crate) fn classes(outcome: &Outcome) -> BTreeSet<&str> {
    let found = outcome.request.findings.iter();
    let found = found.chain(&outcome.response.findings);
    found.map(|it| &*it.class).collect()
}
