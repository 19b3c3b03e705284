//! A network namespace with nothing in it but its own loopback.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd as _, AsRawFd as _},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, sockopt::socket_domain},
    process::{DumpableBehavior, getegid, geteuid, set_dumpable_behavior},
    thread::{
        Gid, Uid, UnshareFlags, set_thread_gid, set_thread_groups, set_thread_uid, unshare_unsafe,
    },
};

use crate::{SandboxError, failed};

/// A user and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
}

/// Moves this process into a network namespace and a user namespace of its own, as `user` if that
/// is another one, and returns sockets that listen at `addresses` inside.
///
/// The user namespace is what keeps others of the same user out of reach: nobody inside may trace,
/// or take a descriptor from, a process outside. Descriptors but the first three are closed when
/// another executable is run; of those three none may be a socket of the network outside.
///
/// The process must have one thread.
///
/// # Errors
/// Says which step failed, and how to mend it.
pub fn seal(
    user: Option<User>,
    addresses: &[SocketAddr],
) -> Result<Vec<TcpListener>, SandboxError> {
    keep_no_descriptors()?;
    if let Some(user) = user {
        become_user(user)?;
    }
    enter()?;
    loopback_up().map_err(failed(
        "bring the loopback device up",
        "the namespace is ours, so this is a fault of the kernel",
    ))?;
    let listen = |address: &SocketAddr| TcpListener::bind(address);
    let listeners: io::Result<Vec<_>> = addresses.iter().map(listen).collect();
    listeners.map_err(failed("listen inside", "does the kernel have IPv6?"))
}

/// Nothing that is open now is open in the executable that is run next, but for what a terminal
/// or a pipeline gives.
fn keep_no_descriptors() -> Result<(), SandboxError> {
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    for standard in [input.as_fd(), output.as_fd(), errors.as_fd()] {
        if socket_domain(standard).is_ok_and(|family| family != AddressFamily::UNIX) {
            return Err(failed(
                "look at standard input and output",
                "one of them is a socket of the network outside: put a pipe between",
            )(Errno::INVAL));
        }
    }
    close_on_exec(3).map_err(failed("close descriptors", "it needs Linux 5.11"))
}

#[expect(unsafe_code, reason = "no wrapper closes a range of descriptors")]
fn close_on_exec(first: libc::c_uint) -> io::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: nothing is closed now, so every owner of a descriptor keeps it.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            libc::c_uint::MAX,
            flags as libc::c_uint,
        )
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Becomes another user, for good. The process must have one thread.
///
/// # Errors
/// Only root may do that.
pub fn become_user(user: User) -> Result<(), SandboxError> {
    let gid = Gid::from_raw(user.gid);
    set_thread_groups(&[gid])
        .and_then(|()| set_thread_gid(gid))
        .and_then(|()| set_thread_uid(Uid::from_raw(user.uid)))
        // Else the files of this process below /proc are root's, and its maps of users cannot be
        // written.
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::Dumpable))
        .map_err(failed("become another user", "only root may do that"))
}

/// Makes the namespaces, with this user and group in them and no other.
#[expect(unsafe_code, reason = "descriptors could be torn apart, but are not")]
fn enter() -> Result<(), SandboxError> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let flags = UnshareFlags::NEWUSER | UnshareFlags::NEWNET;
    // SAFETY: the table of descriptors stays shared as it was.
    unsafe { unshare_unsafe(flags) }.map_err(failed(
        "make a network namespace",
        "users may make none here: `sysctl kernel.unprivileged_userns_clone=1`, a larger \
         `user.max_user_namespaces`, or an AppArmor profile with `userns`",
    ))?;
    let map = |file: &str, text: String| fs::write(format!("/proc/self/{file}"), text);
    map("setgroups", "deny".to_owned())
        .and_then(|()| map("gid_map", format!("{gid} {gid} 1")))
        .and_then(|()| map("uid_map", format!("{uid} {uid} 1")))
        .map_err(failed(
            "name the namespace's user",
            "is `/proc` mounted and writable?",
        ))
}

#[expect(unsafe_code, reason = "no wrapper sets the flags of a device")]
fn loopback_up() -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: all zeroes are a request without name and flags.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (byte, name) in request.ifr_name.iter_mut().zip(b"lo") {
        // Signed on some machines only.
        *byte = libc::c_char::try_from(*name).unwrap_or(0);
    }
    let up = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(up).map_err(io::Error::other)?;
    // SAFETY: the kernel reads one request, which is there.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if answer == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
