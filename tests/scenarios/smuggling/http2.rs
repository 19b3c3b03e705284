//! Requests of HTTP/2 that would become others in HTTP/1.1.

use anyhow::{Result, ensure};

use super::{
    front::{Expect, Front, HOST, attack, table},
    wire::{self, Way},
};

mod forbidden;
pub(super) mod frames;

use frames::{Connection, DATA, END_HEADERS, END_STREAM, HEADERS, block};

/// The ways that HTTP/2 goes.
const OF_HTTP2: [Way; 2] = [Way::Reverse, Way::Intercepted];

type Field = (String, String);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    expect: Expect,
    #[serde(default)]
    more: Vec<Field>,
    #[serde(default)]
    instead: Vec<Field>,
    #[serde(default)]
    without: Vec<String>,
    data: Option<String>,
    #[serde(default)]
    trailers: Vec<Field>,
}

impl Row {
    /// The fields of the request, pseudo-header fields first but for those that the row puts elsewhere.
    fn fields(&self, path: &str) -> Vec<Field> {
        let method = if self.data.is_some() { "POST" } else { "GET" };
        let usual = [
            (":method", method),
            (":scheme", "https"),
            (":authority", HOST),
            (":path", path),
        ];
        let usual = usual.into_iter().filter(|(name, _)| {
            let is_other = self.instead.iter().any(|(it, _)| it == name);
            !is_other && !self.without.iter().any(|it| it == name)
        });
        let mut fields: Vec<Field> = usual
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        fields.extend(self.instead.clone());
        fields.extend(self.more.clone());
        let has_type = self.data.is_some() && self.expect == Expect::Once;
        fields.extend(has_type.then(|| ("content-type".into(), "text/plain".into())));
        filled(&fields, path)
    }
}

fn filled(fields: &[Field], path: &str) -> Vec<Field> {
    let fill = |text: &str| wire::fill(text, Way::Reverse, path);
    fields
        .iter()
        .map(|(name, value)| (fill(name), fill(value)))
        .collect()
}

fn one(front: &Front, way: Way, row: &Row, id: &str) -> Result<()> {
    let (path, follows) = (format!("/things/a{id}"), format!("/things/p{id}"));
    let mut connection = Connection::open(front, way)?;
    let bare = row.data.is_none() && row.trailers.is_empty();
    let flags = END_HEADERS | if bare { END_STREAM } else { 0 };
    connection.send(HEADERS, flags, 1, &block(&row.fields(&path)));
    if let Some(data) = &row.data {
        let end = if row.trailers.is_empty() {
            END_STREAM
        } else {
            0
        };
        connection.send(
            DATA,
            end,
            1,
            wire::fill(data, Way::Reverse, &path).as_bytes(),
        );
    }
    if !row.trailers.is_empty() {
        let trailers = block(&filled(&row.trailers, &path));
        connection.send(HEADERS, END_HEADERS | END_STREAM, 1, &trailers);
    }
    connection.ask(3, &follows);
    connection.until_done(&[1, 3])?;
    front.serves(&format!("v{id}"))?;
    let got = front.got(&path)?.len();
    let (attack, probe) = (connection.stream(1), connection.stream(3));
    let expected = usize::from(row.expect == Expect::Once);
    ensure!(got == expected, "{got} came: {attack:?}");
    if row.expect == Expect::Refused {
        ensure!(attack.asked().is_none(), "{attack:?}");
        ensure!(
            attack.reset.is_some() || attack.begun || connection.ended(),
            "{attack:?}"
        );
    } else {
        ensure!(
            attack.asked().as_deref() == Some(path.as_str()),
            "{attack:?}"
        );
    }
    // Another stream has its own answer, if the connection lives on.
    ensure!(
        probe.asked().as_deref() == Some(follows.as_str()) || connection.ended(),
        "{probe:?}"
    );
    Ok(())
}

#[test]
fn what_http2_may_not_hold_does_not_become_http1() -> Result<()> {
    let rows: Vec<Row> = table(include_str!("../../attacks/http2.yaml"))?;
    attack(&OF_HTTP2, &rows, |row| &row.name, one)
}
