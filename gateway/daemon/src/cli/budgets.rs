//! `tidegate budgets`: what is used of the budgets, as the running gateway has it.

use std::process::ExitCode;

use miette::{IntoDiagnostic as _, Result};

use super::{
    Format,
    live::{Asked, Live, told},
    table,
};
use crate::spent::{ANSWER_BYTES_MAX, Line, Spent};

const LIVE: Live = Live {
    path: "/budgets",
    bytes_max: ANSWER_BYTES_MAX,
    lacking: ("budgets", "`budgets` says what agents may use up"),
};

pub(super) fn budgets(asked: &Asked) -> Result<ExitCode> {
    let spent: Spent = told(asked, &LIVE)?;
    match asked.output.output {
        Format::Json => {
            for line in &spent.used {
                println!("{}", serde_json::to_string(line).into_diagnostic()?);
            }
        }
        Format::Table => {
            let columns = ["budget", "whose", "meter", "used", "of", "%", "anew in"];
            table::print(&columns, spent.used.iter().map(row));
        }
    }
    if spent.cut {
        eprintln!("there are more; `--agent` and `--session` say whose");
    }
    Ok(ExitCode::SUCCESS)
}

fn row(line: &Line) -> Vec<String> {
    let of = |kind: &str, who: &Option<String>| {
        // What a token says is not for the terminal to act upon.
        let who = who.as_ref()?.escape_debug();
        Some(format!("{kind}{who}"))
    };
    let whose = [
        of("", &line.agent),
        of("task ", &line.task),
        of("session ", &line.session),
    ];
    let anew = line.renews_in.map(|seconds| format!("{seconds} s"));
    vec![
        line.budget.clone(),
        whose.into_iter().flatten().collect::<Vec<_>>().join(", "),
        line.meter.clone(),
        line.used.to_string(),
        line.allowed.to_string(),
        line.percent.to_string(),
        anew.unwrap_or_default(),
    ]
}
