//! `tidegate shipping status`: how far each destination of events is.

use std::process::ExitCode;

use clap::Subcommand;
use miette::{IntoDiagnostic as _, Result};

use super::{Data, FINDING, Format, Output, block_on, table};
use crate::shipping::status::{self, Told};

#[derive(Debug, Subcommand)]
pub(super) enum Shipping {
    /// Tell how far each destination of events took the log, and what fails; exit code 1 if something does. Without a
    /// gateway that runs, only how far they are.
    Status {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        output: Output,
    },
}

pub(super) fn shipping(command: &Shipping) -> Result<ExitCode> {
    let Shipping::Status { data, output } = command;
    let status = block_on(status::status(&data.data))?;
    match output.output {
        Format::Json => println!("{}", serde_json::to_string(&status).into_diagnostic()?),
        Format::Table => {
            let columns = [
                "destination",
                "next record",
                "records behind",
                "seconds",
                "fails",
                "next try",
            ];
            table::print(&columns, status.destinations.iter().map(row));
            if !status.running {
                println!("no gateway runs: what fails is not known");
            }
        }
    }
    let fails = status.destinations.iter().any(|it| it.error.is_some());
    Ok(if fails {
        ExitCode::from(FINDING)
    } else {
        ExitCode::SUCCESS
    })
}

fn row(told: &Told) -> Vec<String> {
    let seconds = |it: Option<u64>| it.map_or_else(|| "-".to_owned(), |it| it.to_string());
    vec![
        told.name.clone(),
        told.next.to_string(),
        told.lag_records.to_string(),
        seconds(told.lag_seconds),
        told.error.clone().unwrap_or_else(|| "-".to_owned()),
        told.next_try_seconds
            .map_or_else(|| "-".to_owned(), |it| format!("in {it} s")),
    ]
}
