//! Many short-lived callers, each a process of its own, asked of the running kernel.

#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "support/attested.rs"]
mod attested;
mod support;

use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use attested::source;
use flows::{FlowSource as _, Source};
use support::{CALLER, Door, run, sha256};

/// How many callers: the long run sets ten thousand.
fn burst() -> usize {
    const CALLERS: usize = 500;
    let asked = std::env::var_os("TIDEGATE_BURST");
    asked.map_or(CALLERS, |count| count.to_str().unwrap().parse().unwrap())
}

#[test]
fn short_lived_callers_are_attested_each_as_itself() {
    const SPAWNERS: usize = 8;
    let Some(source) = source() else { return };
    let count = burst() / SPAWNERS * SPAWNERS;
    let digest = sha256(Path::new(CALLER));
    let door = Door::open(source, "127.0.0.1:0");
    let to = door.to();
    // One alone, so that the executable is hashed before the crowd comes.
    run(Command::new(CALLER).args(["connect", &to]));
    let (owner, pid) = door.admit();
    assert_eq!(owner.process.pid, pid);
    let (mut wrong, mut unattributed, mut lived) = (0, 0, Duration::ZERO);
    thread::scope(|scope| {
        let spawners: Vec<_> = (0..SPAWNERS)
            .map(|_| {
                scope.spawn(|| {
                    let since = Instant::now();
                    for _ in 0..count / SPAWNERS {
                        run(Command::new(CALLER).args(["connect", &to]));
                    }
                    since.elapsed()
                })
            })
            .collect();
        for _ in 0..count {
            let (mut stream, owner) = door.accept();
            let pid = support::told(&mut stream);
            let Some(owner) = owner.filter(|owner| owner.source == Source::Kernel) else {
                unattributed += 1;
                continue;
            };
            let process = &owner.process;
            let right = process.pid == pid
                && process.exe.as_deref() == Some(Path::new(CALLER))
                && process.exe_sha256.map(hex::encode).as_ref() == Some(&digest)
                && process
                    .ancestors
                    .first()
                    .is_some_and(|by| by.pid == std::process::id());
            wrong += usize::from(!right);
        }
        lived = spawners
            .into_iter()
            .map(|spawner| spawner.join().unwrap())
            .sum();
    });
    let each = lived / u32::try_from(count).unwrap();
    let (events, lost) = (source.attempted(), source.lost());
    eprintln!("{count} callers, {each:?} each: {wrong} wrong, {unattributed} unattributed");
    eprintln!(
        "{events} events, {lost} lost, {} stores failed",
        source.failed()
    );
    assert_eq!((wrong, unattributed), (0, 0));
}

#[test]
#[ignore = "a measurement, without a claim: run it with --release --nocapture"]
fn the_cost_of_asking() {
    const CALLS: u32 = 100_000;
    let Some(source) = source() else { return };
    let door = Door::open(source, "127.0.0.1:0");
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
    let socket = std::os::fd::AsFd::as_fd(&stream);
    let first = Instant::now();
    assert!(source.owner(socket, flow).is_some());
    let first = first.elapsed();
    let since = Instant::now();
    for _ in 0..CALLS {
        assert!(source.owner(socket, flow).is_some());
    }
    eprintln!("first {first:?}, then {:?} each", since.elapsed() / CALLS);
    drop(held.stdin.take());
    held.wait().unwrap();
}
