//! How a gateway ends: told to stop, or with its last connection when another one has its place.

use std::{
    mem, net::TcpListener as StdTcpListener, os::unix::net::UnixListener as StdUnixListener,
    thread::JoinHandle, time::Duration,
};

use audit::{EventRef, Lifecycle};
use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use proxy::Bound;
use telemetry::Traces;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{Running, manager, now};
use crate::{
    config::Config,
    copies::Copying,
    desk, fleet,
    handover::{Ceding, Leaving, Listening, SOCKET, Who},
    publication::Publication,
    shelf::Shelving,
    shipping::Shipping,
};

/// For a gateway that was taken over to end, where this one is told to stop.
const BEFORE_MAX: Duration = Duration::from_secs(12);

/// What has one owner, and reads the log.
pub(super) struct Owners {
    /// Shows the log to others.
    pub(super) publishing: tokio::task::JoinHandle<Publication>,
    /// Puts its tiles into a bucket.
    pub(super) shelving: tokio::task::JoinHandle<Shelving>,
    /// Copies it.
    pub(super) copying: tokio::task::JoinHandle<Copying>,
    /// Passes events on.
    pub(super) shipping: Shipping,
}

impl Owners {
    /// Waits for what they do with the log's last records; they have been told to end.
    async fn finish(self) -> Result<()> {
        self.publishing.await.into_diagnostic()?.finish().await;
        self.shelving.await.into_diagnostic()?.finish().await;
        self.copying.await.into_diagnostic()?.finish().await;
        self.shipping.finish().await;
        Ok(())
    }
}

/// What listens, for whoever may take over.
pub(super) fn listening(
    config: &Config,
    bound: &Bound,
    (admin, exec): (Option<&StdTcpListener>, Option<&StdUnixListener>),
) -> Result<Listening> {
    let admin = config.admin.zip(admin);
    let admin = match admin {
        Some((at, it)) => Some((at, it.try_clone().into_diagnostic()?)),
        None => None,
    };
    let exec = config.exec.clone().zip(exec);
    let exec = match exec {
        Some((at, it)) => Some((at, it.try_clone().into_diagnostic()?)),
        None => None,
    };
    Ok(Listening {
        doors: bound.standing().into_diagnostic()?,
        admin,
        exec,
    })
}

/// Waits for a successor; gives what it tells if there is one.
pub(super) fn succeeded(
    config: &Config,
    ceding: Ceding,
    stopped: &watch::Receiver<bool>,
) -> Result<oneshot::Receiver<Result<Leaving>>> {
    let listener = desk::listen(&config.data, SOCKET).into_diagnostic();
    let listener = listener.wrap_err("the socket for `tidegate upgrade` cannot be opened")?;
    let (leave, leaving) = oneshot::channel();
    tokio::spawn(ceding.serve(listener, leave, stopped.clone()));
    Ok(leaving)
}

impl Running {
    /// Waits until it is told to stop or another gateway has its place, then ends: listeners, exchanges, record, spans.
    pub(super) async fn wait(mut self) -> Result<()> {
        let left = loop {
            let [terminate, interrupt] = &mut self.signals;
            tokio::select! {
                _ = terminate.recv() => break None,
                _ = interrupt.recv() => break None,
                // Other daemons read their files again; this one may not read them any more.
                _ = self.hangup.recv() => {
                    tracing::warn!("SIGHUP changes nothing: `tidegate policy reload` brings other policies");
                }
                Ok(left) = &mut self.leaving => break Some(left?),
            }
        };
        match left {
            Some(left) => self.leave(left).await,
            None => self.stop().await,
        }
    }

    async fn stop(mut self) -> Result<()> {
        manager::stopping();
        tracing::info!("stopping: open exchanges may end");
        self.stop.send_replace(true);
        self.retire.send_replace(true);
        joined(mem::take(&mut self.workers))
            .await
            .into_diagnostic()?;
        if let Some(mut gone) = self.gone.take() {
            // Whoever stops a unit stops both, and what ends there is on record here.
            drop(timeout(BEFORE_MAX, gone.wait_for(|gone| *gone)).await);
        }
        let (owners, farewell) = (self.owners.take(), self.lifecycle.clone());
        let traces = self.gateway.traces.clone();
        self.wind_down(farewell).await?;
        if let Some(owners) = owners {
            owners.finish().await?;
        }
        flushed(traces).await?;
        tracing::info!("stopped");
        Ok(())
    }

    /// Another gateway serves: what is open here goes on, for its time.
    async fn leave(mut self, mut left: Leaving) -> Result<()> {
        let (to, drain) = (left.to.clone(), left.drain);
        tracing::info!(%to, ?drain, "another gateway serves; what is open goes on here");
        let mut workers = joined(mem::take(&mut self.workers));
        if let Some(owners) = self.owners.take() {
            owners.finish().await?;
        }
        left.release().await;
        let mut gone = self.gone.take();
        let all = async {
            drop((&mut workers).await);
            if let Some(gone) = &mut gone {
                // The records of the one before this one come through here.
                drop(gone.wait_for(|gone| *gone).await);
            }
        };
        let [terminate, interrupt] = &mut self.signals;
        let ended = tokio::select! {
            () = all => true,
            () = tokio::time::sleep(drain) => false,
            _ = terminate.recv() => false,
            _ = interrupt.recv() => false,
            // Nothing more can be recorded, so nothing more is released.
            lost = &mut left.relaying => {
                return lost.into_diagnostic()?.wrap_err("open exchanges end here");
            }
        };
        self.stop.send_replace(true);
        if !ended {
            tracing::warn!("exchanges are still open; they end now");
            drop((&mut workers).await);
        }
        let mut farewell = self.lifecycle.clone();
        let note = format!("handover: from {} to {to}, which serves", Who::here());
        farewell.notes.push(note);
        let traces = self.gateway.traces.clone();
        self.wind_down(farewell).await?;
        left.relaying.await.into_diagnostic()??;
        flushed(traces).await?;
        tracing::info!("ended");
        Ok(())
    }

    /// Ends all that records, and then the record.
    async fn wind_down(self, farewell: Lifecycle) -> Result<()> {
        if let Some(launches) = self.launches {
            launches.await.into_diagnostic()?;
        }
        fleet::farewell(&self.gateway).await;
        // Until now they saw lists.
        self.pins.finish().await?;
        let (kernel, reconciler) = (self.kernel, self.reconciler);
        tokio::task::spawn_blocking(move || {
            if let Some(kernel) = kernel {
                kernel.unfollow();
            }
            reconciler.finish();
        })
        .await
        .into_diagnostic()?;
        self.recording.await.into_diagnostic()?;
        if let (Some(watch), Some(following)) = (&self.gateway.watch, self.following) {
            watch.finish();
            following.await.into_diagnostic()?;
        }
        let farewell = Lifecycle {
            at: now(),
            policy: self.gateway.admission.policy_digest().to_string(),
            ..farewell
        };
        let stopped = self.gateway.trail.clone().stop(EventRef::Stop(&farewell));
        let stopped = stopped.await.into_diagnostic();
        stopped.wrap_err("the log was not closed")
    }
}

/// The workers have ended.
fn joined(workers: Vec<JoinHandle<()>>) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        for worker in workers {
            if worker.join().is_err() {
                tracing::error!("a worker ended by a panic");
            }
        }
    })
}

/// The last spans have gone.
async fn flushed(traces: Traces) -> Result<()> {
    let flushed = tokio::task::spawn_blocking(move || traces.shutdown());
    flushed.await.map(drop).into_diagnostic()
}
