//! Going on and on, until standard input ends.

use std::{
    io::{self, Read as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;

/// Between two attempts: a test's machine has other things to do.
const PAUSE: Duration = Duration::from_millis(1);

fn until_the_end() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    thread::spawn(move || {
        io::stdin().read_to_end(&mut Vec::new()).ok();
        told.store(true, Ordering::Relaxed);
    });
    ended
}

/// Tries to get out, by TCP and UDP; tells how often it did, and how often not.
pub(super) fn hammer(to: SocketAddr) -> Result<String> {
    let ended = until_the_end();
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let datagrams = UdpSocket::bind(any)?;
    let (mut passed, mut refused) = (0_u64, 0_u64);
    super::say("hammering")?;
    while !ended.load(Ordering::Relaxed) {
        let connected = TcpStream::connect_timeout(&to, Duration::from_secs(1)).is_ok();
        let sent = datagrams.send_to(b"out", to).is_ok();
        for got_out in [connected, sent] {
            if got_out {
                passed += 1;
            } else {
                refused += 1;
            }
        }
        thread::sleep(PAUSE);
    }
    Ok(format!("passed={passed} refused={refused}"))
}

/// Calls a gateway that may be gone; tells what came back.
pub(super) fn calls(to: SocketAddr, host: &str) -> Result<String> {
    let ended = until_the_end();
    let (mut served, mut other, mut failed) = (0_u64, 0_u64, 0_u64);
    super::say("calling")?;
    while !ended.load(Ordering::Relaxed) {
        match super::http(to, host) {
            Ok(told) if told.starts_with("200 ") => served += 1,
            // A connection that broke off before its status line.
            Ok(told) if told.starts_with("nothing") => failed += 1,
            Ok(_) => other += 1,
            Err(_) => failed += 1,
        }
        thread::sleep(PAUSE);
    }
    Ok(format!("served={served} other={other} failed={failed}"))
}
