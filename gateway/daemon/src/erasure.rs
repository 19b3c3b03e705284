//! Erases data subjects from the record, or keeps them from being erased (GDPR Art. 17 and 18(1)(c),
//! CCPA 1798.105).
//!
//! On record first, then done: after a crash between the two, or when an old copy of the keys is put back,
//! the gateway does at its start what the log says ([`redo`]). Done by the gateway where one runs, since it has keys in memory; else by the command line, which holds the
//! writer's lock meanwhile.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use audit::{
    Archive, Criteria, Erasure, EventRef, Kind, Span, Subject, SubjectStore, Subjects, Trail,
    TrailError,
};
use miette::{IntoDiagnostic as _, Result};
use redaction::{Pseudonyms, census};
use serde::{Deserialize, Serialize};

use crate::cli::{archive, now};

/// The longest reason, in bytes: it stands in the record.
const REASON_BYTES_MAX: usize = 256;

/// Keys of one record; who has more makes more records.
const KEYS_MAX: usize = 1024;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    /// Destroy the subject's keys.
    Erase,
    /// Forbid that.
    Hold,
    /// Allow it again.
    Lift,
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Self::Erase => audit::ERASE,
            Self::Hold => "hold",
            Self::Lift => "lift",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    pub(crate) act: Act,
    /// `customer=C-771`.
    pub(crate) subject: String,
    pub(crate) reason: String,
}

/// What was done: the record, and how many keys are gone.
pub(crate) type Done = (u64, usize);

/// Destroys again what the log of `archive` says was destroyed; gives how many keys had come back.
pub(crate) async fn redo(archive: &mut Archive, keys: &mut dyn SubjectStore) -> Result<u64> {
    let erased = archive.erased().await.into_diagnostic()?;
    keys.destroy(&erased).await.into_diagnostic()
}

/// Whether a record that is held is about `subject`.
async fn is_kept(data: &Path, subject: &Subject) -> Result<bool> {
    let mut archive = archive(data).await?;
    for standing in archive.standing().await.into_diagnostic()? {
        let scope = standing.hold.scope;
        let criteria = Criteria {
            agent: scope.agent,
            session: scope.session,
            service: scope.service,
            subject: Some(subject.clone()),
            ..Criteria::default()
        };
        let span = Span {
            from: scope.from,
            until: scope.until,
            kinds: [Kind::Open, Kind::Refuse].into(),
            ..Span::default()
        };
        let mut matters = archive.matters(span).await.into_diagnostic()?;
        while let Some(matter) = matters.next().await.into_diagnostic()? {
            if criteria.holds(&matter) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What keys the digests in budgets, and the services in them.
pub(crate) type Budgeted = (Arc<dyn Pseudonyms>, Vec<Arc<str>>);

/// Whoever erases.
pub(crate) struct Eraser {
    pub(crate) subjects: Arc<Subjects>,
    pub(crate) trail: Trail,
    pub(crate) data: PathBuf,
    /// What keys the digests in budgets, and the services in them; none: it is not known here.
    pub(crate) budgets: Option<Budgeted>,
}

impl Eraser {
    /// Does what is asked, or says why not.
    pub(crate) async fn act(&self, ask: &Ask, uid: u32) -> Result<Done, &'static str> {
        let subject: Subject = ask.subject.parse().map_err(|_| "subject_invalid")?;
        let reason = ask.reason.trim();
        if reason.is_empty()
            || reason.len() > REASON_BYTES_MAX
            || reason.contains(char::is_control)
            || reason.contains(&subject.value)
        {
            return Err("reason_invalid");
        }
        let kept = store::BUDGETS_FILE_NAME;
        if ask.act == Act::Erase && self.budgets.is_none() && self.data.join(kept).exists() {
            return Err("gateway_needed_for_budgets");
        }
        self.recorded(ask, &subject, uid).await
    }

    async fn recorded(&self, ask: &Ask, subject: &Subject, uid: u32) -> Result<Done, &'static str> {
        let failed = |_: TrailError| "keys_unavailable";
        let mut held = self.subjects.is_held(subject).await.map_err(failed)?;
        if ask.act == Act::Erase && !held {
            let kept = is_kept(&self.data, subject).await;
            held = kept.map_err(|_| "log_unreadable")?;
        }
        let refused = (ask.act == Act::Erase && held).then_some("legal_hold");
        let handles = match ask.act {
            Act::Erase if !held => self.subjects.handles(subject).await.map_err(failed)?,
            _ => Vec::new(),
        };
        let mut erasure = Erasure {
            at: now(),
            act: ask.act.name().into(),
            uid,
            name: subject.name.clone(),
            reason: ask.reason.trim().to_owned(),
            keys: Vec::new(),
            refused: refused.map(Into::into),
        };
        if ask.act == Act::Erase && !held {
            // Before there is a record by which the keys are destroyed again: nobody could do this from that.
            self.forget(subject).await?;
        }
        let (some, rest) = handles.split_at(handles.len().min(KEYS_MAX));
        erasure.keys = some.iter().map(hex::encode).collect();
        let record = self.note(&erasure).await?;
        for more in rest.chunks(KEYS_MAX) {
            erasure.keys = more.iter().map(hex::encode).collect();
            self.note(&erasure).await?;
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        match ask.act {
            Act::Hold => self.subjects.hold(subject, true).await.map_err(failed)?,
            Act::Lift => self.subjects.hold(subject, false).await.map_err(failed)?,
            Act::Erase => self.subjects.erase(subject).await.map_err(failed)?,
        }
        Ok((record, handles.len()))
    }

    async fn note(&self, erasure: &Erasure) -> Result<u64, &'static str> {
        let noted = self.trail.note(EventRef::Erase(erasure)).await;
        noted.map_err(|_| "audit_unavailable")
    }

    /// Takes the subject's digests out of what budgets have seen.
    async fn forget(&self, subject: &Subject) -> Result<(), &'static str> {
        let Some((keys, services)) = &self.budgets else {
            return Ok(());
        };
        let records = services
            .iter()
            .map(|service| census::record_digest(&**keys, service, &subject.value));
        let person = census::subject_digest(&**keys, &subject.value);
        let items: Vec<u64> = records.chain([person]).flatten().collect();
        let forgotten = store::forget_seen(&self.data, &items).await;
        forgotten.map_err(|_| "budgets_unavailable")
    }
}
