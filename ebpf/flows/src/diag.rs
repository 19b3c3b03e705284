//! Asking the kernel for one socket by its addresses (`sock_diag`), without a dump.

use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use crate::Flow;

const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const TCP_LISTEN: u8 = 10;
const HEADER_BYTES: usize = 16;
const REQUEST_BYTES: usize = HEADER_BYTES + 56;
/// The answer that matters is 88 bytes; attributes may follow.
const ANSWER_BYTES_MAX: usize = 4_096;

/// A socket as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its inode: what `/proc/PID/fd` shows. Never 0.
    pub(crate) inode: u32,
    /// Its cookie: unique until the next boot.
    pub(crate) cookie: u64,
}

/// The caller's socket of `flow`, in this network namespace; none if it is on another host, in
/// another namespace, or closed.
pub(crate) fn caller(flow: Flow) -> Option<Found> {
    let (peer, local) = (canonical(flow.peer), canonical(flow.local));
    let socket = Socket::new(
        Domain::from(libc::AF_NETLINK),
        Type::DGRAM.cloexec(),
        Some(Protocol::from(NETLINK_SOCK_DIAG)),
    )
    .ok()?;
    socket.send(&request(peer, local)?).ok()?;
    let mut answer = [0; ANSWER_BYTES_MAX];
    let read = std::io::Read::read(&mut &socket, &mut answer).ok()?;
    understand(answer.get(..read)?, peer, local)
}

/// IPv4 in whatever socket it came.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`.
fn request(source: SocketAddr, destination: SocketAddr) -> Option<Vec<u8>> {
    let family = if source.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let mut bytes = Vec::with_capacity(REQUEST_BYTES);
    bytes.extend(u32::try_from(REQUEST_BYTES).ok()?.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(u16::try_from(libc::NLM_F_REQUEST).ok()?.to_ne_bytes());
    bytes.extend([0; 8]); // Sequence and port: one question, one answer.
    bytes.push(u8::try_from(family).ok()?);
    bytes.push(u8::try_from(libc::IPPROTO_TCP).ok()?);
    bytes.extend([0; 2]);
    bytes.extend(u32::MAX.to_ne_bytes()); // Any state.
    bytes.extend(source.port().to_be_bytes());
    bytes.extend(destination.port().to_be_bytes());
    bytes.extend(octets(source.ip()));
    bytes.extend(octets(destination.ip()));
    bytes.extend(scope(source).to_ne_bytes());
    bytes.extend([0xff; 8]); // No cookie known.
    (bytes.len() == REQUEST_BYTES).then_some(bytes)
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// The interface of a link-local address.
fn scope(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    }
}

/// `struct nlmsghdr` and `struct inet_diag_msg`.
fn understand(answer: &[u8], source: SocketAddr, destination: SocketAddr) -> Option<Found> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let body = answer.get(HEADER_BYTES..)?;
    if kind != SOCK_DIAG_BY_FAMILY || *body.get(1)? == TCP_LISTEN {
        // Where there is no connection, the kernel answers with who listens on the caller's port:
        // somebody else.
        return None;
    }
    let ports = [
        source.port().to_be_bytes(),
        destination.port().to_be_bytes(),
    ]
    .concat();
    if body.get(4..8)? != ports {
        return None;
    }
    let inode = u32::from_ne_bytes(body.get(68..72)?.try_into().ok()?);
    let half = |at: std::ops::Range<usize>| -> Option<u32> {
        Some(u32::from_ne_bytes(body.get(at)?.try_into().ok()?))
    };
    let (low, high) = (half(44..48)?, half(48..52)?);
    let cookie = u64::from(high) << u32::BITS | u64::from(low);
    (inode != 0).then_some(Found { inode, cookie })
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        net::{TcpListener, TcpStream},
        os::fd::AsRawFd as _,
    };

    use super::*;

    fn inode_of(stream: &TcpStream) -> String {
        let link = fs::read_link(format!("/proc/self/fd/{}", stream.as_raw_fd())).unwrap();
        link.to_str().unwrap().to_owned()
    }

    fn check(listen: &str, connect: &str) {
        let listener = TcpListener::bind(listen).unwrap();
        let port = listener.local_addr().unwrap().port();
        let caller_ = TcpStream::connect((connect, port)).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        let flow = Flow {
            peer,
            local: accepted.local_addr().unwrap(),
        };
        let found = caller(flow).unwrap();
        assert_eq!(format!("socket:[{}]", found.inode), inode_of(&caller_));
        let cookie = rustix::net::sockopt::socket_cookie(&caller_).unwrap();
        assert_eq!(found.cookie, cookie);
        drop(caller_);
        assert_eq!(caller(flow), None);
    }

    #[test]
    fn the_callers_end_is_found_by_its_addresses_while_it_is_open() {
        check("127.0.0.1:0", "127.0.0.1");
        check("[::1]:0", "::1");
        check("[::]:0", "127.0.0.1");
        check("127.0.0.1:0", "::ffff:127.0.0.1");
    }

    #[test]
    fn a_listener_on_the_callers_port_is_not_the_caller() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = listener.local_addr().unwrap();
        let local = "127.0.0.1:9".parse().unwrap();
        assert_eq!(caller(Flow { peer, local }), None);
    }
}
