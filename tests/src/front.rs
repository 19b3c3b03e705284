//! An address that is known before what is behind it: whoever must be told where somebody will be is told this one.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::Result;

/// It leads every connection to whoever is behind it; it goes with the process.
pub struct Front {
    port: u16,
    behind: Arc<Mutex<Option<SocketAddr>>>,
}

impl Front {
    /// One that leads nowhere yet.
    pub fn new() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let behind = Arc::<Mutex<Option<SocketAddr>>>::default();
        let known = Arc::clone(&behind);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let behind = *known.lock().unwrap_or_else(PoisonError::into_inner);
                // Whoever comes too early, or too late, finds nobody.
                if let Some(other) = behind.and_then(|it| TcpStream::connect(it).ok()) {
                    lead(stream, other).ok();
                }
            }
        });
        Ok(Self { port, behind })
    }

    /// Its address, by the name of this host.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// From now on it leads to `address`.
    pub fn lead_to(&self, address: SocketAddr) {
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        *behind = Some(address);
    }
}

fn lead(one: TcpStream, other: TcpStream) -> io::Result<()> {
    for (mut from, mut to) in [(one.try_clone()?, other.try_clone()?), (other, one)] {
        thread::spawn(move || {
            io::copy(&mut from, &mut to).ok();
            to.shutdown(Shutdown::Write).ok();
        });
    }
    Ok(())
}
