//! Services that answer more than they were asked, or in two ways.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};

use super::{
    front::{Front, HOST, all_well, table},
    wire::{self, Way},
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    expect: Expect,
    send: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Refused,
    Read,
}

/// What nobody asked for, and nobody may get.
const EXTRA: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"asked\":\"/leak\"}";

/// Fields that must not come from a service.
const FORBIDDEN: [&str; 6] = [
    "x-secret",
    "keep-alive:",
    "proxy-authenticate",
    "upgrade",
    "alt-svc",
    "tidegate-withheld",
];

#[test]
fn an_answer_that_nobody_asked_for_is_nobodys() -> Result<()> {
    let rows: Vec<Row> = table(include_str!("../../attacks/answers.yaml"))?;
    let path = |way: Way, number: usize| format!("/things/{way:?}{number}");
    let ways = [Way::Reverse, Way::Intercepted];
    let mut answers = HashMap::new();
    for way in ways {
        for (number, row) in rows.iter().enumerate() {
            let send = row.send.replace("{extra-length}", &EXTRA.len().to_string());
            let send = wire::fill(&send.replace("{extra}", EXTRA), way, "");
            answers.insert(path(way, number), send.into_bytes());
        }
    }
    let front = Front::before(answers, |setup| setup)?;
    for way in ways {
        all_well(rows.iter().enumerate().map(|(number, row)| {
            one(&front, way, row, &path(way, number))
                .with_context(|| format!("{way:?}: {}", row.name))
        }))?;
    }
    front.finish()
}

fn one(front: &Front, way: Way, row: &Row, path: &str) -> Result<()> {
    let follows = format!("/things/p{}", path.trim_start_matches("/things/"));
    let get = |path: &str, last: &str| {
        format!(
            "GET {} HTTP/1.1\r\nHost: {HOST}\r\n{last}\r\n",
            way.target(path)
        )
    };
    let mut stream = wire::open(front, way, false)?;
    let asked = get(path, "") + &get(&follows, "Connection: close\r\n");
    let answers = wire::exchange(&mut *stream, asked.as_bytes())?;
    // Whoever is given the connection that it came on next.
    for again in 0..3 {
        front.serves(&format!("v{again}{}", path.trim_start_matches("/things/")))?;
    }
    ensure!(front.got(path)?.len() == 1, "{answers:?}");
    let [first, rest @ ..] = &answers[..] else {
        // It broke off before it began.
        ensure!(row.expect == Expect::Refused, "no answer");
        return Ok(());
    };
    match row.expect {
        Expect::Refused => ensure!(first.status == 502, "{answers:?}"),
        Expect::Read => ensure!(first.status < 400, "{answers:?}"),
    }
    ensure!(answers.len() <= 2, "{answers:?}");
    for answer in &answers {
        ensure!(answer.asked().as_deref() != Some("/leak"), "{answers:?}");
        let head = answer.head.to_ascii_lowercase();
        let odd = FORBIDDEN.iter().find(|name| head.contains(*name));
        ensure!(odd.is_none(), "{head}");
        // Its own alone, and not what the service says it is.
        ensure!(head.matches("tidegate-record: ").count() == 1, "{head}");
        ensure!(!head.contains("tidegate-trace: 1\r"), "{head}");
    }
    let next = rest.first().and_then(wire::Answer::asked);
    ensure!(
        rest.is_empty() || next.as_deref() == Some(follows.as_str()),
        "{answers:?}"
    );
    Ok(())
}
