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
//! | `http` | asks for `/customers/C-771` of HOST; prints the status, and the peer as it sees it |
//! | `raw` | makes a raw socket |

use std::{
    env,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    os::fd::AsFd as _,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
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

fn escape(arguments: &[String]) -> Result<String> {
    let [way, address, rest @ ..] = arguments else {
        bail!("usage: tidegate-escape WAY ADDRESS [HOST]");
    };
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

/// Tells, and keeps the socket until nobody needs it any more.
fn hold<T>(socket: T) -> Result<String> {
    writeln!(io::stdout(), "passed")?;
    io::stdout().flush()?;
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
