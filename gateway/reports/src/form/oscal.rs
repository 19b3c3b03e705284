//! Documents as assessment results of OSCAL (NIST, version 1.2): observations, each with its evidence.
//!
//! There are no findings, which would say that a control is satisfied: whoever assesses judges that.
//! Identifiers are made of the document itself, so that the same document gives the same bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Cell, Document, Evidence, Figure, Table};

/// The version of OSCAL that is written.
const VERSION: &str = "1.2.1";

/// Whose names the properties have.
const NAMESPACE: &str = "urn:tidegate:oscal";

pub(super) fn results(document: &Document) -> Value {
    let ids = Ids::of(document);
    let (from, to) = document.covered.map_or_else(
        || {
            let at = document.scope.from.or(document.scope.until);
            let at = at.unwrap_or(Timestamp::UNIX_EPOCH);
            (at, at)
        },
        |covered| (covered.from, covered.to),
    );
    let controls = document.controls.iter();
    let controls: Vec<Value> = controls.map(|id| json!({ "control-id": id })).collect();
    let tables = document.tables.iter().enumerate();
    let observations: Vec<Value> = tables
        .map(|(at, table)| observation(table, &ids.of_table(at), to, &ids))
        .collect();
    let asked = document.particulars();
    let asked: Vec<String> = asked
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let mut result = json!({
        "uuid": ids.named("result"),
        "title": document.title,
        "description": described(document),
        "start": from,
        "end": to,
        "props": [property("report", document.kind), property("provision", document.law)],
        "reviewed-controls": { "control-selections": [{ "include-controls": controls }] },
    });
    // An empty list is none.
    if let (false, Some(result)) = (observations.is_empty(), result.as_object_mut()) {
        result.insert("observations".to_owned(), observations.into());
    }
    json!({ "assessment-results": {
        "uuid": ids.named("document"),
        "metadata": {
            "title": document.title,
            "last-modified": to,
            "version": document.anchor.size.to_string(),
            "oscal-version": VERSION,
        },
        "import-ap": { "href": format!("#{}", ids.named("plan")) },
        "results": [result],
        "back-matter": { "resources": [
            {
                "uuid": ids.named("plan"),
                "title": "What was asked",
                "description": asked.join("\n\n"),
            },
            {
                "uuid": ids.named("checkpoint"),
                "title": "Checkpoint of the log",
                "description": "A signed note (C2SP) that covers every record cited.",
                "base64": {
                    "filename": "checkpoint",
                    "media-type": "text/plain",
                    "value": STANDARD.encode(&document.anchor.checkpoint),
                },
            },
        ] },
    } })
}

/// Identifiers within one document.
struct Ids(Uuid);

impl Ids {
    fn of(document: &Document) -> Self {
        // What serializes to JSON once for its own form does so here.
        let text = serde_json::to_vec(document).unwrap_or_default();
        Self(Uuid::new_v5(&Uuid::NAMESPACE_OID, &text))
    }

    fn named(&self, name: &str) -> String {
        Uuid::new_v5(&self.0, name.as_bytes()).to_string()
    }

    fn of_table(&self, at: usize) -> String {
        self.named(&format!("table {at}"))
    }
}

fn described(document: &Document) -> String {
    let mut text = vec![
        "Evidence from the record of a gateway. It does not say that a control is satisfied."
            .to_owned(),
    ];
    text.extend(document.notes.iter().cloned());
    text.join("\n\n")
}

fn observation(table: &Table, id: &str, at: Timestamp, ids: &Ids) -> Value {
    let mut said = vec![if table.note.is_empty() {
        table.title.to_owned()
    } else {
        table.note.to_owned()
    }];
    if table.rows.is_empty() {
        said.push("Nothing.".to_owned());
    }
    if table.omitted > 0 {
        said.push(format!("{} further rows had no room.", table.omitted));
    }
    let mut observation = json!({
        "uuid": id,
        "title": table.title,
        "description": said.join("\n\n"),
        "methods": ["EXAMINE"],
        "collected": at,
    });
    let evidence: Vec<Value> = table
        .rows
        .iter()
        .map(|row| evidence(table, row, ids))
        .collect();
    if let (false, Some(observation)) = (evidence.is_empty(), observation.as_object_mut()) {
        observation.insert("relevant-evidence".to_owned(), evidence.into());
    }
    observation
}

/// One row, with what its figures were counted from.
fn evidence(table: &Table, row: &[Cell], ids: &Ids) -> Value {
    let named = table.columns.iter().zip(row);
    let said: Vec<String> = named
        .clone()
        .map(|(name, cell)| format!("{name}: {}", cell.text()))
        .collect();
    let mut properties: Vec<Value> = Vec::new();
    for (name, cell) in named {
        if let Cell::Figure(figure) = cell {
            properties.extend(counted(&token(name), figure));
        }
    }
    let mut evidence = json!({
        "href": format!("#{}", ids.named("checkpoint")),
        "description": said.join("; "),
    });
    if let (false, Some(evidence)) = (properties.is_empty(), evidence.as_object_mut()) {
        evidence.insert("props".to_owned(), properties.into());
    }
    evidence
}

fn counted(name: &str, figure: &Figure) -> Vec<Value> {
    let Evidence {
        records,
        digest,
        listed,
    } = &figure.evidence;
    let first: Vec<String> = listed.iter().map(|it| it.record.to_string()).collect();
    let mut all = vec![property(name, &figure.to_string())];
    if *records > 0 {
        all.push(property(&format!("{name}-records"), &records.to_string()));
        all.push(property(&format!("{name}-records-sha256"), digest));
        all.push(property(&format!("{name}-first-records"), &first.join(" ")));
    }
    all
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NAMESPACE, "value": value })
}

/// A column's name as OSCAL's names are made.
fn token(name: &str) -> String {
    name.replace(|it: char| !it.is_ascii_alphanumeric(), "-")
}
