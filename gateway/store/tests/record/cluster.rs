//! A PostgreSQL of our own, reached by a socket in its folder, and if need be otherwise too; gone with its owner.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Its superuser is whoever runs the tests, or, for root, whom a server runs as.
const SERVER_USER: &str = "postgres";

/// A running server.
pub(crate) struct Cluster {
    folder: TempDir,
    settings: Vec<String>,
    server: Mutex<Child>,
}

impl Cluster {
    /// Makes one and starts it.
    pub(crate) fn start() -> Self {
        Self::with(Vec::new(), |_| {})
    }

    /// Makes one, whose folder of data is then arranged, and starts it with these settings.
    pub(crate) fn with(settings: Vec<String>, arrange: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(owner) = server_owner() {
            chown(folder.path(), Some(owner), Some(owner)).unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let made = as_server("initdb")
            .args([
                "--no-sync",
                "-A",
                "trust",
                "-U",
                "tidegate",
                "--locale=C",
                "-E",
                "UTF8",
                "-D",
            ])
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "`initdb` failed");
        arrange(&folder.path().join("data"));
        let server = Mutex::new(serve(folder.path(), &settings));
        Self {
            folder,
            settings,
            server,
        }
    }

    /// As libpq has it.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://tidegate@localhost/postgres?host={}",
            self.folder.path().display()
        )
    }

    /// Kills all of it, without a word to anybody.
    pub(crate) fn kill(&self) {
        let mut server = self.server.lock().unwrap();
        let children = children(server.id());
        server.kill().unwrap();
        for child in children {
            // Some have gone by themselves.
            kill_process(child, Signal::KILL).ok();
        }
        server.wait().unwrap();
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&self) {
        *self.server.lock().unwrap() = serve(self.folder.path(), &self.settings);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // `SIGINT` is PostgreSQL's fast way down.
        let server = self.server.get_mut().unwrap();
        kill_process(Pid::from_child(server), Signal::INT).ok();
        drop(server.wait());
    }
}

/// Whose parent is this process.
fn children(of: u32) -> Vec<Pid> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|it| {
        let name = it.ok()?.file_name().into_string().ok()?;
        name.parse::<i32>().ok()
    });
    let is_child = |pid: &i32| {
        // What stands before the last bracket is a name; then come the state and the parent.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().nth(1) == Some(of.to_string().as_str())
    };
    pids.filter(is_child).filter_map(Pid::from_raw).collect()
}

/// Starts a server on `folder` and waits until it answers.
fn serve(folder: &Path, settings: &[String]) -> Child {
    let mut server = as_server("postgres")
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-c", "listen_addresses=", "-c"])
        .arg(format!("unix_socket_directories={}", folder.display()))
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ready = || {
        let mut asked = Command::new(program("pg_isready"));
        asked
            .arg("-q")
            .arg("-h")
            .arg(folder)
            .status()
            .unwrap()
            .success()
    };
    while !ready() {
        let ended = server.try_wait().unwrap();
        assert!(ended.is_none(), "the server ended: {ended:?}");
        thread::sleep(Duration::from_millis(20));
    }
    server
}

/// A program of the server's, as whom it may run.
fn as_server(name: &str) -> Command {
    let program = program(name);
    let mut command = match server_owner() {
        None => return Command::new(program),
        Some(_) => Command::new("setpriv"),
    };
    command.args([
        "--reuid",
        SERVER_USER,
        "--regid",
        SERVER_USER,
        "--clear-groups",
        "--",
    ]);
    command.arg(program).current_dir("/");
    command
}

/// The user that a server must run as, where this one is root. Like the server, `cargo xtask setup` installs it.
fn server_owner() -> Option<u32> {
    let id = |of: &[&str]| {
        let id = Command::new("id").arg("-u").args(of).output().unwrap();
        let id = String::from_utf8(id.stdout).unwrap();
        id.trim().parse::<u32>().ok()
    };
    (id(&[]) == Some(0)).then(|| id(&[SERVER_USER]).unwrap())
}

/// Where Debian has it, the newest version.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql");
    let version = versions
        .unwrap()
        .map(|it| it.unwrap().path())
        .max()
        .unwrap();
    version.join("bin").join(name)
}
