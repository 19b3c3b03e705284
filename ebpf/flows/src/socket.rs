//! What a socket says of itself that no wrapper asks for.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
};

/// The cookie of the network namespace that `socket` was made in: unique until the next boot.
///
/// # Errors
/// Before Linux 5.14 the kernel does not tell.
#[expect(unsafe_code, reason = "no wrapper knows this socket option")]
pub fn netns_cookie(socket: BorrowedFd<'_>) -> io::Result<u64> {
    /// Of include/uapi/asm-generic/socket.h.
    const SO_NETNS_COOKIE: libc::c_int = 71;
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of_val(&cookie)).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `length` bytes, which are the cookie's.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if answer == 0 {
        Ok(cookie)
    } else {
        Err(io::Error::last_os_error())
    }
}
