//! Tells the service manager that started the gateway, if one did, how it does: `sd_notify(3)`.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::{runtime::Runtime, sync::watch};

/// That it serves, and from now on that it lives; that it is the one, where it took another's place.
pub(super) fn serving(runtime: &Runtime, stopped: watch::Receiver<bool>, took_over: bool) {
    if took_over {
        tell(NotifyState::MainPid(std::process::id()));
    }
    tell(NotifyState::Ready);
    if let Some(period) = sd_notify::watchdog_enabled() {
        runtime.spawn(live(period, stopped));
    }
}

/// That it was told to stop, and does.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Says that it lives, twice in each period after which the manager would start it again.
async fn live(period: Duration, mut stopped: watch::Receiver<bool>) {
    loop {
        tell(NotifyState::Watchdog);
        tokio::select! {
            () = tokio::time::sleep(period / 2) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Does nothing where nobody asked for it.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager was not told");
    }
}
