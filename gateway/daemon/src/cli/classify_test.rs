//! `tidegate classify test FILE`: whether an operator's classifiers compile, and find what their
//! examples say.

use std::{path::Path, process::ExitCode};

use classifiers::operator::{self, Failure};

use super::{FINDING, USAGE};
use crate::config::classifiers::Typed;

pub(crate) fn test(path: &Path) -> miette::Result<ExitCode> {
    let typed = Typed::read([path])?;
    match operator::test(&typed.rules) {
        Err(faults) => {
            for fault in &faults {
                eprintln!("{}", typed.told(fault));
            }
            Ok(ExitCode::from(USAGE))
        }
        Ok(failures) if failures.is_empty() => {
            let examples = typed
                .rules
                .iter()
                .map(|rule| rule.matches.len() + rule.no_match.len());
            println!(
                "`{}` holds: {} classifiers, {} examples",
                path.display(),
                typed.rules.len(),
                examples.sum::<usize>()
            );
            Ok(ExitCode::SUCCESS)
        }
        Ok(failures) => {
            for failure in &failures {
                println!("{}", missed(&typed, failure));
            }
            Ok(ExitCode::from(FINDING))
        }
    }
}

fn missed(typed: &Typed, failure: &Failure) -> String {
    let outcome = if failure.expected {
        "finds nothing in"
    } else {
        "finds something in"
    };
    format!(
        "{}: classifier `{}` {outcome} `{}`",
        typed.place(failure.rule),
        failure.name,
        failure.example
    )
}
