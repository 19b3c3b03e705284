//! Ways to start callers.

use std::{
    fs,
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt as _, net::UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::support::{CALLER, run};

/// Copies the caller to where any user may run it; the copy has another inode and, thanks to
/// `mark`, another digest.
pub(crate) fn copy_of_caller(directory: &Path, name: &str, mark: &str) -> PathBuf {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.join(name);
    // By another process: a file that this one holds open for writing, while some other test
    // forks, cannot be executed for a moment.
    let script = r#"cat "$0" > "$1" && printf %s "$2" >> "$1" && chmod 755 "$1""#;
    run(Command::new("/bin/sh")
        .args(["-c", script, CALLER])
        .arg(&path)
        .arg(mark));
    path
}

pub(crate) fn printed_pid(output: &Output) -> u32 {
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap()
}

/// Two processes with a UNIX socket between them as standard input; both have ended after it.
/// Returns what the first printed.
pub(crate) fn pair(first: &[&str], second: &[&str]) -> Output {
    let (left, right) = UnixStream::pair().unwrap();
    let spawn = |words: &[&str], input: UnixStream| {
        Command::new(CALLER)
            .args(words)
            .stdin(OwnedFd::from(input))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let giver = spawn(first, left).wait_with_output().unwrap();
    assert!(giver.status.success(), "{giver:?}");
    let taker = spawn(second, right).wait_with_output().unwrap();
    assert!(taker.status.success(), "{taker:?}");
    giver
}
