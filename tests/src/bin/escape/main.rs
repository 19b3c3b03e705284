//! An agent that tries to go past the gateway, one way at a time.
//!
//! `tidegate-escape WAY ADDRESS [HOST]` prints one line, what came of it, and waits for the end of
//! its standard input, so that whoever looks finds the flow open:
//!
//! | way | what it does |
//! | --- | --- |
//! | `tcp` | connects |
//! | `many` | connects and hangs up, as often as HOST says |
//! | `udp` | sends a datagram without connecting |
//! | `connected-udp` | connects a datagram socket, sends |
//! | `inherited` | connects the socket that it has as descriptor 0 |
//! | `child` | has a shell start itself to connect |
//! | `python` | has Python run the script HOST; prints what that prints |
//! | `become` | has a shell start itself as nobody, in a network namespace of its own, to connect |
//! | `http` | asks for `/customers/C-771` of HOST; prints the status, and the peer as it sees it |
//! | `ask` | asks the DNS server ADDRESS for HOST over UDP, and waits for its answer |
//! | `ask-tcp` | the same over TCP |
//! | `tunnel` | asks the DNS server ADDRESS for sixty long names below HOST, and waits for no answer |
//! | `hello` | connects, and says TLS's first message, to HOST |
//! | `passed-in` | connects the socket that comes as `SCM_RIGHTS` over descriptor 0 |
//! | `uring` | connects with `io_uring` |
//! | `exchange` | exchanges bytes with a peer that counts them: KIND TIMES |
//! | `hammer` | tries TCP and UDP till standard input ends, and counts |
//! | `calls` | asks as `http` does till standard input ends, and counts |
//! | `raw` | makes a raw socket |
//! | `vsock` | connects to the host of a virtual machine |
//! | `abstract` | connects to the Unix socket ADDRESS that has no place in a file system |
//! | `setns` | enters the network namespace of the process ADDRESS |
//! | `ring` | makes an `io_uring` |

mod exchange;
mod load;
mod names;
mod passed;
mod uring;

use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    os::{fd::AsFd as _, linux::net::SocketAddrExt as _, unix::net as unix},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use rustix::thread::move_into_link_name_space;
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (told, code) = match escape(&arguments) {
        Ok(told) => (told, ExitCode::SUCCESS),
        Err(error) => (format!("failed: {error:#}"), ExitCode::FAILURE),
    };
    writeln!(io::stdout(), "{told}").ok();
    code
}

#[expect(
    clippy::too_many_lines,
    reason = "a table of ways, one after the other"
)]
fn escape(arguments: &[String]) -> Result<String> {
    let [way, address, rest @ ..] = arguments else {
        bail!("usage: tidegate-escape WAY ADDRESS [HOST]");
    };
    if let Some(told) = beside(way, address)? {
        return Ok(told);
    }
    let to: SocketAddr = address.parse()?;
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    match way.as_str() {
        "tcp" => hold(TcpStream::connect(to)?),
        "many" => {
            let times: usize = rest.first().context("how often?")?.parse()?;
            for _ in 0..times {
                drop(TcpStream::connect(to)?);
            }
            Ok("passed".to_owned())
        }
        "udp" => {
            let socket = UdpSocket::bind(any)?;
            socket.send_to(b"out", to)?;
            hold(socket)
        }
        "connected-udp" => {
            let socket = UdpSocket::bind(any)?;
            socket.connect(to)?;
            socket.send(b"out")?;
            hold(socket)
        }
        "inherited" => {
            let socket = Socket::from(io::stdin().as_fd().try_clone_to_owned()?);
            socket.connect(&to.into())?;
            Ok("passed".to_owned())
        }
        "child" => {
            let own = env::current_exe()?;
            let script = format!("'{}' tcp {to}; exit $?", own.display());
            let output = Command::new("/bin/sh").args(["-c", &script]).output()?;
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        }
        "python" => {
            let script = rest.first().context("what?")?;
            let output = Command::new("python3")
                .args(["-I", "-c", script])
                .output()?;
            let errors = String::from_utf8_lossy(&output.stderr);
            Ok(
                format!("{}{errors}", String::from_utf8_lossy(&output.stdout))
                    .trim()
                    .to_owned(),
            )
        }
        "become" => {
            let own = env::current_exe()?;
            let script = format!(
                "unshare --net setpriv --reuid 65534 --clear-groups '{}' tcp {to}; exit $?",
                own.display()
            );
            let output = Command::new("/bin/sh").args(["-c", &script]).output()?;
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        }
        "ask" => names::ask(to, rest.first().context("for whom?")?),
        "ask-tcp" => names::ask_over_tcp(to, rest.first().context("for whom?")?),
        "tunnel" => names::tunnel(to, rest.first().context("below what?")?),
        "exchange" => exchange::run(to, rest),
        "hammer" => load::hammer(to),
        "calls" => load::calls(to, rest.first().context("which host?")?),
        "hello" => {
            let mut stream = TcpStream::connect(to)?;
            stream.write_all(&names::hello(rest.first().context("to whom?")?)?)?;
            hold(stream)
        }
        "passed-in" => {
            let socket = passed::receive(io::stdin().as_fd())?;
            Socket::from(socket).connect(&to.into())?;
            Ok("passed".to_owned())
        }
        "uring" => hold(uring::connect(to)?),
        "http" => http(to, rest.first().context("which host?")?),
        "raw" => {
            drop(Socket::new(
                Domain::IPV4,
                Type::RAW,
                Some(Protocol::from(253)),
            )?);
            Ok("passed".to_owned())
        }
        _ => bail!("there is no way `{way}`"),
    }
}

/// Ways that lead to no address of the Internet's.
fn beside(way: &str, to: &str) -> Result<Option<String>> {
    match way {
        "vsock" => drop(Socket::new(Domain::VSOCK, Type::STREAM, None)?),
        "abstract" => {
            let to = unix::SocketAddr::from_abstract_name(to)?;
            drop(unix::UnixStream::connect_addr(&to)?);
        }
        "setns" => {
            let namespace = fs::File::open(format!("/proc/{to}/ns/net"))?;
            move_into_link_name_space(namespace.as_fd(), None)?;
        }
        "ring" => ring()?,
        _ => return Ok(None),
    }
    Ok(Some("passed".to_owned()))
}

#[expect(unsafe_code, reason = "no wrapper makes an io_uring")]
fn ring() -> Result<()> {
    let mut parameters = [0_u32; 30];
    // SAFETY: the kernel fills in `struct io_uring_params`, which is as long.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) };
    if ring < 0 {
        return Err(io::Error::last_os_error().into());
    }
    Ok(())
}

fn say(what: &str) -> Result<()> {
    writeln!(io::stdout(), "{what}")?;
    Ok(io::stdout().flush()?)
}

/// Tells, and keeps the socket until nobody needs it any more.
fn hold<T>(socket: T) -> Result<String> {
    say("passed")?;
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(socket);
    Ok("done".to_owned())
}

fn http(to: SocketAddr, host: &str) -> Result<String> {
    let mut stream = TcpStream::connect(to)?;
    let peer = stream.peer_addr()?;
    let request =
        format!("GET /customers/C-771 HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split_whitespace().nth(1).unwrap_or("nothing");
    Ok(format!("{status} {peer}"))
}
