//! What the running kernel can do, and what is done where it cannot.

use std::borrow::Cow;

use abi::feature;
use aya::{
    programs::ProgramType as Type,
    sys::{BpfHelper as Helper, is_helper_supported},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{FlowsError, aside, release};

/// Maps of tracing programs that grow as they are needed. Before 6.1, which is known by a helper of that time,
/// such a program could find the memory allocator in the middle of its work; the kernel warns of it then, or
/// refuses. There their memory is set aside at once.
const TRACED: [&str; 4] = ["LIVING", "MATCHES", "MODES", "OLDER"];

/// Whether programs of this type may call the helper; what cannot be found out they may not.
fn can(kind: Type, helper: Helper) -> bool {
    is_helper_supported(kind, helper).unwrap_or(false)
}

/// What this kernel can do; `knows` tells whether it has a field.
pub(crate) fn running(knows: impl Fn(&str) -> bool) -> Result<u32, FlowsError> {
    /// Where a cgroup's ancestors are ids, as the programs take them to be if there is no helper.
    const ANCESTORS: &str = "cgroup.ancestor_ids";
    let netns = Helper::BPF_FUNC_get_netns_cookie;
    let task = Helper::BPF_FUNC_get_current_task_btf;
    let above = Helper::BPF_FUNC_get_current_ancestor_cgroup_id;
    let process = Helper::BPF_FUNC_get_current_pid_tgid;
    let features: [(u32, &[Type], Helper); 5] = [
        (feature::PACKET_NETNS, &[Type::CgroupSkb], netns),
        (feature::CONNECTION_NETNS, &[Type::SockOps], netns),
        (
            feature::KNOWN_TASK,
            &[Type::CgroupSock, Type::CgroupSockAddr, Type::SockOps],
            task,
        ),
        (feature::ANCESTORS, &[Type::RawTracePoint], above),
        (feature::OPTION_PROCESS, &[Type::CgroupSockopt], process),
    ];
    let has = features
        .iter()
        .filter(|(_, kinds, helper)| kinds.iter().all(|kind| can(*kind, *helper)));
    let has = has.fold(0, |all, (feature, ..)| all | feature);
    if has & feature::ANCESTORS == 0 && !knows(ANCESTORS) {
        // Rules by cgroup would hold nobody, and nobody would know.
        return Err(FlowsError::Field(ANCESTORS));
    }
    Ok(has)
}

/// The object as this kernel can have it.
pub(crate) fn fit(object: &[u8]) -> Result<Cow<'_, [u8]>, FlowsError> {
    if can(Type::RawTracePoint, Helper::BPF_FUNC_user_ringbuf_drain) {
        return Ok(Cow::Borrowed(object));
    }
    let changed = aside::set(object, &TRACED);
    changed
        .map(Cow::Owned)
        .ok_or(FlowsError::Missing("map_flags"))
}

/// Before Linux 5.11 maps and programs count as locked memory, of which a process may have next to nothing.
/// Whoever may not lift that has it lifted by the unit (`LimitMEMLOCK=infinity`), or is refused the maps.
/// Whether it is lifted, or does not matter.
pub(crate) fn lift_memory_limit() -> bool {
    const UNCOUNTED_SINCE: (u32, u32) = (5, 11);
    let all = Rlimit {
        current: None,
        maximum: None,
    };
    release::running() >= UNCOUNTED_SINCE
        || getrlimit(Resource::Memlock).current.is_none()
        || setrlimit(Resource::Memlock, all).is_ok()
}
