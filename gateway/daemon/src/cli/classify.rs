//! `tidegate classify FILE`: what sensitive data a JSON document holds, never the data itself.

use std::{
    io::{self, Read},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use bytes::Bytes;
use classifiers::DataClass;
use miette::{IntoDiagnostic, WrapErr, miette};
use redaction::{Action, Output, Pseudonyms, Redactor, Summary, Workspace};
use serde::Serialize;

use super::{FINDING, Format, table};

/// How much of the file is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Nothing is replaced, so no pseudonym is ever asked for.
struct NoPseudonyms;

impl Pseudonyms for NoPseudonyms {
    fn pseudonym(&self, _class: DataClass, _value: &[u8]) -> [u8; 16] {
        [0; 16]
    }
}

#[derive(Serialize)]
struct Row<'a> {
    class: &'a str,
    path: &'a str,
    count: u64,
}

pub(crate) fn classify(file: &Path, format: Format) -> miette::Result<ExitCode> {
    let name = file.display();
    let mut input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let opened = std::fs::File::open(file)
            .into_diagnostic()
            .wrap_err_with(|| format!("`{name}` cannot be read"))?;
        Box::new(opened)
    };
    let summary = look(&mut input, &name.to_string())?;
    let rows: Vec<Row<'_>> = summary
        .places
        .iter()
        .map(|place| Row {
            class: place.class.name(),
            path: &place.path,
            count: place.count,
        })
        .collect();
    report(&rows, summary.unlisted, format)
}

/// Walks the document and releases nothing.
fn look(input: &mut dyn Read, name: &str) -> miette::Result<Summary> {
    let show = |_class: DataClass| Action::Show;
    let mut redactor = Redactor::new(show, Arc::new(NoPseudonyms), Box::new(Workspace::new()));
    let mut released = Output::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    let unreadable = |why: redaction::Interrupted| {
        miette!(
            help = "only JSON documents are classified",
            "`{name}`: {why}"
        )
    };
    loop {
        let read = input
            .read(&mut buffer)
            .into_diagnostic()
            .wrap_err_with(|| format!("`{name}` cannot be read"))?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        redactor
            .push(&Bytes::copy_from_slice(chunk), &mut released)
            .map_err(unreadable)?;
        released.by_ref().for_each(drop);
    }
    redactor.finish(&mut released).map_err(unreadable)?;
    Ok(redactor.into_parts().0)
}

fn report(rows: &[Row<'_>], unlisted: u64, format: Format) -> miette::Result<ExitCode> {
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(rows).into_diagnostic()?;
            println!("{text}");
        }
        Format::Table if rows.is_empty() => println!("nothing sensitive found"),
        Format::Table => {
            let row = |row: &Row<'_>| {
                vec![
                    row.class.to_owned(),
                    row.path.to_owned(),
                    row.count.to_string(),
                ]
            };
            table::print(&["class", "path", "count"], rows.iter().map(row));
        }
    }
    if unlisted > 0 {
        eprintln!("{unlisted} further findings stand at places that are not listed");
    }
    Ok(if rows.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FINDING)
    })
}
