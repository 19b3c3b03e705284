//! Where an issuer's tokens say what ours say: servers of OAuth, providers of identities and transaction tokens
//! each name agent, task and scope in their own way.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::{SpiffeId, TokenError};

/// Where the claims of a token are, as JSON Pointers (RFC 6901) into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Who the agent is: `/client_id`; if absent who acts, `/act/sub`, and where nobody does, `/sub`.
    pub subject: Option<String>,
    /// The agents by what stands there, if that is no SPIFFE id.
    pub subjects: HashMap<String, SpiffeId>,
    /// The task's id: `/txn` of a transaction token. Without it no other of a task is read.
    pub task: Option<String>,
    /// Its purpose: `/purp`.
    pub purpose: Option<String>,
    /// An object with what the task may touch: `/tctx`. Of its members those that are text, numbers or
    /// flags count; one that is a list or an object could be read in more than one way.
    pub scope: Option<String>,
}

impl Mapping {
    /// Whether tokens are read as they are.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Puts what the claims say where it is read.
    pub(crate) fn apply(&self, claims: &mut Value) -> Result<(), TokenError> {
        // RFC 8693, 4.1: who acts uses the token, not whom it is about.
        let acts = claims.get("act").is_some();
        let usual = if acts { "/act/sub" } else { "/sub" };
        let subject = self.subject.as_deref().unwrap_or(usual);
        let subject = claims.pointer(subject).and_then(Value::as_str);
        let subject = subject.ok_or(TokenError::Subject)?;
        let subject = match self.subjects.get(subject) {
            Some(agent) => agent.as_str().to_owned(),
            // Whoever lists its agents lists all of them.
            None if self.subjects.is_empty() => subject.to_owned(),
            None => return Err(TokenError::Subject),
        };
        let task = match &self.task {
            Some(place) => Some(self.task(place, claims)?),
            None => None,
        };
        let claims = claims.as_object_mut().ok_or(TokenError::Malformed)?;
        claims.insert("sub".to_owned(), subject.into());
        if let Some(task) = task {
            claims.remove("task");
            claims.extend(task.map(|task| ("task".to_owned(), task)));
        }
        Ok(())
    }

    /// The task, if the token is for one.
    fn task(&self, place: &str, claims: &Value) -> Result<Option<Value>, TokenError> {
        let Some(id) = claims.pointer(place) else {
            return Ok(None);
        };
        let id = id.as_str().ok_or(TokenError::Malformed)?;
        let purpose = self.purpose.as_ref().and_then(|at| claims.pointer(at));
        let purpose = match purpose {
            None => "",
            Some(purpose) => purpose.as_str().ok_or(TokenError::Malformed)?,
        };
        let scope = self.scope.as_ref().and_then(|at| claims.pointer(at));
        let scope = match scope {
            None => Map::new(),
            Some(Value::Object(members)) => members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), plain(value)?.into())))
                .collect(),
            Some(_) => return Err(TokenError::Malformed),
        };
        Ok(Some(serde_json::json!({
            "id": id, "purpose": purpose, "scope": scope,
        })))
    }
}

/// A scalar as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
