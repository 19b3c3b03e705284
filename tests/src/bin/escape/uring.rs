//! Going out without any system call for it.

use std::{io, net::SocketAddr, os::fd::AsRawFd as _};

use anyhow::Result;
use io_uring::{IoUring, opcode, types::Fd};
use socket2::{Domain, SockAddr, Socket, Type};

/// Connects by a ring.
#[expect(
    unsafe_code,
    reason = "what is asked for must live till it is answered"
)]
pub(super) fn connect(to: SocketAddr) -> Result<Socket> {
    let mut ring = IoUring::new(2)?;
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    let address = SockAddr::from(to);
    let asked = opcode::Connect::new(
        Fd(socket.as_raw_fd()),
        address.as_ptr().cast(),
        address.len(),
    );
    // SAFETY: socket and address live till the answer is there.
    unsafe { ring.submission().push(&asked.build())? };
    ring.submit_and_wait(1)?;
    let answer = ring
        .completion()
        .next()
        .map_or(-libc::EIO, |answer| answer.result());
    if answer < 0 {
        return Err(io::Error::from_raw_os_error(-answer).into());
    }
    Ok(socket)
}
