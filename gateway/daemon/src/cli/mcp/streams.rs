//! `tidegate mcp serve` and `tidegate mcp connect`: servers of MCP that speak over standard streams.

use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use http::Uri;
use listenfd::ListenFd;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use vault::{CREDENTIAL_BYTES_MAX, is_credential};
use zeroize::Zeroizing;

use crate::cli::{block_on, run};

/// A server that is started here.
#[derive(Debug, Args)]
pub(in crate::cli) struct Served {
    /// Where the gateway reaches it, an address of this host alone; any port of 127.0.0.1 if absent, which is
    /// printed. Not with a socket of systemd (`LISTEN_FDS`), which is taken instead.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A file with the key that the gateway shows (`credential: { name: ..., as: bearer }`), which nobody else has.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The server and its arguments.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// A server that is reached through the gateway.
#[derive(Debug, Args)]
pub(in crate::cli) struct Connected {
    /// Its endpoint at the gateway: `http://127.0.0.1:8080/crm/mcp`.
    url: Uri,
    /// A file with the token that the agent must show, read again for each request.
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
}

/// What a file holds, without the end of its line.
fn line(path: &Path) -> Result<Zeroizing<String>> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.into_diagnostic();
    let text = text.wrap_err_with(|| format!("`{}` cannot be read", path.display()))?;
    Ok(Zeroizing::new(text.trim_end().to_owned()))
}

/// The socket that systemd holds for it, or one at `address`.
fn listener(address: Option<SocketAddr>) -> Result<TcpListener> {
    let mut handed = ListenFd::from_env();
    let refused = || "the socket of `LISTEN_FDS` is no stream of TCP";
    match (handed.len(), address) {
        (0, address) => {
            let address = address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
            let listened = stdio::listen(address).into_diagnostic();
            listened.wrap_err_with(|| format!("cannot listen on `{address}`"))
        }
        (1, None) => {
            let taken = handed.take_tcp_listener(0).into_diagnostic();
            taken
                .wrap_err_with(refused)?
                .ok_or_else(|| miette!(refused()))
        }
        (1, Some(_)) => Err(miette!(
            help = "leave out `--listen`",
            "there is a socket of systemd to listen on (`LISTEN_FDS`), and an address besides"
        )),
        (more, _) => Err(miette!(
            help = "have one `ListenStream=` in the unit",
            "there are {more} sockets to listen on (`LISTEN_FDS`), and one can be used"
        )),
    }
}

pub(super) fn serve(served: &Served) -> Result<ExitCode> {
    run::logs();
    // First of all: it takes what it reads out of the environment, which the servers get.
    let listener = listener(served.listen)?;
    let key = line(&served.key)?;
    if !is_credential(key.as_bytes()) {
        return Err(miette!(
            help = "the same key as `tidegate credentials set` was given",
            "a key is one line of 8 to {CREDENTIAL_BYTES_MAX} bytes of visible ASCII"
        ));
    }
    block_on(async {
        let [mut terminate, mut interrupt] = run::signals()?;
        let mut hangup = signal(SignalKind::hangup()).into_diagnostic()?;
        let started = stdio::serve(listener, key.as_bytes(), served.command.clone());
        let started = started.into_diagnostic()?;
        let listen = started.address().into_diagnostic()?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", json!({ "ready": true, "listen": listen })).into_diagnostic()?;
        out.flush().into_diagnostic()?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
        };
        started.until(stop).await;
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn connect(connected: &Connected) -> Result<ExitCode> {
    block_on(async {
        let carried = stdio::connect(connected.url.clone(), connected.token.as_deref()).await;
        carried.into_diagnostic()
    })?;
    Ok(ExitCode::SUCCESS)
}
