//! What the tests of both sources share.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd as _,
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use flows::{Attribution, Flow, FlowSource};

/// Nothing here takes longer; a test that waits for ever says less than one that fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The test's caller.
pub(crate) const CALLER: &str = env!("CARGO_BIN_EXE_flows-test-caller");

/// SHA-256 by a program that is not ours.
pub(crate) fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned()
}

/// Runs to the end; a failure is the test's.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// A listener that is asked for the owner of what it accepts.
pub(crate) struct Door<'a> {
    pub(crate) source: &'a dyn FlowSource,
    pub(crate) listener: TcpListener,
}

impl<'a> Door<'a> {
    pub(crate) fn open(source: &'a dyn FlowSource, at: &str) -> Self {
        Self {
            source,
            listener: TcpListener::bind(at).unwrap(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn to(&self) -> String {
        self.address().to_string()
    }

    /// Accepts one connection and asks who owns it.
    pub(crate) fn accept(&self) -> (TcpStream, Option<Arc<Attribution>>) {
        let (stream, peer) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // Of a connection that was reset the local end is not told any more.
        let local = stream.local_addr().unwrap_or_else(|_| self.address());
        let owner = self.source.owner(stream.as_fd(), Flow { peer, local });
        (stream, owner.map(|owned| owned.attribution))
    }

    /// The owner, and the pid that came over the connection.
    pub(crate) fn admit(&self) -> (Arc<Attribution>, u32) {
        let (mut stream, owner) = self.accept();
        let pid = told(&mut stream);
        (owner.unwrap(), pid)
    }
}

pub(crate) fn told(stream: &mut TcpStream) -> u32 {
    let mut pid = [0; 4];
    stream.read_exact(&mut pid).unwrap();
    u32::from_ne_bytes(pid)
}

/// Says that something was not tested, past the capture of the test's output.
pub(crate) fn say_skipped(what: &str, why: &str) {
    assert!(
        std::env::var_os("TIDEGATE_EBPF").is_none_or(|asked| asked != "require"),
        "TIDEGATE_EBPF=require, but {what} cannot be tested: {why}"
    );
    let line = format!("\n**** SKIPPED, NOT TESTED: {what}: {why} ****\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
