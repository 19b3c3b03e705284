//! Who is logged in. A browser holds a random name of its session, and the console only a digest of that.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::{
    CertificateName, Role,
    limits::{IDLE_MAX, SESSION_MAX, SESSIONS_MAX},
    role::Power,
};

/// Whoever makes a request, proven once and since then by a cookie.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) user: String,
    /// Tells them from somebody who had that name before.
    pub(crate) mark: [u8; 32],
    pub(crate) role: Role,
    /// What each form must repeat: no other site knows it.
    pub(crate) csrf: String,
    /// Where the request came from.
    pub(crate) address: IpAddr,
}

impl Signed {
    pub(crate) fn may(&self, power: Power) -> bool {
        self.role.may(power)
    }
}

/// Those who are logged in.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    held: Mutex<HashMap<Key, Session>>,
}

type Key = [u8; 32];

/// Who somebody proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) user: String,
    /// Of what they proved it by: with another one the session is over.
    pub(crate) mark: [u8; 32],
    pub(crate) by: By,
}

/// By what somebody proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A password.
    Password,
    /// A certificate of this name, which each connection of the session shows.
    Certificate(CertificateName),
    /// What a provider of `OpenID` Connect said.
    OpenId {
        /// What they may until the session ends: they are in no file here.
        role: Role,
        /// The ID token, by which they are logged out there.
        hint: Option<Arc<str>>,
    },
}

/// What is known of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) proven: Proven,
    /// What its forms must repeat.
    pub(crate) csrf: String,
}

#[derive(Debug)]
struct Session {
    seen: Seen,
    began: Instant,
    last: Instant,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.last) >= IDLE_MAX || now.duration_since(self.began) >= SESSION_MAX
    }
}

impl Sessions {
    /// Begins one; its name, for the cookie. None if the system has no randomness.
    pub(crate) fn begin(&self, proven: Proven, now: Instant) -> Option<String> {
        let (name, csrf) = (random()?, random()?);
        let mut held = self.held();
        held.retain(|_, session| !session.is_over(now));
        if held.len() >= SESSIONS_MAX {
            let idle = held.iter().min_by_key(|(_, session)| session.last);
            if let Some(idle) = idle.map(|(key, _)| *key) {
                held.remove(&idle);
            }
        }
        let session = Session {
            seen: Seen { proven, csrf },
            began: now,
            last: now,
        };
        held.insert(key(&name), session);
        Some(name)
    }

    /// The session `name`, of which there is a request now; none if it is over.
    pub(crate) fn seen(&self, name: &str, now: Instant) -> Option<Seen> {
        let mut held = self.held();
        let key = key(name);
        let session = held.get_mut(&key)?;
        if session.is_over(now) {
            held.remove(&key);
            return None;
        }
        session.last = now;
        Some(session.seen.clone())
    }

    /// Ends the session `name`; what it was.
    pub(crate) fn end(&self, name: &str) -> Option<Seen> {
        Some(self.held().remove(&key(name))?.seen)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Key, Session>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(name: &str) -> Key {
    Sha256::digest(name).into()
}

/// 256 random bits, as text.
pub(crate) fn random() -> Option<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(user: &str) -> Proven {
        Proven {
            user: user.to_owned(),
            mark: [0; 32],
            by: By::Password,
        }
    }

    #[test]
    fn a_session_ends_when_nothing_is_done_and_when_it_is_old() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let name = sessions.begin(of("eva"), start).unwrap();
        assert!(sessions.seen("another", start).is_none());
        let idle = Duration::from_secs(IDLE_MAX.as_secs() - 1);
        let mut now = start;
        while now + idle < start + SESSION_MAX {
            now += idle;
            assert_eq!(sessions.seen(&name, now).unwrap().proven.user, "eva");
        }
        assert!(sessions.seen(&name, start + SESSION_MAX).is_none());

        let name = sessions.begin(of("eva"), start).unwrap();
        assert!(sessions.seen(&name, start + IDLE_MAX).is_none());
        let name = sessions.begin(of("eva"), start).unwrap();
        assert_eq!(sessions.end(&name).unwrap().proven, of("eva"));
        assert!(sessions.seen(&name, start).is_none());
    }

    #[test]
    fn one_session_too_many_ends_the_one_that_was_idle_the_longest() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let second = Duration::from_secs(1);
        let first = sessions.begin(of("first"), start).unwrap();
        let next = sessions.begin(of("next"), start + second).unwrap();
        for _ in 2..SESSIONS_MAX {
            sessions.begin(of("more"), start + second * 2).unwrap();
        }
        let now = start + second * 3;
        assert!(sessions.seen(&first, now).is_some());
        sessions.begin(of("last"), now).unwrap();
        assert!(sessions.seen(&next, now).is_none());
        assert!(sessions.seen(&first, now).is_some());
    }
}
