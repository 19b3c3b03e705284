//! A tunnel to a host that no service has: bytes both ways, counted, bounded in time, never read but for
//! the greeting.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use flows::Network;
use http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional},
    net::{TcpStream, lookup_host},
    sync::{OwnedSemaphorePermit, watch},
    time::{sleep, timeout},
};

use super::target::Target;
use crate::{
    account::{Account, End},
    beginning::{self, Beginning},
    leash::Leash,
    limits,
    listener::stopped,
    refusal::Interruption,
    upstream::guard,
};

/// What the record says of both directions.
const GAP: &str = "not_inspected";

/// A tunnel that was granted, and is connected.
pub(super) struct Tunnel {
    pub(super) account: Box<Account>,
    pub(super) leash: Leash,
    pub(super) target: Target,
    pub(super) upstream: TcpStream,
    /// Its place among all tunnels.
    pub(super) _place: OwnedSemaphorePermit,
}

/// Connects to a host at an address that a tunnel may lead to. The name is looked up once, and what was
/// looked at is what is connected, so that another answer later changes nothing. A name that stands for
/// one address that is refused is refused whole.
pub(super) async fn reach(listed: &[Network], target: &Target) -> Result<TcpStream, Interruption> {
    let asked = lookup_host((target.host.as_str(), target.port));
    let found = match timeout(limits::CONNECT_DEADLINE, asked).await {
        Ok(Ok(found)) => found.collect::<Vec<SocketAddr>>(),
        Ok(Err(_)) => return Err(Interruption::upstream_failed()),
        Err(_) => return Err(Interruption::upstream_timeout()),
    };
    // An address says of nobody who it is, so that it must be listed.
    let admitted = |address: &SocketAddr| match target.address {
        Some(_) => listed.iter().any(|network| network.holds(*address)),
        None => guard::admits(listed, *address),
    };
    if !found.iter().all(admitted) {
        return Err(Interruption::address_refused());
    }
    let connect = async {
        for address in found.iter().take(limits::ADDRESSES_MAX) {
            if let Ok(stream) = TcpStream::connect(address).await {
                // Who is called from their own address is this host, whose firewall was not met.
                let own = stream.local_addr().is_ok_and(|it| it.ip() == address.ip());
                let listed = listed.iter().any(|network| network.holds(*address));
                return if own && !listed {
                    Err(Interruption::address_refused())
                } else {
                    Ok(stream)
                };
            }
        }
        Err(Interruption::upstream_failed())
    };
    let connected = timeout(limits::CONNECT_DEADLINE, connect).await;
    connected.map_err(|_| Interruption::upstream_timeout())?
}

impl Tunnel {
    /// Leads bytes both ways until one side has ended, and puts the end on record.
    pub(super) async fn run<S>(self, agent: S, mut stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Self {
            mut account,
            leash,
            target,
            upstream,
            _place,
        } = self;
        account.status = Some(StatusCode::OK);
        for body in [&mut account.request, &mut account.response] {
            body.gaps.push(GAP.to_owned());
        }
        let (up, down) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let led = async {
            let begun = timeout(limits::REQUEST_HEAD_DEADLINE, beginning::read(agent)).await;
            let Ok(Ok((beginning, agent))) = begun else {
                return Err(Interruption::greeting_refused());
            };
            if !fits(&beginning, &target) {
                return Err(Interruption::greeting_refused());
            }
            let mut agent = Counted(agent, Arc::clone(&up));
            let mut upstream = Counted(upstream, Arc::clone(&down));
            // How it ends is between the two.
            copy_bidirectional(&mut agent, &mut upstream).await.ok();
            Ok(())
        };
        let ended = tokio::select! {
            ended = led => ended,
            why = leash => Err(why),
            () = quiet(&up, &down) => Err(Interruption::tunnel_timeout()),
            () = sleep(limits::TUNNEL_LIFETIME_MAX) => Err(Interruption::tunnel_timeout()),
            () = stopped(&mut stop) => Err(Interruption::stopping()),
        };
        let (up, down) = (up.load(Ordering::Relaxed), down.load(Ordering::Relaxed));
        (account.request.received, account.request.released) = (up, up);
        (account.response.received, account.response.released) = (down, down);
        let concluded = match &ended {
            Ok(()) => account.conclude(End::Released, None).await,
            Err(why) if up == 0 => account.conclude(End::Refused, Some(why)).await,
            Err(why) => account.conclude(End::Aborted, Some(why)).await,
        };
        if concluded.is_err() {
            tracing::error!(record = account.record(), "a tunnel's end is not on record");
        }
    }
}

/// Whether a tunnel begins with TLS for the host that it was asked for. Whoever asks for an address has
/// no name to greet.
fn fits(beginning: &Beginning, target: &Target) -> bool {
    match beginning {
        Beginning::Tls(Some(name)) => name.eq_ignore_ascii_case(&target.host),
        Beginning::Tls(None) => target.address.is_some(),
        _ => false,
    }
}

/// Returns once nothing has gone either way for as long as that may be.
async fn quiet(up: &AtomicU64, down: &AtomicU64) {
    let both = || (up.load(Ordering::Relaxed), down.load(Ordering::Relaxed));
    let mut before = None;
    while before != Some(both()) {
        before = Some(both());
        sleep(limits::TUNNEL_IDLE_DEADLINE).await;
    }
}

/// Counts what is read from one side.
struct Counted<S>(S, Arc<AtomicU64>);

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = out.filled().len();
        let polled = Pin::new(&mut this.0).poll_read(cx, out);
        let read = out.filled().len().saturating_sub(before);
        this.1.fetch_add(read as u64, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
