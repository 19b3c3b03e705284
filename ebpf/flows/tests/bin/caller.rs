//! A caller for the tests: connects in the way it is told, and says its pid over the connection.

#![expect(clippy::print_stdout, reason = "the tests read what it prints")]
#![expect(
    unsafe_code,
    reason = "fork, and a socket option that no wrapper knows"
)]

use std::{
    env, fs,
    io::{self, IoSlice, IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    net::{SocketAddr, TcpListener, TcpStream},
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::{Command, ExitCode},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use socket2::{Domain, Socket, Type};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{words:?}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> io::Result<()> {
    match words {
        [_, "connect", to] => tell(&connect(to)?),
        [_, "mapped", port] => tell(&mapped(port)?),
        [_, "hold", to] => hold(to),
        [_, "crowd", from, count] => crowd(from, count),
        [_, "listen", at] => listen(at),
        [_, "sockets"] => {
            sockets();
            Ok(())
        }
        [_, "reset", to] => reset(to),
        [_, "forked-writer", to] => forked_writer(to),
        [_, "forked-caller", to] => forked_caller(to),
        [_, "pass-connected", to] => give(connect(to)?.as_fd()),
        [_, "pass-unconnected"] => give(Socket::new(Domain::IPV4, Type::STREAM, None)?.as_fd()),
        [_, "receive-connected"] => tell(&TcpStream::from(take()?)),
        [_, "receive-connect", to] => receive_connect(to),
        [_, "then", next, to] => then(next, to),
        [_, "become", user, to] => becomes(user, to),
        [_, "orphan", to] => orphan(to),
        [_, "as-pid", pid, program, to] => as_pid(pid, program, to),
        [_, "ask"] => ask(),
        _ => Err(io::Error::other("unknown words")),
    }
}

fn address(to: &str) -> io::Result<SocketAddr> {
    to.parse().map_err(io::Error::other)
}

fn connect(to: &str) -> io::Result<TcpStream> {
    TcpStream::connect(address(to)?)
}

fn tell(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(&std::process::id().to_ne_bytes())
}

/// An IPv6 socket that connects to an IPv4 address.
fn mapped(port: &str) -> io::Result<TcpStream> {
    connect(&format!("[::ffff:127.0.0.1]:{port}"))
}

/// Has so many connections, both ends of each, until standard input ends.
fn crowd(from: &str, count: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address(from)?)?;
    let to = listener.local_addr()?.into();
    let count: usize = count.parse().map_err(io::Error::other)?;
    let mut held = Vec::new();
    for _ in 0..count {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&address(from)?.into())?;
        socket.connect(&to)?;
        held.push((TcpStream::from(socket), listener.accept()?.0));
    }
    println!("{}", held.len());
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Takes connections, and lets go of them, until standard input ends.
fn listen(at: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address(at)?)?;
    println!("listens");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Makes sockets that are neither TCP's nor UDP's, and one that only says so; prints what comes of each.
fn sockets() {
    const ICMP: i32 = 1;
    const TCP: i32 = 6;
    const ICMP6: i32 = 58;
    const UDPLITE: i32 = 136;
    for (domain, kind, protocol) in [
        (Domain::IPV4, Type::RAW, ICMP),
        (Domain::IPV6, Type::RAW, ICMP6),
        (Domain::IPV4, Type::RAW, TCP),
        (Domain::IPV4, Type::DGRAM, UDPLITE),
        (Domain::IPV4, Type::STREAM, TCP),
        // Of nothing: it hears no packet.
        (Domain::PACKET, Type::RAW, 0),
    ] {
        let made = Socket::new(domain, kind, Some(protocol.into()));
        println!(
            "{}",
            made.err()
                .and_then(|error| error.raw_os_error())
                .unwrap_or(0)
        );
    }
}

/// Connects once more for each byte on standard input.
fn hold(to: &str) -> io::Result<()> {
    let mut held = vec![connect(to)?];
    for stream in &held {
        tell(stream)?;
    }
    let mut next = [0];
    while io::stdin().read(&mut next)? == 1 {
        let stream = connect(to)?;
        tell(&stream)?;
        held.push(stream);
    }
    Ok(())
}

fn reset(to: &str) -> io::Result<()> {
    let stream = connect(to)?;
    socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO))
}

/// The child says its own pid over the parent's connection.
fn forked_writer(to: &str) -> io::Result<()> {
    let stream = connect(to)?;
    println!("{}", std::process::id());
    // SAFETY: there is one thread.
    match unsafe { libc::fork() } {
        0 => tell(&stream),
        child => wait(child),
    }
}

/// The child connects for itself, without an `exec` of its own.
fn forked_caller(to: &str) -> io::Result<()> {
    println!("{}", std::process::id());
    // SAFETY: there is one thread.
    match unsafe { libc::fork() } {
        0 => tell(&connect(to)?),
        child => wait(child),
    }
}

fn wait(child: i32) -> io::Result<()> {
    let mut status = 0;
    // SAFETY: the pointer is to a local.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    if waited == child && status == 0 {
        Ok(())
    } else {
        Err(io::Error::other("the child failed"))
    }
}

/// Sends a descriptor over the socket that is standard input, and says who did.
fn give(descriptor: std::os::fd::BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let one = IoSlice::new(b"!");
    rustix::net::sendmsg(
        io::stdin().as_fd(),
        &[one],
        &mut control,
        SendFlags::empty(),
    )?;
    println!("{}", std::process::id());
    Ok(())
}

fn take() -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut one = [IoSliceMut::new(&mut byte)];
    rustix::net::recvmsg(
        io::stdin().as_fd(),
        &mut one,
        &mut control,
        RecvFlags::empty(),
    )?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            return descriptors
                .next()
                .ok_or_else(|| io::Error::other("no descriptor"));
        }
    }
    Err(io::Error::other("no descriptor"))
}

fn receive_connect(to: &str) -> io::Result<()> {
    let socket = Socket::from(take()?);
    socket.connect(&address(to)?.into())?;
    tell(&TcpStream::from(socket))
}

/// Connects, becomes another executable, and connects as that.
fn then(next: &str, to: &str) -> io::Result<()> {
    tell(&connect(to)?)?;
    Err(Command::new(next).args(["connect", to]).exec())
}

/// Lets go of a capability, becomes another user, and connects: each when a byte comes in.
fn becomes(user: &str, to: &str) -> io::Result<()> {
    let user: u32 = user.parse().map_err(io::Error::other)?;
    let next = || io::stdin().read_exact(&mut [0]);
    next()?;
    without(NET_RAW)?;
    next()?;
    // SAFETY: numbers alone.
    if unsafe { libc::setresgid(user, user, user) | libc::setresuid(user, user, user) } != 0 {
        return Err(io::Error::last_os_error());
    }
    next()?;
    tell(&connect(to)?)
}

/// `CAP_NET_RAW` of include/uapi/linux/capability.h.
const NET_RAW: u32 = 13;

/// Takes one capability out of those in effect, as `capset(2)` has it: no wrapper knows the call.
fn without(capability: u32) -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let mut sets = [0_u32; 6]; // Twice: effective, permitted, inheritable.
    // SAFETY: the kernel reads and writes as many words as the version has.
    let done = unsafe {
        let got = libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr());
        sets[0] &= !(1 << capability);
        got | libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr())
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A grandchild connects when its parent is gone.
fn orphan(to: &str) -> io::Result<()> {
    println!("{}", std::process::id());
    let (mut reader, writer) = io::pipe()?;
    // SAFETY: there is one thread.
    if unsafe { libc::fork() } != 0 {
        return Ok(());
    }
    drop(writer);
    reader.read_to_end(&mut Vec::new())?; // Ends when the parent has.
    let me = fs::read_link("/proc/self/exe")?;
    Err(Command::new(me).args(["connect", to]).exec())
}

/// Starts a program under a pid of choice, which `clone3` allows to root.
fn as_pid(pid: &str, program: &str, to: &str) -> io::Result<()> {
    let pid: libc::pid_t = pid.parse().map_err(io::Error::other)?;
    let mut arguments = [0_u64; 11]; // struct clone_args
    arguments[4] = u64::try_from(libc::SIGCHLD).map_err(io::Error::other)?;
    arguments[8] = (&raw const pid) as u64;
    arguments[9] = 1;
    // SAFETY: there is one thread, and without CLONE_VM this is a fork.
    let child = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            arguments.as_ptr(),
            size_of_val(&arguments),
        )
    };
    match child {
        0 => Err(Command::new(program).args(["connect", to]).exec()),
        -1 => Err(io::Error::last_os_error()),
        child => wait(i32::try_from(child).map_err(io::Error::other)?),
    }
}

/// Calls itself and asks for the owner; prints what the kernel says to that.
fn ask() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let _caller = TcpStream::connect(listener.local_addr()?)?;
    let (accepted, _) = listener.accept()?;
    for option in [abi::SOCKOPT_OWNER, abi::SOCKOPT_OWNER + 1] {
        ask_for(&accepted, option)?;
    }
    Ok(())
}

fn ask_for(accepted: &TcpStream, option: i32) -> io::Result<()> {
    let mut owner = [0_u8; size_of::<abi::Owner>()];
    let mut length = u32::try_from(owner.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `length` bytes into memory of that length.
    let answer = unsafe {
        libc::getsockopt(
            accepted.as_raw_fd(),
            abi::SOCKOPT_LEVEL,
            option,
            owner.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    let error = io::Error::last_os_error().raw_os_error().unwrap_or(0);
    println!("{answer} {error} {}", owner.iter().all(|byte| *byte == 0));
    Ok(())
}
