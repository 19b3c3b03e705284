//! One upstream service as a process of its own: `tidegate-peer crm --listen 127.0.0.1:0`.
#![expect(
    clippy::print_stdout,
    reason = "the ready line is this program's output"
)]

use std::io::Read as _;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use serde_json::json;
use tests::{certificate::Certificate, peers, people::Home};

/// Serves made-up data on loopback until its standard input ends.
#[derive(Parser)]
struct Arguments {
    /// clinic, crm, analytics, eu or trouble.
    name: String,
    /// Where to listen; port 0 lets the kernel pick.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Where the clinic's patients live.
    #[arg(long, value_enum, default_value = "de")]
    country: Country,
    /// Speak TLS, with a certificate made at the start; its authority is in the ready line.
    #[arg(long)]
    tls: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Country {
    De,
    Us,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let home = match arguments.country {
        Country::De => Home::De,
        Country::Us => Home::Us,
    };
    let certificate = arguments.tls.then(Certificate::for_loopback).transpose()?;
    let tls = certificate
        .as_ref()
        .map(|made| made.server(&["h2", "http/1.1"]))
        .transpose()?;
    let peer = peers::start(&arguments.name, &arguments.listen, home, tls.as_ref())?;
    println!(
        "{}",
        json!({
            "ready": true,
            "peer": arguments.name,
            "listen": peer.address(),
            "authority": certificate.map(|made| made.authority),
        })
    );
    // Whoever started us holds the other end; when it goes, so do we.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
