//! One boot: the emulator, what it says on its console, and what that means.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{BOOT_MAX, BOOTS_MAX, image::TESTS};
use crate::step::say;

/// What cannot be tested in a guest, which has no other namespace to call from. Whatever else a test
/// skips is about the programs, and a failure.
const SKIPPED: [&str; 2] = ["another network namespace", "memory that runs out"];

/// What a guest told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Its release.
    pub(super) release: String,
    /// Programs, and the instructions that the verifier walked through.
    pub(super) verified: Vec<(String, u64)>,
    /// Tests that were run, and how they ended.
    pub(super) ended: Vec<(String, i32)>,
}

/// Runs the tests under this kernel.
pub(super) fn boot(vmlinuz: &Path, initrd: &Path) -> Result<Told> {
    for _ in 0..BOOTS_MAX {
        let lines = console(vmlinuz, initrd, &TESTS.join(","))?;
        let told = read(&lines);
        if told.release.is_empty() {
            // qemu's emulation of several processors loses one now and then while they start.
            say("the guest did not start; once more");
            continue;
        }
        let all = TESTS.iter().all(|test| {
            let ended = told.ended.iter().find(|(name, _)| name == test);
            ended.is_some_and(|(_, code)| *code == 0)
        });
        ensure!(
            all,
            "tests failed on {}:\n{}",
            told.release,
            lines.join("\n")
        );
        let warned = lines.iter().find(|line| line.contains("GUEST warned"));
        ensure!(
            warned.is_none(),
            "{} warned of what the programs do: {warned:?}",
            told.release
        );
        let skips = |line: &&String| {
            line.contains("SKIPPED") && !SKIPPED.iter().any(|known| line.contains(known))
        };
        let skipped = lines.iter().find(skips);
        ensure!(
            skipped.is_none(),
            "not tested on {}: {skipped:?}",
            told.release
        );
        return Ok(told);
    }
    bail!("the guest did not start in {BOOTS_MAX} boots")
}

/// Every line of the console, till the guest has switched itself off.
fn console(vmlinuz: &Path, initrd: &Path, tests: &str) -> Result<Vec<String>> {
    let append = format!("console=ttyS0 panic=-1 quiet mitigations=off tests={tests}");
    let mut qemu = Command::new("qemu-system-x86_64")
        .args([
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-m",
            "1024",
        ])
        .args([
            "-nographic",
            "-no-reboot",
            "-nodefaults",
            "-serial",
            "stdio",
        ])
        .arg("-kernel")
        .arg(vmlinuz)
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", &append])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("qemu")?;
    let output = qemu.stdout.take().context("no console")?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let lines = collect(&receive);
    end(&mut qemu);
    Ok(lines)
}

fn collect(receive: &mpsc::Receiver<String>) -> Vec<String> {
    let deadline = Instant::now() + BOOT_MAX;
    let mut lines = Vec::new();
    while let Ok(line) = receive.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        // A kernel that has lost its way may not find its end either.
        let lost = line.contains("Kernel panic") || line.contains("Oops:");
        lines.push(line);
        if lost {
            break;
        }
    }
    lines
}

fn end(qemu: &mut Child) {
    // It has ended by itself, or has to.
    qemu.kill().ok();
    qemu.wait().ok();
}

fn read(lines: &[String]) -> Told {
    let mut told = Told::default();
    for line in lines {
        // The firmware's last words may stand before the first.
        if let Some((_, release)) = line.split_once("GUEST began ") {
            release.clone_into(&mut told.release);
        } else if let Some((_, ended)) = line.split_once("GUEST ended ") {
            let ended = ended.split_once(' ');
            told.ended
                .extend(ended.map(|(name, code)| (name.to_owned(), code.parse().unwrap_or(-1))));
        } else if let Some(counted) = line.strip_suffix(" instructions verified") {
            let counted = counted.rsplit_once(": ");
            let counted = counted.and_then(|(name, count)| Some((name, count.parse().ok()?)));
            let name = |name: &str| name.rsplit(' ').next().unwrap_or_default().to_owned();
            told.verified
                .extend(counted.map(|(of, count)| (name(of), count)));
        }
    }
    told.verified.sort();
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_understood() {
        let lines = [
            "Booting from ROM..GUEST began 6.1.0-50-cloud-amd64",
            "test the_verifier_is_not_near_its_limit ... packet_in: 1176 instructions verified",
            "flow_sendmsg4: 14339 instructions verified",
            "GUEST ended live 0",
        ];
        let told = read(&lines.map(str::to_owned));
        assert_eq!(told.release, "6.1.0-50-cloud-amd64");
        let expected = [("flow_sendmsg4", 14_339), ("packet_in", 1_176)];
        assert_eq!(
            told.verified,
            expected.map(|(name, count)| (name.to_owned(), count))
        );
        assert_eq!(told.ended, [("live".to_owned(), 0)]);
    }
}
