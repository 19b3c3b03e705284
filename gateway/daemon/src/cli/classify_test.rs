//! `tidegate classify test FILE`: whether an operator's classifiers compile, and find what their
//! examples say.

use std::{path::Path, process::ExitCode};

use classifiers::operator::{self, Failure, Fault, File, Rule};
use miette::{IntoDiagnostic, WrapErr, miette};
use serde_saphyr::Spanned;

use super::{FINDING, USAGE};

/// The longest file of classifiers, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

pub(crate) fn test(path: &Path) -> miette::Result<ExitCode> {
    let name = path.display().to_string();
    let (rules, lines) = read(path, &name)?;
    match operator::test(&rules) {
        Err(faults) => {
            for fault in &faults {
                eprintln!("{}", told(&name, &lines, fault));
            }
            Ok(ExitCode::from(USAGE))
        }
        Ok(failures) if failures.is_empty() => {
            let examples = rules
                .iter()
                .map(|rule| rule.matches.len() + rule.no_match.len());
            println!(
                "`{name}` holds: {} classifiers, {} examples",
                rules.len(),
                examples.sum::<usize>()
            );
            Ok(ExitCode::SUCCESS)
        }
        Ok(failures) => {
            for failure in &failures {
                println!("{}", missed(&name, &lines, failure));
            }
            Ok(ExitCode::from(FINDING))
        }
    }
}

/// The classifiers of a file, and the line that each begins in.
fn read(path: &Path, name: &str) -> miette::Result<(Vec<Rule>, Vec<u64>)> {
    let size = std::fs::metadata(path)
        .into_diagnostic()
        .wrap_err_with(|| format!("`{name}` cannot be read"))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(miette!("`{name}` is longer than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path)
        .into_diagnostic()
        .wrap_err_with(|| format!("`{name}` cannot be read"))?;
    let options = serde_saphyr::options! { with_snippet: false };
    let file: File<Spanned<Rule>> = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| serde_saphyr::miette::to_miette_report(&error, &text, name))?;
    let rules = file.classifiers.into_iter();
    Ok(rules
        .map(|rule| (rule.value, rule.referenced.line()))
        .unzip())
}

fn told(name: &str, lines: &[u64], fault: &Fault) -> String {
    let line = lines.get(fault.rule).copied().unwrap_or(0);
    format!("{name}:{line}: {fault}\n  help: {}", fault.mend)
}

fn missed(name: &str, lines: &[u64], failure: &Failure) -> String {
    let line = lines.get(failure.rule).copied().unwrap_or(0);
    let outcome = if failure.expected {
        "finds nothing in"
    } else {
        "finds something in"
    };
    format!(
        "{name}:{line}: classifier `{}` {outcome} `{}`",
        failure.name, failure.example
    )
}
