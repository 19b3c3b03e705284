//! How each destination stands, for the command line.

use std::{fs, path::Path, sync::Arc};

use miette::{IntoDiagnostic as _, Result, miette};
use serde::{Deserialize, Serialize};
use store::SqliteLedger;

use super::{
    Lag,
    mark::{self, Mark},
};
use crate::{desk, inquiries::nobody};

/// The socket's name in the log's folder.
pub(crate) const SOCKET: &str = "shipping.sock";

/// The longest that is told of what failed, in characters.
const WHY_CHARS_MAX: usize = 1024;

/// What is asked at the desk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// How each destination stands.
    Status,
}

/// How all stand.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Whether a gateway passes events on.
    pub(crate) running: bool,
    /// Records of the log.
    pub(crate) size: u64,
    pub(crate) destinations: Vec<Told>,
}

/// How one stands.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) name: String,
    /// The next record that it takes.
    pub(crate) next: u64,
    /// Records that it has not taken.
    pub(crate) lag_records: u64,
    /// For so many seconds it has taken nothing, while something waits; none if no gateway runs.
    pub(crate) lag_seconds: Option<u64>,
    /// What failed last, if it fails.
    pub(crate) error: Option<String>,
    /// In so many seconds it is tried again, if it failed.
    pub(crate) next_try_seconds: Option<u64>,
}

/// Tells how they stand.
pub(crate) struct Clerk(pub(crate) Arc<Lag>);

impl desk::Clerk for Clerk {
    type Request = Request;
    type Reply = Option<Status>;

    async fn answer(&self, Request::Status: Request, _uid: Option<u32>) -> Self::Reply {
        let mut status = self.0.status();
        for told in &mut status.destinations {
            told.error = told
                .error
                .take()
                .map(|why| why.chars().take(WHY_CHARS_MAX).collect());
        }
        Some(status)
    }

    fn unreadable(&self) -> Self::Reply {
        None
    }
}

/// How the destinations of the log in `data` stand: by the gateway that runs, else by their marks.
pub(crate) async fn status(data: &Path) -> Result<Status> {
    match desk::ask::<Option<Status>>(&data.join(SOCKET), &Request::Status) {
        Ok(Some(status)) => return Ok(status),
        Ok(None) => {
            return Err(miette!(
                "the gateway is of another version, and does not say"
            ));
        }
        Err(error) if nobody(&error) => {}
        Err(error) => return Err(error).into_diagnostic(),
    }
    let mut ledger = SqliteLedger::open_to_read(data).await.into_diagnostic()?;
    let head = audit::Ledger::head(&mut ledger).await.into_diagnostic()?;
    let size = head.checkpoint.map_or(0, |(size, _)| size);
    let mut destinations = Vec::new();
    for name in marks(data)? {
        let next = Mark::open(data, &name)?.next();
        destinations.push(Told {
            name,
            next,
            lag_records: size.saturating_sub(next),
            lag_seconds: None,
            error: None,
            next_try_seconds: None,
        });
    }
    Ok(Status {
        running: false,
        size,
        destinations,
    })
}

/// The names of all that have a mark.
pub(crate) fn marks(data: &Path) -> Result<Vec<String>> {
    let folder = data.join(mark::FOLDER);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_diagnostic()? {
        let name = entry.into_diagnostic()?.file_name();
        let name = name.to_string_lossy();
        let name = name.strip_suffix(".json").filter(|it| mark::is_name(it));
        names.extend(name.map(str::to_owned));
    }
    names.sort();
    Ok(names)
}
