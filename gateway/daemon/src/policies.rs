//! Other policies for the gateway that runs: checked against what it serves, on record, and only then in
//! force. What does not hold changes nothing.
//!
//! The command line reads the files, since the gateway may read hardly any.

use std::sync::Arc;

use admission::Admission;
use audit::{EventRef, PolicyChange, Trail};
use policy::{Engine, Names, PolicyFile};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{cli::now, desk};

/// The socket's name in the log's folder.
pub(crate) const SOCKET: &str = "policies.sock";

/// The longest reason, in bytes: it stands in the record.
const REASON_BYTES_MAX: usize = 256;

/// The longest refusal, in bytes.
const REFUSAL_BYTES_MAX: usize = 2 * 1024;

/// The policies to be.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) files: Vec<File>,
    pub(crate) reason: Option<String>,
}

/// The text of one file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// They are in force.
    InForce(InForce),
    /// Why the others still are.
    Refused(String),
}

/// What is in force.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InForce {
    /// The record of the change; none if these were in force already.
    pub(crate) record: Option<u64>,
    /// Digest of the policies.
    pub(crate) digest: String,
    /// Digest of the configuration that the gateway began with.
    pub(crate) config: String,
}

/// Puts policies in force.
pub(crate) struct Clerk {
    pub(crate) admission: Admission,
    pub(crate) trail: Trail,
    /// What this gateway serves, for policies to name.
    pub(crate) names: Names,
    /// Digest of its configuration.
    pub(crate) config: String,
    /// One change after the other, in the order of their records.
    pub(crate) turn: Arc<Mutex<()>>,
}

impl desk::Clerk for Clerk {
    const REQUEST_BYTES_MAX: u64 = 8 * 1024 * 1024;

    type Request = Request;
    type Reply = Reply;

    async fn answer(&self, request: Request, uid: Option<u32>) -> Reply {
        let Some(uid) = uid else {
            return Reply::Refused("peer_unknown".to_owned());
        };
        match self.replace(request, uid).await {
            Ok(in_force) => Reply::InForce(in_force),
            Err(why) => Reply::Refused(why),
        }
    }

    fn unreadable(&self) -> Reply {
        Reply::Refused("request_unreadable".to_owned())
    }
}

impl Clerk {
    async fn replace(&self, request: Request, uid: u32) -> Result<InForce, String> {
        let reason = request.reason.as_deref();
        let bad = |text: &str| text.len() > REASON_BYTES_MAX || text.contains(char::is_control);
        if reason.is_some_and(bad) {
            return Err("reason_invalid".to_owned());
        }
        let engine = Arc::new(self.engine(request.files)?);
        let digest = engine.digest().to_string();
        let change = Change {
            admission: self.admission.clone(),
            trail: self.trail.clone(),
            turn: Arc::clone(&self.turn),
            engine,
            uid,
            reason: request.reason,
        };
        // Of its own, so that what is on record also happens when whoever asked is gone.
        let made = tokio::spawn(change.make()).await;
        let record = made.map_err(|_| "unfinished".to_owned())??;
        let config = self.config.clone();
        Ok(InForce {
            record,
            digest,
            config,
        })
    }

    fn engine(&self, files: Vec<File>) -> Result<Engine, String> {
        let files: Vec<PolicyFile> = files
            .into_iter()
            .map(|File { name, text }| PolicyFile { name, text })
            .collect();
        Engine::load_for(&files, &self.names).map_err(|errors| {
            let mut told: Vec<String> = errors.iter().map(ToString::to_string).collect();
            told.dedup();
            let mut told = told.join("; ");
            told.truncate(told.floor_char_boundary(REFUSAL_BYTES_MAX));
            told
        })
    }
}

/// A change that holds.
struct Change {
    admission: Admission,
    trail: Trail,
    turn: Arc<Mutex<()>>,
    engine: Arc<Engine>,
    uid: u32,
    reason: Option<String>,
}

impl Change {
    /// Makes it, and gives its record; none if nothing changes.
    async fn make(self) -> Result<Option<u64>, String> {
        let _turn = self.turn.lock().await;
        let before = self.admission.policy_digest();
        if before == *self.engine.digest() {
            return Ok(None);
        }
        let change = PolicyChange {
            at: now(),
            uid: self.uid,
            before: before.to_string(),
            after: self.engine.digest().to_string(),
            policies: self.engine.policies().len() as u64,
            reason: self.reason,
        };
        // On record before anything is decided by them.
        let noted = self.trail.note(EventRef::Policies(&change)).await;
        let record = noted.map_err(|_| "audit_unavailable".to_owned())?;
        self.admission.replace(self.engine);
        tracing::info!(record, policies = change.policies, digest = %change.after, "other policies in force");
        Ok(Some(record))
    }
}
