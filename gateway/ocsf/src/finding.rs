//! What was found: data in a call, a call that is an incident, a gap in what was seen.

use audit::{Anomaly, Gap, Opening, Outcome, Refusal};
use serde_json::{Value, json};

use crate::event::{Class, Place, Severity, actor, classes, found, merged, policy};

/// `detection_finding.activity_id`: a finding is made once and not taken up again here.
const CREATE: u32 = 1;

/// A data-loss-prevention gateway, data in transit (`data_security`).
const GATEWAY: u32 = 2;
const IN_TRANSIT: u32 = 2;

fn class(uid: u32) -> Class {
    Class {
        uid,
        category: 2,
        activity: CREATE,
        profiles: &["security_control"],
    }
}

/// Personal, health, payment or secret data in an exchange; none: none was found.
pub(crate) fn values(
    at: &Place<'_>,
    opening: &Opening,
    outcome: Option<&Outcome>,
) -> Option<Value> {
    let outcome = outcome?;
    let classes = classes(outcome);
    if classes.is_empty() {
        return None;
    }
    let title = classes.iter().copied().collect::<Vec<_>>().join(", ");
    let mut all = outcome
        .request
        .findings
        .iter()
        .chain(&outcome.response.findings);
    let shown = all.any(|it| it.action == "show");
    let more = json!({
        "finding_info": {
            "title": format!("data in an exchange: {title}"),
            "uid": format!("{}#{}", at.anchor.log, at.matter.entry.index),
            "types": classes,
        },
        "data_security": {
            "category_id": category(&classes),
            "data_lifecycle_state_id": IN_TRANSIT,
            "detection_system_id": GATEWAY,
        },
        "actor": actor(&opening.caller),
        "policy": policy(&opening.policies, &opening.policy),
        // Of the profile `security_control`: some of it was let through, or all of it changed.
        "action_id": if shown { 1 } else { 4 },
        "is_alert": false,
    });
    let own = json!({ "findings": found(outcome), "trace": opening.trace });
    let time = outcome.at.as_millisecond();
    let more = merged(json!({}), more);
    Some(at.event(class(2006), time, Severity::Informational, more, own))
}

/// `data_security.category_id`.
fn category(classes: &std::collections::BTreeSet<&str>) -> u32 {
    let one = |branch: &str| classes.iter().all(|it| audit::is_class(it, branch));
    if one("pci") {
        3
    } else if one("secret") {
        6
    } else if classes
        .iter()
        .all(|it| it.starts_with("pii") || it.starts_with("phi"))
    {
        1
    } else {
        99
    }
}

/// What was noticed of an exchange that was let through.
pub(crate) fn noticed(at: &Place<'_>, opening: &Opening) -> Option<Value> {
    if opening.notices.is_empty() {
        return None;
    }
    let more = json!({
        "finding_info": {
            "title": opening.notices.join(", "),
            "uid": format!("{}#{}", at.anchor.log, at.matter.entry.index),
        },
        "evidences": [{ "actor": actor(&opening.caller) }],
        "policy": policy(&opening.policies, &opening.policy),
        "action_id": 1,
        "is_alert": true,
    });
    let own = json!({ "trace": opening.trace, "declared": opening.declared });
    let time = opening.at.as_millisecond();
    let more = merged(json!({}), more);
    Some(at.event(class(2004), time, Severity::Medium, more, own))
}

/// A refusal that is an incident: a token used by another workload; or one of which something was noticed.
pub(crate) fn refusal(at: &Place<'_>, refusal: &Refusal) -> Option<Value> {
    let reason = refusal.finding.then_some(&*refusal.reason);
    let notices = refusal.notices.iter().map(String::as_str);
    let titles: Vec<&str> = reason.into_iter().chain(notices).collect();
    if titles.is_empty() {
        return None;
    }
    let more = json!({
        "finding_info": {
            "title": titles.join(", "),
            "uid": format!("{}#{}", at.anchor.log, at.matter.entry.index),
        },
        "evidences": [{ "actor": actor(&refusal.caller) }],
        "policy": policy(&refusal.policies, &refusal.policy),
        "action_id": 2,
        "is_alert": true,
    });
    let own = json!({ "trace": refusal.trace, "declared": refusal.declared });
    let time = refusal.at.as_millisecond();
    let more = merged(json!({}), more);
    Some(at.event(class(2004), time, Severity::Medium, more, own))
}

/// What a detector says of a session.
pub(crate) fn anomaly(at: &Place<'_>, anomaly: &Anomaly) -> Value {
    let more = json!({
        "finding_info": {
            "title": format!("{}: {}", anomaly.detector, anomaly.about),
            "uid": format!("{}#{}", at.anchor.log, at.matter.entry.index),
        },
        "is_alert": true,
    });
    let numbers = anomaly.numbers.iter();
    let numbers: serde_json::Map<_, _> = numbers
        .map(|it| (it.name.to_string(), it.count.into()))
        .collect();
    let own = json!({
        "agent": anomaly.agent,
        "session": anomaly.session,
        "response": anomaly.response,
        "record": anomaly.record,
        "numbers": numbers,
    });
    let time = anomaly.at.as_millisecond();
    at.event(class(2004), time, Severity::Medium, more, own)
}

/// Something not seen, or seen late.
pub(crate) fn gap(at: &Place<'_>, gap: &Gap) -> Value {
    let more = json!({
        "finding_info": {
            "title": format!("coverage gap: {}", gap.reason),
            "uid": format!("{}#{}", at.anchor.log, at.matter.entry.index),
        },
        "count": gap.lost.clamp(1, i32::MAX as u64),
        "is_alert": gap.lost > gap.recovered,
    });
    let own = json!({ "lost": gap.lost, "recovered": gap.recovered });
    at.event(
        class(2004),
        gap.at.as_millisecond(),
        Severity::Low,
        more,
        own,
    )
}
