//! Credentials that a store of somebody else's has: asked for again after a while, and when a service does not
//! take what it had. If the store is away, what it said last is good for as long again; then calls are refused
//! until it is back.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flows::Network;
use proxy::{
    Upstream,
    secrets::{Secret, Store, StoreFault},
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};
use vault::Credential;

use super::Held;

/// From one question that failed to the next, and from one that a service's refusal brought about.
const PAUSE: Duration = Duration::from_secs(5);

/// A secret in a store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StorePlace {
    /// Which one.
    pub(crate) store: Store,
    /// The file with what the gateway proves itself by.
    pub(crate) shown: PathBuf,
    /// After how long it is asked for again.
    pub(crate) refresh: Duration,
    /// Addresses that are not public, and that the store's name may stand for.
    pub(crate) networks: Vec<Network>,
}

/// What a store said last.
#[derive(Default)]
pub(super) struct Kept {
    state: Mutex<State>,
    /// A service did not take it.
    refused: Notify,
}

#[derive(Default)]
struct State {
    credential: Option<Arc<Credential>>,
    /// When it was asked last.
    asked: Option<Instant>,
    /// Until when what it said is good.
    good: Option<Instant>,
}

impl Kept {
    /// What it said last, while that is good.
    pub(super) fn current(&self) -> Option<Arc<Credential>> {
        let state = self.state();
        let is_good = state.good.is_some_and(|until| Instant::now() < until);
        state.credential.clone().filter(|_| is_good)
    }

    /// A service did not take what it said: it is asked again, unless it just was.
    pub(super) fn was_refused(&self) {
        self.refused.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a store for a credential until told to stop.
pub(super) async fn keep(
    held: Arc<Held>,
    name: Arc<str>,
    place: Arc<StorePlace>,
    client: Upstream,
    mut stop: watch::Receiver<bool>,
) {
    let Some(kept) = held.kept.get(&name).map(Arc::clone) else {
        return;
    };
    loop {
        let next = held.ask(&name, &place, &kept, &client).await;
        tokio::select! {
            () = sleep_until(next) => {}
            () = refused(&kept) => {}
            _ = stop.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Waits until a service does not take what the store said, and then until it may be asked again.
async fn refused(kept: &Kept) {
    kept.refused.notified().await;
    let asked = kept.state().asked;
    match asked {
        Some(asked) => sleep_until(asked + PAUSE).await,
        None => sleep(PAUSE).await,
    }
}

impl Held {
    /// Asks once; tells when to ask again.
    async fn ask(
        &self,
        name: &Arc<str>,
        place: &StorePlace,
        kept: &Kept,
        client: &Upstream,
    ) -> Instant {
        let told = match shown(place).await {
            Some(shown) => place.store.ask(client, &shown).await,
            None => Err(StoreFault::Unproven),
        };
        let now = Instant::now();
        let next = match told {
            Ok(secret) => {
                let known = kept.state().credential.clone();
                let credential = self.same_or_new(name, known, into(secret));
                let mut state = kept.state();
                state.credential = Some(credential);
                state.good = Some(now + place.refresh * 2);
                now + place.refresh
            }
            Err(fault) => {
                tracing::error!(credential = &**name, %fault, "a store gives no credential");
                if matches!(
                    fault,
                    StoreFault::Denied | StoreFault::Missing | StoreFault::Unusable
                ) {
                    // It is there, and says no: whoever took the secret back means it.
                    *kept.state() = State::default();
                }
                now + PAUSE
            }
        };
        kept.state().asked = Some(now);
        next
    }
}

fn into(secret: Secret) -> Credential {
    Credential::new(secret.version, &secret.value)
}

async fn shown(place: &StorePlace) -> Option<Credential> {
    let path = place.shown.clone();
    let read = tokio::task::spawn_blocking(move || Credential::from_file(&path));
    match read.await.ok()? {
        Ok(shown) => Some(shown),
        Err(error) => {
            tracing::error!(%error, "what a store of credentials is shown cannot be read");
            None
        }
    }
}
