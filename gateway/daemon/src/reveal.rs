//! What a token stands for, told to people: who asks signs, and says what for; a second one may have
//! to agree; it is on record before the value is told.
//!
//! The gateway that writes the log answers (`desk`).

use std::{collections::BTreeMap, sync::Arc};

use audit::{EventRef, Revelation, Trail};
use jiff::Timestamp;
use redaction::{Pseudonyms, token};
use serde::{Deserialize, Serialize};

use crate::{cli::now, desk};

/// The socket's name in the log's folder.
pub(crate) const SOCKET: &str = "reveal.sock";

/// The longest purpose, in bytes: it stands in the record.
const PURPOSE_BYTES_MAX: usize = 256;

/// How old a request may be, in seconds: who overhears one cannot use it later.
const REQUEST_AGE_MAX: i64 = 120;

/// How long an approval holds, in seconds.
const APPROVAL_AGE_MAX: i64 = 60 * 60;

/// Who may ask.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// Public keys by name.
    pub(crate) operators: BTreeMap<String, String>,
    /// Whether a second one must agree.
    pub(crate) two_persons: bool,
}

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) token: String,
    pub(crate) purpose: String,
    pub(crate) asked: Signed,
    pub(crate) approval: Option<Signed>,
}

/// Who put a name to it, and when, in seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signed {
    pub(crate) operator: String,
    pub(crate) at: i64,
    pub(crate) signature: String,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// What the token stands for.
    Value(String),
    /// Why it is not told.
    Refused(String),
}

/// What an asker signs, and what an approver does: both name the asker.
pub(crate) fn statement(role: &str, token: &str, purpose: &str, asker: &str, at: i64) -> Vec<u8> {
    let parts = ("tidegate reveal v1", role, token, purpose, asker, at);
    // A tuple of texts and a number always has a JSON text; an empty one would sign nothing.
    serde_json::to_vec(&parts).unwrap_or_default()
}

/// The role of who asks.
pub(crate) const ASKER: &str = "ask";
/// The role of who agrees.
pub(crate) const APPROVER: &str = "approve";

/// Answers on the socket.
pub(crate) struct Desk {
    pub(crate) panel: Panel,
    pub(crate) keys: Arc<dyn Pseudonyms>,
    pub(crate) trail: Trail,
}

impl desk::Clerk for Desk {
    type Request = Request;
    type Reply = Reply;

    async fn answer(&self, request: Request, uid: Option<u32>) -> Reply {
        self.reveal(&request, uid).await
    }

    fn unreadable(&self) -> Reply {
        Reply::Refused("request_unreadable".to_owned())
    }
}

impl Desk {
    /// Judges, records, and only then tells.
    async fn reveal(&self, request: &Request, uid: Option<u32>) -> Reply {
        let at = now();
        let opened = token::open(request.token.as_bytes(), &*self.keys);
        let judged = self.judge(request, at).and_then(|()| {
            let (_, value) = opened.as_ref().ok_or("token_invalid")?;
            std::str::from_utf8(value).map_err(|_| "token_invalid")
        });
        let approval = request.approval.as_ref();
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, request.token.as_bytes());
        let revelation = Revelation {
            at,
            operator: request.asked.operator.clone(),
            approver: approval.map(|approval| approval.operator.clone()),
            uid,
            purpose: request.purpose.clone(),
            class: opened.as_ref().map(|(class, _)| class.name().into()),
            token: hex::encode(digest),
            reason: judged.err().map(Into::into),
        };
        // The record is durable before the value is told (45 CFR 164.312(b)).
        if self
            .trail
            .note(EventRef::Reveal(&revelation))
            .await
            .is_err()
        {
            return Reply::Refused("audit_unavailable".to_owned());
        }
        match judged {
            Ok(value) => Reply::Value(value.to_owned()),
            Err(reason) => Reply::Refused(reason.to_owned()),
        }
    }

    fn judge(&self, request: &Request, at: Timestamp) -> Result<(), &'static str> {
        let purpose = &request.purpose;
        if purpose.trim().is_empty()
            || purpose.len() > PURPOSE_BYTES_MAX
            || purpose.contains(char::is_control)
        {
            return Err("purpose_invalid");
        }
        let asker = &request.asked;
        self.signed(request, asker, ASKER, at, REQUEST_AGE_MAX)?;
        let Some(approval) = &request.approval else {
            return if self.panel.two_persons {
                Err("approval_required")
            } else {
                Ok(())
            };
        };
        let key = |name| self.panel.operators.get(name);
        // One person with two names is one person.
        if key(&approval.operator) == key(&asker.operator) {
            return Err("approval_of_oneself");
        }
        self.signed(request, approval, APPROVER, at, APPROVAL_AGE_MAX)
    }

    fn signed(
        &self,
        request: &Request,
        signed: &Signed,
        role: &str,
        at: Timestamp,
        age_max: i64,
    ) -> Result<(), &'static str> {
        let public = self.panel.operators.get(&signed.operator);
        let public = public.ok_or("operator_unknown")?;
        if !(-REQUEST_AGE_MAX..=age_max).contains(&(at.as_second().saturating_sub(signed.at))) {
            return Err("signature_stale");
        }
        let asker = &request.asked.operator;
        let stated = statement(role, &request.token, &request.purpose, asker, signed.at);
        if vault::is_signed_by(public, &stated, &signed.signature) {
            Ok(())
        } else {
            Err("signature_invalid")
        }
    }
}
