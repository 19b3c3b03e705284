//! Requests of HTTP/1.1 that have two readings.

use anyhow::{Result, ensure};

use super::{
    front::{Expect, Front, HOST, attack, table},
    wire::{self, Answer, WAYS, Way},
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    send: String,
    #[serde(default = "refused")]
    expect: Expect,
    #[serde(default = "newest")]
    version: String,
}

fn refused() -> Expect {
    Expect::Refused
}

fn newest() -> String {
    "HTTP/1.1".to_owned()
}

/// A well-formed request, after which the connection ends.
fn probe(way: Way, path: &str) -> String {
    let target = way.target(path);
    format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")
}

/// Sends each row on each way, and looks at what became of it, of what follows and of everybody else.
fn all(rows: &[Row]) -> Result<()> {
    attack(&WAYS, rows, |row| &row.name, one)
}

fn one(front: &Front, way: Way, row: &Row, id: &str) -> Result<()> {
    let (path, follows) = (format!("/things/a{id}"), format!("/things/p{id}"));
    let request = format!(
        "POST {} {}\r\nHost: {HOST}\r\nContent-Type: text/plain\r\n",
        way.target(&path),
        row.version
    );
    let send = wire::fill(&row.send.replace("{request}", &request), way, &path);
    let mut stream = wire::open(front, way, false)?;
    let bytes = send + &probe(way, &follows);
    let answers = wire::exchange(&mut *stream, bytes.as_bytes())?;
    front.serves(&format!("v{id}"))?;
    let got = front.got(&path)?.len();
    let expected = usize::from(row.expect == Expect::Once);
    ensure!(got == expected, "{got} came: {answers:?}");
    // Answers are in the order of what was asked, each with its own.
    let told: Vec<String> = answers.iter().filter_map(Answer::asked).collect();
    let mut due = [path.as_str(), follows.as_str()].into_iter();
    ensure!(
        told.iter().all(|told| due.any(|due| due == told)),
        "{told:?}: {answers:?}"
    );
    ensure!(front.got(&follows)?.len() <= 1, "{answers:?}");
    if row.expect == Expect::Refused {
        ensure!(
            answers
                .first()
                .is_none_or(|it| matches!(it.status, 400..=499 | 501 | 505)),
            "{answers:?}"
        );
        // What is behind a message whose end nobody knows is read by nobody.
        let goes_on = told.contains(&follows);
        ensure!(
            !goes_on
                || answers
                    .first()
                    .is_some_and(|it| it.head.contains("tidegate-record")),
            "{answers:?}"
        );
    }
    Ok(())
}

/// A server that looks for no body there takes it for the next request on the connection, whosever that is.
#[test]
fn a_body_that_nobody_looks_for_has_a_connection_of_its_own() -> Result<()> {
    let front = Front::new()?;
    for way in WAYS {
        let path = format!("/things/a{way:?}");
        let leak = wire::fill("{leak}", way, &path);
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{leak}",
            way.target(&path),
            leak.len()
        );
        let follows = format!("/things/p{way:?}");
        let mut stream = wire::open(&front, way, false)?;
        let answers = wire::exchange(&mut *stream, (request + &probe(way, &follows)).as_bytes())?;
        let told: Vec<String> = answers.iter().filter_map(Answer::asked).collect();
        ensure!(told == [path.clone(), follows.clone()], "{answers:?}");
        let (with_body, next) = (front.got(&path)?, front.got(&follows)?);
        ensure!(
            with_body
                .iter()
                .all(|one| next.iter().all(|it| it.connection != one.connection)),
            "{with_body:?} {next:?}"
        );
    }
    front.finish()
}

#[test]
fn a_message_ends_in_one_place() -> Result<()> {
    all(&table(include_str!("../../attacks/http1.yaml"))?)
}

#[test]
fn a_request_line_asks_for_one_thing() -> Result<()> {
    all(&table(include_str!("../../attacks/lines.yaml"))?)
}
