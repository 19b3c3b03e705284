//! The kernel source of a test, or a loud word on why there is none.

use std::{path::Path, sync::OnceLock};

use flows::{FlowsError, KernelSource, Options};

use crate::support::say_skipped;

/// One for all tests of a binary: the programs see the whole host anyway.
pub(crate) fn source() -> Option<&'static KernelSource> {
    static SOURCE: OnceLock<Option<KernelSource>> = OnceLock::new();
    SOURCE
        .get_or_init(|| {
            KernelSource::open(&Options::default())
                .map_err(|error| refuse(&error))
                .ok()
        })
        .as_ref()
}

/// Where it must work, not working is a failure.
fn refuse(error: &FlowsError) {
    let able = rustix::process::geteuid().is_root()
        && Path::new("/sys/kernel/btf/vmlinux").exists()
        && !matches!(error, FlowsError::NotBuilt);
    assert!(!able, "root on a kernel with BTF, but: {error:?}");
    say_skipped("attribution by the kernel", &error.to_string());
}
