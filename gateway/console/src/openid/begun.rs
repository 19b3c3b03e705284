//! Logins that have begun: what an answer is held against, for whoever has the cookie, once.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use sha2::{Digest as _, Sha256};

use crate::limits::{LOGIN_MAX, LOGINS_MAX};

/// One of them.
pub(crate) struct Begun {
    pub(super) state: CsrfToken,
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
    pub(super) at: Instant,
}

/// All of them, each by a digest of its cookie.
#[derive(Default)]
pub(super) struct Pending {
    begun: Mutex<HashMap<[u8; 32], Begun>>,
}

impl Pending {
    /// One too many is in place of the oldest.
    pub(super) fn keep(&self, cookie: &str, begun: Begun) {
        let mut all = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, it| begun.at.saturating_duration_since(it.at) < LOGIN_MAX);
        if all.len() >= LOGINS_MAX {
            let oldest = all.iter().min_by_key(|(_, it)| it.at);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                all.remove(&oldest);
            }
        }
        all.insert(key(cookie), begun);
    }

    pub(super) fn take(&self, cookie: &str, now: Instant) -> Option<Begun> {
        let mut all = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = all.remove(&key(cookie))?;
        (now.saturating_duration_since(begun.at) < LOGIN_MAX).then_some(begun)
    }
}

fn key(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie).into()
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn begun(at: Instant) -> Begun {
        Begun {
            state: CsrfToken::new("s".to_owned()),
            nonce: Nonce::new("n".to_owned()),
            verifier: PkceCodeVerifier::new("v".repeat(43)),
            at,
        }
    }

    #[test]
    fn a_login_is_taken_once_by_its_own_cookie_and_in_time() {
        let (pending, start) = (Pending::default(), Instant::now());
        pending.keep("one", begun(start));
        assert!(pending.take("another", start).is_none());
        assert!(pending.take("one", start).is_some());
        assert!(pending.take("one", start).is_none());
        pending.keep("two", begun(start));
        assert!(pending.take("two", start + LOGIN_MAX).is_none());
        assert!(pending.take("two", start).is_none());
    }

    #[test]
    fn one_login_too_many_is_in_place_of_the_oldest() {
        let (pending, start) = (Pending::default(), Instant::now());
        let at = |number: usize| start + Duration::from_millis(u64::try_from(number).unwrap());
        for number in 0..=LOGINS_MAX {
            pending.keep(&number.to_string(), begun(at(number)));
        }
        assert!(pending.take("0", at(LOGINS_MAX)).is_none());
        assert!(pending.take("1", at(LOGINS_MAX)).is_some());
        assert!(
            pending
                .take(&LOGINS_MAX.to_string(), at(LOGINS_MAX))
                .is_some()
        );
    }
}
