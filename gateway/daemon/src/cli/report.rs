//! `tidegate report`: documents from the log, with what they were counted from.

mod pdf;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use ::audit::{Criteria, Event, Filter, Span};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use reports::{Beside, Document, Form, Kind, Proofs, Report, Scope};

use super::{Data, FINDING, Purpose, audit, block_on, export, pace::Pace, policy::Told, search};

/// Which report of what.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// Which: processing (GDPR Art. 30), subject (Art. 15), breach (Art. 33), transfers (Ch. V),
    /// disclosures (45 CFR 164.528), necessity (164.502(b)), agents, policy, gaps, integrity,
    /// collected (CCPA 1798.110), unused, proofs, erasure (Art. 17), access (164.308(a)(4)).
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
    /// The configuration, whose log is read: `unused` and `proofs` tell of its policies.
    #[arg(long, short, value_name = "FILE", conflicts_with = "data")]
    config: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

/// The forms that a report has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Written {
    /// For people: one page that needs nothing else.
    Html,
    /// For people: pages to print, sign and keep (PDF/A-2a, PDF/UA-1).
    Pdf,
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
    /// For assessments: OSCAL assessment results, in JSON.
    Oscal,
}

impl Written {
    /// The document in this form.
    fn of(self, document: &Document) -> Result<Vec<u8>> {
        let form = match self {
            Self::Html => Form::Html,
            Self::Csv => Form::Csv,
            // A program of its own sets it.
            Self::Json | Self::Pdf => Form::Json,
            Self::Oscal => Form::Oscal,
        };
        let text = document.written(form).into_diagnostic()?;
        if self == Self::Pdf {
            pdf::set(text)
        } else {
            Ok(text)
        }
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::named(name).ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        format!("`{name}` is no report; one of {names}")
    })
}

pub(super) fn report(asked: Asked) -> Result<ExitCode> {
    block_on(make(asked))
}

async fn make(asked: Asked) -> Result<ExitCode> {
    let Asked {
        kind,
        period,
        sought,
        output,
        out,
        reason,
        config,
        data,
    } = asked;
    let criteria = sought.criteria();
    let mut span = period.span();
    span.starts = kind.wants_host();
    let scope = Scope {
        from: span.from,
        until: span.until,
        subject: criteria.subject.clone(),
        narrowed: narrowed(&criteria),
    };
    let report = Report::new(kind, scope);
    let report = report.map_err(|error| miette!(help = error.help(), "{error}"))?;
    let told = policies(kind, config.as_deref())?;
    let data = told.as_ref().map_or(data.data, |told| told.data.clone());
    let mut stated = period.stated(criteria.stated());
    stated.insert("report".to_owned(), kind.name().to_owned());
    audit::asked(&data, "report", reason, stated).await?;
    let beside = Beside {
        grants: told.as_ref().and_then(|told| told.grants.as_ref()),
        proofs: told.as_ref().and_then(|told| told.proofs.as_ref()),
        ..Beside::default()
    };
    let pace = Pace::alone();
    let (document, fine) = answer(&data, kind, report, span, &criteria, beside, &pace).await?;
    let text = output.of(&document)?;
    put(out.as_deref(), &text)?;
    Ok(ExitCode::from(if fine { 0 } else { FINDING }))
}

/// The report of the log in `data`, verified where its kind wants that, and whether all is well.
pub(crate) async fn answer(
    data: &Path,
    kind: Kind,
    report: Report,
    span: Span,
    criteria: &Criteria,
    beside: Beside<'_>,
    pace: &Pace,
) -> Result<(Document, bool)> {
    let verdict = if kind.wants_verdict() {
        Some(audit::verdict(data, pace).await?)
    } else {
        None
    };
    let beside = Beside {
        verdict: verdict.as_ref(),
        ..beside
    };
    let document = fold(data, report, span, criteria, beside, pace).await?;
    let fine = beside.verdict.is_none_or(::audit::Report::is_intact)
        && beside.proofs.is_none_or(Proofs::hold);
    Ok((document, fine))
}

/// When the log in `data` begins; nothing if it is empty.
pub(crate) async fn begins(data: &Path) -> Result<Option<Timestamp>> {
    let first = Filter {
        from: Some(0),
        limit: 1,
        ..Filter::default()
    };
    let mut archive = audit::archive(data).await?;
    let entries = archive.list(first, |_| true).await.into_diagnostic()?;
    Ok(entries.first().map(|entry| entry.event.at()))
}

/// What is told of the policies of the configuration, if one is given.
fn policies(kind: Kind, config: Option<&Path>) -> Result<Option<Told>> {
    let needed = kind.wants_grants() || kind.wants_proofs();
    match config {
        Some(config) => Told::of(config, kind).map(Some),
        None if needed => Err(miette!(
            help = "add `--config FILE`; its log is the one that is read",
            "`{}` tells of policies, which the configuration names",
            kind.name()
        )),
        None => Ok(None),
    }
}

/// Pours what belongs to it into `report`.
pub(super) async fn fold(
    data: &Path,
    mut report: Report,
    span: Span,
    criteria: &Criteria,
    beside: Beside<'_>,
    pace: &Pace,
) -> Result<Document> {
    let archive = audit::archive(data).await?;
    let mut archive = archive.on_threads(pace.threads);
    let mut matters = archive.matters(span).await.into_diagnostic()?;
    let all = matters.anchor().size;
    while let Some(matter) = matters.next().await.into_diagnostic()? {
        pace.tell(matters.read(), all);
        let is_start = matches!(matter.entry.event, Event::Start(_));
        if is_start || matter.expired().is_some() || criteria.holds(&matter) {
            report.take(&matter);
        }
    }
    Ok(report.finish(matters.anchor().clone(), beside))
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
