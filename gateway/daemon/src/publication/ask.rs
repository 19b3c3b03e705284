//! Asks a witness (C2SP tlog-witness).

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use miette::{IntoDiagnostic as _, Result, miette};
use proof::witness::{Request, WitnessKey};
use proxy::Upstream;
use store::SqliteLedger;
use tokio::time::{Instant, timeout};

use crate::config::Asked;

/// How soon a witness that failed is asked again; twice as long after each failure.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(5);

/// A witness that takes longer is asked again later: nothing of the gateway's end waits for it.
const ASK_MAX: Duration = Duration::from_secs(4);

/// How often one round asks: a first time, and once more with the size that a witness told.
const TRIES: usize = 2;

/// A witness, and how it stands with it.
pub(super) struct Witness {
    asked: Asked,
    client: Arc<Upstream>,
    /// The size of what it signed last, as far as we know.
    last: u64,
    /// What it signed, and over how many records.
    lines: Option<(u64, String)>,
    pause: Duration,
    due: Instant,
    /// What was said of it last.
    trouble: Option<String>,
}

impl Witness {
    pub(super) fn new(asked: Asked, client: Arc<Upstream>) -> Self {
        Self {
            asked,
            client,
            last: 0,
            lines: None,
            pause: RETRY_FIRST,
            due: Instant::now(),
            trouble: None,
        }
    }

    pub(super) fn key(&self) -> &WitnessKey {
        &self.asked.key
    }

    /// Why it did not sign, if it did not.
    pub(super) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.as_ref()?;
        Some(format!("{}: {trouble}", self.asked.uri))
    }

    /// It may be asked at once.
    pub(super) fn is_due(&mut self) {
        self.due = Instant::now();
    }

    /// Whether it did not sign when it was asked, and should be asked again now.
    pub(super) fn is_waited_for(&self) -> bool {
        self.trouble.is_some() && self.due <= Instant::now()
    }

    /// Whether it should be asked about so many records now.
    fn wants(&self, size: u64) -> bool {
        self.signed(size).is_none() && self.due <= Instant::now()
    }

    /// The lines that it signed the checkpoint over so many records with.
    pub(super) fn signed(&self, size: u64) -> Option<&str> {
        let (of, lines) = self.lines.as_ref()?;
        (*of == size).then_some(lines)
    }

    /// Asks it to sign `note`, if it is time.
    pub(super) async fn ask(&mut self, data: &Path, size: u64, note: &str) {
        if !self.wants(size) {
            return;
        }
        let asked = timeout(ASK_MAX, self.try_ask(data, size, note)).await;
        match asked.unwrap_or_else(|_| Err(miette!("it did not answer in time"))) {
            Ok(lines) => {
                (self.last, self.lines) = (size, Some((size, lines)));
                self.pause = RETRY_FIRST;
                if self.trouble.take().is_some() {
                    tracing::info!(witness = %self.asked.uri, "the witness signs again");
                }
            }
            Err(error) => {
                let told = error.to_string();
                if self.trouble.as_ref() != Some(&told) {
                    tracing::error!(witness = %self.asked.uri, error = told, "the witness did not sign");
                    self.trouble = Some(told);
                }
                self.due = Instant::now() + self.pause;
                self.pause = (self.pause * 2).min(RETRY_MAX);
            }
        }
    }

    async fn try_ask(&mut self, data: &Path, size: u64, note: &str) -> Result<String> {
        for _ in 0..TRIES {
            let request = Request {
                old: self.last,
                proof: proof(data, size, self.last).await?,
                note: note.to_owned(),
            };
            let body = Bytes::from(request.body());
            let uri = self.asked.uri.clone();
            let asked = self.client.ask(uri, HeaderMap::new(), body).await;
            let (status, answer) = asked.into_diagnostic()?;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            match status {
                StatusCode::OK => return Ok(answer),
                StatusCode::CONFLICT => self.last = told(&answer, size, self.last)?,
                status => {
                    let why = answer.lines().next().unwrap_or_default();
                    let why: String = why.chars().take(200).collect();
                    return Err(miette!(
                        "it answered with status {}: {why}",
                        status.as_u16()
                    ));
                }
            }
        }
        Err(miette!("others ask it about this log at the same time"))
    }
}

/// The size that a witness knows, if the log can continue from there.
fn told(answer: &str, size: u64, asked: u64) -> Result<u64> {
    let known: u64 = answer.trim_end().parse().into_diagnostic()?;
    if known > size {
        return Err(miette!(
            "it has signed {known} records of this log, which has {size}: the log was rolled back or replaced"
        ));
    }
    if known == asked {
        return Err(miette!(
            "it has signed another history of this log, of {known} records: the log was forked"
        ));
    }
    Ok(known)
}

async fn proof(data: &Path, size: u64, old: u64) -> Result<Vec<audit::tree::Digest>> {
    let ledger = SqliteLedger::open_to_read(data).await;
    let mut ledger = ledger.into_diagnostic()?;
    let proof = audit::consistency(&mut ledger, size, old).await;
    let proof = proof.into_diagnostic()?;
    proof.ok_or_else(|| miette!("the log's tree is not whole; `tidegate audit verify` tells where"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_witness_knows_is_taken_unless_it_accuses() {
        assert_eq!(told("7\n", 9, 0).unwrap(), 7);
        assert!(
            told("10\n", 9, 0)
                .unwrap_err()
                .to_string()
                .contains("rolled back")
        );
        assert!(
            told("9\n", 9, 9)
                .unwrap_err()
                .to_string()
                .contains("forked")
        );
        assert!(told("nine", 9, 0).is_err());
    }
}
