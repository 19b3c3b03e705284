//! Other policies for the gateway that runs: checked against what it serves, on record, and only then in
//! force. What does not hold changes nothing.
//!
//! The command line reads the files, since the gateway may read hardly any.

use std::sync::Arc;

use audit::{EventRef, PolicyChange};
use classifiers::operator::Operator;
use policy::{Engine, Names, PolicyFile};
use proxy::Gateway;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{cli::now, desk};

/// The socket's name in the log's folder.
pub(crate) const SOCKET: &str = "policies.sock";

/// The longest reason, in bytes: it stands in the record.
const REASON_BYTES_MAX: usize = 256;

/// The longest refusal, in bytes.
const REFUSAL_BYTES_MAX: usize = 2 * 1024;

/// The answer to whoever brings policies where they come in bundles.
const BUNDLED: &str = "policies come in signed bundles here (`bundle`): put them into one of a newer revision with `tidegate bundle make`, \
                       or leave the one in force with `tidegate bundle rollback`";

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

/// Puts policies in force that somebody brings.
pub(crate) struct Clerk {
    pub(crate) force: Force,
    /// What this gateway serves, for policies to name.
    pub(crate) names: Names,
    /// Digest of its configuration.
    pub(crate) config: String,
    /// Whether policies come in signed bundles here, and so in no other way.
    pub(crate) bundled: bool,
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
        if self.bundled {
            return Err(BUNDLED.to_owned());
        }
        let engine = Arc::new(self.engine(request.files)?);
        let digest = engine.digest().to_string();
        let other = Other {
            engine,
            finds: Finds::AsItDoes,
            uid,
            reason: request.reason,
            bundle: None,
        };
        // Of its own, so that what is on record also happens when whoever asked is gone.
        let made = tokio::spawn(self.force.clone().put(other)).await;
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

/// What finds data.
pub(crate) enum Finds {
    /// What does so far.
    AsItDoes,
    /// These classifiers of an operator beside our own; ours alone if none.
    With(Option<Arc<Operator>>),
}

/// What is to be in force.
pub(crate) struct Other {
    pub(crate) engine: Arc<Engine>,
    pub(crate) finds: Finds,
    pub(crate) uid: u32,
    pub(crate) reason: Option<String>,
    /// The bundle that it comes from.
    pub(crate) bundle: Option<String>,
}

/// Puts policies in force, one change after the other, in the order of their records.
#[derive(Clone)]
pub(crate) struct Force {
    gateway: Arc<Gateway>,
    turn: Arc<Mutex<()>>,
}

impl Force {
    pub(crate) fn of(gateway: &Arc<Gateway>) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            turn: Arc::default(),
        }
    }

    /// Makes a change that holds, and gives its record; none if nothing changes.
    pub(crate) async fn put(self, other: Other) -> Result<Option<u64>, String> {
        let _turn = self.turn.lock().await;
        let Gateway {
            admission,
            trail,
            operator,
            ..
        } = &*self.gateway;
        let before = admission.policy_digest();
        if before == *other.engine.digest() && matches!(other.finds, Finds::AsItDoes) {
            return Ok(None);
        }
        let change = PolicyChange {
            at: now(),
            uid: other.uid,
            before: before.to_string(),
            after: other.engine.digest().to_string(),
            policies: other.engine.policies().len() as u64,
            reason: other.reason,
            bundle: other.bundle,
        };
        // On record before anything is decided by them.
        let noted = trail.note(EventRef::Policies(&change)).await;
        let record = noted.map_err(|_| "audit_unavailable".to_owned())?;
        // What finds data first: no policy decides of what nobody looks for yet.
        if let Finds::With(other) = other.finds {
            operator.store(other);
        }
        admission.replace(other.engine);
        let bundle = change.bundle.as_deref();
        tracing::info!(record, policies = change.policies, digest = %change.after, bundle, "other policies in force");
        Ok(Some(record))
    }
}
