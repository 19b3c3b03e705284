//! `tidegate audit`: read and prove the record.

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::Path,
    process::ExitCode,
};

use audit::{Archive, Entry, Event, Filter, Keys, Kind, Report, checkpoint::Authority};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use store::SqliteLedger;
use vault::Keyring;

use super::{Audit, FINDING, Format, USAGE, Verified, table};

pub(crate) fn audit(command: Audit) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .into_diagnostic()?;
    runtime.block_on(async {
        match command {
            Audit::List {
                data,
                limit,
                kind,
                output,
            } => list(&data.data, limit, kind.as_deref(), output.output).await,
            Audit::Show {
                record,
                data,
                output,
            } => show(&data.data, record, output.output).await,
            Audit::Verify { what, output } => verify(what, output.output).await,
            Audit::Export { data, to } => export(&data.data, &to).await,
            Audit::Key { data } => {
                println!(
                    "{}",
                    keyring(&data.data)?
                        .signer()
                        .into_diagnostic()?
                        .verifier_key()
                );
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

fn keyring(data: &Path) -> Result<Keyring> {
    Keyring::open(&data.join(vault::KEYRING_FILE)).into_diagnostic()
}

async fn ledger(data: &Path) -> Result<SqliteLedger> {
    SqliteLedger::open_to_read(data).await.into_diagnostic()
}

pub(super) async fn archive(data: &Path) -> Result<Archive> {
    let keys = Keys::from_keyring(&keyring(data)?).into_diagnostic()?;
    Archive::new(Box::new(ledger(data).await?), keys).into_diagnostic()
}

async fn list(data: &Path, limit: u64, kind: Option<&str>, format: Format) -> Result<ExitCode> {
    let kind = kind.map(|name| {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                miette!(
                    help = "one of start, stop, open, close, refuse, reveal, bypass, gap, revoke, anomaly",
                    "`{name}` is no kind of record"
                )
            })
    });
    let filter = Filter {
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        kind: kind.transpose()?,
        ..Filter::default()
    };
    let entries = archive(data)
        .await?
        .list(filter, |_| true)
        .await
        .into_diagnostic()?;
    match format {
        Format::Json => println!(
            "{}",
            serde_json::to_string_pretty(&entries).into_diagnostic()?
        ),
        Format::Table => {
            table::print(
                &["record", "time", "kind", "caller", "operation", "result"],
                entries.iter().map(row),
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Who called, in one word.
fn caller(caller: &audit::CallerRecord) -> String {
    let process = caller.process.as_ref();
    let process = process.map(|p| format!("{}[{}]", p.comm, p.pid));
    let known = caller.agent.clone().or(process);
    known.unwrap_or_else(|| "unknown".into())
}

/// When, what, who, on what and with what result.
type Row = (jiff::Timestamp, &'static str, String, String, String);

fn lived(life: &audit::Lifecycle, kind: &'static str) -> Row {
    let version = life.version.clone();
    (life.at, kind, String::new(), String::new(), version)
}

fn revoked(revocation: &audit::Revocation) -> Row {
    let who = format!("{} {}", revocation.what, revocation.id);
    let result = if revocation.lifted {
        "lifted"
    } else {
        "revoked"
    };
    let why = revocation.reason.clone();
    (revocation.at, "revoke", who, why, result.to_owned())
}

fn unusual(anomaly: &audit::Anomaly) -> Row {
    let numbers = anomaly.numbers.iter();
    let numbers = numbers.map(|it| format!(" {}={}", it.name, it.count));
    let result = format!("{}:{}", anomaly.response, numbers.collect::<String>());
    let what = format!("{} {}", anomaly.detector, anomaly.about);
    (anomaly.at, "anomaly", anomaly.agent.clone(), what, result)
}

fn row(entry: &Entry) -> Vec<String> {
    let index = entry.index.to_string();
    let operation = |o: Option<&audit::OperationRecord>| {
        o.map_or_else(String::new, |o| format!("{}/{}", o.service, o.operation))
    };
    let (at, kind, who, what, result) = match &entry.event {
        Event::Start(life) => lived(life, "start"),
        Event::Stop(life) => lived(life, "stop"),
        Event::Open(open) => (
            open.at,
            "open",
            caller(&open.caller),
            operation(Some(&open.operation)),
            String::new(),
        ),
        Event::Close(close) => {
            let status = close
                .status
                .map_or_else(String::new, |status| format!(" {status}"));
            (
                close.at,
                "close",
                String::new(),
                format!("of {}", close.opening),
                format!("{}{status}", close.result),
            )
        }
        Event::Refuse(refusal) => {
            let result = format!("{} {}", refusal.status, refusal.reason);
            (
                refusal.at,
                "refuse",
                caller(&refusal.caller),
                operation(refusal.operation.as_ref()),
                result,
            )
        }
        Event::Reveal(revelation) => (
            revelation.at,
            "reveal",
            revelation.operator.clone(),
            revelation.purpose.clone(),
            revelation.reason.as_deref().unwrap_or("told").to_owned(),
        ),
        Event::Bypass(bypass) => (
            bypass.at,
            "bypass",
            bypass.agent.clone(),
            format!("{} {}", bypass.protocol, bypass.remote),
            format!("{} {}", bypass.result, bypass.technique),
        ),
        Event::Gap(gap) => {
            let result = format!("{} lost, {} recovered", gap.lost, gap.recovered);
            (gap.at, "gap", String::new(), gap.reason.to_string(), result)
        }
        Event::Revoke(revocation) => revoked(revocation),
        Event::Anomaly(anomaly) => unusual(anomaly),
    };
    vec![index, at.to_string(), kind.into(), who, what, result]
}

async fn show(data: &Path, record: u64, format: Format) -> Result<ExitCode> {
    let Some(shown) = archive(data).await?.show(record).await.into_diagnostic()? else {
        eprintln!("there is no record {record}");
        return Ok(ExitCode::from(USAGE));
    };
    let json = serde_json::to_value(&shown).into_diagnostic()?;
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&json).into_diagnostic()?),
        Format::Table => lines("", &json),
    }
    Ok(ExitCode::SUCCESS)
}

/// A record for people: one line a value.
fn lines(name: &str, value: &serde_json::Value) {
    let under = |key: &str| {
        if name.is_empty() {
            key.to_owned()
        } else {
            format!("{name}.{key}")
        }
    };
    match value {
        serde_json::Value::Object(members) => {
            members
                .iter()
                .for_each(|(key, member)| lines(&under(key), member));
        }
        serde_json::Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| lines(&under(&at.to_string()), item));
        }
        serde_json::Value::Null => {}
        serde_json::Value::String(text) => println!("{name:<44} {text}"),
        plain => println!("{name:<44} {plain}"),
    }
}

async fn verify(what: Verified, format: Format) -> Result<ExitCode> {
    let anchors = what
        .checkpoint
        .iter()
        .map(std::fs::read)
        .collect::<io::Result<Vec<_>>>();
    let anchors = anchors
        .into_diagnostic()
        .wrap_err("the checkpoint cannot be read")?;
    let report = match (&what.export, &what.data) {
        (Some(export), _) => {
            let authority = authority(what.key.as_deref().unwrap_or_default())?;
            let file = File::open(export).into_diagnostic();
            let file = file.wrap_err_with(|| format!("`{}` cannot be read", export.display()))?;
            audit::export::verify(&mut BufReader::new(file), authority, &anchors)
                .into_diagnostic()?
        }
        (None, Some(data)) => {
            let key = match &what.key {
                Some(key) => key.clone(),
                None => keyring(data)?.signer().into_diagnostic()?.verifier_key(),
            };
            let mut ledger = ledger(data).await?;
            audit::verify_ledger(&mut ledger, authority(&key)?, &anchors)
                .await
                .into_diagnostic()?
        }
        (None, None) => return Ok(ExitCode::from(USAGE)),
    };
    tell(&report, format)?;
    Ok(if report.is_intact() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FINDING)
    })
}

/// The key itself, or a file that holds it.
fn authority(key: &str) -> Result<Authority> {
    let text = if Path::new(key).is_file() {
        std::fs::read_to_string(key).into_diagnostic()?
    } else {
        key.to_owned()
    };
    Authority::parse(text.trim()).map_err(|error| {
        miette!(
            help = "give the line that `tidegate audit key` prints, or a file that holds it",
            "{error}"
        )
    })
}

fn tell(report: &Report, format: Format) -> Result<()> {
    if format == Format::Json {
        println!(
            "{}",
            serde_json::to_string_pretty(report).into_diagnostic()?
        );
        return Ok(());
    }
    println!("log          {}", report.origin);
    println!(
        "records      {}, {} of them under a valid checkpoint",
        report.size, report.signed
    );
    println!("checkpoints  {}", report.checkpoints);
    let open = u64::try_from(report.open.len())
        .unwrap_or(u64::MAX)
        .saturating_add(report.open_unlisted);
    if open > 0 {
        let some: Vec<String> = report
            .open
            .iter()
            .take(10)
            .map(ToString::to_string)
            .collect();
        println!(
            "open         {open}: admitted, outcome unknown ({})",
            some.join(", ")
        );
    }
    if !report.clock_back.is_empty() {
        println!(
            "clock        went back before {} records",
            report.clock_back.len()
        );
    }
    for finding in &report.findings {
        println!("FINDING      {finding}");
    }
    if report.findings_unlisted > 0 {
        println!("FINDING      and {} more", report.findings_unlisted);
    }
    println!(
        "{}",
        if report.is_intact() {
            "intact"
        } else {
            "NOT INTACT"
        }
    );
    Ok(())
}

async fn export(data: &Path, to: &Path) -> Result<ExitCode> {
    let key = keyring(data)?.signer().into_diagnostic()?.verifier_key();
    let mut ledger = ledger(data).await?;
    let mut out: Box<dyn Write + Send> = if to == Path::new("-") {
        Box::new(io::stdout())
    } else {
        Box::new(io::BufWriter::new(
            File::create(to)
                .into_diagnostic()
                .wrap_err("the export cannot be written")?,
        ))
    };
    let records = audit::export::write(&mut ledger, &key, out.as_mut())
        .await
        .into_diagnostic()?;
    out.flush().into_diagnostic()?;
    eprintln!("{records} records exported; verify them with the public key {key}");
    Ok(ExitCode::SUCCESS)
}
