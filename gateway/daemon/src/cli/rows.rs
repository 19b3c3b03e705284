//! Records for people, one line each.

use audit::{Entry, Event, Matter};

/// The names of the columns.
pub(super) const HEADER: [&str; 6] = ["record", "time", "kind", "caller", "operation", "result"];

/// A matter in one line: an exchange with how it ended.
pub(super) fn matter(matter: &Matter) -> Vec<String> {
    let mut cells = row(&matter.entry);
    if matter.opening().is_some()
        && let Some(result) = cells.last_mut()
    {
        *result = match matter.outcome() {
            None => "open".to_owned(),
            Some(outcome) => outcome.status.map_or_else(
                || outcome.result.to_string(),
                |status| format!("{} {status}", outcome.result),
            ),
        };
    }
    cells
}

/// Who called, in one word.
fn caller(caller: &audit::CallerRecord) -> String {
    let process = caller.process.as_ref();
    let process = process.map(|p| format!("{}[{}]", p.comm.escape_default(), p.pid));
    let known = caller.agent.clone().or(process);
    known.unwrap_or_else(|| "unknown".into())
}

/// When, what, who, on what and with what result.
type Row = (jiff::Timestamp, &'static str, String, String, String);

fn lived(life: &audit::Lifecycle, kind: &'static str) -> Row {
    let version = life.version.clone();
    (life.at, kind, String::new(), String::new(), version)
}

fn asked(inquiry: &audit::Inquiry) -> Row {
    let criteria = inquiry.criteria.iter();
    let criteria: Vec<_> = criteria.map(|(name, is)| format!("{name} {is}")).collect();
    let what = format!("{} {}", inquiry.command, criteria.join(", "));
    let why = inquiry.purpose.clone().unwrap_or_default();
    let who = format!("uid {}", inquiry.uid);
    (inquiry.at, "query", who, what.trim().to_owned(), why)
}

fn unusual(anomaly: &audit::Anomaly) -> Row {
    let numbers = anomaly.numbers.iter();
    let numbers = numbers.map(|it| format!(" {}={}", it.name, it.count));
    let result = format!("{}:{}", anomaly.response, numbers.collect::<String>());
    let what = format!("{} {}", anomaly.detector, anomaly.about);
    (anomaly.at, "anomaly", anomaly.agent.clone(), what, result)
}

fn lives(turn: &audit::Turn) -> Row {
    let process = &turn.process;
    let what = process.exe.as_ref().unwrap_or(&process.comm);
    let what = format!("{}[{}]", what.escape_default(), process.pid);
    let result = turn.exit.map(|status| format!("{} {status}", turn.turn));
    let result = result.unwrap_or_else(|| turn.turn.to_string());
    (turn.at, "process", turn.agent.clone(), what, result)
}

fn erased(erasure: &audit::Erasure) -> Row {
    let who = format!("uid {}", erasure.uid);
    let what = format!("{} a {}: {}", erasure.act, erasure.name, erasure.reason);
    let done = format!("{} keys", erasure.keys.len());
    let result = erasure.refused.as_ref().map_or(done, ToString::to_string);
    (erasure.at, "erase", who, what, result)
}

fn revoked(revocation: &audit::Revocation) -> Row {
    let who = format!("{} {}", revocation.what, revocation.id);
    let result = if revocation.lifted {
        "lifted"
    } else {
        "revoked"
    };
    let why = revocation.reason.clone();
    (revocation.at, "revoke", who, why, result.to_owned())
}

fn replaced(change: &audit::PolicyChange) -> Row {
    let bundle = change.bundle.as_ref().map(|it| format!("bundle {it}"));
    let who = bundle.unwrap_or_else(|| format!("uid {}", change.uid));
    let what = change.reason.clone().unwrap_or_default();
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    let (before, after) = (short(&change.before), short(&change.after));
    let result = format!("{} policies, {before} -> {after}", change.policies);
    (change.at, "policies", who, what, result)
}

fn destroyed(expiry: &audit::Expiry) -> Row {
    let who = expiry.uid.map(|uid| format!("uid {uid}"));
    let what = format!(
        "key {}: {} records of {}",
        expiry.key,
        expiry.records,
        day(expiry.day)
    );
    let result = format!("{}, {} days", expiry.class, expiry.days);
    (expiry.at, "expire", who.unwrap_or_default(), what, result)
}

/// The day of a time that is its beginning.
pub(super) fn day(begins: jiff::Timestamp) -> String {
    begins.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

fn held(hold: &audit::Hold) -> Row {
    let who = format!("uid {}", hold.uid);
    let what = format!("{} {}: {}", hold.act, hold.name, hold.reason);
    let result = hold.basis.clone().unwrap_or_default();
    (hold.at, "hold", who, what, result)
}

fn succeeded(successor: &audit::Successor) -> Row {
    let who = format!("uid {}", successor.uid);
    let what = format!("{} signs from here on", successor.after);
    (successor.at, "succeed", who, what, String::new())
}

fn gone(expired: &audit::Expired) -> Row {
    let result = format!("expired, as record {} says", expired.expiry);
    let kind = expired.was.name();
    (expired.at, kind, String::new(), String::new(), result)
}

/// A record in one line.
pub(super) fn row(entry: &Entry) -> Vec<String> {
    let index = entry.index.to_string();
    let operation = |o: Option<&audit::OperationRecord>| {
        o.map_or_else(String::new, |o| format!("{}/{}", o.service, o.operation))
    };
    let (at, kind, who, what, result) = match &entry.event {
        Event::Start(life) => lived(life, "start"),
        Event::Stop(life) => lived(life, "stop"),
        Event::Open(open) => (
            open.at,
            "open",
            caller(&open.caller),
            operation(Some(&open.operation)),
            String::new(),
        ),
        Event::Close(close) => {
            let status = close
                .status
                .map_or_else(String::new, |status| format!(" {status}"));
            (
                close.at,
                "close",
                String::new(),
                format!("of {}", close.opening),
                format!("{}{status}", close.result),
            )
        }
        Event::Refuse(refusal) => {
            let result = format!("{} {}", refusal.status, refusal.reason);
            (
                refusal.at,
                "refuse",
                caller(&refusal.caller),
                operation(refusal.operation.as_ref()),
                result,
            )
        }
        Event::Reveal(revelation) => (
            revelation.at,
            "reveal",
            revelation.operator.clone(),
            revelation.purpose.clone(),
            revelation.reason.as_deref().unwrap_or("told").to_owned(),
        ),
        Event::Bypass(bypass) => (
            bypass.at,
            "bypass",
            bypass.agent.clone(),
            format!("{} {}", bypass.protocol, bypass.remote),
            format!("{} {}", bypass.result, bypass.technique),
        ),
        Event::Gap(gap) => {
            let result = format!("{} lost, {} recovered", gap.lost, gap.recovered);
            (gap.at, "gap", String::new(), gap.reason.to_string(), result)
        }
        Event::Revoke(revocation) => revoked(revocation),
        Event::Query(inquiry) => asked(inquiry),
        Event::Anomaly(anomaly) => unusual(anomaly),
        Event::Process(turn) => lives(turn),
        Event::Erase(erasure) => erased(erasure),
        Event::Policies(change) => replaced(change),
        Event::Expire(expiry) => destroyed(expiry),
        Event::Hold(hold) => held(hold),
        Event::Succeed(successor) => succeeded(successor),
        Event::Expired(expired) => gone(expired),
    };
    vec![index, at.to_string(), kind.into(), who, what, result]
}
