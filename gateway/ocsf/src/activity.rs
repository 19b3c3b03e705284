//! What was done: calls, readings, flows, revocations, starts and stops.

use audit::{
    Bypass, Erasure, Expiry, Hold, Inquiry, Lifecycle, Opening, Outcome, PolicyChange, Refusal,
    Revelation, Revocation, Successor, Turn,
};
use serde_json::{Value, json};

use crate::event::{
    Class, Place, Severity, actor, api, found, merged, policy, process, purpose, resources, source,
};

/// `api_activity.activity_id`.
const READ: u32 = 2;
const UPDATE: u32 = 3;
const DELETE: u32 = 4;

/// `security_control` profile: `action_id` and `disposition_id`.
const ALLOWED: (u32, u32) = (1, 1);
const DENIED: (u32, u32) = (2, 2);
const MODIFIED: (u32, u32) = (4, 11);
const OBSERVED: (u32, u32) = (3, 17);

/// `status_id`.
const SUCCESS: u32 = 1;
const FAILURE: u32 = 2;
const UNKNOWN: u32 = 0;

fn call(effect: &str) -> Class {
    Class {
        uid: 6003,
        category: 6,
        activity: match effect {
            "read" => READ,
            "delete" => DELETE,
            _ => UPDATE,
        },
        profiles: &["security_control", "trace"],
    }
}

/// An admitted call, with its end if that is on record.
pub(crate) fn exchange(at: &Place<'_>, opening: &Opening, outcome: Option<&Outcome>) -> Value {
    let operation = &opening.operation;
    // What became of one that another proxy serves is not known here.
    let ended = outcome.filter(|it| it.result != "delegated");
    let released = ended.map(|it| it.result == "released");
    let status = match released {
        Some(true) => SUCCESS,
        Some(false) => FAILURE,
        None => UNKNOWN,
    };
    let changed = |it: &Outcome| {
        let mut all = it.request.findings.iter().chain(&it.response.findings);
        all.any(|finding| finding.action != "show")
    };
    let (action, disposition) = match outcome {
        Some(it) if it.result == "refused" => DENIED,
        Some(it) if changed(it) => MODIFIED,
        _ => ALLOWED,
    };
    let more = json!({
        "actor": actor(&opening.caller),
        "api": api(Some(operation), &opening.trace, outcome.and_then(|it| it.status)),
        "src_endpoint": source(&opening.caller),
        "dst_endpoint": { "svc_name": operation.service },
        "resources": resources(Some(operation)),
        "trace": { "uid": opening.trace },
        "policy": policy(&opening.policies, &opening.policy),
        "action_id": action,
        "disposition_id": disposition,
        "status_id": status,
        "status_code": outcome.and_then(|it| it.reason.as_deref()),
        "duration": outcome.map(|it| it.duration_us / 1000),
        "start_time": opening.at.as_millisecond(),
        "end_time": outcome.map(|it| it.at.as_millisecond()),
    });
    let body = |it: &audit::BodyRecord| {
        json!({ "received": it.received, "released": it.released, "gaps": it.gaps,
            "findings_unlisted": it.findings_unlisted })
    };
    let ended = json!({
        "result": outcome.map_or("open", |it| &it.result),
        "findings": outcome.map(found),
        "request": outcome.map(|it| body(&it.request)),
        "response": outcome.map(|it| body(&it.response)),
        "credential": outcome.and_then(|it| it.credential.as_ref()).map(|it| &it.name),
    });
    let why = purpose(&opening.caller, Some(operation), &opening.policies);
    let severity = match (outcome, released) {
        (_, Some(true)) | (Some(_), None) => Severity::Informational,
        _ => Severity::Low,
    };
    let more = merged(json!({}), more);
    at.event(
        call(&operation.effect),
        opening.at.as_millisecond(),
        severity,
        more,
        merged(why, ended),
    )
}

/// A call that no service saw.
pub(crate) fn refusal(at: &Place<'_>, refusal: &Refusal) -> Value {
    let operation = refusal.operation.as_ref();
    let more = json!({
        "actor": actor(&refusal.caller),
        "api": api(operation, &refusal.trace, Some(refusal.status)),
        "src_endpoint": source(&refusal.caller),
        "dst_endpoint": operation.map(|it| json!({ "svc_name": it.service })),
        "resources": resources(operation),
        "trace": { "uid": refusal.trace },
        "policy": policy(&refusal.policies, &refusal.policy),
        "action_id": DENIED.0,
        "disposition_id": DENIED.1,
        "status_id": FAILURE,
        "status_code": refusal.reason,
    });
    let why = purpose(&refusal.caller, operation, &refusal.policies);
    at.event(
        call(operation.map_or("write", |it| &it.effect)),
        refusal.at.as_millisecond(),
        Severity::Low,
        merged(json!({}), more),
        merged(why, json!({ "result": "refused" })),
    )
}

/// A person's own call to the gateway.
fn asked(operation: &str, uid: Option<u32>, name: Option<&str>, refused: Option<&str>) -> Value {
    let (action, disposition) = refused.map_or(ALLOWED, |_| DENIED);
    let uid = uid.map(|uid| uid.to_string());
    let user = merged(
        json!({}),
        json!({ "uid": uid.as_deref().or(name.is_none().then_some("unknown")), "name": name }),
    );
    merged(
        json!({}),
        json!({
            "actor": { "user": user, "app_name": "tidegate" },
            "api": { "operation": operation, "service": { "name": "tidegate" } },
            "src_endpoint": { "name": "this host" },
            "action_id": action,
            "disposition_id": disposition,
            "status_id": refused.map_or(SUCCESS, |_| FAILURE),
            "status_code": refused,
        }),
    )
}

/// A token's value told, or not.
pub(crate) fn reveal(at: &Place<'_>, revelation: &Revelation) -> Value {
    let refused = revelation.reason.as_deref();
    let name = Some(revelation.operator.as_str());
    at.event(
        call("read"),
        revelation.at.as_millisecond(),
        Severity::Medium,
        asked("tokens.reveal", revelation.uid, name, refused),
        json!({ "purpose": revelation.purpose, "approver": revelation.approver,
            "class": revelation.class, "token": revelation.token }),
    )
}

/// The log read.
pub(crate) fn query(at: &Place<'_>, inquiry: &Inquiry) -> Value {
    let operation = format!("audit.{}", inquiry.command);
    at.event(
        call("read"),
        inquiry.at.as_millisecond(),
        Severity::Informational,
        asked(&operation, Some(inquiry.uid), None, None),
        json!({ "purpose": inquiry.purpose, "criteria": inquiry.criteria }),
    )
}

/// A data subject erased, held, or no longer held.
pub(crate) fn erase(at: &Place<'_>, erasure: &Erasure) -> Value {
    let operation = format!("audit.{}", erasure.act);
    let effect = if erasure.act == "erase" {
        "delete"
    } else {
        "write"
    };
    at.event(
        call(effect),
        erasure.at.as_millisecond(),
        Severity::Medium,
        asked(
            &operation,
            Some(erasure.uid),
            None,
            erasure.refused.as_deref(),
        ),
        json!({ "name": erasure.name, "reason": erasure.reason, "keys": erasure.keys }),
    )
}

/// Records expired: their data key is destroyed.
pub(crate) fn expire(at: &Place<'_>, expiry: &Expiry) -> Value {
    at.event(
        call("delete"),
        expiry.at.as_millisecond(),
        Severity::Informational,
        asked("audit.expire", expiry.uid, None, None),
        json!({
            "key": expiry.key, "class": expiry.class, "days": expiry.days, "basis": expiry.basis,
            "records": expiry.records, "first": expiry.first, "last": expiry.last,
        }),
    )
}

/// Records must be kept, or need not be any more.
pub(crate) fn hold(at: &Place<'_>, hold: &Hold) -> Value {
    let operation = format!("audit.hold.{}", hold.act);
    at.event(
        call("write"),
        hold.at.as_millisecond(),
        Severity::Medium,
        asked(&operation, Some(hold.uid), None, None),
        json!({ "name": hold.name, "reason": hold.reason, "basis": hold.basis, "scope": hold.scope }),
    )
}

/// A flow past the gateway.
pub(crate) fn bypass(at: &Place<'_>, bypass: &Bypass) -> Value {
    // `network_activity.activity_id`: it was opened, or it was refused.
    let (activity, (action, disposition)) = match &*bypass.result {
        "refused" => (5, DENIED),
        _ => (1, OBSERVED),
    };
    let class = Class {
        uid: 4001,
        category: 4,
        activity,
        profiles: &["security_control"],
    };
    let remote = bypass.remote.rsplit_once(':');
    let (address, port) = remote.map_or((bypass.remote.as_str(), None), |(address, port)| {
        (address, port.parse::<u16>().ok())
    });
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let more = json!({
        "dst_endpoint": merged(
            json!({ "ip": address }),
            json!({ "port": port, "hostname": bypass.name }),
        ),
        "src_endpoint": { "name": "agent", "instance_uid": bypass.flow },
        "connection_info": { "direction_id": 2, "protocol_name": bypass.protocol },
        "app_name": bypass.agent,
        "action_id": action,
        "disposition_id": disposition,
        "is_alert": true,
    });
    // A path may name a person, whom nobody can take out of other systems again.
    let call = bypass.call.as_ref();
    let call = call.map(|it| json!({ "method": it.method, "host": it.host }));
    let own = json!({ "technique": bypass.technique, "result": bypass.result, "call": call,
        "process": process(&bypass.process) });
    at.event(
        class,
        bypass.at.as_millisecond(),
        Severity::Medium,
        more,
        own,
    )
}

/// A turn in the life of an agent's process.
pub(crate) fn turn(at: &Place<'_>, turn: &Turn) -> Value {
    let class = Class {
        uid: 1007,
        category: 1,
        // `process_activity.activity_id`: launch, terminate, set user id, other.
        activity: match &*turn.turn {
            "fork" | "exec" => 1,
            "exit" => 2,
            "credentials" => 5,
            _ => 99,
        },
        profiles: &[],
    };
    let parent = (turn.parent != 0).then(|| json!({ "pid": turn.parent }));
    // `ancestors` reads `pid comm`, nearest first.
    let ancestry = turn.process.ancestors.iter().filter_map(|ancestor| {
        let (pid, name) = ancestor.split_once(' ')?;
        Some(json!({ "pid": pid.parse::<u32>().ok()?, "name": name }))
    });
    let ancestry: Vec<Value> = ancestry.collect();
    let changed = merged(
        process(&turn.process),
        json!({ "parent_process": parent, "ancestry": ancestry }),
    );
    let user = json!({ "uid": turn.process.uid.to_string() });
    let more = merged(
        json!({
            "actor": { "app_name": turn.agent, "app_uid": turn.agent, "user": user },
            // `device.type_id`: the record does not say what kind of host this is.
            "device": { "type_id": 0, "name": "this host" },
            "process": changed,
        }),
        json!({
            "exit_code": turn.exit,
            "activity_name": (class.activity == 99).then_some(&*turn.turn),
        }),
    );
    let before = turn.before.as_ref();
    let own = json!({
        "turn": turn.turn, "before": before, "euid": turn.euid, "egid": turn.egid,
        "capabilities": turn.capabilities, "namespaces": turn.namespaces, "unit": turn.unit,
        "container": turn.container, "pod": turn.pod, "cgroup": turn.process.cgroup,
    });
    at.event(
        class,
        turn.at.as_millisecond(),
        Severity::Informational,
        more,
        own,
    )
}

/// Somebody revoked, or no longer.
pub(crate) fn revoke(at: &Place<'_>, revocation: &Revocation) -> Value {
    let class = Class {
        uid: 3004,
        category: 3,
        // `entity_management.activity_id`: enable, disable.
        activity: if revocation.lifted { 8 } else { 9 },
        profiles: &[],
    };
    let id = match revocation.id.as_str() {
        "" => "everything",
        id => id,
    };
    let more = json!({
        "entity": { "uid": id, "type": revocation.what },
        "comment": revocation.reason,
    });
    at.event(
        class,
        revocation.at.as_millisecond(),
        Severity::Medium,
        more,
        json!({}),
    )
}

/// Other policies in force.
pub(crate) fn policies(at: &Place<'_>, change: &PolicyChange) -> Value {
    let what = json!({
        "actor": { "user": { "uid": change.uid.to_string() }, "app_name": "tidegate" },
        "entity": { "uid": change.before, "type": "policies" },
        "entity_result": { "uid": change.after, "type": "policies" },
        "comment": change.reason,
    });
    replaced(
        at,
        change.at.as_millisecond(),
        what,
        json!({ "policies": change.policies, "bundle": change.bundle }),
    )
}

/// Another key signs the log.
pub(crate) fn succeed(at: &Place<'_>, successor: &Successor) -> Value {
    let what = json!({
        "actor": { "user": { "uid": successor.uid.to_string() }, "app_name": "tidegate" },
        "entity": { "uid": successor.before, "type": "log signing key" },
        "entity_result": { "uid": successor.after, "type": "log signing key" },
    });
    replaced(at, successor.at.as_millisecond(), what, json!({}))
}

/// What the gateway goes by has another in its place.
fn replaced(at: &Place<'_>, at_ms: i64, what: Value, more: Value) -> Value {
    let class = Class {
        uid: 3004,
        category: 3,
        // `entity_management.activity_id`: update.
        activity: 3,
        profiles: &[],
    };
    let what = merged(json!({}), what);
    at.event(class, at_ms, Severity::Medium, what, more)
}

/// The gateway started or stopped.
pub(crate) fn lifecycle(at: &Place<'_>, life: &Lifecycle, starts: bool) -> Value {
    let class = Class {
        uid: 6002,
        category: 6,
        // `application_lifecycle.activity_id`: start, stop.
        activity: if starts { 3 } else { 4 },
        profiles: &[],
    };
    let more = json!({
        "app": { "name": "tidegate", "vendor_name": "Tidegate", "version": life.version },
    });
    let own = json!({ "config": life.config, "policy": life.policy, "missing": life.notes,
        "country": life.country });
    at.event(
        class,
        life.at.as_millisecond(),
        Severity::Informational,
        more,
        own,
    )
}
