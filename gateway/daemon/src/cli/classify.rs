//! `tidegate classify FILE`: what sensitive data a document holds, never the data itself.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use classifiers::DataClass;
use classifiers::document::{Classifier, Found, Media, Unreadable};
use miette::{IntoDiagnostic, WrapErr, miette};
use serde::Serialize;

use super::{Classify, FINDING, Format, table};

/// How much of the file is read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Findings at places beyond these are only counted.
const PLACES_MAX: usize = 10_000;
/// A longer name is not one that a schema gives.
const NAME_BYTES_MAX: usize = 64;

#[derive(Serialize)]
struct Row {
    class: &'static str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    count: u64,
}

/// One row of the taxonomy.
#[derive(Serialize)]
struct TaxonomyRow {
    class: &'static str,
    hipaa: &'static str,
    gdpr: &'static str,
    ccpa: &'static str,
    severity: &'static str,
    about: &'static str,
}

pub(crate) fn classify(arguments: &Classify) -> miette::Result<ExitCode> {
    let format = arguments.output.output;
    if arguments.list_classes {
        return list(format);
    }
    let Some(file) = &arguments.file else {
        return Err(miette!("no file"));
    };
    let name = file.display().to_string();
    let mut input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let opened = std::fs::File::open(file)
            .into_diagnostic()
            .wrap_err_with(|| format!("`{name}` cannot be read"))?;
        Box::new(opened)
    };
    let media = match &arguments.media {
        Some(media) => Some(
            Media::named(media)
                .ok_or_else(|| miette!("`{media}` is no media type that is read"))?,
        ),
        None => file
            .extension()
            .and_then(|extension| Media::of_extension(&extension.to_string_lossy())),
    };
    let mut summary = Summary {
        explain: arguments.explain,
        ..Summary::default()
    };
    look(&mut input, media, &name, &mut summary)?;
    summary.report(format)
}

/// Reads the document to its end.
fn look(
    input: &mut dyn Read,
    media: Option<Media>,
    name: &str,
    summary: &mut Summary,
) -> miette::Result<()> {
    let unreadable = |why: Unreadable| {
        miette!(
            help = "another `--media` may read it; `text/plain` reads anything",
            "`{name}`: {why}"
        )
    };
    let mut sink = |found: &Found<'_>| summary.count(found);
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut classifier: Option<Classifier> = None;
    loop {
        let read = input
            .read(&mut buffer)
            .into_diagnostic()
            .wrap_err_with(|| format!("`{name}` cannot be read"))?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        classifier
            .get_or_insert_with(|| {
                Classifier::new(media.unwrap_or_else(|| Media::of_content(chunk)))
            })
            .push(chunk, &mut sink)
            .map_err(unreadable)?;
    }
    match &mut classifier {
        Some(classifier) => classifier.finish(&mut sink).map_err(unreadable),
        None => Ok(()),
    }
}

/// What was found, by class and place.
#[derive(Default)]
struct Summary {
    explain: bool,
    places: BTreeMap<(String, &'static str, Option<String>), u64>,
    unlisted: u64,
}

impl Summary {
    fn count(&mut self, found: &Found<'_>) {
        let because = self.explain.then(|| found.explanation().to_string());
        let path = [schema(found.path), schema(found.inner)].concat();
        let place = (path, found.finding.class.name(), because);
        if self.places.len() < PLACES_MAX || self.places.contains_key(&place) {
            *self.places.entry(place).or_default() += 1;
        } else {
            self.unlisted += 1;
        }
    }

    fn report(self, format: Format) -> miette::Result<ExitCode> {
        let rows: Vec<Row> = self
            .places
            .into_iter()
            .map(|((path, class, because), count)| Row {
                class,
                path,
                because,
                count,
            })
            .collect();
        let mut header = vec!["class", "path", "count"];
        header.extend(self.explain.then_some("because"));
        let cells = |row: &Row| {
            let mut cells = vec![
                row.class.to_owned(),
                row.path.clone(),
                row.count.to_string(),
            ];
            cells.extend(row.because.clone());
            cells
        };
        match format {
            Format::Json => print_json(&rows)?,
            Format::Table if rows.is_empty() => println!("nothing sensitive found"),
            Format::Table => table::print(&header, rows.iter().map(cells)),
        }
        if self.unlisted > 0 {
            eprintln!(
                "{} further findings stand at places that are not listed",
                self.unlisted
            );
        }
        Ok(if rows.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FINDING)
        })
    }
}

/// Every class with the laws that name it.
fn list(format: Format) -> miette::Result<ExitCode> {
    let classes: Vec<TaxonomyRow> = DataClass::all()
        .map(|class| TaxonomyRow {
            class: class.name(),
            hipaa: class.hipaa().unwrap_or_default(),
            gdpr: class.gdpr().unwrap_or_default(),
            ccpa: class.ccpa().citation(),
            severity: class.severity().name(),
            about: class.about(),
        })
        .collect();
    let cells = |class: &TaxonomyRow| {
        [
            class.class,
            class.hipaa,
            class.gdpr,
            class.ccpa,
            class.severity,
            class.about,
        ]
        .map(str::to_owned)
        .to_vec()
    };
    match format {
        Format::Json => print_json(&classes)?,
        Format::Table => table::print(
            &["class", "hipaa", "gdpr", "ccpa", "severity", "about"],
            classes.iter().map(cells),
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_json<T: Serialize>(value: &T) -> miette::Result<()> {
    let text = serde_json::to_string_pretty(value).into_diagnostic()?;
    println!("{text}");
    Ok(())
}

/// A pointer as the schema has it: `*` for any element, `?` for a name that may itself be data.
fn schema(pointer: &str) -> String {
    let token = |token: &str| match token {
        _ if token.bytes().all(|byte| byte.is_ascii_digit()) => "/*".to_owned(),
        _ if is_told(token) => format!("/{token}"),
        _ => "/?".to_owned(),
    };
    pointer.split('/').skip(1).map(token).collect()
}

/// Whether a name looks like one that a schema gives.
fn is_told(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name
            .trim_start_matches('@')
            .starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | '$'))
        && name
            .chars()
            .all(|each| each.is_alphanumeric() || "_$.-:@ []".contains(each))
}
