//! Frames that RFC 6455 does not allow, from the table in `tests/attacks`, and upstreams that agree to what nobody asked
//! for.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use tests::setup::Service;

use super::{
    Talk,
    raw::{CLOSE, Raw, frame, handshake},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    send: Vec<String>,
    /// The code of the close frame that comes back.
    code: u16,
    /// Why, on record; nothing if it was let end.
    reason: Option<String>,
}

/// The bytes of a part of a row: hex, `zeros:N` for so many, `times:N:HEX` for so often that.
fn bytes(part: &str) -> Result<Vec<u8>> {
    let hex = |text: &str| hex::decode(text.replace(' ', "")).context(text.to_owned());
    match part.split(':').collect::<Vec<_>>().as_slice() {
        ["zeros", count] => Ok(vec![0; count.parse()?]),
        ["times", count, part] => Ok(hex(part)?.repeat(count.parse()?)),
        _ => hex(part),
    }
}

fn attack(talk: &Talk, row: &Row) -> Result<()> {
    let before = talk.heard("message")?.len();
    let mut raw = Raw::open(talk.gateway.listen(0)?, "/talk/talk", "")?;
    for part in &row.send {
        // Whoever is closed in the middle of what it sends has been told.
        if raw.send(&bytes(part)?).is_err() {
            break;
        }
    }
    let (code, reason) = raw.closed()?;
    ensure!(code == row.code, "closed with {code} {reason}");
    let last = talk.last()?;
    let told = Some(last.text("reason")).filter(|it| !it.is_empty());
    ensure!(told == row.reason, "{told:?}: {:?}", last.0);
    if let Some(wanted) = &row.reason {
        ensure!(reason.starts_with(wanted.as_str()), "{reason}");
    }
    // Nothing of it went on, and everybody else is served.
    assert_eq!(talk.heard("message")?.len(), before);
    let mut other = Raw::open(talk.gateway.listen(0)?, "/talk/talk", "")?;
    other.text("[1]")?;
    assert_eq!(other.next_text()?, "[1]");
    // Its end is on record before the next row looks for its own.
    other.send(&frame(CLOSE, &1000_u16.to_be_bytes()))?;
    other.closed()?;
    Ok(())
}

#[test]
fn frames_that_are_none_close_the_connection() -> Result<()> {
    let talk = Talk::start(None, |setup, _| setup)?;
    let rows: Vec<Row> = serde_saphyr::from_str(include_str!("../../attacks/websocket.yaml"))?;
    ensure!(!rows.is_empty(), "no rows");
    let mut failed = Vec::new();
    for row in &rows {
        if let Err(error) = attack(&talk, row) {
            failed.push(format!("{}: {error:#}", row.name));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    talk.finish()
}

/// What comes back for these bytes, to the end of the connection.
fn asked(address: SocketAddr, bytes: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    stream.write_all(bytes.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.to_lowercase())
}

/// A handshake that is refused before anybody hears of it.
#[test]
fn handshakes_that_are_none_are_refused() -> Result<()> {
    let talk = Talk::start(None, |setup, _| setup)?;
    let address = talk.gateway.listen(0)?;
    let close = "connection: close\r\n";
    let sound = handshake("/talk/talk", close);
    Raw::open(address, "/talk/talk", "")?;
    for ((from, to), status, reason) in [
        (("version: 13", "version: 8"), "400", "handshake_invalid"),
        (
            ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="),
            "400",
            "handshake_invalid",
        ),
        (
            ("sec-websocket-key: ", "x-key: "),
            "400",
            "handshake_invalid",
        ),
        (("upgrade: websocket\r\n", ""), "426", "websocket_required"),
        (
            ("upgrade: websocket", "upgrade: h2c"),
            "426",
            "websocket_required",
        ),
        (
            ("HTTP/1.1\r\n", "HTTP/1.0\r\n"),
            "426",
            "websocket_required",
        ),
        (
            ("GET /talk/talk", "POST /talk/talk"),
            "403",
            "operation_unknown",
        ),
        (("/talk/talk", "/talk/page"), "403", "websocket_undeclared"),
    ] {
        ensure!(sound.contains(from), "{from}");
        let answer = asked(address, &sound.replace(from, to))?;
        ensure!(
            answer.contains(&format!(" {status} ")) && answer.contains(reason),
            "{from}: {answer}"
        );
        if status == "426" {
            ensure!(
                answer.contains("upgrade: websocket")
                    && answer.contains("sec-websocket-version: 13"),
                "{answer}"
            );
        }
    }
    // What another protocol is asked for stays a request like any other.
    let page = handshake("/talk/page", close).replace("upgrade: websocket", "upgrade: h2c");
    let answer = asked(address, &page)?;
    ensure!(
        !answer.contains(" 101 ") && !answer.contains("websocket_"),
        "{answer}"
    );
    // And with a body it is none.
    let bytes = handshake("/talk/talk", "content-length: 2\r\nconnection: close\r\n") + "{}";
    ensure!(asked(address, &bytes)?.contains("handshake_invalid"));
    talk.finish()
}

#[test]
fn an_upstream_that_agrees_to_something_else_is_not_believed() -> Result<()> {
    let talk = Talk::start(None, |setup, _| setup)?;
    let liar = talk.heard("liar")?;
    let port = liar.first().and_then(Value::as_u64).context("no liar")?;
    let lies = Service::new("lies", &format!("http://127.0.0.1:{port}"), "US");
    let other = Talk::start(None, |setup, _| setup.service(super::operations(lies)))?;
    let address = other.gateway.listen(0)?;
    Raw::open(address, "/lies/lies/nothing", "")?;
    for lie in ["accept", "extension", "protocol", "upgrade"] {
        let opened = Raw::open(
            address,
            &format!("/lies/lies/{lie}"),
            "sec-websocket-protocol: chat.v2\r\n",
        );
        let Err(refused) = opened else {
            bail!("{lie} was believed");
        };
        let refused = format!("{refused:#}");
        ensure!(refused.contains("http/1.1 502 "), "{lie}: {refused}");
        let last = other.last()?;
        assert_eq!(last.text("reason"), "upstream_failed", "{lie}");
    }
    other.finish()?;
    talk.finish()
}
