//! Answers from `sock_diag` and `/proc`: without BPF, and where the kernel programs came too late.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use flows::{FlowSource as _, KernelSource, Mode, Options, ProcSource, Source};
use support::{CALLER, Door, run, say_skipped, sha256};

fn is_inferred(at: &str, words: impl Fn(&Door<'_>) -> Vec<String>) {
    let source = ProcSource::open().unwrap();
    let door = Door::open(&source, at);
    let mut held = Command::new(CALLER)
        .args(words(&door))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (owner, pid) = door.admit();
    assert_eq!(owner.source, Source::Proc);
    assert_eq!(owner.source.name(), "inferred");
    let process = &owner.process;
    assert_eq!((process.pid, pid), (held.id(), held.id()));
    assert_eq!(process.exe.as_deref(), Some(Path::new(CALLER)));
    assert_eq!(process.comm, "flows-test-call");
    assert_eq!(process.uid, rustix::process::getuid().as_raw());
    assert_eq!(process.gid, rustix::process::getgid().as_raw());
    assert_eq!(
        process.exe_sha256.map(hex::encode),
        Some(sha256(Path::new(CALLER)))
    );
    assert_eq!(process.ancestors.first().unwrap().pid, std::process::id());
    assert!(process.start_ns > 0 && process.netns > 0);
    drop(held.stdin.take());
    held.wait().unwrap();
}

#[test]
fn a_living_caller_is_inferred_over_both_families() {
    is_inferred("127.0.0.1:0", |door| vec!["hold".into(), door.to()]);
    is_inferred("[::1]:0", |door| vec!["hold".into(), door.to()]);
    is_inferred("[::]:0", |door| {
        vec![
            "hold".into(),
            format!("127.0.0.1:{}", door.address().port()),
        ]
    });
    is_inferred("127.0.0.1:0", |door| {
        vec![
            "hold".into(),
            format!("[::ffff:127.0.0.1]:{}", door.address().port()),
        ]
    });
}

#[test]
fn a_caller_that_is_gone_is_nobody() {
    let source = ProcSource::open().unwrap();
    let door = Door::open(&source, "127.0.0.1:0");
    run(Command::new(CALLER).args(["connect", &door.to()]));
    assert!(door.accept().1.is_none());
    assert_eq!(source.lost(), 0);
}

#[test]
fn the_mode_decides() {
    let opened = flows::open(Mode::Proc, &Options::default()).unwrap();
    assert_eq!((opened.source.source(), opened.note), (Source::Proc, None));
    let opened = flows::open(Mode::Auto, &Options::default()).unwrap();
    assert_eq!(
        opened.source.source() == Source::Kernel,
        opened.note.is_none()
    );
}

#[test]
fn a_connection_older_than_the_programs_is_inferred() {
    let before = ProcSource::open().unwrap();
    let door = Door::open(&before, "127.0.0.1:0");
    let mut held = Command::new(CALLER)
        .args(["hold", &door.to()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (stream, peer) = door.listener.accept().unwrap();
    let flow = flows::Flow {
        peer,
        local: stream.local_addr().unwrap(),
    };
    match KernelSource::open(&Options::default()) {
        Ok(source) => {
            let owner = source
                .owner(std::os::fd::AsFd::as_fd(&stream), flow)
                .unwrap();
            assert_eq!(owner.attribution.source, Source::Proc);
            assert_eq!(owner.attribution.process.pid, held.id());
        }
        Err(error) => say_skipped("programs that come too late", &error.to_string()),
    }
    drop(held.stdin.take());
    held.wait().unwrap();
}
