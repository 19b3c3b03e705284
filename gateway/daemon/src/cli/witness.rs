//! `tidegate witness`: signs other logs' checkpoints, if they only grew.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use ::witness::Witness;
use clap::{Args, Subcommand};
use miette::{IntoDiagnostic as _, Result};
use serde_json::json;
use tokio::net::TcpListener;
use vault::{COSIGNER_FILE, Cosigner};

use super::{block_on, now, run, unheard::unheard, verify};
use crate::private_folder;

/// What a witness does.
#[derive(Debug, Subcommand)]
pub(super) enum Asked {
    /// Serve `add-checkpoint` (C2SP tlog-witness) for these logs.
    Run {
        /// The address; put a proxy with TLS before it, if it is not loopback.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8445")]
        listen: SocketAddr,
        #[command(flatten)]
        of: Of,
    },
    /// Print the public key that gateways and auditors trust; makes one if there is none.
    Key {
        #[command(flatten)]
        home: Home,
    },
    /// Show what was signed last of each log, to be handed to an auditor.
    Show {
        #[command(flatten)]
        of: Of,
    },
}

/// Of which logs.
#[derive(Debug, Args)]
pub(super) struct Of {
    /// The public key of a log, as `tidegate audit key` prints it, or a file that holds it; may be given again, for other
    /// logs and for keys that succeed each other in one, the newest last.
    #[arg(long, value_name = "KEY", required = true)]
    log: Vec<String>,
    #[command(flatten)]
    home: Home,
}

/// Whose.
#[derive(Debug, Args)]
pub(super) struct Home {
    /// The folder of its key and of what it signed. Not one of a gateway.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/tidegate-witness")]
    data: PathBuf,
    /// Its name, when the key is made: `witness.example/w1`; a random one, if absent.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn witness(asked: Asked) -> Result<ExitCode> {
    match asked {
        Asked::Key { home } => println!("{}", key(&home)?.verifier_key()),
        Asked::Show { of } => {
            for seen in open(&of)?.seen() {
                match seen.note {
                    Some(note) => print!("{note}"),
                    None => eprintln!("{}: nothing was signed", seen.log),
                }
            }
        }
        Asked::Run { listen, of } => serve(listen, &of)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn key(home: &Home) -> Result<Cosigner> {
    private_folder(&home.data)?;
    let path = home.data.join(COSIGNER_FILE);
    Cosigner::open_or_create(&path, home.name.as_deref()).into_diagnostic()
}

fn open(of: &Of) -> Result<Witness> {
    let logs = of.log.iter().map(|log| verify::authority(log));
    let logs = logs.collect::<Result<Vec<_>>>()?;
    Witness::open(seen(&of.home.data).as_path(), key(&of.home)?, logs).into_diagnostic()
}

/// Where it keeps what it signed.
fn seen(data: &Path) -> PathBuf {
    data.join("seen")
}

fn serve(listen: SocketAddr, of: &Of) -> Result<()> {
    run::logs();
    let witness = Arc::new(open(of)?);
    block_on(async {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.map_err(|why| unheard(listen, &why))?;
        let address = listener.local_addr().into_diagnostic()?;
        let [mut terminate, mut interrupt] = run::signals()?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        println!(
            "{}",
            json!({ "ready": true, "listen": [address], "admin": null })
        );
        ::witness::serve(listener, witness, seconds, stop)
            .await
            .into_diagnostic()
    })
}

/// Seconds since 1970.
fn seconds() -> u64 {
    u64::try_from(now().as_second()).unwrap_or_default()
}
