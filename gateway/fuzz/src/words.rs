//! What agents are known by, and what a cgroup's name says.

use flows::{Process, Workload};
use identity::{KeyDigest, Selector, SpiffeId};

/// What a user may name below its own service manager.
const OF_A_USER: &str = "/user.slice/user-1000.slice/user@1000.service";

/// Any text as each of them.
pub fn selector(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(id) = text.parse::<SpiffeId>() {
        assert_eq!(id.to_string(), text);
        assert!(text.starts_with(&format!("{}/", id.trust_domain())));
    }
    if let Ok(digest) = text.parse::<KeyDigest>() {
        assert_eq!(digest.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(selector) = text.parse::<Selector>() {
        assert_eq!(
            selector.to_string().parse(),
            Ok(selector.clone()),
            "{selector}"
        );
    }
    let below = format!("{OF_A_USER}/{text}");
    let unit = text.rsplit('/').next().unwrap_or_default();
    if let Ok(selector) = format!("systemd:id:{unit}").parse::<Selector>() {
        let passes = selector.matches(&within(below.clone()), "spiffe://a.example/b");
        assert!(
            !passes || unit == "user@1000.service",
            "{below} passes for {unit}"
        );
    }
    let workload = Workload::of(&below);
    let parts = [workload.unit, workload.container, workload.pod];
    assert!(parts.into_iter().flatten().all(|part| !part.contains('/')));
}

fn within(cgroup: String) -> Process {
    Process {
        pid: 4711,
        start_ns: 1,
        uid: 1000,
        gid: 1000,
        cgroup_id: 7,
        cgroup: Some(cgroup),
        comm: String::new(),
        exe: None,
        exe_sha256: None,
        netns: 1,
        agent: 0,
        ancestors: Vec::new(),
    }
}
