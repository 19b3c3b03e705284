//! Capabilities: given up, and never to be had again.

use rustix::thread::{
    CapabilitySet, CapabilitySets, Pid, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

use crate::{SandboxError, failed};

/// Gives up every capability of this thread, and what it could get new ones by: the ambient and the
/// bounding set, and programs with a set-user-id bit or file capabilities.
///
/// `kept` stays permitted and effective, for this process alone.
///
/// # Errors
/// If the kernel refuses, which it does for `kept` that is not held.
pub fn drop_capabilities(kept: CapabilitySet) -> Result<(), SandboxError> {
    const HINT: &str = "the kernel refused what a process may always do";
    clear_ambient_capability_set().map_err(failed("clear ambient capabilities", HINT))?;
    for capability in CapabilitySet::all().iter() {
        // Only who has CAP_SETPCAP may shrink the bounding set; to others it gives nothing either,
        // once they can gain no privilege.
        if capability_is_in_bounding_set(capability).unwrap_or(false) {
            remove_capability_from_bounding_set(capability).ok();
        }
    }
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None::<Pid>, sets).map_err(failed("give up capabilities", HINT))?;
    set_no_new_privs(true).map_err(failed("gain no privileges any more", HINT))
}
