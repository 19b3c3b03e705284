//! A disk that fills up, that cannot be written, that loses what was not synced: no acknowledged record is lost, and
//! nothing is released without one.
//!
//! The log stands on a file system of its own, ext4 on a loop device. A power cut is what the device holds at one
//! moment, while the gateway and its callers stand still: what the kernel had not written yet is gone. What a disk itself
//! holds back after a flush is not part of it.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    auditor,
    client::{Client, Reply},
    gateway::{Gateway, POLL, START_MAX},
};

use crate::world::{World, verified};

/// Calls until a small disk must have been full.
const CALLS_MAX: u64 = 20_000;
/// Callers at a time.
const CALLERS: u64 = 4;
/// How often the power is cut,
const CUTS: u64 = 3;
/// each time after so many answers more.
const ANSWERS: u64 = 30;

/// A file system of its own; it goes with its handle.
struct Disk {
    folder: TempDir,
    at: PathBuf,
}

impl Disk {
    /// Puts what is in the folder `at` on a disk of so many megabytes, which stands there from then on. None where
    /// this host lets us mount nothing.
    fn under(at: &Path, megabytes: u64) -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let image = folder.path().join("image");
        fs::File::create(&image)?.set_len(megabytes << 20)?;
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0"])
            .arg(&image))?;
        let kept = folder.path().join("kept");
        auditor::copy(at, &kept)?;
        let disk = Self {
            folder,
            at: at.to_owned(),
        };
        if disk.mount(&image).is_err() {
            eprintln!("SKIPPED: no file system can be mounted here");
            return Ok(None);
        }
        auditor::copy(&kept, at)?;
        // What the test puts there is on the disk; what the gateway does, it must see to itself.
        run(Command::new("sync").arg("-f").arg(at))?;
        Ok(Some(disk))
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount(&self, image: &Path) -> Result<()> {
        run(Command::new("mount")
            .args(["-o", "loop"])
            .arg(image)
            .arg(&self.at))
    }

    fn unmount(&self) -> Result<()> {
        run(Command::new("umount").arg(&self.at))
    }

    fn remount(&self, how: &str) -> Result<()> {
        let options = format!("remount,{how}");
        run(Command::new("mount").args(["-o", &options]).arg(&self.at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unmount().ok();
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}

/// A gateway whose log stands on a small disk.
fn world(megabytes: u64) -> Result<Option<(World, Disk)>> {
    let mut world = World::new()?;
    world.gateway.stop()?;
    let Some(disk) = Disk::under(&world.gateway.data(), megabytes)? else {
        return Ok(None);
    };
    world.gateway.restart()?;
    Ok(Some((world, disk)))
}

fn call(world: &World, item: u64) -> Result<Reply> {
    world
        .client
        .get(&world.gateway.url(&format!("/crm/items/{item}"))?, &[])
}

/// Every exchange that an answer spoke of is on record, and ended where the whole answer came.
fn on_record(report: &Value, acknowledged: &[(u64, bool)]) -> Result<()> {
    let size = report["size"].as_u64().context("no size")?;
    let open = report["open"]
        .as_array()
        .context("no list of open records")?;
    for (record, whole) in acknowledged {
        // Records are dense in a log without findings.
        ensure!(*record < size, "record {record} is lost; {size} are there");
        let is_open = open.iter().any(|it| it.as_u64() == Some(*record));
        ensure!(!(*whole && is_open), "the outcome of {record} is lost");
    }
    Ok(())
}

#[test]
fn a_full_disk_refuses_and_recovers_without_a_hand() -> Result<()> {
    let Some((mut world, disk)) = world(16)? else {
        return Ok(());
    };
    let mut acknowledged = Vec::new();
    ensure!(call(&world, 0)?.status == 200);
    let filler = disk.at.join("filler");
    let mut file = fs::File::create(&filler)?;
    while file.write_all(&[0; 4096]).is_ok() {}
    let refused = (1..CALLS_MAX).find_map(|item| match call(&world, item) {
        Ok(reply) if reply.status == 200 => {
            acknowledged.extend(reply.record().map(|record| (record, reply.whole)));
            None
        }
        other => Some(other),
    });
    let refused = refused.context("a full disk took every record")??;
    assert_eq!(refused.status, 503, "{}", refused.text());
    ensure!(
        refused.text().contains("audit_unavailable")
            || refused.text().contains("outcome_unrecorded")
    );
    // It stays refused, and the gateway stays.
    assert_eq!(call(&world, 1)?.status, 503);
    let ready = world
        .client
        .get(&world.gateway.admin_url("/readyz")?, &[])?;
    assert_eq!(ready.status, 503, "{}", ready.text());
    drop(file);
    fs::remove_file(&filler)?;
    let deadline = Instant::now() + START_MAX;
    while call(&world, 2)?.status != 200 {
        ensure!(
            Instant::now() < deadline,
            "it did not recover\n{}",
            world.gateway.stderr()
        );
        thread::sleep(POLL);
    }
    let status = world.gateway.stop()?;
    ensure!(status.success(), "{status}\n{}", world.gateway.stderr());
    on_record(&verified(&world.gateway)?, &acknowledged)
}

#[test]
fn a_disk_that_cannot_be_written_is_named_at_the_start() -> Result<()> {
    let Some((mut world, disk)) = world(16)? else {
        return Ok(());
    };
    let record = call(&world, 0)?.record().context("no record")?;
    world.gateway.stop()?;
    disk.remount("ro")?;
    let refused = world.gateway.restart();
    ensure!(refused.is_err(), "it started without a log");
    disk.remount("rw")?;
    world.gateway.restart()?;
    ensure!(call(&world, 1)?.status == 200);
    world.gateway.stop()?;
    on_record(&verified(&world.gateway)?, &[(record, true)])
}

#[test]
fn a_power_cut_loses_no_acknowledged_record() -> Result<()> {
    let Some((mut world, disk)) = world(64)? else {
        return Ok(());
    };
    for cut in 1..=CUTS {
        let seen = under_load(&world.gateway, cut * ANSWERS, || {
            world.gateway.signal(Signal::STOP)?;
            stands_still(world.gateway.pid()?)?;
            // What the device holds now, and nothing that only memory knows.
            fs::copy(disk.image(), disk.folder.path().join("cut"))?;
            Ok(())
        });
        world.gateway.kill()?;
        let seen = seen?;
        ensure!(
            !seen.is_empty(),
            "nobody was answered before the power went"
        );
        disk.unmount()?;
        fs::rename(disk.folder.path().join("cut"), disk.image())?;
        disk.mount(&disk.image())?;
        on_record(&verified(&world.gateway)?, &seen)?;
        world.gateway.restart()?;
        ensure!(call(&world, cut)?.status == 200);
    }
    world.gateway.stop()?;
    verified(&world.gateway)?;
    Ok(())
}

/// Waits until all threads of a process that was told to stop have: on a busy host some still work for a while, and answer.
fn stands_still(pid: u32) -> Result<()> {
    let deadline = Instant::now() + START_MAX;
    loop {
        let mut stopped = true;
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let status = fs::read_to_string(thread?.path().join("status"))?;
            stopped &= status.contains("\nState:\tT");
        }
        if stopped {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "it does not stand still");
        thread::sleep(POLL);
    }
}

/// Calls from all sides, and after so many answers does `cut` while they still do; gives each record that an answer spoke of,
/// and whether all of the answer came.
fn under_load(
    gateway: &Gateway,
    after: u64,
    cut: impl FnOnce() -> Result<()>,
) -> Result<Vec<(u64, bool)>> {
    let (base, stop) = (gateway.url("/crm/items")?, Arc::new(AtomicBool::new(false)));
    let (pid, answered) = (gateway.pid()?, Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (base, stop) = (base.clone(), Arc::clone(&stop));
            let answered = Arc::clone(&answered);
            thread::spawn(move || -> Result<Vec<(u64, bool)>> {
                let (client, mut seen) = (Client::plain()?, Vec::new());
                for item in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let Ok(reply) = client.get(&format!("{base}/c{caller}i{item}"), &[]) else {
                        break;
                    };
                    seen.extend(reply.record().map(|record| (record, reply.whole)));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(seen)
            })
        })
        .collect();
    let deadline = Instant::now() + START_MAX;
    while answered.load(Ordering::Relaxed) < after && Instant::now() < deadline {
        thread::sleep(POLL);
    }
    let done = cut();
    stop.store(true, Ordering::Relaxed);
    // Who waits for an answer of a gateway that stands still gets none.
    run(Command::new("kill").args(["-KILL", &pid.to_string()]))?;
    done?;
    let mut seen = Vec::new();
    for caller in callers {
        seen.extend(
            caller
                .join()
                .map_err(|_| anyhow::anyhow!("a caller panicked"))??,
        );
    }
    Ok(seen)
}
