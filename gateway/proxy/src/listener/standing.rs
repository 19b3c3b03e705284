//! Sockets that listen, from one process to the next: what waits in them to be accepted waits on.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
};

use super::{Bound, Door, Endpoint, Kind};

impl Kind {
    /// By which one process tells another what comes to a socket.
    fn name(&self) -> &'static str {
        match self {
            Self::Reverse => "reverse",
            Self::Led => "led",
            Self::Forward => "forward",
            Self::Certified => "certified",
            Self::Asked(_) => "asked",
        }
    }
}

/// A socket that listens, and that another process may go on with.
#[derive(Debug)]
pub struct Standing {
    /// Where it was asked to listen; port 0 let the kernel choose.
    pub asked: SocketAddr,
    /// What comes there, by its name.
    pub kind: String,
    /// The socket.
    pub listener: StdListener,
}

impl Bound {
    /// Gives every worker a socket of these, and every socket a worker; where they listen.
    pub(super) fn share(
        &mut self,
        endpoint: &Endpoint,
        sockets: &[StdListener],
    ) -> io::Result<SocketAddr> {
        let first = sockets.first().ok_or(io::ErrorKind::NotFound)?;
        let workers = self.workers.len();
        let rounds = workers.max(sockets.len());
        for (turn, socket) in sockets.iter().cycle().take(rounds).enumerate() {
            socket.set_nonblocking(true)?;
            if let Some(worker) = self.workers.get_mut(turn % workers.max(1)) {
                worker.push(Door {
                    listener: socket.try_clone()?,
                    tls: endpoint.tls.clone(),
                    kind: endpoint.kind.clone(),
                });
            }
        }
        first.local_addr()
    }

    /// The same sockets once more, for another process to go on with.
    pub fn standing(&self) -> io::Result<Vec<Standing>> {
        let doors = self.workers.iter().flatten();
        let standing = |door: &Door| {
            let at = door.listener.local_addr()?;
            let place = self.addresses.iter().position(|address| *address == at);
            let asked = place.and_then(|place| self.asked.get(place));
            Ok(Standing {
                asked: asked.copied().unwrap_or(at),
                kind: door.kind.name().to_owned(),
                listener: door.listener.try_clone()?,
            })
        };
        doors.map(standing).collect()
    }
}

/// Takes out the sockets that listen where this endpoint should: of several with a port of the kernel's choice, those of
/// one.
pub(super) fn taken(standing: &mut Vec<Standing>, endpoint: &Endpoint) -> Vec<StdListener> {
    let fits = |it: &Standing| it.asked == endpoint.address && it.kind == endpoint.kind.name();
    let first = standing.iter().find(|it| fits(it));
    let Some(at) = first.and_then(|it| it.listener.local_addr().ok()) else {
        return Vec::new();
    };
    let same = |it: &mut Standing| fits(it) && it.listener.local_addr().is_ok_and(|it| it == at);
    let taken = standing.extract_if(.., same);
    taken.map(|it| it.listener).collect()
}
