//! What ends a stream that is under way: its caller is revoked, what it showed expires, or the record's keys are withheld.

use std::{pin::Pin, sync::Arc};

use admission::Permit;
use identity::{Caller, Revoked};
use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{Gateway, clock, refusal::Interruption};

/// Becomes ready when the stream must end.
pub(crate) type Leash = Pin<Box<dyn Future<Output = Interruption> + Send>>;

/// The leash of a stream under this permit.
pub(crate) fn leash(permit: &Permit, gateway: &Gateway) -> Leash {
    let caller = permit.caller().clone();
    let (revoked, trail) = (gateway.revoked.clone(), gateway.trail.clone());
    let expiry = expiry(&caller, clock::timestamp(clock::now()));
    Box::pin(async move {
        tokio::select! {
            () = until_revoked(&caller, revoked) => Interruption::revoked(),
            () = until(expiry) => Interruption::expired(),
            () = trail.withheld() => Interruption::keys_withheld(),
        }
    })
}

async fn until_revoked(caller: &Caller, mut revoked: watch::Receiver<Arc<Revoked>>) {
    // Nobody revokes anything once the sender is gone.
    if revoked
        .wait_for(|revoked| revoked.of(caller).is_some())
        .await
        .is_err()
    {
        std::future::pending::<()>().await;
    }
}

async fn until(expiry: Option<Instant>) {
    match expiry {
        Some(expiry) => sleep_until(expiry).await,
        None => std::future::pending().await,
    }
}

/// When what was shown stops being believed.
fn expiry(caller: &Caller, now: Timestamp) -> Option<Instant> {
    let left = caller.expires_at()?.duration_since(now);
    Some(Instant::now() + left.try_into().unwrap_or_default())
}
