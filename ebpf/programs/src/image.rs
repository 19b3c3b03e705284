//! Recording which executable a process runs.
//!
//! A row is written at `exec`, copied to the child at `fork`, and put aside at `exit`. What a
//! process says of itself later is not asked: with a user namespace of its own it may exchange
//! `mm->exe_file` (`PR_SET_MM`). Only processes that are older than the programs are taken at their
//! word, when they first fork or connect.

use abi::{Image, NAME_BYTES_MAX, PATH_BYTES_MAX, PATH_STEPS_MAX, ProcessKey, counter, path};
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;

use crate::{
    maps::{DRAFT, GONE, LIVING, OLDER, WATCHED_SINCE, count},
    task::{self, field, read},
};

/// Whether the process has no row because it began before anybody watched.
#[inline(always)]
pub(crate) fn is_older(process: &ProcessKey) -> bool {
    LIVING.get_ptr(process).is_none() && began_before(process)
}

/// Whether it began before anybody watched.
#[inline(always)]
pub(crate) fn began_before(process: &ProcessKey) -> bool {
    let since = WATCHED_SINCE.get(0).map_or(0, |since| *since);
    since == 0 || process.start_ns < since
}

/// Who forked the process, as noted; pid 0 if that is unknown.
#[inline(always)]
pub(crate) fn parent_of(process: &ProcessKey) -> ProcessKey {
    // SAFETY: the row is copied at once.
    LIVING
        .get_ptr(process)
        .map_or(ProcessKey::default(), |image| unsafe { (*image).parent })
}

/// Gives the child the image of its parent, before it runs; whose agent's it is by that.
#[inline(always)]
pub(crate) fn inherit(parent: &ProcessKey, child: &ProcessKey) -> Option<u32> {
    let image = LIVING.get_ptr(parent)?;
    // SAFETY: a row of a living process: this one.
    if LIVING.insert(child, unsafe { &*image }, 0).is_err() {
        count(counter::STORES_FAILED);
        return None;
    }
    let image = LIVING.get_ptr_mut(child)?;
    // SAFETY: nobody knows the child yet.
    unsafe {
        (*image).process = *child;
        (*image).parent = *parent;
        Some((*image).agent)
    }
}

/// The row has the credentials that the process has now.
#[inline(always)]
pub(crate) fn take_credentials(leader: u64, process: &ProcessKey) -> Option<()> {
    let image = LIVING.get_ptr_mut(process)?;
    let cred = read(field!(leader, task_cred));
    // SAFETY: a row of the process that asks, or of its child, which does not run yet.
    unsafe { (*image).credentials = task::credentials(cred) };
    Some(())
}

/// Puts a row aside that is not the present one any more.
#[inline(always)]
pub(crate) fn retire(process: &ProcessKey) -> Option<()> {
    let image = LIVING.get_ptr(process)?;
    // SAFETY: only the process itself retires its row.
    if GONE.insert(process, unsafe { &*image }, 0).is_err() {
        count(counter::STORES_FAILED);
    }
    LIVING.remove(process).ok()
}

/// Records the current process's image from a tracepoint, where preemption is off.
#[inline(always)]
pub(crate) fn record(leader: u64, process: &ProcessKey) {
    if let Some(draft) = DRAFT.get_ptr_mut(0) {
        file(leader, process, draft);
    }
}

/// Records the current process's image, put together in `draft`, which nobody else may touch.
#[inline(always)]
pub(crate) fn file(leader: u64, process: &ProcessKey, draft: *mut Image) {
    // SAFETY: the pointer is to a whole map value that is this program's alone.
    let image = unsafe { &mut *draft };
    let mm: u64 = read(field!(leader, task_mm));
    let file: u64 = read(field!(mm, mm_exe));
    let inode: u64 = read(field!(file, file_inode));
    let superblock: u64 = read(field!(inode, inode_super));
    image.process = *process;
    image.parent = parent(leader, process);
    image.inode = read(field!(inode, inode_number));
    image.bytes = read(field!(inode, inode_bytes));
    image.changed_s = read(field!(inode, inode_changed_s));
    image.changed_ns = read(field!(inode, inode_changed_ns));
    image.device = read(field!(superblock, super_device));
    image.agent = inherited(process);
    image.comm = task::comm(leader);
    image.credentials = task::credentials(read(field!(leader, task_cred)));
    trace_path(image, file);
    if LIVING.insert(process, &*image, 0).is_err() {
        count(counter::STORES_FAILED);
    }
}

/// The agent that the process belonged to before `exec`, or, if it is older than the programs, that
/// the host has found.
#[inline(always)]
fn inherited(process: &ProcessKey) -> u32 {
    let before = ProcessKey {
        exec: process.exec.wrapping_sub(1),
        ..*process
    };
    // SAFETY: the rows are copied at once.
    unsafe {
        match LIVING.get_ptr(before) {
            Some(image) => (*image).agent,
            None => OLDER.get_ptr(process.pid).map_or(0, |agent| *agent),
        }
    }
}

/// Who forked the process, as noted with what it ran before; else who is its parent now.
#[inline(always)]
fn parent(leader: u64, process: &ProcessKey) -> ProcessKey {
    let before = ProcessKey {
        exec: process.exec.wrapping_sub(1),
        ..*process
    };
    // SAFETY: the row is the process's own, and copied at once.
    if let Some(image) = unsafe { LIVING.get(before) } {
        return image.parent;
    }
    task::process(task::leader(read(field!(leader, task_parent))))
}

/// Writes the names from `file` up to the root of its mount namespace into the image.
///
/// `path_bytes` is kept in map memory on purpose: the verifier knows nothing about what it reads
/// from there, so each turn of the loop looks like the one before and is checked once.
#[inline(always)]
fn trace_path(image: &mut Image, file: u64) {
    let mut dentry: u64 = read(field!(file, file_path_dentry));
    let mut mounted: u64 = read(field!(file, file_path_mnt));
    let namespace: u64 = read(field!(
        mounted.wrapping_sub(field!(0u64, mount_self)),
        mount_ns
    ));
    image.mount_ns = read(field!(namespace, mnt_ns_inum));
    let used = &raw mut image.path_bytes;
    // SAFETY: `used` points into the image; volatile for the reason above.
    unsafe { used.write_volatile(0) };
    image.path_state = path::CUT;
    for _ in 0..PATH_STEPS_MAX {
        let root: u64 = read(field!(mounted, vfsmount_root));
        if dentry == root {
            let mount = mounted.wrapping_sub(field!(0u64, mount_self));
            let above: u64 = read(field!(mount, mount_parent));
            if above == mount {
                image.path_state = path::WHOLE;
                return;
            }
            dentry = read(field!(mount, mount_point));
            mounted = field!(above, mount_self);
            continue;
        }
        let up: u64 = read(field!(dentry, dentry_parent));
        if up == dentry {
            image.path_state = 0; // On no file system that has names: a memfd.
            return;
        }
        // SAFETY: as above.
        let offset = unsafe { used.read_volatile() };
        if offset >= PATH_BYTES_MAX as u32 {
            return;
        }
        let copied = copy_name(image, offset, read(field!(dentry, dentry_name)));
        // SAFETY: as above.
        unsafe { used.write_volatile(offset + copied) };
        dentry = up;
    }
}

/// Copies one name to `offset`, with its closing zero; returns the bytes used.
#[inline(always)]
fn copy_name(image: &mut Image, offset: u32, name: u64) -> u32 {
    let room = core::hint::black_box(offset as usize) & (PATH_BYTES_MAX - 1);
    // SAFETY: the mask keeps the start inside `path`, and `slack` takes what runs over.
    let copied = unsafe {
        bpf_probe_read_kernel_str(
            (&raw mut image.path).cast::<u8>().add(room).cast(),
            NAME_BYTES_MAX as u32,
            name as *const core::ffi::c_void,
        )
    };
    (copied as u32) & (2 * NAME_BYTES_MAX as u32 - 1)
}
