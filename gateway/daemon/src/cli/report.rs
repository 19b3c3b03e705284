//! `tidegate report`: documents from the log, with what they were counted from.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use ::audit::{Criteria, Event, Span};
use clap::{Args, ValueEnum};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use reports::{Document, Form, Kind, Report, Scope};

use super::{Data, FINDING, Purpose, audit, export, search};

/// Which report of what.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// Which: processing (GDPR Art. 30), subject (Art. 15), breach (Art. 33), transfers (Ch. V),
    /// disclosures (45 CFR 164.528), necessity (164.502(b)), agents, policy, gaps, integrity.
    #[arg(id = "report", value_name = "REPORT", value_parser = kind)]
    kind: Kind,
    #[command(flatten)]
    period: search::Period,
    #[command(flatten)]
    sought: Box<search::Sought>,
    /// The form of the report.
    #[arg(long, short, value_enum, default_value_t = Written::Html)]
    output: Written,
    /// Where to, readable by its owner only; else to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reason: Purpose,
    #[command(flatten)]
    data: Data,
}

/// The forms that a report has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Written {
    /// For people: one page that needs nothing else.
    Html,
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
}

impl From<Written> for Form {
    fn from(written: Written) -> Self {
        match written {
            Written::Html => Self::Html,
            Written::Csv => Self::Csv,
            Written::Json => Self::Json,
        }
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        format!("`{name}` is no report; one of {names}")
    })
}

pub(super) fn report(asked: Asked) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .into_diagnostic()?;
    runtime.block_on(make(asked))
}

async fn make(asked: Asked) -> Result<ExitCode> {
    let Asked {
        kind,
        period,
        sought,
        output,
        out,
        reason,
        data,
    } = asked;
    let (data, criteria) = (data.data, sought.criteria());
    let mut span = period.span();
    span.starts = kind.wants_host();
    let scope = Scope {
        from: span.from,
        until: span.until,
        subject: criteria.subject.clone(),
        narrowed: narrowed(&criteria),
    };
    let report = Report::new(kind, scope).map_err(|error| {
        miette!(
            help = "add `--subject NAME=VALUE`, as operations bind it",
            "{error}"
        )
    })?;
    let mut stated = period.stated(criteria.stated());
    stated.insert("report".to_owned(), kind.name().to_owned());
    audit::asked(&data, "report", reason, stated).await?;
    let verdict = if kind.wants_verdict() {
        Some(audit::verdict(&data).await?)
    } else {
        None
    };
    let document = fold(&data, report, span, &criteria, verdict.as_ref()).await?;
    let text = document.written(output.into()).into_diagnostic()?;
    put(out.as_deref(), &text)?;
    let intact = verdict.is_none_or(|verdict| verdict.is_intact());
    Ok(ExitCode::from(if intact { 0 } else { FINDING }))
}

/// Pours what belongs to it into `report`.
async fn fold(
    data: &Path,
    mut report: Report,
    span: Span,
    criteria: &Criteria,
    verdict: Option<&::audit::Report>,
) -> Result<Document> {
    let mut archive = audit::archive(data).await?;
    let mut matters = archive.matters(span).await.into_diagnostic()?;
    while let Some(matter) = matters.next().await.into_diagnostic()? {
        let is_start = matches!(matter.entry.event, Event::Start(_));
        if is_start || criteria.holds(&matter) {
            report.take(&matter);
        }
    }
    Ok(report.finish(matters.anchor().clone(), verdict))
}

/// What a report is narrowed to, but for its subject, which has its own place.
fn narrowed(criteria: &Criteria) -> Vec<(String, String)> {
    let mut stated = criteria.stated();
    stated.remove("subject");
    stated.into_iter().collect()
}

/// Writes the report where only its owner reads it: it says what was done with whose data.
fn put(out: Option<&Path>, text: &[u8]) -> Result<()> {
    let Some(path) = out else {
        return io::stdout().lock().write_all(text).into_diagnostic();
    };
    let written = export::private(path)?.write_all(text).into_diagnostic();
    written.wrap_err_with(|| format!("`{}` cannot be written", path.display()))
}
