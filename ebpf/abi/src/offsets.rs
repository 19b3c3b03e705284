//! Where the running kernel keeps what the programs read.

/// A field that this kernel does not have.
pub const OFFSET_UNKNOWN: u32 = u32::MAX;

macro_rules! offsets {
    ($($name:ident: $($path:literal)|+,)+) => {
        /// Offsets of kernel fields in bytes, resolved from the kernel's own BTF before the
        /// programs are loaded; the verifier then sees constants.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Offsets {
            $(#[doc = concat!("`", $($path, " "),+ , "`")] pub $name: u32,)+
        }

        impl Offsets {
            /// Nothing known: the state before the host has filled it in.
            pub const UNKNOWN: Self = Self { $($name: OFFSET_UNKNOWN),+ };

            /// Resolves every field; `find` gets the names it had over the years, newest first.
            ///
            /// # Errors
            /// The name of the first field that `find` does not know.
            pub fn resolve(
                mut find: impl FnMut(&[&'static str]) -> Option<u32>,
            ) -> Result<Self, &'static str> {
                Ok(Self { $($name: find(&[$($path),+]).ok_or(stringify!($name))?),+ })
            }
        }
    };
}

offsets! {
    task_leader: "task_struct.group_leader",
    task_tgid: "task_struct.tgid",
    task_start: "task_struct.start_boottime",
    task_exec: "task_struct.self_exec_id",
    task_comm: "task_struct.comm",
    task_mm: "task_struct.mm",
    task_parent: "task_struct.real_parent",
    task_cgroups: "task_struct.cgroups",
    css_set_cgroup: "css_set.dfl_cgrp",
    cgroup_node: "cgroup.kn",
    cgroup_level: "cgroup.level",
    cgroup_ancestors: "cgroup.ancestor_ids" | "cgroup.ancestors",
    node_id: "kernfs_node.id",
    task_signal: "task_struct.signal",
    signal_live: "signal_struct.live.counter",
    mnt_ns_inum: "mnt_namespace.ns.inum",
    mm_exe: "mm_struct.exe_file",
    file_path_mnt: "file.f_path.mnt",
    file_path_dentry: "file.f_path.dentry",
    file_inode: "file.f_inode",
    inode_number: "inode.i_ino",
    inode_super: "inode.i_sb",
    inode_bytes: "inode.i_size",
    inode_changed_s: "inode.i_ctime_sec" | "inode.__i_ctime.tv_sec" | "inode.i_ctime.tv_sec",
    inode_changed_ns: "inode.i_ctime_nsec" | "inode.__i_ctime.tv_nsec" | "inode.i_ctime.tv_nsec",
    super_device: "super_block.s_dev",
    dentry_name: "dentry.d_name.name" | "dentry.__d_name.name",
    dentry_parent: "dentry.d_parent",
    mount_self: "mount.mnt",
    mount_parent: "mount.mnt_parent",
    mount_point: "mount.mnt_mountpoint",
    mount_ns: "mount.mnt_ns",
    vfsmount_root: "vfsmount.mnt_root",
    sock_flags: "sock_common.skc_flags",
    sock_net: "sock_common.skc_net",
    net_cookie: "net.net_cookie",
    task_cred: "task_struct.cred",
    task_nsproxy: "task_struct.nsproxy",
    task_exit: "task_struct.exit_code",
    cred_uid: "cred.uid",
    cred_gid: "cred.gid",
    cred_euid: "cred.euid",
    cred_egid: "cred.egid",
    cred_effective: "cred.cap_effective",
    cred_user_ns: "cred.user_ns",
    user_ns_inum: "user_namespace.ns.inum",
    nsproxy_mnt: "nsproxy.mnt_ns",
    nsproxy_pid: "nsproxy.pid_ns_for_children",
    nsproxy_net: "nsproxy.net_ns",
    pid_ns_inum: "pid_namespace.ns.inum",
    net_ns_inum: "net.ns.inum",
}
