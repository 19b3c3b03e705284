//! `tidegate risk`: which sessions are at risk, as the running gateway has it.

use std::process::ExitCode;

use miette::{IntoDiagnostic as _, Result};

use super::{
    Format,
    live::{Asked, Live, told},
    table,
};
use crate::risk::{ANSWER_BYTES_MAX, Line, Risk};

const LIVE: Live = Live {
    path: "/risk",
    bytes_max: ANSWER_BYTES_MAX,
    lacking: (
        "risks",
        "`behaviour` says which detectors look at sessions, and what follows",
    ),
};

pub(super) fn risk(asked: &Asked) -> Result<ExitCode> {
    let risk: Risk = told(asked, &LIVE)?;
    match asked.output.output {
        Format::Json => {
            for line in &risk.sessions {
                println!("{}", serde_json::to_string(line).into_diagnostic()?);
            }
        }
        Format::Table => {
            let columns = ["session", "agent", "risk", "detector", "its calls"];
            table::print(&columns, risk.sessions.iter().map(row));
        }
    }
    if risk.cut {
        eprintln!("there are more; `--agent` and `--session` say whose");
    }
    Ok(ExitCode::SUCCESS)
}

fn row(line: &Line) -> Vec<String> {
    vec![
        // What a token says is not for the terminal to act upon.
        line.session.escape_debug().to_string(),
        line.agent.clone(),
        line.risk.to_string(),
        line.detector.clone(),
        line.meets(),
    ]
}
