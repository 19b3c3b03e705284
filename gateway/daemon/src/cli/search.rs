//! `tidegate audit search`: finds what happened by who, what, when and how it ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

use audit::{Archive, Criteria, Kind, Matter, Span, Subject};
use clap::Args;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use miette::{IntoDiagnostic as _, Result};

use super::{Format, rows, table};

/// What is looked for; what is not given holds of all.
#[derive(Debug, Args)]
pub(super) struct Sought {
    /// Of this agent.
    #[arg(long, value_name = "SPIFFE-ID")]
    agent: Option<String>,
    /// Of this session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// For this task.
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// With this service.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// With this operation.
    #[arg(long, value_name = "ID")]
    operation: Option<String>,
    /// In which this data class, or one below it, was found: `phi`, `pii.email`.
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// That ended so (released, refused, aborted, `upstream_failed`, `client_gone`, open) or for this
    /// reason code.
    #[arg(long, value_name = "RESULT")]
    decision: Option<String>,
    /// With services that keep their data in this country.
    #[arg(long, value_name = "COUNTRY")]
    jurisdiction: Option<String>,
    /// About this data subject, as an operation or a task's scope binds it: `customer=C-771`.
    #[arg(long, value_name = "NAME=VALUE")]
    subject: Option<Subject>,
    /// With this W3C trace id.
    #[arg(long, value_name = "HEX")]
    trace: Option<String>,
    /// In which this rule took part.
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// In which this kind of record takes part.
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
}

/// Which time.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Period {
    /// From this time on: RFC 3339, or a day (which begins at midnight, UTC).
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// As of the checkpoint over this many records, instead of the newest.
    #[arg(long, value_name = "RECORDS")]
    at: Option<u64>,
}

/// A kind of record by its name.
pub(super) fn kind(name: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        format!("`{name}` is no kind of record; one of {names}")
    })
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let day = |text: &str| {
        let day: Date = text.parse()?;
        Ok::<_, jiff::Error>(day.to_zoned(TimeZone::UTC)?.timestamp())
    };
    text.parse().or_else(|_| day(text)).map_err(|_| {
        format!("`{text}` is neither a day (2026-01-31) nor a time (2026-01-31T09:00:00Z)")
    })
}

impl Sought {
    /// The same as the reader of the log takes it.
    pub(super) fn criteria(self) -> Criteria {
        Criteria {
            agent: self.agent,
            session: self.session,
            task: self.task,
            service: self.service,
            operation: self.operation,
            class: self.class,
            decision: self.decision,
            jurisdiction: self.jurisdiction,
            subject: self.subject,
            trace: self.trace,
            rule: self.rule,
            kind: self.kind,
        }
    }
}

impl Period {
    /// The same as the reader of the log takes it.
    pub(super) fn span(self) -> Span {
        Span {
            from: self.from,
            until: self.to,
            size: self.at,
            kinds: BTreeSet::new(),
            starts: false,
            ends: false,
        }
    }

    /// `criteria` with what this adds to them, for the record.
    pub(super) fn stated(self, mut criteria: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let times = [("from", self.from), ("to", self.to)];
        let times = times.map(|(name, time)| (name, time.map(|time| time.to_string())));
        let at = ("at", self.at.map(|size| size.to_string()));
        let all = times.into_iter().chain([at]);
        criteria.extend(all.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        criteria
    }
}

/// Prints what is found.
pub(super) async fn search(
    archive: &mut Archive,
    criteria: &Criteria,
    period: Period,
    limit: usize,
    format: Format,
) -> Result<ExitCode> {
    let mut found = BTreeMap::new();
    let mut cut = 0_u64;
    let mut matters = archive.matters(period.span()).await.into_diagnostic()?;
    while let Some(matter) = matters.next().await.into_diagnostic()? {
        if criteria.holds(&matter) {
            found.insert(matter.entry.index, matter);
        }
        if found.len() > limit {
            found.pop_first();
            cut += 1;
        }
    }
    match format {
        Format::Json => {
            let found: Vec<&Matter> = found.values().collect();
            let text = serde_json::to_string_pretty(&found).into_diagnostic()?;
            println!("{text}");
        }
        Format::Table => table::print(&rows::HEADER, found.values().map(rows::matter)),
    }
    if cut > 0 {
        eprintln!("{cut} older ones fit too; `--limit` shows more");
    }
    Ok(ExitCode::SUCCESS)
}
