//! A real server of Redis or Valkey, and a line to it that can be cut.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    certificate::Certificate,
    env,
    gateway::{POLL, START_MAX},
};

/// What the gateways' user may do, and no more.
const RIGHTS: &str = "~tidegate:* +evalsha +script|load +info +time +hget +hset +hmget +hincrby +hgetall +del +expireat \
                      +select";
/// The gateways' user.
const USER: &str = "tidegate";
/// Where it is. Who connects comes from elsewhere, so that nobody who looks for one that is not there meets himself.
const HOME: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// How often a start is tried: the port may be somebody else's by then.
const STARTS: usize = 5;

/// A running server; it is killed with its handle.
pub struct RedisServer {
    folder: TempDir,
    secret: String,
    tls: bool,
    home: Ipv4Addr,
    /// Whether it keeps on disk what it has.
    keeps: bool,
    running: Option<Child>,
    port: u16,
}

impl RedisServer {
    /// One in the clear, for loopback. It keeps nothing on disk.
    pub fn start() -> Result<Self> {
        Self::of(None, HOME, false)
    }

    /// One by TLS alone. It keeps nothing on disk.
    pub fn by_tls(certificate: &Certificate) -> Result<Self> {
        Self::of(Some(certificate), HOME, false)
    }

    /// One by TLS alone at this address, which keeps on disk what it has: nearly all of it, as Redis does. It is started
    /// again, and asked, in the network of who says so.
    pub fn kept_at(home: Ipv4Addr, certificate: &Certificate) -> Result<Self> {
        Self::of(Some(certificate), home, true)
    }

    fn of(certificate: Option<&Certificate>, home: Ipv4Addr, keeps: bool) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        if let Some(certificate) = certificate {
            fs::write(folder.path().join("server.pem"), &certificate.certificate)?;
            fs::write(folder.path().join("server.key"), &certificate.key)?;
            fs::write(folder.path().join("ca.pem"), &certificate.authority)?;
        }
        let mut secret = [0; 16];
        rustix::rand::getrandom(&mut secret, rustix::rand::GetRandomFlags::empty())?;
        let mut server = Self {
            folder,
            secret: hex::encode(secret),
            tls: certificate.is_some(),
            home,
            keeps,
            running: None,
            port: 0,
        };
        for _ in 0..STARTS {
            // It cannot have the kernel pick one itself.
            server.port = TcpListener::bind((home, 0))?.local_addr()?.port();
            if server.restart().is_ok() {
                return Ok(server);
            }
        }
        server.restart()?;
        Ok(server)
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        (self.home, self.port).into()
    }

    /// What the gateways log in with, `USER:PASSWORD`.
    pub fn login(&self) -> String {
        format!("{USER}:{}", self.secret)
    }

    /// Ends it with SIGKILL, at once.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            running.kill()?;
            running.wait()?;
        }
        Ok(())
    }

    /// Starts it again where it was, with what it kept.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let users = format!(
            "user default on >{secret} ~* +@all\nuser {USER} on >{secret} {RIGHTS}\n",
            secret = self.secret
        );
        fs::write(self.folder.path().join("users.acl"), users)?;
        let program = ["redis-server", "valkey-server"];
        let program = program.into_iter().find_map(env::program);
        let program = program.context("there is no redis-server: run `cargo xtask setup`")?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))?;
        let port = self.port.to_string();
        let mut command = Command::new(program);
        command
            .args(["--save", "", "--bind", &self.home.to_string()])
            .args(["--appendonly", if self.keeps { "yes" } else { "no" }])
            .args(["--aclfile", "users.acl"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log);
        if self.tls {
            command
                .args(["--port", "0", "--tls-port", &port])
                .args(["--tls-cert-file", "server.pem"])
                .args(["--tls-key-file", "server.key"])
                .args(["--tls-ca-cert-file", "ca.pem"])
                .args(["--tls-auth-clients", "no"]);
        } else {
            command.args(["--port", &port]);
        }
        self.running = Some(command.spawn()?);
        let deadline = Instant::now() + START_MAX;
        while self.cli(&["PING"]).ok().as_deref() != Some("PONG") {
            let running = self.running.as_mut().context("it never ran")?;
            if Instant::now() >= deadline || running.try_wait()?.is_some() {
                bail!("the server of Redis did not start");
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Has it forget everything it has.
    pub fn flush(&self) -> Result<()> {
        let said = self.cli(&["FLUSHALL"])?;
        ensure!(said == "OK", "{said}");
        Ok(())
    }

    /// Runs a command as its operator; what it says.
    pub fn cli(&self, command: &[&str]) -> Result<String> {
        let mut asked = Command::new("redis-cli");
        asked
            .args(["-h", &self.home.to_string()])
            .args(["-p", &self.port.to_string()])
            .env("REDISCLI_AUTH", &self.secret);
        if self.tls {
            asked
                .args(["--tls", "--cacert", "ca.pem"])
                .current_dir(self.folder.path());
        }
        let output = asked.args(command).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// It stands still, or goes on.
    pub fn stands_still(&self, still: bool) -> Result<()> {
        let signal = if still { Signal::STOP } else { Signal::CONT };
        let running = self.running.as_ref().context("it does not run")?;
        let pid = Pid::from_raw(i32::try_from(running.id())?);
        Ok(kill_process(pid.context("it is no process")?, signal)?)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// A line to a server. While it is cut nothing goes through; what was sent meanwhile arrives when it is mended, as
/// TCP has it.
pub struct Line {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Line {
    /// A line to `server`; it goes with the process.
    pub fn to(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let cut = Arc::<AtomicBool>::default();
        let is_cut = Arc::clone(&cut);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let is_cut = Arc::clone(&is_cut);
                thread::spawn(move || {
                    wait(&is_cut);
                    let other = TcpStream::connect(server)?;
                    let back = (other.try_clone()?, stream.try_clone()?);
                    let cut = Arc::clone(&is_cut);
                    thread::spawn(move || pass(back.0, back.1, &cut));
                    pass(stream, other, &is_cut);
                    Ok::<_, std::io::Error>(())
                });
            }
        });
        Ok(Self { address, cut })
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it, or mends it.
    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

fn wait(cut: &AtomicBool) {
    while cut.load(Ordering::SeqCst) {
        thread::sleep(POLL);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        wait(cut);
        let Some(read) = bytes.get(..count) else {
            break;
        };
        if to.write_all(read).is_err() {
            break;
        }
    }
    wait(cut);
    to.shutdown(Shutdown::Write).ok();
}
