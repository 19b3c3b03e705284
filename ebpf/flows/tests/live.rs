//! The kernel's answers, asked of the running kernel. Needs root; says loudly when it cannot run.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "support/attested.rs"]
mod attested;
#[path = "support/spawn.rs"]
mod spawn;
mod support;

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use attested::source;
use flows::{Attribution, FlowRecord, FlowSink, FlowSource as _, Gap, Source};
use spawn::{copy_of_caller, pair, printed_pid};
use support::{CALLER, Door, PATIENCE, run, say_skipped, sha256};

/// A program that makes the verifier walk through more is about to be refused by older kernels.
const VERIFIED_INSTRUCTIONS_MAX: u32 = 65_000;

fn is_attested(owner: &Attribution, pid: u32, exe: &Path) {
    assert_eq!(owner.source, Source::Kernel);
    assert_eq!(owner.process.pid, pid);
    assert_eq!(owner.process.exe.as_deref(), Some(exe));
    assert_eq!(owner.process.exe_sha256.map(hex::encode), Some(sha256(exe)));
    assert!(owner.process.start_ns > 0);
}

fn connects(listen: &str, words: impl Fn(&Door<'_>) -> Vec<String>) {
    let Some(source) = source() else { return };
    let door = Door::open(source, listen);
    run(Command::new(CALLER).args(words(&door)));
    let (owner, pid) = door.admit();
    is_attested(&owner, pid, Path::new(CALLER));
    assert_eq!(owner.process.comm, "flows-test-call");
    assert_eq!(
        owner.process.ancestors.first().unwrap().pid,
        std::process::id()
    );
    assert!(
        owner
            .process
            .cgroup
            .as_deref()
            .is_some_and(|path| path.starts_with('/'))
    );
}

#[test]
fn a_caller_over_ipv4_is_attested_though_it_is_gone() {
    connects("127.0.0.1:0", |door| vec!["connect".into(), door.to()]);
}

#[test]
fn a_caller_over_ipv6_is_attested() {
    connects("[::1]:0", |door| vec!["connect".into(), door.to()]);
}

#[test]
fn a_caller_over_an_ipv6_socket_to_ipv4_is_attested() {
    connects("127.0.0.1:0", |door| {
        vec!["mapped".into(), door.address().port().to_string()]
    });
}

#[test]
fn a_caller_over_ipv4_to_a_dual_stack_listener_is_attested() {
    connects("[::]:0", |door| {
        vec![
            "connect".into(),
            format!("127.0.0.1:{}", door.address().port()),
        ]
    });
    connects("[::]:0", |door| {
        vec!["mapped".into(), door.address().port().to_string()]
    });
    connects("[::]:0", |door| {
        vec!["connect".into(), format!("[::1]:{}", door.address().port())]
    });
}

#[test]
fn a_caller_that_resets_before_accept_is_attested() {
    let Some(source) = source() else { return };
    let door = Door::open(source, "127.0.0.1:0");
    let mut caller = Command::new(CALLER)
        .args(["reset", &door.to()])
        .spawn()
        .unwrap();
    assert!(caller.wait().unwrap().success());
    let (_, owner) = door.accept();
    is_attested(&owner.unwrap(), caller.id(), Path::new(CALLER));
}

#[test]
fn a_forked_child_writes_for_the_parent_that_connected() {
    let Some(source) = source() else { return };
    let door = Door::open(source, "127.0.0.1:0");
    let parent = printed_pid(&run(
        Command::new(CALLER).args(["forked-writer", &door.to()])
    ));
    let (owner, child) = door.admit();
    assert_ne!(parent, child);
    is_attested(&owner, parent, Path::new(CALLER));
}

#[test]
fn a_forked_child_that_connects_has_its_parents_executable() {
    let Some(source) = source() else { return };
    let door = Door::open(source, "127.0.0.1:0");
    let parent = printed_pid(&run(
        Command::new(CALLER).args(["forked-caller", &door.to()])
    ));
    let (owner, child) = door.admit();
    is_attested(&owner, child, Path::new(CALLER));
    let by = owner.process.ancestors.first().unwrap();
    assert_eq!(
        (by.pid, by.exe.as_deref()),
        (parent, Some(Path::new(CALLER)))
    );
    let above = owner.process.ancestors.get(1).unwrap();
    assert_eq!(above.pid, std::process::id());
}

#[test]
fn a_passed_socket_belongs_to_whoever_connected_it() {
    let Some(source) = source() else { return };
    let door = Door::open(source, "127.0.0.1:0");
    let giver = pair(&["pass-connected", &door.to()], &["receive-connected"]);
    let (owner, receiver) = door.admit();
    assert_ne!(receiver, printed_pid(&giver));
    is_attested(&owner, printed_pid(&giver), Path::new(CALLER));

    let giver = pair(&["pass-unconnected"], &["receive-connect", &door.to()]);
    let (owner, receiver) = door.admit();
    assert_ne!(receiver, printed_pid(&giver));
    is_attested(&owner, receiver, Path::new(CALLER));
}

#[test]
fn a_process_that_runs_another_executable_is_attested_as_each() {
    let Some(source) = source() else { return };
    let directory = tempfile::tempdir().unwrap();
    let first = copy_of_caller(directory.path(), "first", "1");
    let second = copy_of_caller(directory.path(), "second", "2");
    let door = Door::open(source, "127.0.0.1:0");
    run(Command::new(&first).args(["then", second.to_str().unwrap(), &door.to()]));
    let (before, pid) = door.admit();
    let (after, same) = door.admit();
    assert_eq!(pid, same);
    is_attested(&before, pid, &first);
    is_attested(&after, pid, &second);
    assert_eq!(before.process.start_ns, after.process.start_ns);
    assert_ne!(before.process.exe_sha256, after.process.exe_sha256);
}

#[test]
fn a_recycled_pid_inherits_nothing() {
    let Some(source) = source() else { return };
    let directory = tempfile::tempdir().unwrap();
    let first = copy_of_caller(directory.path(), "first", "1");
    let second = copy_of_caller(directory.path(), "second", "2");
    let door = Door::open(source, "127.0.0.1:0");
    let mut caller = Command::new(&first)
        .args(["connect", &door.to()])
        .spawn()
        .unwrap();
    assert!(caller.wait().unwrap().success());
    let pid = caller.id();
    // Somebody else may get the pid first, and keep it for a moment.
    let since = Instant::now();
    let taken = [
        "as-pid",
        &pid.to_string(),
        second.to_str().unwrap(),
        &door.to(),
    ]
    .map(str::to_owned);
    while !Command::new(CALLER)
        .args(&taken)
        .stdout(Stdio::null())
        .status()
        .unwrap()
        .success()
    {
        assert!(since.elapsed() < PATIENCE, "the pid stays taken");
    }
    let (old, _) = door.admit();
    let (new, told) = door.admit();
    assert_eq!(told, pid);
    is_attested(&old, pid, &first);
    is_attested(&new, pid, &second);
    assert!(new.process.start_ns > old.process.start_ns);
}

#[test]
fn a_chain_of_parents_stays_whole_when_its_middle_is_gone() {
    let Some(source) = source() else { return };
    let door = Door::open(source, "127.0.0.1:0");
    let middle = printed_pid(&run(Command::new(CALLER).args(["orphan", &door.to()])));
    let (owner, _) = door.admit();
    let [parent, grandparent, ..] = owner.process.ancestors.as_slice() else {
        panic!("two ancestors: {owner:?}")
    };
    assert_eq!(
        (parent.pid, parent.comm.as_str()),
        (middle, "flows-test-call")
    );
    assert_eq!(parent.exe.as_deref(), Some(Path::new(CALLER)));
    assert_eq!(grandparent.pid, std::process::id());
    assert_eq!(grandparent.exe, std::env::current_exe().ok());
    assert!(owner.process.start_ns >= parent.start_ns && parent.start_ns >= grandparent.start_ns);
}

#[test]
fn user_and_group_are_those_of_the_call() {
    let Some(source) = source() else { return };
    let directory = tempfile::tempdir().unwrap();
    let caller = copy_of_caller(directory.path(), "caller", "");
    let door = Door::open(source, "127.0.0.1:0");
    run(Command::new(&caller)
        .args(["connect", &door.to()])
        .uid(65_534)
        .gid(65_533));
    let (owner, pid) = door.admit();
    is_attested(&owner, pid, &caller);
    assert_eq!((owner.process.uid, owner.process.gid), (65_534, 65_533));
}

#[test]
fn a_changed_executable_has_no_digest_but_its_path() {
    let Some(source) = source() else { return };
    let directory = tempfile::tempdir().unwrap();
    let caller = copy_of_caller(directory.path(), "caller", "before");
    let door = Door::open(source, "127.0.0.1:0");
    run(Command::new(&caller).args(["connect", &door.to()]));
    copy_of_caller(directory.path(), "caller", "after!");
    let (owner, _) = door.admit();
    assert_eq!(owner.process.exe, Some(caller));
    assert_eq!(owner.process.exe_sha256, None);
}

#[test]
fn a_deleted_executable_that_still_runs_has_its_digest() {
    let Some(source) = source() else { return };
    let directory = tempfile::tempdir().unwrap();
    let caller = copy_of_caller(directory.path(), "caller", "");
    let digest = sha256(&caller);
    let door = Door::open(source, "127.0.0.1:0");
    let mut held = Command::new(&caller)
        .args(["hold", &door.to()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stream, _) = door.listener.accept().unwrap();
    support::told(&mut stream);
    fs::remove_file(&caller).unwrap();
    std::io::Write::write_all(held.stdin.as_mut().unwrap(), b"!").unwrap();
    let (owner, pid) = door.admit();
    assert_eq!((owner.process.pid, pid), (held.id(), held.id()));
    assert_eq!(owner.process.exe, Some(caller));
    assert_eq!(owner.process.exe_sha256.map(hex::encode), Some(digest));
    drop(held.stdin.take());
    held.wait().unwrap();
}

/// A cgroup of the test's own.
struct Scope(PathBuf);

impl Scope {
    fn new(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let root = mounts
            .lines()
            .find(|line| line.contains(" cgroup2 "))
            .unwrap();
        let path = Path::new(root.split(' ').nth(1).unwrap())
            .join(format!("tidegate-{name}-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        Some(Self(path))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.0));
    }
}

#[test]
fn a_cgroup_is_named_though_it_is_gone() {
    let Some(source) = source() else { return };
    let Some(scope) = Scope::new("scope") else {
        return say_skipped("a removed cgroup", "no cgroup can be made here");
    };
    let door = Door::open(source, "127.0.0.1:0");
    let script = format!(
        "echo $$ > {}/cgroup.procs; exec \"$0\" \"$@\"",
        scope.0.display()
    );
    run(Command::new("/bin/sh").args(["-c", &script, CALLER, "connect", &door.to()]));
    // What the kernel has told by now must have been heard.
    let (attempted, since) = (source.attempted(), Instant::now());
    while source.received() + source.lost() < attempted {
        assert!(since.elapsed() < PATIENCE, "the events do not arrive");
        thread::yield_now();
    }
    let name = format!("/{}", scope.0.file_name().unwrap().to_str().unwrap());
    drop(scope);
    let (owner, _) = door.admit();
    assert_eq!(owner.process.cgroup, Some(name));
}

/// A network namespace with a cable to this one.
struct Netns {
    name: String,
    /// This end's address.
    gate: String,
    /// This end's IPv6 address.
    gate6: String,
}

impl Netns {
    fn new(kind: &str, number: u32) -> Option<Self> {
        let id = std::process::id();
        let third = id % 250;
        let netns = Self {
            name: format!("tidegate-{kind}-{id}"),
            gate: format!("198.18.{third}.{}", number * 4 + 1),
            gate6: format!("fd77:7469:{third:x}:{number}::1"),
        };
        let ip = |words: String| {
            let mut command = Command::new("ip");
            command.args(words.split(' ')).stderr(Stdio::null());
            command.status().ok()?.success().then_some(())
        };
        let Self { name, gate, gate6 } = &netns;
        let (outer, inner) = (format!("{kind}o{id}"), format!("{kind}i{id}"));
        let (far, far6) = (
            format!("198.18.{third}.{}", number * 4 + 2),
            gate6.replace("::1", "::2"),
        );
        ip(format!("netns add {name}"))?;
        ip(format!(
            "link add {outer} type veth peer name {inner} netns {name}"
        ))?;
        ip(format!("addr add {gate}/30 dev {outer}"))?;
        ip(format!("addr add {gate6}/64 dev {outer} nodad"))?;
        ip(format!("link set {outer} up"))?;
        ip(format!("-n {name} addr add {far}/30 dev {inner}"))?;
        ip(format!("-n {name} addr add {far6}/64 dev {inner} nodad"))?;
        ip(format!("-n {name} link set {inner} up"))?;
        Some(netns)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // The cable goes with its end.
        drop(
            Command::new("ip")
                .args(["netns", "del", &self.name])
                .stderr(Stdio::null())
                .status(),
        );
    }
}

#[test]
fn a_caller_in_another_network_namespace_is_attested() {
    let Some(source) = source() else { return };
    let Some(netns) = Netns::new("far", 0) else {
        return say_skipped(
            "another network namespace",
            "`ip netns` and veth cannot be used here",
        );
    };
    let own = {
        let door = Door::open(source, "127.0.0.1:0");
        run(Command::new(CALLER).args(["connect", &door.to()]));
        door.admit().0.process.netns
    };
    for at in [format!("{}:0", netns.gate), format!("[{}]:0", netns.gate6)] {
        let door = Door::open(source, &at);
        let words = ["netns", "exec", &netns.name, CALLER, "connect", &door.to()];
        run(Command::new("ip").args(words));
        let (owner, pid) = door.admit();
        is_attested(&owner, pid, Path::new(CALLER));
        assert_ne!(owner.process.netns, own);
    }
    let door = Door::open(source, "[::]:0");
    let to = format!("{}:{}", netns.gate, door.address().port());
    run(Command::new("ip").args(["netns", "exec", &netns.name, CALLER, "connect", &to]));
    let (owner, pid) = door.admit();
    is_attested(&owner, pid, Path::new(CALLER));
}

#[test]
fn a_caller_whose_owner_could_not_be_kept_is_nobody_and_counted() {
    let Some(source) = source() else { return };
    let Some(netns) = Netns::new("poor", 1) else {
        return say_skipped(
            "memory that runs out",
            "`ip netns` and veth cannot be used here",
        );
    };
    // What a socket of that namespace may have in memory of its own: nothing.
    let script = "echo 1 > /proc/sys/net/core/optmem_max && exec \"$0\" \"$@\"";
    let words = [
        "netns",
        "exec",
        &netns.name,
        "/bin/sh",
        "-c",
        script,
        CALLER,
        "connect",
    ];
    let door = Door::open(source, &format!("{}:0", netns.gate));
    let gaps = Arc::new(Gaps::default());
    source.follow(Arc::<Gaps>::clone(&gaps)).unwrap();
    let failed = source.failed();
    run(Command::new("ip").args(words).arg(door.to()));
    let (mut stream, owner) = door.accept();
    support::told(&mut stream);
    assert_eq!(owner, None);
    assert!(source.failed() > failed);
    let deadline = Instant::now() + PATIENCE;
    while !gaps.0.lock().unwrap().contains(&"owner_unkept") {
        assert!(Instant::now() < deadline, "the gap was not told");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Keeps why something was not told.
#[derive(Default)]
struct Gaps(Mutex<Vec<&'static str>>);

impl FlowSink for Gaps {
    fn flow(&self, _: FlowRecord) {}

    fn gap(&self, gap: Gap) {
        self.0.lock().unwrap().push(gap.reason);
    }
}

#[test]
fn nobody_else_may_ask() {
    let Some(_source) = source() else { return };
    let output = run(Command::new(CALLER).arg("ask"));
    let printed = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<&str> = printed.lines().collect();
    let [owner, nothing] = answers.as_slice() else {
        panic!("two answers: {printed}")
    };
    assert!(
        owner.starts_with("-1 ") && owner.ends_with(" true"),
        "{owner}"
    );
    assert_eq!(owner, nothing, "the option looks as if there were none");
}

#[test]
fn the_verifier_is_not_near_its_limit() {
    let Some(source) = source() else { return };
    let verified = source.verified();
    assert_eq!(verified.len(), 17);
    for program in verified {
        if program.instructions == 0 {
            continue; // Before 5.16 the kernel does not tell.
        }
        eprintln!(
            "{}: {} instructions verified",
            program.name, program.instructions
        );
        assert!(
            program.instructions < VERIFIED_INSTRUCTIONS_MAX,
            "{program:?}"
        );
    }
}
