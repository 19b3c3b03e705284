//! Hosts of their own for the network, and a switch between them whose ports can be pulled, made slow, or deaf.
//!
//! Network namespaces that only a handle keeps, and no name: they are gone with this process, however it ends, and what
//! is in them goes too. No two tests see each other's.

use std::{
    fs::File,
    os::fd::{AsFd as _, AsRawFd as _},
    process::Command,
    sync::Arc,
    thread,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::network;

/// More than one packet: whatever is slow still goes in whole packets.
const BURST: &str = "4000";
/// What waits longer at a slow port is lost.
const LATENCY: &str = "3s";

/// A network of its own.
pub struct Namespace(File);

impl Namespace {
    /// One with nothing but loopback.
    pub fn new() -> Result<Self> {
        network::apart(&[], || Ok(Self(File::open("/proc/thread-self/ns/net")?)))
    }

    /// Does `work` there, and starts what it starts there.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|threads| {
            let inside = threads.spawn(|| {
                self.enter()?;
                work()
            });
            inside
                .join()
                .map_err(|_| anyhow!("what was done in a namespace panicked"))?
        })
    }

    /// Has this thread, and what it starts, be there from now on.
    pub fn enter(&self) -> Result<()> {
        let network = Some(LinkNameSpaceType::Network);
        Ok(move_into_link_name_space(self.0.as_fd(), network)?)
    }

    /// By what `ip` knows it.
    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// Several segments, each a bridge of its own.
pub struct Switch(Arc<Namespace>);

impl Switch {
    /// One with these segments.
    pub fn new(segments: &[&str]) -> Result<Self> {
        let network = Namespace::new()?;
        network.inside(|| {
            for segment in segments {
                run("ip", &["link", "add", "name", segment, "type", "bridge"])?;
                run("ip", &["link", "set", "dev", segment, "up"])?;
            }
            Ok(())
        })?;
        Ok(Self(Arc::new(network)))
    }

    /// Plugs `host` into a segment: there the device has the segment's name and this address. The name of the port is
    /// nobody else's.
    pub fn plug(
        &self,
        segment: &str,
        port: &str,
        (host, address): (&Namespace, &str),
    ) -> Result<Port> {
        self.0.inside(|| {
            let ends = ["link", "add", "name", port, "type", "veth", "peer", "name"];
            let there = format!("{port}-there");
            run("ip", &[&ends[..], &[&there]].concat())?;
            run("ip", &["link", "set", "dev", port, "master", segment, "up"])?;
            let path = host.path();
            let moved = [
                "link", "set", "dev", &there, "netns", &path, "name", segment,
            ];
            run("ip", &moved)
        })?;
        host.inside(|| {
            run("ip", &["address", "add", address, "dev", segment])?;
            run("ip", &["link", "set", "dev", segment, "up"])
        })?;
        Ok(Port {
            switch: Arc::clone(&self.0),
            name: port.to_owned(),
        })
    }
}

/// One port of a switch.
pub struct Port {
    switch: Arc<Namespace>,
    name: String,
}

impl Port {
    /// Pulls the plug.
    pub fn pull(&self) -> Result<()> {
        self.ip("down")
    }

    /// Lets so many bits a second go to whoever is plugged in; what waits for too long is lost.
    pub fn slow(&self, rate: &str) -> Result<()> {
        self.shape(&["rate", rate, "burst", BURST, "latency", LATENCY])
    }

    /// Lets nothing go to whoever is plugged in, who still is heard.
    pub fn deaf(&self) -> Result<()> {
        // In a queue of one byte there is room for no packet.
        self.shape(&["rate", "8bit", "burst", BURST, "limit", "1"])
    }

    /// All is well again.
    pub fn mend(&self) -> Result<()> {
        self.ip("up")?;
        self.switch.inside(|| {
            let shown = output("tc", &["qdisc", "show", "dev", &self.name])?;
            if shown.contains("tbf") {
                run("tc", &["qdisc", "del", "dev", &self.name, "root"])?;
            }
            Ok(())
        })
    }

    fn ip(&self, state: &str) -> Result<()> {
        self.switch
            .inside(|| run("ip", &["link", "set", "dev", &self.name, state]))
    }

    fn shape(&self, how: &[&str]) -> Result<()> {
        let shaped = ["qdisc", "replace", "dev", &self.name, "root", "tbf"];
        self.switch
            .inside(|| run("tc", &[&shaped[..], how].concat()))
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    output(program, arguments).map(drop)
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("no `{program}`: run `cargo xtask setup`"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {arguments:?}: {errors}");
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
        time::Duration,
    };

    use super::*;

    const WAIT: Duration = Duration::from_millis(300);

    fn asked(to: &Namespace) -> Result<bool> {
        to.inside(|| {
            let address = "10.77.9.2:7".parse()?;
            let Ok(mut stream) = TcpStream::connect_timeout(&address, WAIT) else {
                return Ok(false);
            };
            stream.set_read_timeout(Some(WAIT))?;
            stream.write_all(b"?")?;
            Ok(stream.read(&mut [0; 1]).is_ok_and(|read| read == 1))
        })
    }

    #[test]
    fn a_port_is_pulled_deaf_and_mended() -> Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let switch = Switch::new(&["seg"])?;
        let (one, two) = (Namespace::new()?, Namespace::new()?);
        let first = switch.plug("seg", "p1", (&one, "10.77.9.1/24"))?;
        let second = switch.plug("seg", "p2", (&two, "10.77.9.2/24"))?;
        let listener = two.inside(|| Ok(TcpListener::bind("10.77.9.2:7")?))?;
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut byte = [0; 1];
                if stream.read_exact(&mut byte).is_ok() {
                    stream.write_all(&byte).ok();
                }
            }
        });
        let well = |why: &str| -> Result<()> {
            for _ in 0..100 {
                if asked(&one)? {
                    return Ok(());
                }
            }
            Err(anyhow!("not mended: {why}"))
        };
        well("at first")?;
        first.pull()?;
        ensure!(!asked(&one)?, "pulled");
        first.mend()?;
        well("pulled")?;
        for port in [&first, &second] {
            port.deaf()?;
            ensure!(!asked(&one)?, "deaf");
            port.mend()?;
            well("deaf")?;
        }
        second.slow("1mbit")?;
        well("slow")?;
        second.mend()
    }
}
