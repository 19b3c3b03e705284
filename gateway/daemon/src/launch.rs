//! The gateway's side of `tidegate exec`: who may start an agent's process, and the listeners inside
//! of sealed network namespaces.
//!
//! A sealed process makes its namespaces itself, opens the gateway's listeners in them, and hands
//! those over (`SCM_RIGHTS`), because the gateway has no privilege to enter somebody's namespace and
//! should need none. What is handed over is believed only as far as the kernel confirms it: that it
//! listens, where, and in which namespace; who calls is asked of the kernel for each connection.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt as _, net::UnixListener as StdUnixListener},
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use audit::CallerRecord;
use flows::{Keeper, KernelSource, netns_cookie};
use identity::TokenRule;
use proxy::{
    Bound, Door, Gateway, Kind,
    pass::{Bearer, Pass, Wanted},
};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustls::{ClientConfig, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest, unix::AsyncFd},
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::{
    cli::now,
    config::Config,
    egress::{Reconciler, Room},
    passes::Surroundings,
};

/// Sealed namespaces at a time: each has a thread.
const SEALED_MAX: usize = 64;
/// Listeners of the gateway in one namespace.
pub(crate) const LISTENERS_MAX: usize = 16;
/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 * 1024;
/// For whoever starts a process to say everything.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The agent whose process the asking one becomes.
    pub(crate) agent: Option<String>,
    /// Whether it will hand over listeners.
    pub(crate) sealed: bool,
    /// A token of the gateway's own that it wants, if it wants one.
    #[serde(default)]
    pub(crate) pass: Option<Wanted>,
    /// The process that the token is for, which the asking one does not become.
    #[serde(default)]
    pub(crate) instead: Option<u32>,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// It is granted.
    Granted(Grant),
    /// Why it is not.
    Refused(String),
}

/// What is granted.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// Where the gateway is to be reached inside.
    #[serde(default)]
    pub(crate) listen: Vec<SocketAddr>,
    /// What the process finds in its environment.
    #[serde(default)]
    pub(crate) environment: Vec<(String, String)>,
    /// The token.
    #[serde(default)]
    pub(crate) pass: Option<Pass>,
}

/// An address of the gateway in every sealed namespace.
pub(crate) struct Inside {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) kind: Kind,
}

/// Answers on the socket.
pub(crate) struct Launches {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) upstream_tls: Arc<ClientConfig>,
    pub(crate) kernel: Option<Arc<KernelSource>>,
    pub(crate) reconciler: Arc<Reconciler>,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) places: Places,
}

/// Where the gateway is reached, and what says so.
pub(crate) struct Places {
    inside: Vec<Inside>,
    outside: Vec<(SocketAddr, Kind)>,
    surroundings: Surroundings,
}

impl Places {
    pub(crate) fn of(
        config: &Config,
        listen: &[SocketAddr],
        endpoints: &[proxy::Endpoint],
    ) -> Self {
        let kinds = endpoints.iter().map(|endpoint| endpoint.kind.clone());
        Self {
            inside: inside(listen, endpoints),
            outside: listen.iter().copied().zip(kinds).collect(),
            surroundings: Surroundings::of(config),
        }
    }

    /// What a process finds in its environment.
    fn variables(&self, pass: Option<&str>) -> Vec<(String, String)> {
        self.surroundings.variables(pass, &self.outside)
    }
}

/// Where the gateway is reached inside: on loopback, at the ports it has outside.
fn inside(listen: &[SocketAddr], endpoints: &[proxy::Endpoint]) -> Vec<Inside> {
    let mut inside: Vec<Inside> = Vec::new();
    // A sealed agent is known by its seal; what needs more than that is outside.
    let is_apart = |kind: &Kind| matches!(kind, Kind::Asked(_) | Kind::Certified);
    let for_agents = |(_, endpoint): &(_, &proxy::Endpoint)| !is_apart(&endpoint.kind);
    for (bound, endpoint) in listen.iter().zip(endpoints).filter(for_agents) {
        let ip: IpAddr = match bound.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let address = SocketAddr::new(ip, bound.port());
        let there = inside.iter().any(|known| known.address == address);
        if !there && inside.len() < LISTENERS_MAX {
            inside.push(Inside {
                address,
                tls: endpoint.tls.clone(),
                kind: endpoint.kind.clone(),
            });
        }
    }
    inside
}

/// Opens the socket. One of an earlier run is replaced.
pub(crate) fn listen(path: &Path) -> io::Result<StdUnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = StdUnixListener::bind(path)?;
    listener.set_nonblocking(true)?;
    // Anybody may ask: who asks is known by the kernel's word (SO_PEERCRED).
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

impl Launches {
    /// Answers until the gateway retires, and then lets what is under way end.
    pub(crate) async fn serve(
        self,
        listener: UnixListener,
        mut retired: watch::Receiver<bool>,
        stop: watch::Receiver<bool>,
    ) {
        let launches = Arc::new(self);
        let mut sessions = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = retired.wait_for(|retired| *retired) => break,
            };
            while sessions.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) if sessions.len() < SEALED_MAX => {
                    let (launches, stop) = (Arc::clone(&launches), stop.clone());
                    sessions.spawn(async move { launches.session(stream, stop).await });
                }
                Ok((mut stream, _)) => {
                    let full = Reply::Refused("too many are sealed already".to_owned());
                    reply(&mut stream, &full).await.ok();
                }
                Err(error) => tracing::warn!(%error, "nobody could ask for a start"),
            }
        }
        while sessions.join_next().await.is_some() {}
    }

    async fn session(&self, mut stream: UnixStream, stop: watch::Receiver<bool>) {
        match timeout(DEADLINE, self.begin(&mut stream)).await {
            Ok(Ok(Some(sealed))) => self.hold(sealed, stop).await,
            Ok(Ok(None)) => {}
            Ok(Err(why)) => {
                tracing::warn!(%why, "a start was refused");
                reply(&mut stream, &Reply::Refused(why)).await.ok();
            }
            Err(_) => tracing::warn!("a start was not asked for in time"),
        }
    }

    /// Hears what is asked for, and grants it.
    async fn begin(&self, stream: &mut UnixStream) -> Result<Option<Sealed>, String> {
        let peer = stream.peer_cred().map_err(|error| error.to_string())?;
        let pid = peer.pid().and_then(Pid::from_raw).ok_or("nobody asks")?;
        let number =
            u32::try_from(pid.as_raw_nonzero().get()).map_err(|error| error.to_string())?;
        // Opened while the process waits for an answer: it is that one, and not a later one.
        let ended = end_of(pid);
        let request = request(stream).await?;
        let agent = match &request.agent {
            Some(name) => self.agent(name, peer.uid())?,
            None => 0,
        };
        let known = request.agent.as_deref().filter(|_| agent != 0);
        if let (Some(agent), Some(process)) = (known, request.instead) {
            let mut grant = self
                .grant(agent, (process, peer.uid()), request.pass)
                .await?;
            grant.environment.clear();
            granted(stream, grant).await?;
            return Ok(None);
        }
        if agent != 0 && (self.kernel.is_some() || !request.sealed) {
            let kernel = self.kernel.as_ref();
            let kernel =
                kernel.ok_or("without the kernel's part only `--sealed` can be started")?;
            kernel
                .launch(number, agent)
                .map_err(|error| error.to_string())?;
        }
        tracing::info!(
            pid = number,
            uid = peer.uid(),
            agent = request.agent,
            sealed = request.sealed,
            "a process is started"
        );
        let mut grant = match known {
            Some(agent) => {
                self.grant(agent, (number, peer.uid()), request.pass)
                    .await?
            }
            None => Grant::default(),
        };
        if !request.sealed {
            granted(stream, grant).await?;
            return Ok(None);
        }
        let ended = ended.map_err(|error| format!("its end could not be waited for: {error}"))?;
        grant.listen = self
            .places
            .inside
            .iter()
            .map(|inside| inside.address)
            .collect();
        granted(stream, grant).await?;
        let listeners = receive(stream).await?;
        let netns = self.check(&listeners)?;
        let bound = self.open(listeners, netns)?;
        let room = self.reconciler.seal(netns, number, agent);
        granted(stream, Grant::default()).await?;
        Ok(Some(Sealed {
            bound,
            netns,
            ended,
            _room: room,
        }))
    }

    /// What a process of an agent finds, and the token that it asks for. Who must show a token of an
    /// issuer gets none by this: it asks for a pass with that.
    async fn grant(
        &self,
        agent: &str,
        (pid, uid): (u32, u32),
        wanted: Option<Wanted>,
    ) -> Result<Grant, String> {
        let mut pass = None;
        if let Some(wanted) = wanted {
            let process = self.keeper.describe(pid);
            let process = process.filter(|process| uid == 0 || process.uid == uid);
            let process = process.ok_or("there is no such process of yours")?;
            let mut agents = self.gateway.identity.registry().agents();
            let known = agents.find(|known| known.id.shared().as_ref() == agent);
            if known.is_none_or(|known| known.token != TokenRule::Optional) {
                return Err(format!(
                    "`{agent}` must show a token of its issuer to get a pass"
                ));
            }
            let record = CallerRecord {
                agent: Some(agent.to_owned()),
                evidence: "launched".to_owned(),
                process: Some(proxy::record::process(&process)),
                ..CallerRecord::default()
            };
            let bearer = Bearer {
                agent,
                process: &process,
                shown: None,
                key: None,
                record: record.into(),
            };
            let parts = (&self.gateway.trail, &self.gateway.admission);
            let issued = self
                .gateway
                .passes
                .issue(parts, bearer, wanted, now())
                .await;
            pass = Some(issued.map_err(|fault| fault.to_string())?);
        }
        let shown = pass.as_ref().map(|pass| pass.token.as_str());
        Ok(Grant {
            environment: self.places.variables(shown),
            pass,
            ..Grant::default()
        })
    }

    /// The number of the agent that this user may start.
    fn agent(&self, name: &str, uid: u32) -> Result<u32, String> {
        let mut agents = self.gateway.identity.registry().agents();
        let agent = agents
            .find(|agent| agent.id.shared().as_ref() == name)
            .ok_or_else(|| format!("there is no agent `{name}`"))?;
        let may = |launcher: u32| uid == 0 || launcher == uid;
        if agent.launchers().any(may) {
            return Ok(agent.number());
        }
        Err(format!(
            "user {uid} may not start `{name}`: its selectors need `tidegate:exec:{uid}`"
        ))
    }

    /// What was handed over listens where it should, in one namespace that is not this one; which.
    fn check(&self, listeners: &[TcpListener]) -> Result<u64, String> {
        let wrong = || "these are not the listeners that were asked for".to_owned();
        if listeners.len() != self.places.inside.len() {
            return Err(wrong());
        }
        let mut netns = None;
        for (listener, inside) in listeners.iter().zip(&self.places.inside) {
            let fits = rustix::net::sockopt::socket_acceptconn(listener).unwrap_or(false)
                && listener.local_addr().is_ok_and(|at| at == inside.address);
            let cookie = netns_cookie(std::os::fd::AsFd::as_fd(listener))
                .map_err(|error| format!("the kernel tells no namespace apart: {error}"))?;
            if !fits || netns.is_some_and(|known| known != cookie) {
                return Err(wrong());
            }
            netns = Some(cookie);
        }
        match netns {
            Some(netns) if Some(netns) != self.reconciler.netns() => Ok(netns),
            _ => Err("it is not in a network namespace of its own".to_owned()),
        }
    }

    fn open(&self, listeners: Vec<TcpListener>, netns: u64) -> Result<Bound, String> {
        if let Some(kernel) = &self.kernel {
            let addresses: Vec<_> = self
                .places
                .inside
                .iter()
                .map(|inside| inside.address)
                .collect();
            kernel
                .gate(netns, &addresses, true)
                .map_err(|error| error.to_string())?;
        }
        let mut doors = Vec::new();
        for (listener, inside) in listeners.into_iter().zip(&self.places.inside) {
            listener
                .set_nonblocking(true)
                .map_err(|error| error.to_string())?;
            doors.push(Door::new(listener, inside.tls.clone(), inside.kind.clone()));
        }
        Ok(Bound::of(doors))
    }

    /// Serves inside until the process has ended, or the gateway stops. What the process has left
    /// behind in there has no way out any more.
    async fn hold(&self, sealed: Sealed, mut stop: watch::Receiver<bool>) {
        let (end, ended) = watch::channel(false);
        match sealed
            .bound
            .serve(&self.gateway, &self.upstream_tls, &ended)
        {
            Ok(workers) => {
                tokio::select! {
                    _ = sealed.ended.readable() => {}
                    _ = stop.wait_for(|stopped| *stopped) => {}
                }
                end.send_replace(true);
                let joined = tokio::task::spawn_blocking(move || {
                    workers.into_iter().all(|worker| worker.join().is_ok())
                });
                if !matches!(joined.await, Ok(true)) {
                    tracing::error!("a worker ended by a panic");
                }
            }
            Err(error) => tracing::error!(%error, "no worker for a sealed namespace"),
        }
        if let Some(kernel) = &self.kernel {
            let addresses: Vec<_> = self
                .places
                .inside
                .iter()
                .map(|inside| inside.address)
                .collect();
            if let Err(error) = kernel.gate(sealed.netns, &addresses, false) {
                tracing::warn!(%error, "a closed listener is still taken for governed");
            }
        }
    }
}

/// A namespace in which the gateway listens.
struct Sealed {
    bound: Bound,
    netns: u64,
    ended: AsyncFd<OwnedFd>,
    _room: Room,
}

/// Readable once the process has ended.
#[expect(
    unsafe_code,
    reason = "tokio takes a descriptor on the promise that it stays what it is"
)]
fn end_of(pid: Pid) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = pidfd_open(pid, PidfdFlags::NONBLOCK)?;
    // SAFETY: an owned descriptor is open, and the same, as long as it is owned.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

async fn request(stream: &mut UnixStream) -> Result<Request, String> {
    let mut line = Vec::new();
    // The other end says no more before it is answered, so nothing is read that belongs to later.
    while line.last() != Some(&b'\n') {
        if line.len() == REQUEST_BYTES_MAX {
            return Err("the request is too long".to_owned());
        }
        let byte = stream.read_u8().await;
        line.push(byte.map_err(|error| error.to_string())?);
    }
    serde_json::from_slice(&line).map_err(|_| "the request cannot be read".to_owned())
}

async fn granted(stream: &mut UnixStream, grant: Grant) -> Result<(), String> {
    let sent = reply(stream, &Reply::Granted(grant)).await;
    sent.map_err(|error| error.to_string())
}

async fn reply(stream: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// The sockets that are handed over.
async fn receive(stream: &UnixStream) -> Result<Vec<TcpListener>, String> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let read = || -> io::Result<Vec<TcpListener>> {
        let mut space =
            [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(LISTENERS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut word = [0];
        let mut data = [io::IoSliceMut::new(&mut word)];
        let received = recvmsg(stream, &mut data, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut listeners = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                listeners.extend(fds.map(TcpListener::from));
            }
        }
        Ok(listeners)
    };
    let received = stream.async_io(Interest::READABLE, read).await;
    received.map_err(|error| error.to_string())
}
