//! What runs in a cgroup: a unit of systemd's, a container, a pod. By its path, as those who make the
//! cgroup name it.

/// A container's id as container engines write it: 64 hexadecimal digits.
const CONTAINER_ID_CHARS: usize = 64;

/// What a cgroup's path says. Whoever may make cgroups may say what they like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The unit of the system's service manager that is nearest to the process.
    pub unit: Option<String>,
    /// The container's id.
    pub container: Option<String>,
    /// The pod's UID in Kubernetes.
    pub pod: Option<String>,
}

impl Workload {
    /// Reads a path below the hierarchy's root: `/system.slice/nginx.service`,
    /// `/system.slice/docker-ID.scope`, `/kubepods.slice/kubepods-burstable-podUID.slice/cri-containerd-ID.scope`,
    /// `/kubepods/burstable/podUID/ID`.
    pub fn of(cgroup: &str) -> Self {
        let mut found = Self::default();
        for part in cgroup.split('/') {
            if let Some(pod) = pod(part) {
                found.pod = Some(pod);
            } else if let Some(container) = container(part) {
                found.container = Some(container.to_owned());
            } else if matches!(part.rsplit_once('.'), Some((_, "service" | "scope"))) {
                found.unit = Some(part.to_owned());
            }
        }
        found
    }
}

/// `docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID`, `libpod-ID.scope`, `ID`.
fn container(part: &str) -> Option<&str> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let id = name.rsplit_once('-').map_or(name, |(_, id)| id);
    let is_id = id.len() == CONTAINER_ID_CHARS && id.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then_some(id)
}

/// `kubepods-burstable-podUID.slice` where `_` stands for `-`, or `podUID`.
fn pod(part: &str) -> Option<String> {
    const UID_CHARS: usize = 36;
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let (_, uid) = name.rsplit_once("pod")?;
    let uid = uid.replace('_', "-");
    let fits = uid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    (uid.len() == UID_CHARS && fits).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cgroup: &str, unit: Option<&str>, container: Option<&str>, pod: Option<&str>) {
        let expected = Workload {
            unit: unit.map(str::to_owned),
            container: container.map(str::to_owned),
            pod: pod.map(str::to_owned),
        };
        assert_eq!(Workload::of(cgroup), expected, "{cgroup}");
    }

    #[test]
    fn a_cgroup_is_a_unit_a_container_or_a_pod() {
        let id = "0123456789abcdef".repeat(4);
        let uid = "6a2f8d2e-8a0b-4a3c-9a51-0d2f6f1f3c11";
        check("/", None, None, None);
        check(
            "/system.slice/nginx.service",
            Some("nginx.service"),
            None,
            None,
        );
        check(
            "/user.slice/user-1000.slice/user@1000.service/app.slice/run-7.scope",
            Some("run-7.scope"),
            None,
            None,
        );
        check(
            &format!("/system.slice/docker-{id}.scope"),
            None,
            Some(&id),
            None,
        );
        check(&format!("/docker/{id}"), None, Some(&id), None);
        check(
            &format!("/machine.slice/libpod-{id}.scope/container"),
            None,
            Some(&id),
            None,
        );
        let under = uid.replace('-', "_");
        check(
            &format!(
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{under}.slice/cri-containerd-{id}.scope"
            ),
            None,
            Some(&id),
            Some(uid),
        );
        check(
            &format!("/kubepods/besteffort/pod{uid}/{id}"),
            None,
            Some(&id),
            Some(uid),
        );
        check(
            "/podium.slice/xpod.service",
            Some("xpod.service"),
            None,
            None,
        );
    }
}
