//! The story of a few calls, told with real processes, a real gateway and its real log.
//!
//! Every act states what must hold; `tidegate-demo --once` exits 1 if anything did not.

mod acts;
mod compare;
mod page;
mod stage;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Parser;

use page::Page;
use stage::Stage;

/// Shows what the gateway does, with made-up people.
#[derive(Parser)]
struct Arguments {
    /// End after the story; exit 1 if an expectation did not hold.
    #[arg(long)]
    once: bool,
    /// The gateway's binary; without it the one beside this program.
    #[arg(long)]
    tidegate: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut page = Page::new();
    let binary = match arguments.tidegate {
        Some(path) => path.canonicalize()?,
        None => tests::gateway::binary()?,
    };
    let stage = Stage::set(binary)?;
    acts::prologue(&mut page, &stage);
    acts::play(&mut page, &stage)?;
    let failed = page.failed().to_vec();
    if failed.is_empty() {
        page.line("Every expectation held.");
    } else {
        page.line("These expectations did not hold:");
        for claim in &failed {
            page.line(&format!("  - {claim}"));
        }
    }
    if !arguments.once {
        stage.invite(&mut page)?;
        wait_for_interrupt()?;
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn wait_for_interrupt() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(tokio::signal::ctrl_c())?)
}
