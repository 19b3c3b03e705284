//! Passes what is on record on to other systems, as events of OCSF.
//!
//! Nothing here stands in the way of a request, and nothing waits anywhere but in the log: each destination has a
//! [`Mark`], how far it took the log, which goes on only when it took a batch. So nothing is lost, what is away gets
//! everything later, in the order of the log, and after a crash at most as much comes twice as is read at once
//! ([`RECORDS_MAX`]); `metadata.uid` tells.

mod events;
mod file;
mod hec;
mod lag;
mod lake;
pub(crate) mod mark;
mod nats;
pub(crate) mod status;

use std::{sync::Arc, time::Duration};

use audit::Archive;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{Gateway, Upstream};
use rustls::ClientConfig;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use self::{
    events::{BATCH_BYTES_MAX, Batch},
    file::File,
    hec::Hec,
    lake::Lake,
    mark::Mark,
    nats::Nats,
};
pub(crate) use self::{hec::Tokens, lag::Lag, nats::examine};
use crate::{
    cli::archive,
    config::{Config, Destination, To},
    syslog::{End, Syslog},
};

/// How often it is looked whether the log has grown.
const EVERY: Duration = Duration::from_millis(500);
/// How soon a destination that failed is tried again; twice as long after each that fails.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(1);
/// Records that are read at once.
const RECORDS_MAX: u32 = 512;
/// A batch is never asked to be smaller; one event may be longer, and goes alone.
const BATCH_BYTES_MIN: usize = 4 * 1024;
/// As long as the gateway waits at its end for the last records to be taken.
const FAREWELL: Duration = Duration::from_secs(5);

/// All that passes events on.
pub(crate) struct Shipping {
    running: Vec<JoinHandle<Shipment>>,
    lag: Arc<Lag>,
}

/// What goes to one destination.
struct Shipment {
    to: Destination,
    /// Its place among all.
    place: usize,
    way: Way,
    mark: Mark,
    /// Events behind the mark that were taken already.
    taken: usize,
    /// A batch is full with so many bytes.
    batch_bytes: usize,
    data: std::path::PathBuf,
    lag: Arc<Lag>,
    gateway: Arc<Gateway>,
}

enum Way {
    File(File),
    Syslog(Box<Syslog>),
    Hec(Box<Hec>),
    Lake(Box<Lake>),
    Nats(Box<Nats>),
}

impl Shipping {
    /// Starts all that are configured, until they are told to stop.
    pub(crate) fn start(
        config: &Config,
        mut tokens: Tokens,
        gateway: &Arc<Gateway>,
        tls: &Arc<ClientConfig>,
        stopped: &watch::Receiver<bool>,
    ) -> Result<Self> {
        let lag = Lag::of(config.shipping.iter().map(|it| it.name.clone()));
        lag.watch(&gateway.metrics).into_diagnostic()?;
        let mut running = Vec::new();
        for (place, to) in config.shipping.iter().cloned().enumerate() {
            let way = match &to.to {
                To::File(folder) => Way::File(File::open(folder.clone(), &to.name)?),
                To::Syslog(to) => Way::Syslog(Box::new(Syslog::new(to.clone(), tls)?)),
                To::Hec(collector) => {
                    let token = tokens.take(place);
                    let token = token.ok_or_else(|| miette!("a collector has no token"))?;
                    let client = Upstream::new(tls);
                    Way::Hec(Box::new(Hec::new(collector.clone(), token, client)))
                }
                To::Lake(place) => Way::Lake(Box::new(Lake::new(place.clone(), tls))),
                To::Nats(place) => Way::Nats(Box::new(Nats::new(place.clone(), tls))),
            };
            let mark = Mark::open(&config.data, &to.name)?;
            lag.is_at(place, mark.next(), gateway.trail.status().size);
            let shipment = Shipment {
                to,
                place,
                way,
                mark,
                taken: 0,
                batch_bytes: BATCH_BYTES_MAX,
                data: config.data.clone(),
                lag: Arc::clone(&lag),
                gateway: Arc::clone(gateway),
            };
            running.push(tokio::spawn(shipment.run(stopped.clone())));
        }
        Ok(Self { running, lag })
    }

    /// How they stand, from now on.
    pub(crate) fn lag(&self) -> Arc<Lag> {
        Arc::clone(&self.lag)
    }

    /// Passes the log's last records on, once it is closed; does not wait long.
    pub(crate) async fn finish(self) {
        let mut last = JoinSet::new();
        for running in self.running {
            last.spawn(async move {
                let mut shipment = running.await.into_diagnostic()?;
                if let Way::Lake(lake) = &mut shipment.way {
                    lake.hurry();
                }
                shipment.attend().await
            });
        }
        let all = async {
            let mut taken = true;
            while let Some(one) = last.join_next().await {
                taken &= matches!(one, Ok(Ok(())));
            }
            taken
        };
        if !timeout(FAREWELL, all).await.unwrap_or(false) {
            tracing::warn!(
                "the last records were not taken by all; they will go at the next start"
            );
        }
    }
}

impl Shipment {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) -> Self {
        let mut retry = RETRY_FIRST;
        loop {
            let pause = tokio::select! {
                attended = self.attend() => match attended {
                    Ok(()) => {
                        retry = RETRY_FIRST;
                        EVERY
                    }
                    Err(error) => {
                        let pause = retry;
                        retry = (retry * 2).min(RETRY_MAX);
                        self.failed(&error, pause);
                        pause
                    }
                },
                // What is under way may come again.
                _ = stopped.wait_for(|stopped| *stopped) => return self,
            };
            let stop = stopped.wait_for(|stopped| *stopped);
            if timeout(pause, stop).await.is_ok() {
                return self;
            }
        }
    }

    fn failed(&self, error: &miette::Report, pause: Duration) {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        let why = causes.join(": ");
        if self.lag.fails(self.place, &why, pause) {
            tracing::warn!(destination = self.to.name, why, "events wait");
        }
    }

    /// Passes everything on that is new.
    async fn attend(&mut self) -> Result<()> {
        let size = self.gateway.trail.status().size;
        self.lag.grows(size);
        let waits = match &self.way {
            Way::Lake(lake) => lake.waits(&self.mark, size),
            _ => self.mark.next() == size,
        };
        if waits {
            self.lag.is_at(self.place, self.mark.next(), size);
            return Ok(());
        }
        // Anew each time, so that nobody is remembered who was erased meanwhile.
        let mut archive = archive(&self.data).await?;
        while self.batch(&mut archive).await? {
            let size = self.gateway.trail.status().size;
            self.lag.is_at(self.place, self.mark.next(), size);
        }
        Ok(())
    }

    /// Passes some records on; false if there are no more.
    async fn batch(&mut self, archive: &mut Archive) -> Result<bool> {
        if let Way::Lake(lake) = &mut self.way {
            let put = lake.step(archive, &mut self.mark, &self.to.classes).await;
            return put.wrap_err_with(|| format!("`{}` did not take events", self.to.name));
        }
        let followed = archive.follow(self.mark.cursor(), RECORDS_MAX).await;
        let followed = followed.into_diagnostic();
        let Some(followed) = followed.wrap_err_with(|| self.mark.advice())? else {
            return Ok(false);
        };
        self.mark.is_of(&followed.anchor.log)?;
        // The log says the same again, so what was taken of it before a failure is left out.
        for batch in events::batches(&followed, &self.to.classes, self.taken, self.batch_bytes) {
            let events = batch.0.len();
            if !self.deliver(batch).await? {
                self.batch_bytes = (self.batch_bytes / 2).max(BATCH_BYTES_MIN);
                return Err(miette!(
                    "`{}` does not take so much at once; next it gets less",
                    self.to.name
                ));
            }
            self.taken += events;
        }
        self.mark
            .move_to(followed.anchor.log, followed.cursor)
            .await?;
        (self.taken, self.batch_bytes) = (0, BATCH_BYTES_MAX);
        Ok(true)
    }

    /// False if it was too much at once.
    async fn deliver(&mut self, batch: Batch) -> Result<bool> {
        let next = self.mark.next();
        match &mut self.way {
            Way::File(file) => file.write(batch, next).await.map(|()| true),
            Way::Hec(hec) => hec.send(&batch).await,
            Way::Nats(nats) => nats.send(batch).await.map(|()| true),
            // It takes no batches.
            Way::Lake(_) => Ok(true),
            Way::Syslog(syslog) => {
                let messages = events::as_syslog(syslog, &batch).into_diagnostic()?;
                match syslog.send(&messages).await {
                    Ok(End::Answered) => Ok(true),
                    Ok(End::Late) if batch.0.len() > 1 => Ok(false),
                    Ok(End::Late) => Err(miette!("the collector takes too long")),
                    Ok(End::Silent) => Err(miette!("the collector does not end the connection")),
                    Err(why) => Err(miette!("{why}")),
                }
            }
        }
        .wrap_err_with(|| format!("`{}` did not take events", self.to.name))
    }
}
