//! What a process holds, as the kernel tells it.

use std::fs;

use anyhow::{Context as _, Result};

/// Memory, files and threads of a process.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Resident memory, in KiB.
    pub kib: u64,
    /// Open descriptors.
    pub files: usize,
    /// Threads.
    pub threads: usize,
}

impl Held {
    /// What the process `pid` holds now.
    pub fn by(pid: u32) -> Result<Self> {
        let process = format!("/proc/{pid}");
        let status = fs::read_to_string(format!("{process}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        Ok(Self {
            kib: kib.context("the kernel tells no VmRSS")?,
            files: fs::read_dir(format!("{process}/fd"))?.count(),
            threads: fs::read_dir(format!("{process}/task"))?.count(),
        })
    }
}
