//! The side of the one that runs, until another has its place.

use std::{
    io::{self, IoSlice, Write as _},
    net::{SocketAddr, TcpListener as StdTcpListener},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use admission::budget::{Budgets, OverBudget};
use audit::{Ceded, EventRef, Gap, LedgerError, Relay, Trail, TrailError};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{Doors, Gateway, Standing, Watch};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use store::SqliteLedger;
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{
    ANSWER_MAX, LINE_BYTES_MAX, Link, PROTOCOL, SOCKETS_AT_ONCE, SOCKETS_MAX, Say, Sockets, Who,
    Word, hear, line, obstacle, say,
};
use crate::{alerts::Alerts, behaviour, cli::now, config::Config, egress::Reconciler};

/// For a successor to get ready, which may ask people for a passphrase.
const ASK_MAX: Duration = Duration::from_mins(10);

/// So many that were greeted may get ready at a time.
const GREETED_MAX: usize = 4;

/// For a successor to serve once it has the log: clients wait so long.
const SERVING_MAX: Duration = Duration::from_secs(30);

/// For one that failed to let go of the log.
const BACK_MAX: Duration = Duration::from_secs(30);
const BACK_EVERY: Duration = Duration::from_millis(50);

/// What waits to be said or heard.
const WORDS_MAX: usize = 64;

/// What listens.
pub(crate) struct Listening {
    pub(crate) doors: Vec<Standing>,
    pub(crate) admin: Option<(SocketAddr, StdTcpListener)>,
    pub(crate) exec: Option<(PathBuf, StdUnixListener)>,
}

impl Listening {
    /// With all else that another process may take over. `retire` ends what has one owner.
    pub(crate) fn of(
        self,
        config: &Config,
        gateway: &Gateway,
        (alerts, reconciler): (&Arc<Alerts>, &Arc<Reconciler>),
        (doors, retire): (watch::Sender<Doors>, watch::Sender<bool>),
    ) -> Ceding {
        Ceding {
            listening: self,
            data: config.data.clone(),
            obstacle: obstacle(config),
            doors,
            retire,
            trail: gateway.trail.clone(),
            budgets: gateway.budgets.clone(),
            watch: gateway.watch.clone(),
            alerts: Arc::clone(alerts),
            reconciler: Arc::clone(reconciler),
        }
    }
}

impl Listening {
    /// What is said of all sockets, and copies of them.
    fn all(&self) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
        let Self { doors, admin, exec } = self;
        let said = Sockets {
            doors: doors.iter().map(|it| (it.asked, it.kind.clone())).collect(),
            admin: admin.as_ref().map(|(at, _)| *at),
            exec: exec.as_ref().map(|(at, _)| at.clone()),
        };
        if said.count() > SOCKETS_MAX {
            return Err(io::Error::other("there are too many sockets"));
        }
        let doors = doors.iter().map(|it| it.listener.as_fd());
        let admin = admin.iter().map(|(_, it)| it.as_fd());
        let exec = exec.iter().map(|(_, it)| it.as_fd());
        let all = doors.chain(admin).chain(exec);
        let copies = all
            .map(|it| it.try_clone_to_owned())
            .collect::<io::Result<_>>()?;
        Ok((line(&Word::Hello(PROTOCOL, Who::here(), said))?, copies))
    }
}

/// Says this, and hands over these sockets, with a byte for each message.
fn send(mut stream: &StdUnixStream, hello: &[u8], sockets: &[OwnedFd]) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    stream.write_all(hello)?;
    for some in sockets.chunks(SOCKETS_AT_ONCE) {
        let some: Vec<BorrowedFd<'_>> = some.iter().map(OwnedFd::as_fd).collect();
        let mut space =
            [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_AT_ONCE))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&some)) {
            return Err(io::Error::other("sockets do not fit into a message"));
        }
        sendmsg(
            stream,
            &[IoSlice::new(b"\n")],
            &mut control,
            SendFlags::NOSIGNAL,
        )?;
    }
    Ok(())
}

/// What another process may take over.
pub(crate) struct Ceding {
    listening: Listening,
    data: PathBuf,
    obstacle: Option<&'static str>,
    doors: watch::Sender<Doors>,
    retire: watch::Sender<bool>,
    trail: Trail,
    budgets: Option<Arc<Budgets>>,
    watch: Option<Arc<Watch>>,
    alerts: Arc<Alerts>,
    reconciler: Arc<Reconciler>,
}

/// Another process serves in our place.
pub(crate) struct Leaving {
    pub(crate) to: Who,
    /// For how long what is open may go on.
    pub(crate) drain: Duration,
    /// Brings records there; ends when the trail has been stopped.
    pub(crate) relaying: JoinHandle<Result<()>>,
    out: mpsc::Sender<Word>,
}

impl Leaving {
    /// Says that what has one owner is free.
    pub(crate) async fn release(&self) {
        // One that is gone is seen by whoever relays.
        drop(self.out.send(Word::Released).await);
    }
}

type Reader = BufReader<OwnedReadHalf>;

impl Ceding {
    /// Answers one successor after the other until one has taken over, which is told, or the log is lost. Ends with `stop`.
    pub(crate) async fn serve(
        self,
        listener: UnixListener,
        leave: oneshot::Sender<Result<Leaving>>,
        mut stop: watch::Receiver<bool>,
    ) {
        // One that was greeted and has not asked holds nobody off.
        let mut greeted = FuturesUnordered::new();
        loop {
            let met = tokio::select! {
                accepted = listener.accept(), if greeted.len() < GREETED_MAX => match accepted {
                    Ok((stream, _)) => {
                        greeted.push(self.meet(stream));
                        continue;
                    }
                    Err(error) => Err(miette!("{error}")),
                },
                Some(met) = greeted.next() => met,
                _ = stop.wait_for(|stopped| *stopped) => return,
            };
            match met {
                Ok(None) => {}
                Ok(Some((who, reader, writer))) => {
                    if let Some(ended) = self.cede(who, reader, writer).await {
                        return drop(leave.send(ended));
                    }
                }
                Err(error) => tracing::warn!(error = format!("{error:#}"), "nobody took over"),
            }
        }
    }

    /// Greets one, and waits until it asks to take over; none if it does not.
    async fn meet(
        &self,
        mut stream: UnixStream,
    ) -> Result<Option<((Who, Duration), Reader, OwnedWriteHalf)>> {
        let peer = stream.peer_cred().into_diagnostic()?;
        if peer.uid() != rustix::process::geteuid().as_raw() {
            return Err(miette!(
                "a process of user {} asked for the log",
                peer.uid()
            ));
        }
        let pid = peer
            .pid()
            .and_then(|pid| u32::try_from(pid).ok())
            .unwrap_or(0);
        let hello = timeout(
            ANSWER_MAX,
            hear(&mut BufReader::with_capacity(1, &mut stream)),
        )
        .await;
        let Some(Say::Hello(protocol, who)) = hello.into_diagnostic()?.into_diagnostic()? else {
            return Err(miette!("it does not greet"));
        };
        let to = Who { pid, ..who };
        if let Some(why) = self.refusal(protocol) {
            tracing::warn!(%to, why, "a successor is refused");
            say(&mut stream, line(&Word::Refused(why)))
                .await
                .into_diagnostic()?;
            return Ok(None);
        }
        let stream = self.hand_over(stream).await.into_diagnostic()?;
        let (reader, writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let asked = timeout(ASK_MAX, hear(&mut reader)).await;
        match asked.into_diagnostic()?.into_diagnostic()? {
            Some(Say::Ask(seconds)) => {
                let drain = Duration::from_secs(seconds);
                Ok(Some(((to, drain), reader, writer)))
            }
            // It found that it cannot serve: nothing has been.
            None => Ok(None),
            Some(_) => Err(miette!("it does not ask")),
        }
    }

    fn refusal(&self, protocol: u32) -> Option<String> {
        if protocol != PROTOCOL {
            return Some(format!("it hands over by protocol {PROTOCOL} alone"));
        }
        if self.reconciler.sealed() > 0 {
            return Some(
                "processes run in sealed namespaces (`tidegate exec --sealed`)".to_owned(),
            );
        }
        self.obstacle.map(str::to_owned)
    }

    /// Hands over what listens: copies, from which nobody accepts yet.
    async fn hand_over(&self, stream: UnixStream) -> io::Result<UnixStream> {
        let (hello, sockets) = self.listening.all()?;
        let stream = stream.into_std()?;
        let sent =
            tokio::task::spawn_blocking(move || send(&stream, &hello, &sockets).map(|()| stream));
        let stream = sent.await.map_err(io::Error::other)??;
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    }

    /// Lets go of the log; takes it back if nobody serves with it. None if all is as before.
    async fn cede(
        &self,
        (to, drain): (Who, Duration),
        mut reader: Reader,
        mut writer: OwnedWriteHalf,
    ) -> Option<Result<Leaving>> {
        tracing::info!(%to, "another gateway takes over");
        self.doors.send_replace(Doors::Shut);
        if let Some(watch) = &self.watch {
            behaviour::keep(watch, &self.data).await;
        }
        if let Some(budgets) = &self.budgets {
            budgets.cede().await;
        }
        let open = self.trail.status().open;
        let ceded = match self.trail.cede().await {
            Ok(ceded) => ceded,
            Err(error) => return Some(Err(error).into_diagnostic()),
        };
        let serves = async {
            say(&mut writer, line(&Word::Yours(open))).await?;
            let said = hear(&mut reader).await?;
            if matches!(said, Some(Say::Serving)) {
                say(&mut writer, line(&Word::Theirs)).await?;
            }
            Ok::<_, io::Error>(said)
        };
        match timeout(SERVING_MAX, serves).await {
            Ok(Ok(Some(Say::Serving))) => {
                Some(Ok(self.leave((to, drain), ceded, (reader, writer))))
            }
            failed => {
                tracing::error!(%to, ?failed, "it does not serve; this one goes on");
                drop((reader, writer));
                let back = self.take_back(ceded, &to).await;
                back.err().map(|error| {
                    Err(error
                        .wrap_err("the log could not be had back from a successor that failed"))
                })
            }
        }
    }

    async fn take_back(&self, ceded: Ceded, to: &Who) -> Result<()> {
        let (data, runtime) = (self.data.clone(), Handle::current());
        let resumed = tokio::task::spawn_blocking(move || resume(ceded, &data, &runtime));
        resumed.await.into_diagnostic()??;
        if let Some(budgets) = &self.budgets {
            // The log's lock says that nobody else spends.
            budgets.resume().await;
        }
        self.doors.send_replace(Doors::Open);
        let gap = Gap {
            at: now(),
            reason: "handover_failed".into(),
            lost: 0,
            recovered: 0,
        };
        let noted = self.trail.note(EventRef::Gap(&gap)).await.into_diagnostic();
        noted.wrap_err_with(|| format!("that {to} did not take over is not on record"))?;
        Ok(())
    }

    fn leave(
        &self,
        (to, drain): (Who, Duration),
        ceded: Ceded,
        (reader, writer): (Reader, OwnedWriteHalf),
    ) -> Leaving {
        let (out, words) = mpsc::channel(WORDS_MAX);
        let link = Arc::new(Link::new(out.clone()));
        self.alerts.lead(&link);
        if let Some(budgets) = &self.budgets {
            budgets.lead(Arc::clone(&link) as _);
        }
        let relaying = tokio::spawn(relay(ceded.relay(), (reader, writer), words, link));
        self.doors.send_replace(Doors::Left);
        self.retire.send_replace(true);
        Leaving {
            to,
            drain,
            relaying,
            out,
        }
    }
}

/// Goes on with the log of a successor that failed, once it has let go of it.
fn resume(ceded: Ceded, data: &Path, runtime: &Handle) -> Result<()> {
    let since = Instant::now();
    let ledger = loop {
        match runtime.block_on(SqliteLedger::open(data)) {
            Ok(ledger) => break ledger,
            Err(_) if since.elapsed() < BACK_MAX => std::thread::sleep(BACK_EVERY),
            Err(error) => return Err(error).into_diagnostic(),
        }
    };
    ceded.resume(Box::new(ledger)).into_diagnostic()
}

/// Brings records, alerts and what is spent to the successor, and back what becomes of them, until the trail has been stopped.
async fn relay(
    mut relay: Relay,
    (mut reader, mut writer): (Reader, OwnedWriteHalf),
    mut words: mpsc::Receiver<Word>,
    link: Arc<Link>,
) -> Result<()> {
    let (hand, mut heard) = mpsc::channel(WORDS_MAX);
    // Read whatever is being written, or both ends might wait for each other.
    tokio::spawn(async move {
        while let Ok(Some(word)) = hear::<Say>(&mut reader).await {
            if hand.send(word).await.is_err() {
                return;
            }
        }
    });
    let mut ended = false;
    while !ended || !relay.is_idle() {
        let word = tokio::select! {
            biased;
            said = heard.recv() => {
                match said {
                    Some(Say::Told(id, told)) => relay.told(id, told.map_err(refused)),
                    Some(answer @ (Say::Alerted(id, _) | Say::Spent(id, _))) => {
                        link.told(id, answer);
                    }
                    _ => return Err(miette!("the gateway that took over is gone")),
                }
                continue;
            }
            Some(word) = words.recv() => word,
            handed = relay.next(), if !ended || relay.waits() => {
                let Some(handed) = handed else {
                    ended = true;
                    continue;
                };
                Word::Record(handed)
            }
        };
        let said = line(&word);
        if let (Word::Spend(id, _), true) = (&word, is_too_long(&said)) {
            // Names of accounts hold what tokens say. Nobody else's words wait behind such a one.
            link.told(*id, Say::Spent(*id, Err(OverBudget::Unavailable)));
            continue;
        }
        say(&mut writer, said).await.into_diagnostic()?;
    }
    say(&mut writer, line(&Word::Over))
        .await
        .into_diagnostic()?;
    writer.shutdown().await.into_diagnostic()
}

/// Whether nobody would read this line.
fn is_too_long(line: &io::Result<Vec<u8>>) -> bool {
    line.as_ref().is_ok_and(|line| line.len() > LINE_BYTES_MAX)
}

/// Why a record was not taken, as the successor says.
fn refused(why: String) -> TrailError {
    LedgerError::Failed(why.into()).into()
}
