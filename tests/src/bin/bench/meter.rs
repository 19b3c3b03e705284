//! What a tree of processes has used, as the kernel counts it.

use std::{fs, path::Path};

/// CPU time in nanoseconds of all threads of `root` and its children.
pub(crate) fn cpu_ns(root: u32) -> u64 {
    tree(root)
        .into_iter()
        .flat_map(threads)
        .map(|thread| thread_ns(&thread))
        .sum()
}

/// The peaks of resident memory of the tree, added up, in KiB.
pub(crate) fn memory_peak_kib(root: u32) -> u64 {
    tree(root).into_iter().filter_map(peak_kib).sum()
}

/// Lets the peaks start anew.
pub(crate) fn forget_peaks(root: u32) {
    for pid in tree(root) {
        // 5 resets VmHWM: proc(5), /proc/pid/clear_refs. Without the right to, peaks only grow.
        fs::write(format!("/proc/{pid}/clear_refs"), "5").ok();
    }
}

fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        next += 1;
        for thread in threads(pid) {
            let children = fs::read_to_string(Path::new(&thread).join("children"));
            let children = children.unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    found
}

fn threads(pid: u32) -> Vec<String> {
    let folder = fs::read_dir(format!("/proc/{pid}/task"));
    folder
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.path().to_str().map(str::to_owned))
        .collect()
}

fn thread_ns(thread: &str) -> u64 {
    let text = fs::read_to_string(format!("{thread}/schedstat")).unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|ns| ns.parse().ok())
        .unwrap_or(0)
}

fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    })
}
