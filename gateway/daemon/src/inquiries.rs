//! Who reads the log is on record before it answers.
//!
//! A gateway that runs has the only way into its log, so it is asked to write (`desk`), and says by the
//! kernel's word who asked. While none runs, the reader takes the writer's place for that one record.

use std::{borrow::Cow, collections::BTreeMap, io, path::Path, sync::Arc};

use audit::{EventRef, Inquiry, Keys, LedgerError, Trail};
use miette::{IntoDiagnostic as _, Result, miette};
use serde::{Deserialize, Serialize};
use store::SqliteLedger;

use crate::{
    cli::now,
    desk,
    erasure::{Ask, Eraser},
    expiry::{Expired, Expirer, HoldAsk},
    keyring, publication,
};

/// The socket's name in the log's folder.
pub(crate) const SOCKET: &str = "audit.sock";

/// The longest purpose or criterion, in bytes: they stand in the record.
const TEXT_BYTES_MAX: usize = 256;

/// What somebody is about to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intent {
    pub(crate) command: Cow<'static, str>,
    pub(crate) purpose: Option<String>,
    pub(crate) criteria: BTreeMap<String, String>,
}

impl Intent {
    pub(crate) fn inquiry(self, uid: u32) -> Inquiry {
        Inquiry {
            at: now(),
            command: self.command,
            uid,
            purpose: self.purpose,
            criteria: self.criteria,
        }
    }

    fn checked(&self) -> Result<()> {
        self.fault().map_or(Ok(()), |fault| {
            let help = format!(
                "no text may be longer than {TEXT_BYTES_MAX} bytes or hold control characters"
            );
            Err(miette!(
                help = help,
                "this cannot be put on record: {fault}"
            ))
        })
    }

    /// The first thing in it that is too long or no text.
    fn fault(&self) -> Option<&'static str> {
        let bad = |text: &str| text.len() > TEXT_BYTES_MAX || text.contains(char::is_control);
        if self.purpose.as_deref().is_some_and(bad) {
            return Some("purpose_invalid");
        }
        let mut criteria = self.criteria.iter();
        let bad = criteria.any(|(name, value)| bad(name) || bad(value));
        (bad || bad_name(&self.command)).then_some("criteria_invalid")
    }
}

fn bad_name(command: &str) -> bool {
    !command
        .bytes()
        .all(|it| it.is_ascii_lowercase() || b"- ".contains(&it))
}

/// What is asked at the desk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// To put it on record that the log is read.
    Query(Intent),
    /// To erase somebody, or keep them from it.
    Erase(Ask),
    /// To destroy what is due.
    Expire {
        /// Whether whoever asks says that the clock did not jump.
        across_gap: bool,
    },
    /// To keep records beyond their time, or no longer.
    Hold(HoldAsk),
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// It is done, as this record says; so many keys are gone.
    Done(u64, usize),
    /// So much is destroyed.
    Expired(Expired),
    /// It is on record, as this one.
    Recorded(u64),
    /// Why it is not.
    Refused(String),
}

/// Puts inquiries on record for the command line, erases, and lets expire what is due.
pub(crate) struct Clerk {
    pub(crate) eraser: Eraser,
    pub(crate) expirer: Arc<Expirer>,
}

impl desk::Clerk for Clerk {
    type Request = Request;
    type Reply = Reply;

    async fn answer(&self, request: Request, uid: Option<u32>) -> Reply {
        let Some(uid) = uid else {
            return Reply::Refused("peer_unknown".to_owned());
        };
        match request {
            Request::Query(intent) => self.note(intent, uid).await,
            Request::Erase(ask) => {
                let _turn = self.expirer.turn().await;
                match self.eraser.act(&ask, uid).await {
                    Ok((record, keys)) => Reply::Done(record, keys),
                    Err(reason) => Reply::Refused(reason.to_owned()),
                }
            }
            Request::Expire { across_gap } => {
                match self.expirer.expire(Some(uid), across_gap).await {
                    Ok(done) => Reply::Expired(done),
                    Err(error) => {
                        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                        Reply::Refused(causes.join(": "))
                    }
                }
            }
            Request::Hold(ask) => match self.expirer.hold(ask, uid).await {
                Ok(record) => Reply::Recorded(record),
                Err(reason) => Reply::Refused(reason.to_owned()),
            },
        }
    }

    fn unreadable(&self) -> Reply {
        Reply::Refused("request_unreadable".to_owned())
    }
}

impl Clerk {
    async fn note(&self, intent: Intent, uid: u32) -> Reply {
        if let Some(fault) = intent.fault() {
            return Reply::Refused(fault.to_owned());
        }
        let inquiry = intent.inquiry(uid);
        match self.eraser.trail.note(EventRef::Query(&inquiry)).await {
            Ok(index) => Reply::Recorded(index),
            Err(_) => Reply::Refused("audit_unavailable".to_owned()),
        }
    }
}

/// Puts `intent` on record: by the gateway of the log in `data` if one runs, else by itself.
pub(crate) async fn record(data: &Path, intent: Intent) -> Result<()> {
    intent.checked()?;
    if let Err(error) = try_record(data, intent).await {
        // A log that nobody can write, a copy on a read-only disk, can still be read.
        eprintln!("this question is not on record: {error}");
    }
    Ok(())
}

/// The same; an error if it is not on record.
pub(crate) async fn try_record(data: &Path, intent: Intent) -> Result<()> {
    intent.checked()?;
    let socket = data.join(SOCKET);
    match desk::ask(&socket, &Request::Query(intent.clone())) {
        Ok(Reply::Recorded(_) | Reply::Done(..) | Reply::Expired(_)) => return Ok(()),
        Ok(Reply::Refused(reason)) => return Err(miette!("the gateway refused it: {reason}")),
        Err(error) if nobody(&error) => {}
        Err(error) => return Err(error).into_diagnostic(),
    }
    // Opening to write would make a log where there is none.
    drop(SqliteLedger::open_to_read(data).await.into_diagnostic()?);
    // And a record behind an older copy would fork it.
    publication::check_folder(data).await?;
    let ledger = match SqliteLedger::open(data).await {
        Err(LedgerError::Locked { .. }) => {
            return Err(miette!(
                "another process writes the log, and does not answer"
            ));
        }
        opened => opened.into_diagnostic()?,
    };
    let keyring = keyring::open(data)?;
    let keys = Keys::from_keyring(&keyring).into_diagnostic()?;
    let trail = Trail::start(Box::new(ledger), keys).into_diagnostic()?;
    let inquiry = intent.inquiry(rustix::process::getuid().as_raw());
    trail
        .stop(EventRef::Query(&inquiry))
        .await
        .into_diagnostic()
}

/// Whether nobody sits at the desk.
pub(crate) fn nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused)
}
