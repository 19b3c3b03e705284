//! Alerts by syslog: the numbers as structured data, the JSON as text.

use serde_json::Value;
use syslog_fmt::Severity;

use crate::syslog::{End, Message, Syslog};

/// Hands one over, on a connection of its own.
pub(super) async fn send(syslog: &Syslog, text: &[u8]) -> Result<(), String> {
    let message = message(syslog, text).map_err(|error| error.to_string())?;
    match syslog.send(&message).await? {
        End::Answered => Ok(()),
        End::Silent => Err("the collector does not end the connection".to_owned()),
        End::Late => Err("the collector takes too long".to_owned()),
    }
}

fn message(syslog: &Syslog, text: &[u8]) -> std::io::Result<Vec<u8>> {
    let told: Value = serde_json::from_slice(text)?;
    let field = |name: &str| {
        told.pointer(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let data = ["detector", "response", "agent", "session"];
    let names = data.map(|name| (name, format!("/data/{name}")));
    let mut out = Vec::new();
    syslog.counted(
        &Message {
            severity: Severity::Warning,
            timestamp: field("/timestamp"),
            kind: "anomaly",
            data: names.each_ref().map(|(name, at)| (*name, field(at))),
            text: &String::from_utf8_lossy(text),
        },
        &mut out,
    )?;
    Ok(out)
}
