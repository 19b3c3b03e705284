//! The side of whoever takes over.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener as StdTcpListener},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use admission::budget::Budgets;
use audit::{Trail, TrailError};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::Standing;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};
use tokio::{
    io::BufReader,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot, watch},
};

use super::{
    ANSWER_MAX, LINE_BYTES_MAX, PROTOCOL, SOCKET, SOCKETS_AT_ONCE, SOCKETS_MAX, Say, Sockets, Who,
    Word, hear, line, obstacle, say,
};
use crate::{alerts::Alerts, config::Config};

/// For the one before to let go of its log.
const YOURS_MAX: Duration = Duration::from_mins(1);

/// What ends a takeover that the one before knows nothing of.
const SERVES_ON: &str = "the one before serves on";

/// What is said that waits to be written; what is not said yet waits to be.
const SAID_MAX: usize = 256;

/// The gateway that runs has said who it is, and handed over what listens. It serves on.
pub(crate) struct Greeted {
    stream: StdUnixStream,
    from: Who,
    /// What listens, until somebody goes on with it.
    pub(crate) doors: Vec<Standing>,
    pub(crate) admin: Option<(SocketAddr, StdTcpListener)>,
    pub(crate) exec: Option<(PathBuf, StdUnixListener)>,
}

impl Greeted {
    /// Fails if nobody can take over with this configuration; asked before anything of the one that runs is touched.
    pub(crate) fn may(config: &Config) -> Result<()> {
        obstacle(config).map_or(Ok(()), |why| Err(stop_and_start(why)))
    }

    /// Greets the gateway that has the log of this configuration.
    pub(crate) fn greet(config: &Config) -> Result<Self> {
        let path = config.data.join(SOCKET);
        let greeted = Self::meet(&path)
            .wrap_err_with(|| format!("no gateway could be met at `{}`", path.display()))?;
        tracing::info!(from = %greeted.from, sockets = greeted.doors.len(), "taking over");
        Ok(greeted)
    }

    fn meet(path: &Path) -> Result<Self> {
        let mut stream = StdUnixStream::connect(path).into_diagnostic()?;
        let peer = sockopt::socket_peercred(&stream).into_diagnostic()?;
        if peer.uid != rustix::process::geteuid() {
            return Err(miette!("another user's process answers there"));
        }
        stream
            .set_read_timeout(Some(ANSWER_MAX))
            .into_diagnostic()?;
        let hello = line(&Say::Hello(PROTOCOL, Who::here())).into_diagnostic()?;
        stream.write_all(&hello).into_diagnostic()?;
        let (protocol, version, sockets) = match heard(&mut stream).into_diagnostic()? {
            Word::Hello(protocol, who, sockets) => (protocol, who.version, sockets),
            Word::Refused(why) => return Err(stop_and_start(&why)),
            _ => return Err(miette!("it does not greet")),
        };
        if protocol != PROTOCOL || sockets.count() > SOCKETS_MAX {
            return Err(stop_and_start("it hands over in another way"));
        }
        let from = Who {
            pid: u32::try_from(peer.pid.as_raw_nonzero().get()).into_diagnostic()?,
            version,
        };
        let handed = receive(&stream, sockets.count()).into_diagnostic()?;
        Self::sorted((stream, from), sockets, handed)
    }

    fn sorted(
        (stream, from): (StdUnixStream, Who),
        sockets: Sockets,
        handed: Vec<OwnedFd>,
    ) -> Result<Self> {
        let mut handed = handed.into_iter();
        let mut next = || handed.next().ok_or_else(|| miette!("a socket is missing"));
        let mut doors = Vec::new();
        for (asked, kind) in sockets.doors {
            let listener = next()?.into();
            doors.push(Standing {
                asked,
                kind,
                listener,
            });
        }
        let admin = match sockets.admin {
            Some(at) => Some((at, next()?.into())),
            None => None,
        };
        let exec = match sockets.exec {
            Some(at) => Some((at, next()?.into())),
            None => None,
        };
        Ok(Self {
            stream,
            from,
            doors,
            admin,
            exec,
        })
    }

    /// Takes over: when this returns the log is nobody's. The one before may go on with what is open for as long as `drain`.
    pub(crate) async fn ask(self, drain: Duration) -> Result<Taken> {
        let lost = "the one before did not let go; it serves on";
        self.stream.set_nonblocking(true).into_diagnostic()?;
        let stream = UnixStream::from_std(self.stream).into_diagnostic()?;
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let asked = say(&mut writer, line(&Say::Ask(drain.as_secs()))).await;
        asked.into_diagnostic().wrap_err(lost)?;
        let answered = tokio::time::timeout(YOURS_MAX, hear(&mut reader)).await;
        match answered
            .into_diagnostic()
            .wrap_err(lost)?
            .into_diagnostic()?
        {
            Some(Word::Yours(open)) => Ok(Taken {
                from: self.from,
                open,
                reader,
                writer,
            }),
            Some(Word::Refused(why)) => Err(stop_and_start(&why)),
            _ => Err(miette!("{lost}")),
        }
    }
}

/// The log is ours to open. If this is dropped, the one before goes on as if nothing had been.
pub(crate) struct Taken {
    pub(crate) from: Who,
    open: u64,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Taken {
    /// Says that we serve, writes the records of the one before from now on, and waits until it has let go of all else.
    /// What it gives turns true when the one before has ended.
    pub(crate) async fn serving(
        mut self,
        (trail, budgets): (&Trail, Option<&Arc<Budgets>>),
        alerts: &Arc<Alerts>,
    ) -> Result<watch::Receiver<bool>> {
        trail.inherit(self.open);
        let said = say(&mut self.writer, line(&Say::Serving)).await;
        said.into_diagnostic().wrap_err(SERVES_ON)?;
        let heard = tokio::time::timeout(ANSWER_MAX, hear(&mut self.reader)).await;
        let heard = heard.into_diagnostic().wrap_err(SERVES_ON)?;
        if !matches!(heard, Ok(Some(Word::Theirs))) {
            // It was too late for the one before, which has its log back as soon as this one is gone.
            return Err(miette!("{SERVES_ON}: {heard:?}"));
        }
        let (release, released) = oneshot::channel();
        let (end, gone) = watch::channel(false);
        let following = Following {
            from: self.from,
            trail: trail.clone(),
            budgets: budgets.cloned(),
            alerts: Arc::clone(alerts),
            end,
        };
        tokio::spawn(following.run(self.reader, self.writer, release));
        // One that is gone has let go, too.
        drop(released.await);
        Ok(gone)
    }
}

/// Writes what the one before still records and spends.
struct Following {
    from: Who,
    trail: Trail,
    budgets: Option<Arc<Budgets>>,
    alerts: Arc<Alerts>,
    end: watch::Sender<bool>,
}

impl Following {
    async fn run(
        self,
        mut reader: BufReader<OwnedReadHalf>,
        mut writer: OwnedWriteHalf,
        release: oneshot::Sender<()>,
    ) {
        let (out, mut said) = mpsc::channel(SAID_MAX);
        tokio::spawn(async move {
            while let Some(word) = said.recv().await {
                // One that hears nothing any more has ended, which its silence tells.
                if say(&mut writer, line(&word)).await.is_err() {
                    return;
                }
            }
        });
        let mut release = Some(release);
        let ended = loop {
            match hear(&mut reader).await {
                Ok(Some(Word::Released)) => drop(release.take()),
                Ok(Some(Word::Over)) => break Ok(()),
                Ok(Some(word)) => self.take(word, &out).await,
                Ok(None) => break Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => break Err(error),
            }
        };
        match ended {
            Ok(()) => tracing::info!(from = %self.from, "the one before has ended in good order"),
            Err(error) => tracing::error!(
                from = %self.from, %error,
                "the one before ended without a word; what was open there stays on record as open"
            ),
        }
        self.end.send_replace(true);
    }

    async fn take(&self, word: Word, out: &mpsc::Sender<Say>) {
        let out = out.clone();
        match word {
            Word::Record(handed) => {
                let id = handed.id;
                // In their order, which ends where this returns.
                match self.trail.adopt(&handed).await {
                    Ok(durable) => {
                        tokio::spawn(async move { out.send(told(id, durable.await)).await });
                    }
                    // Whoever reads does not wait for whoever is to hear it, who may wait to be read.
                    Err(error) => {
                        tokio::spawn(async move { out.send(told(id, Err(error))).await });
                    }
                }
            }
            Word::Alert(id, index, anomaly, writes) => {
                let alerts = Arc::clone(&self.alerts);
                tokio::spawn(async move {
                    let all = alerts.tell((index, &anomaly, writes), true).await;
                    out.send(Say::Alerted(id, all)).await
                });
            }
            Word::Spend(id, spent) => {
                let budgets = self.budgets.clone();
                tokio::spawn(async move {
                    let told = match budgets {
                        Some(budgets) => budgets.spend_for(*spent).await,
                        // Nothing is counted by this configuration.
                        None => Ok(None),
                    };
                    out.send(Say::Spent(id, told)).await
                });
            }
            _ => tracing::warn!("the one before says what it should have said before"),
        }
    }
}

fn told(id: u64, durable: Result<u64, TrailError>) -> Say {
    Say::Told(id, durable.map_err(|error| error.to_string()))
}

fn stop_and_start(why: &str) -> miette::Report {
    miette!(
        help = "stop it and start this one: that waits for no client",
        "the gateway that runs cannot be taken over: {why}"
    )
}

/// One word, of which nothing is read that belongs to later.
fn heard(stream: &mut StdUnixStream) -> io::Result<Word> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        if line.len() == LINE_BYTES_MAX {
            return Err(io::Error::other("a greeting is too long"));
        }
        stream.read_exact(&mut byte)?;
        line.extend(byte);
    }
    Ok(serde_json::from_slice(&line)?)
}

/// So many sockets, which come with a byte for each message.
fn receive(stream: &StdUnixStream, count: usize) -> io::Result<Vec<OwnedFd>> {
    let mut handed = Vec::new();
    while handed.len() < count {
        let mut space =
            [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_AT_ONCE))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut word = [0];
        let mut data = [io::IoSliceMut::new(&mut word)];
        let received = recvmsg(stream, &mut data, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(sockets) = message {
                handed.extend(sockets);
            }
        }
    }
    Ok(handed)
}
