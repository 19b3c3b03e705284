//! Cgroups of a test.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::Instant,
};

use crate::support::{CALLER, PATIENCE};

/// A cgroup in a cgroup, as long as this lives.
pub(crate) struct Cgroups {
    pub(crate) outer: PathBuf,
    pub(crate) inner: PathBuf,
    /// The outer one's path in its hierarchy.
    pub(crate) name: String,
}

impl Cgroups {
    pub(crate) fn new(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mut mounts = mounts.lines().map(|line| line.split(' '));
        let root = mounts.find_map(|mut words| {
            let at = words.nth(1)?;
            (words.next()? == "cgroup2").then(|| PathBuf::from(at))
        });
        let name = format!("/tidegate-test-{name}-{}", std::process::id());
        let outer = root.unwrap().join(name.trim_start_matches('/'));
        let inner = outer.join("inner");
        fs::create_dir_all(&inner).unwrap();
        Self { outer, inner, name }
    }

    /// The caller connects in one of them, or in none.
    pub(crate) fn call(&self, inside: Option<&Path>, to: SocketAddr) -> Output {
        let to = to.to_string();
        let words = ["connect", &to];
        match inside {
            Some(inside) => self.run(inside, &words),
            None => Command::new(CALLER).args(words).output().unwrap(),
        }
    }

    /// The caller does what it is told, in one of them.
    #[expect(clippy::unused_self, reason = "a cgroup is there as long as its owner")]
    pub(crate) fn run(&self, inside: &Path, words: &[&str]) -> Output {
        let script = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(inside).arg(CALLER);
        command.args(words).output().unwrap()
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for path in [&self.inner, &self.outer] {
            remove(path);
        }
    }
}

/// The last one in it may not be gone altogether.
pub(crate) fn remove(path: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while fs::remove_dir(path).is_err() && Instant::now() < deadline {
        thread::yield_now();
    }
}
