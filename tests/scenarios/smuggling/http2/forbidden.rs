//! Frames that are not allowed, or not there.

use anyhow::{Result, ensure};

use super::{
    OF_HTTP2,
    frames::{Connection, frame, get},
};
use crate::smuggling::{
    front::{Front, attack, table},
    wire::Way,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    expect: Expect,
    send: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Connection,
    Stream,
    Late,
    Ignored,
}

/// The kinds of frames, by their numbers (RFC 9113 section 6).
const KINDS: [&str; 10] = [
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
];

/// The bytes of `KIND flags stream payload`.
fn bytes(text: &str, path: &str) -> Result<Vec<u8>> {
    let words: Vec<&str> = text.split(' ').collect();
    let [kind, flags, on, payload] = words[..] else {
        anyhow::bail!("no frame: {text}");
    };
    let known = KINDS.iter().position(|name| *name == kind);
    let kind = match known {
        Some(number) => u8::try_from(number)?,
        None => u8::from_str_radix(kind, 16)?,
    };
    let payload = match (payload, payload.strip_prefix("zeros:")) {
        ("-", _) => Vec::new(),
        ("get", _) => get(path),
        (_, Some(count)) => vec![0; count.parse()?],
        (hex, None) => hex::decode(hex)?,
    };
    Ok(frame(
        kind,
        u8::from_str_radix(flags, 16)?,
        on.parse()?,
        &payload,
    ))
}

fn one(front: &Front, way: Way, row: &Row, id: &str) -> Result<()> {
    /// Beyond every stream of a row.
    const LATER: u32 = 101;
    let (path, follows) = (format!("/things/a{id}"), format!("/things/p{id}"));
    let mut connection = Connection::open(front, way)?;
    for text in &row.send {
        connection.send_all(&bytes(text, &path)?);
    }
    connection.ask(LATER, &follows);
    match row.expect {
        Expect::Connection => connection.until_closed()?,
        Expect::Stream | Expect::Late | Expect::Ignored => connection.until_done(&[LATER])?,
    }
    let (first, later) = (connection.stream(1), connection.stream(LATER));
    let lives = later.asked().as_deref() == Some(follows.as_str());
    match row.expect {
        Expect::Connection => ensure!(!lives, "it lives on: {first:?}"),
        Expect::Stream => ensure!(first.asked().is_none(), "{first:?}"),
        Expect::Late => ensure!(lives || connection.ended(), "{first:?} {later:?}"),
        Expect::Ignored => ensure!(lives, "{later:?} {:?}", connection.goaway),
    }
    front.serves(&format!("v{id}"))?;
    ensure!(front.got(&path)?.len() <= 1, "more than one came");
    Ok(())
}

#[test]
fn frames_that_are_not_allowed_end_what_they_are_on() -> Result<()> {
    let rows: Vec<Row> = table(include_str!("../../../attacks/frames.yaml"))?;
    attack(&OF_HTTP2, &rows, |row| &row.name, one)
}
