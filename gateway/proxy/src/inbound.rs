//! Requests of third parties to agents: whoever signed one with the secret that a sender and this gateway
//! share is that sender, and goes the way of every caller from there on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, request::Parts};
use identity::{Again, Agent, Cause, Identity, Once, Proven, Unproven};
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::Semaphore, time::timeout};
use vault::Credential;

use crate::{
    account::Account,
    body::Source,
    clock,
    credential::CredentialSource,
    exchange::Peer,
    gateway::Gateway,
    headers, limits, message,
    record::Who,
    refusal::Interruption,
    webhook::{self, Key, Scheme},
};

/// How old a message may be, or from how far in the future, if nobody says otherwise.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// And at most: all that came within twice that is remembered.
pub const TOLERANCE_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Messages of one sender that are remembered, twice; beyond them none is taken until the oldest are too old.
const REMEMBERED_MAX: usize = 512 * 1024;

/// Messages of one sender that are read at a time to be verified, each of up to
/// [`limits::MESSAGE_BYTES_MAX`]: anybody can begin one.
const UNVERIFIED_MAX: usize = 128;

/// For one of them to come whole.
const UNVERIFIED_DEADLINE: Duration = Duration::from_secs(10);

/// A service that third parties call.
#[derive(Debug)]
pub struct Inbound {
    /// Who they are, as policies and records have it.
    pub sender: Arc<Agent>,
    /// How they sign.
    pub scheme: Scheme,
    /// What the secret is called.
    pub secret: Arc<str>,
    tolerance: SignedDuration,
    once: Once,
    room: Semaphore,
    /// The version of the secret that was used last, and its key.
    key: Mutex<Option<(Arc<Credential>, Key)>>,
}

/// Why nobody is believed to have sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disbelieved {
    /// It is not signed, or not in the way of its sender.
    Unsigned,
    /// It is signed with another secret, or was altered.
    Forged,
    /// It was signed too long ago, or will be.
    Stale,
    /// It came before.
    Replayed,
    /// There were too many to know whether this one came before.
    TooMany,
    /// There is no secret to hold it against.
    NoSecret,
}

impl Inbound {
    /// Messages of `sender` that were signed no longer than `tolerance` ago.
    pub fn new(
        sender: Arc<Agent>,
        scheme: Scheme,
        secret: Arc<str>,
        tolerance: SignedDuration,
    ) -> Self {
        Self {
            sender,
            scheme,
            secret,
            tolerance,
            // From the earliest moment that it is taken to the last.
            once: Once::new(tolerance * 2, REMEMBERED_MAX),
            room: Semaphore::new(UNVERIFIED_MAX),
            key: Mutex::default(),
        }
    }

    /// Who sent a request to this service. Its body is read whole for that, if its head is worth it, and is
    /// there again for whoever screens it.
    pub(crate) async fn identify(
        &self,
        gateway: &Gateway,
        account: &mut Account,
        (peer, parts): (&Peer, &Parts),
        body: &mut Source,
    ) -> Result<Proven, Interruption> {
        let unproven = Unproven {
            cause: Cause::WorkloadUnknown,
            attribution: peer.attribution.clone(),
            agent: None,
            token: None,
        };
        let process = peer.attribution.as_ref();
        account.who = Arc::new(Who::unproven(process, peer.flow, &unproven));
        let refused = |why| Interruption::disbelieved(why, self.scheme);
        let now = clock::timestamp(clock::now());
        let shown = self.scheme.shown(&parts.headers);
        let shown = shown.map_err(|_| refused(Disbelieved::Unsigned))?;
        self.is_timely(shown.at, now).map_err(refused)?;
        let key = self.key(&*gateway.credentials);
        let key = key.ok_or_else(|| refused(Disbelieved::NoSecret))?;
        let declared = headers::content_length(&parts.headers);
        if declared.is_some_and(|bytes| bytes > limits::MESSAGE_BYTES_MAX) {
            return Err(Interruption::message_too_long());
        }
        let room = self.room.try_acquire();
        let room = room.map_err(|_| refused(Disbelieved::TooMany))?;
        let read = timeout(UNVERIFIED_DEADLINE, message::whole(body)).await;
        let bytes = read.map_err(|_| Interruption::request_incomplete())??;
        drop(room);
        account.request.received = bytes.len() as u64;
        let named = key.verify(&shown, &bytes);
        let named = named.ok_or_else(|| refused(Disbelieved::Forged))?;
        if shown.at.is_some() {
            self.once.note(named, now).map_err(|again| {
                refused(match again {
                    Again::Shown => Disbelieved::Replayed,
                    Again::TooMany => Disbelieved::TooMany,
                })
            })?;
        }
        *body = Source::Whole(Some(bytes));
        let proven = Identity::signed(&self.sender);
        account.who = Arc::new(Who::proven(proven.caller(), peer.flow));
        Ok(proven)
    }

    /// Takes the signature out of what goes on: it is of bytes that may not, by a secret that nobody there has.
    pub(crate) fn take_signature(&self, fields: &mut HeaderMap) {
        for name in self.scheme.fields() {
            fields.remove(name);
        }
        if self.scheme != Scheme::Standard {
            // Nobody signed it, and a message may not get an id by that.
            fields.remove(&webhook::ID);
        }
    }

    fn is_timely(&self, at: Option<i64>, now: Timestamp) -> Result<(), Disbelieved> {
        let Some(at) = at else {
            return Ok(());
        };
        let at = Timestamp::from_second(at).map_err(|_| Disbelieved::Stale)?;
        if now.duration_since(at).abs() > self.tolerance {
            return Err(Disbelieved::Stale);
        }
        Ok(())
    }

    fn key(&self, source: &dyn CredentialSource) -> Option<Key> {
        let credential = source.credential(&self.secret)?;
        let mut known = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, key)) = &*known
            && Arc::ptr_eq(of, &credential)
        {
            return Some(key.clone());
        }
        let key = Key::of(self.scheme, credential.expose());
        if key.is_none() {
            let name = &*self.secret;
            tracing::error!(
                credential = name,
                "is no secret of the scheme that messages are signed by"
            );
        }
        *known = key.clone().map(|key| (credential, key));
        key
    }
}
