//! What was approved of what servers of MCP list: a file beside the log that the gateway and the command line
//! write, and the gateway watches.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use audit::{Anomaly, EventRef, Revocation, Trail};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{
    mcp::pins::{Bar, Found, Kept, Pin, Pinned, Pins},
    route::Speaks,
};
use tokio::sync::watch;

use crate::{alerts::Alerts, cli::now, config::Config, folder};

/// The file, in the log's folder.
pub(crate) const FILE: &str = "pins.json";
/// Held by whoever changes it.
const LOCK: &str = "pins.lock";
/// The longest file, in bytes. A longer one is not written.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What is written down, with what the configuration approves.
pub(crate) fn open(config: &Config) -> Result<Pins> {
    let services = config.services.iter();
    let configured = services.flat_map(|service| {
        let digests = match &service.speaks {
            Speaks::Mcp(mcp) => &*mcp.digests,
            Speaks::Paths(_) | Speaks::GraphQl(_) => &[],
        };
        digests.iter().map(|(operation, digest)| {
            let pinned = Pinned {
                service: Arc::clone(&service.name),
                operation: Arc::clone(operation),
            };
            (pinned, *digest)
        })
    });
    Ok(Pins::new(read(&config.data)?, configured))
}

/// Reads the file of this log; none is nothing approved.
pub(crate) fn read(data: &Path) -> Result<Kept> {
    let path = data.join(FILE);
    let text = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
            return Err(miette!(
                "`{}` is longer than {FILE_BYTES_MAX} bytes",
                path.display()
            ));
        }
        _ => fs::read(&path).into_diagnostic(),
    };
    let kept = text.and_then(|text| serde_json::from_slice(&text).into_diagnostic());
    kept.wrap_err_with(|| {
        format!(
            "`{}` cannot be read; without it what servers of MCP list next is taken for approved, \
             where `pins` is `first_use`",
            path.display()
        )
    })
}

/// Changes the file, with nobody else at it; gives what `change` gives, and what the file says then. A change
/// that fails leaves it as it was.
pub(crate) fn change<T>(
    data: &Path,
    change: impl FnOnce(&mut Kept) -> Result<T>,
) -> Result<(T, Kept)> {
    let lock = fs::File::create(data.join(LOCK)).into_diagnostic();
    let lock = lock.wrap_err_with(|| format!("`{}` cannot be written", data.display()))?;
    lock.lock().into_diagnostic()?;
    let mut kept = read(data)?;
    let before = kept.clone();
    let changed = change(&mut kept)?;
    if kept != before {
        write(data, &kept)?;
    }
    Ok((changed, kept))
}

/// Writes the file: whoever reads it finds the old one or the new one, whole.
fn write(data: &Path, kept: &Kept) -> Result<()> {
    let text = serde_json::to_vec_pretty(kept).into_diagnostic()?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(miette!(
            "`{FILE}` would be longer than {FILE_BYTES_MAX} bytes"
        ));
    }
    let written = folder::replace(data, FILE, &text).into_diagnostic();
    written.wrap_err_with(|| format!("`{}` cannot be written", data.display()))
}

/// What is needed to keep what is known and what is written down the same.
pub(crate) struct Keeping {
    pub(crate) pins: Arc<Pins>,
    pub(crate) data: PathBuf,
    pub(crate) trail: Trail,
    pub(crate) alerts: Arc<Alerts>,
}

impl Keeping {
    /// Begins to keep them.
    pub(crate) fn start(self) -> Keeper {
        let (stop, stopped) = watch::channel(false);
        Keeper {
            stop,
            running: tokio::spawn(self.run(stopped)),
        }
    }

    /// Writes down what was seen and takes up what was approved, until told to stop, and once then.
    ///
    /// A file that cannot be read changes nothing: what is approved stays so.
    async fn run(self, mut stop: watch::Receiver<bool>) {
        let (mut looked, mut complained) = (None, false);
        loop {
            let stopped = *stop.borrow();
            match self.round(&mut looked).await {
                Ok(()) => complained = false,
                Err(error) if !complained => {
                    complained = true;
                    tracing::error!(%error, "what is known of tools is not written down, and is tried again");
                }
                Err(_) => {}
            }
            if stopped {
                return;
            }
            tokio::select! {
                () = self.pins.moved() => {}
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.wait_for(|stopped| *stopped) => {}
            }
        }
    }

    /// Tells what was found, writes down what was seen, and puts approvals on record.
    async fn round(&self, looked: &mut Option<(SystemTime, u64)>) -> Result<()> {
        let (mut moved, found) = self.pins.take();
        // What is written down is no news any more: first somebody hears of it.
        let mut told = Ok(());
        for found in found {
            if let Err(error) = self.tell(&found).await {
                told = Err(error);
                let untold = moved.extract_if(.., |(pinned, _)| *pinned == found.pinned);
                self.pins.put_back(untold.map(|(pinned, _)| pinned));
                self.pins.tell_again(found);
            }
        }
        if !moved.is_empty() || self.looked() != *looked {
            // Until all is done it is looked at again.
            *looked = None;
            let kept = self.settle(moved).await?;
            self.record(&kept).await?;
            *looked = self.looked();
        }
        told
    }

    /// What tells whether the file is another than before.
    fn looked(&self) -> Option<(SystemTime, u64)> {
        let file = fs::metadata(self.data.join(FILE)).ok()?;
        Some((file.modified().ok()?, file.ino()))
    }

    async fn settle(&self, moved: Vec<(Pinned, Pin)>) -> Result<Kept> {
        let since = moved.clone();
        let written = self.written(move |kept| {
            for (pinned, pin) in since {
                let operations = kept.0.entry(pinned.service).or_default();
                operations.entry(pinned.operation).or_default().follow(pin);
            }
        });
        written.await.inspect_err(|_| {
            let moved = moved.into_iter().map(|(pinned, _)| pinned);
            self.pins.put_back(moved);
        })
    }

    /// Puts on record, and tells, that something is not what was approved.
    async fn tell(&self, found: &Found) -> Result<()> {
        let (detector, response) = match found.bar {
            Bar::Changed => ("tool_changed", "alert"),
            Bar::Unapproved => ("tool_unapproved", "note"),
        };
        let about = name(&found.pinned.service, &found.pinned.operation);
        tracing::warn!(
            about,
            detector,
            "a server of MCP lists what is not approved"
        );
        let anomaly = Anomaly {
            at: found.at,
            detector: detector.into(),
            response: response.into(),
            agent: found.seen_by.0.to_string(),
            session: found.seen_by.1.to_string(),
            about,
            numbers: Vec::new(),
            record: None,
            finding: true,
        };
        let event = EventRef::Anomaly(&anomaly);
        let noted = if found.bar == Bar::Changed {
            let told = (&anomaly, found.writes);
            self.alerts.report(&self.trail, event, told).await
        } else {
            self.trail.note(event).await
        };
        noted.map(drop).into_diagnostic().wrap_err_with(|| {
            let about = &anomaly.about;
            format!("`{about}` is not offered, and that is not on record")
        })
    }

    /// Puts on record what was approved, also while no gateway ran.
    async fn record(&self, kept: &Kept) -> Result<()> {
        let mut recorded = Vec::new();
        for (service, operations) in &kept.0 {
            for (operation, pin) in operations {
                let Some(approved) = pin.approved.as_ref().filter(|_| pin.unrecorded) else {
                    continue;
                };
                let approval = Revocation {
                    at: now(),
                    what: "tool".into(),
                    id: name(service, operation),
                    reason: approved.digest.to_string(),
                    lifted: true,
                };
                tracing::warn!(tool = approval.id, digest = approval.reason, "approved");
                let noted = self.trail.note(EventRef::Revoke(&approval)).await;
                let noted = noted.into_diagnostic();
                noted.wrap_err("an approval holds, and is not on record")?;
                recorded.push((Arc::clone(service), Arc::clone(operation), approved.digest));
            }
        }
        if recorded.is_empty() {
            return Ok(());
        }
        self.written(move |kept| {
            for (service, operation, digest) in recorded {
                let operations = kept.0.get_mut(&service);
                let pin = operations.and_then(|known| known.get_mut(&operation));
                // Another may have been approved meanwhile.
                let is_it =
                    |pin: &&mut Pin| pin.approved.as_ref().map(|it| it.digest) == Some(digest);
                if let Some(pin) = pin.filter(is_it) {
                    pin.unrecorded = false;
                }
            }
        })
        .await
        .map(drop)
    }

    /// Changes the file, and takes up what it says then.
    async fn written(&self, with: impl FnOnce(&mut Kept) + Send + 'static) -> Result<Kept> {
        let data = self.data.clone();
        let written = tokio::task::spawn_blocking(move || {
            change(&data, |kept| {
                with(kept);
                Ok(())
            })
        });
        let ((), kept) = written.await.into_diagnostic()??;
        self.pins.take_up(kept.clone());
        Ok(kept)
    }
}

/// Keeps them while a gateway runs.
pub(crate) struct Keeper {
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Keeper {
    /// Ends it, once nobody sees lists any more and before the log is closed.
    pub(crate) async fn finish(self) -> Result<()> {
        self.stop.send_replace(true);
        self.running.await.into_diagnostic()
    }
}

/// An operation as people write it: `crm/tools/call/customer_read`.
fn name(service: &str, operation: &str) -> String {
    format!("{service}/{operation}")
}
