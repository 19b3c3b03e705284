//! A network of the test's own: addresses that nobody else has, and everything that is sent there seen.

use std::{
    io,
    mem::MaybeUninit,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use socket2::{Domain, Protocol, Socket, Type};

/// Runs `inside`, and all that it starts, in a new network namespace whose loopback device has these
/// addresses as well.
pub fn apart<T: Send>(addresses: &[&str], inside: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|threads| {
        let apart = threads.spawn(|| {
            enter()?;
            ip(&["link", "set", "lo", "up"])?;
            for address in addresses {
                let more: &[&str] = if address.contains(':') {
                    &["nodad"]
                } else {
                    &[]
                };
                ip(&[&["address", "add", address, "dev", "lo"], more].concat())?;
            }
            inside()
        });
        apart
            .join()
            .map_err(|_| anyhow!("a test in a network of its own panicked"))?
    })
}

#[expect(unsafe_code, reason = "only this thread changes")]
fn enter() -> io::Result<()> {
    // SAFETY: a network namespace is no file descriptor table and no memory.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?)
}

fn ip(arguments: &[&str]) -> Result<()> {
    let status = Command::new("ip").args(arguments).status()?;
    ensure!(status.success(), "ip {arguments:?}: {status}");
    Ok(())
}

/// Packets on all devices of this network.
pub struct Capture {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<(IpAddr, u8)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Packets that are sent to one of `to` from now on, by a packet socket, which sees what any
    /// process and the kernel itself sends.
    pub fn start(to: &[IpAddr]) -> Result<Self> {
        /// `ETH_P_ALL`: whatever protocol.
        const EVERYTHING: u16 = 3;
        let everything = Protocol::from(i32::from(EVERYTHING.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(everything))
            .context("no packet socket")?;
        socket.set_recv_buffer_size(16 * 1024 * 1024)?;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (to, ended, found) = (to.to_vec(), Arc::clone(&stop), Arc::clone(&seen));
        let thread = thread::spawn(move || {
            let mut packet = [MaybeUninit::<u8>::uninit(); 64];
            loop {
                // One more look after the end, for what came before it.
                let last = ended.load(Ordering::Relaxed);
                while let Ok(length) = socket.recv(&mut packet) {
                    let bytes = packet.get(..length).unwrap_or_default();
                    if let Some((address, protocol)) = destination(bytes)
                        && to.contains(&address)
                    {
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        found.push((address, protocol));
                    }
                }
                if last {
                    return;
                }
            }
        });
        Ok(Self {
            stop,
            seen,
            thread: Some(thread),
        })
    }

    /// What was seen so far: where to, and the IP protocol's number.
    pub fn seen(&self) -> Vec<(IpAddr, u8)> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[expect(
    unsafe_code,
    reason = "the kernel has written as many bytes as it says"
)]
fn destination(packet: &[MaybeUninit<u8>]) -> Option<(IpAddr, u8)> {
    // SAFETY: see above.
    let byte = |at: usize| packet.get(at).map(|byte| unsafe { byte.assume_init() });
    match byte(0)? >> 4 {
        4 => {
            let address = [byte(16)?, byte(17)?, byte(18)?, byte(19)?];
            Some((Ipv4Addr::from(address).into(), byte(9)?))
        }
        6 => {
            let mut address = [0; 16];
            for (at, octet) in address.iter_mut().enumerate() {
                *octet = byte(24 + at)?;
            }
            Some((Ipv6Addr::from(address).into(), byte(6)?))
        }
        _ => None,
    }
}
