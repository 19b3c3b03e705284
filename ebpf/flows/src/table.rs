//! The kernel's table of flows. It may have a million rows, so they are read by the thousand.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    sync::{Mutex, MutexGuard, PoisonError},
};

use abi::{FlowKey, FlowRow};
use aya::maps::{HashMap, MapData};

use crate::syscall::bpf;

/// Rows that are read at once: a megabyte of them.
const TOGETHER: u32 = 4_096;

/// The table.
pub(crate) struct Table {
    rows: Mutex<HashMap<MapData, FlowKey, FlowRow>>,
    /// The same map.
    fd: OwnedFd,
}

impl Table {
    /// Two handles on the map.
    pub(crate) fn new(rows: HashMap<MapData, FlowKey, FlowRow>, fd: OwnedFd) -> Self {
        Self {
            rows: Mutex::new(rows),
            fd,
        }
    }

    /// One row.
    pub(crate) fn get(&self, key: &FlowKey) -> Option<FlowRow> {
        self.lock().get(key, 0).ok()
    }

    /// Takes a row out; whether it was there.
    pub(crate) fn remove(&self, key: &FlowKey) -> bool {
        self.lock().remove(key).is_ok()
    }

    /// Looks at every row as it is now, each once: the kernel goes through its buckets, of which one is read
    /// whole or not at all.
    pub(crate) fn each(&self, mut look: impl FnMut(FlowKey, FlowRow)) {
        let mut batch = Batch::new();
        loop {
            let more = match batch.next(&self.fd) {
                Ok(more) => more,
                Err(error) => {
                    return tracing::error!(%error, "the table of flows cannot be read");
                }
            };
            for (key, row) in batch.keys.drain(..).zip(batch.rows.drain(..)) {
                look(key, row);
            }
            if !more {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MapData, FlowKey, FlowRow>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the reading stands, and what was read last.
struct Batch {
    keys: Vec<FlowKey>,
    rows: Vec<FlowRow>,
    /// The bucket that comes next; none at first.
    bucket: Option<u32>,
}

impl Batch {
    fn new() -> Self {
        Self {
            keys: Vec::with_capacity(TOGETHER as usize),
            rows: Vec::with_capacity(TOGETHER as usize),
            bucket: None,
        }
    }

    /// Reads on; whether there may be more.
    #[expect(unsafe_code, reason = "the kernel fills what is given to it")]
    fn next(&mut self, map: &OwnedFd) -> io::Result<bool> {
        const BPF_MAP_LOOKUP_BATCH: libc::c_long = 24;
        let fd = u32::try_from(map.as_raw_fd()).map_err(io::Error::other)?;
        let from = self.bucket;
        let mut to = 0_u32;
        let [from_low, from_high] = halves(from.as_ref().map_or(0, |from| &raw const *from as u64));
        let [to_low, to_high] = halves(&raw mut to as u64);
        let [keys_low, keys_high] = halves(self.keys.as_mut_ptr() as u64);
        let [rows_low, rows_high] = halves(self.rows.as_mut_ptr() as u64);
        // `in_batch`, `out_batch`, `keys`, `values`, `count`, `map_fd`, `elem_flags`, `flags`.
        let mut attributes = [
            from_low, from_high, to_low, to_high, keys_low, keys_high, rows_low, rows_high,
            TOGETHER, fd, 0, 0, 0, 0,
        ];
        let answer = bpf(BPF_MAP_LOOKUP_BATCH, &mut attributes);
        let more = match answer {
            Ok(_) => true,
            // The last of them.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => false,
            Err(error) => return Err(error),
        };
        let [.., count, _, _, _, _, _] = attributes;
        let count = count.min(TOGETHER) as usize;
        // SAFETY: both have that capacity, and the kernel has written so many of each; any bytes make them, since
        // they are nothing but integers.
        unsafe {
            self.keys.set_len(count);
            self.rows.set_len(count);
        }
        self.bucket = Some(to);
        Ok(more)
    }
}

/// An address as the kernel's attributes have it: little-endian, as every host that the programs are built for.
fn halves(address: u64) -> [u32; 2] {
    [(address & 0xffff_ffff) as u32, (address >> 32) as u32]
}
