//! `tidegate mcp serve` and `tidegate mcp connect`: servers of MCP that speak over standard streams.

use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use http::Uri;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde_json::json;
use vault::{CREDENTIAL_BYTES_MAX, is_credential};
use zeroize::Zeroizing;

use crate::cli::{block_on, run};

/// A server that is started here.
#[derive(Debug, Args)]
pub(in crate::cli) struct Served {
    /// Where the gateway reaches it; port 0 is any, which is printed.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
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
    /// A file with the token that the agent must show.
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

pub(super) fn serve(served: &Served) -> Result<ExitCode> {
    run::logs();
    let key = line(&served.key)?;
    if !is_credential(key.as_bytes()) {
        return Err(miette!(
            help = "the same key as `tidegate credentials set` was given",
            "a key is one line of 8 to {CREDENTIAL_BYTES_MAX} bytes of visible ASCII"
        ));
    }
    block_on(async {
        let [mut terminate, mut interrupt] = run::signals()?;
        let started = stdio::serve(served.listen, key.as_bytes(), served.command.clone()).await;
        let started = started.into_diagnostic();
        let started = started.wrap_err_with(|| format!("cannot listen on `{}`", served.listen))?;
        let listen = started.address().into_diagnostic()?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", json!({ "ready": true, "listen": listen })).into_diagnostic()?;
        out.flush().into_diagnostic()?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        started.until(stop).await.into_diagnostic()
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn connect(connected: &Connected) -> Result<ExitCode> {
    let token = connected.token.as_deref().map(line).transpose()?;
    let token = token.as_ref().map(|token| token.as_str());
    block_on(async {
        let carried = stdio::connect(connected.url.clone(), token).await;
        carried.into_diagnostic()
    })?;
    Ok(ExitCode::SUCCESS)
}
