//! What an agent's process must look like, in the words of SPIRE's workload attestors.
//!
//! Every selector rests on what the kernel attests and the process cannot choose for itself.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

use flows::{AgentRule, Condition, Process};

const KINDS: &[&str] = &[
    "unix:uid",
    "unix:gid",
    "unix:path",
    "unix:sha256",
    "unix:ancestor-path",
    "cgroup:path",
    "systemd:id",
    "tidegate:exec",
];

/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be proposed for the other.
const ALIKE_MIN: f64 = 0.8;

/// One condition on a process.
///
/// | written | holds for a process |
/// | --- | --- |
/// | `unix:uid:1001` | of this real user id |
/// | `unix:gid:1001` | of this real group id |
/// | `unix:path:/usr/bin/curl` | running this file |
/// | `unix:sha256:<64 digits>` | running a file with this SHA-256 |
/// | `unix:ancestor-path:/usr/bin/foo` | with a parent, up to eight steps above, running this file |
/// | `cgroup:path:/a/b` | in exactly this cgroup |
/// | `cgroup:path:/a/b/**` | in this cgroup or one below it |
/// | `systemd:id:x.service` | in this unit of the system's service manager |
/// | `tidegate:exec:1001` | started as this agent with `tidegate exec` by this user, or by such a process |
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector(Kind);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Uid(u32),
    Gid(u32),
    Path(PathBuf),
    Sha256([u8; 32]),
    AncestorPath(PathBuf),
    Cgroup(String),
    CgroupTree(String),
    SystemdUnit(String),
    Launcher(u32),
}

/// Why a text is not a selector, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("selector `{selector}`: {fault}; {hint}")]
pub struct SelectorError {
    /// The text.
    pub selector: String,
    /// What is wrong with it.
    pub fault: &'static str,
    /// How to mend it.
    pub hint: String,
}

impl Selector {
    /// The file that a process must run, or have been started by, if this is about one.
    pub fn program(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Path(path) | Kind::AncestorPath(path) => Some(path),
            _ => None,
        }
    }

    /// The same condition as the kernel can check it when a process runs `exec`; none where it
    /// cannot.
    pub fn condition(&self) -> Option<Condition> {
        match &self.0 {
            Kind::Uid(uid) => Some(Condition::Uid(*uid)),
            Kind::Gid(gid) => Some(Condition::Gid(*gid)),
            Kind::Path(path) => Some(Condition::Executable(path.clone())),
            Kind::Cgroup(path) => Some(Condition::Cgroup(path.clone())),
            Kind::CgroupTree(root) => Some(Condition::CgroupTree(root.clone())),
            Kind::SystemdUnit(unit) => Some(Condition::Unit(unit.clone())),
            Kind::Sha256(_) | Kind::AncestorPath(_) | Kind::Launcher(_) => None,
        }
    }

    /// The user who may start the agent's processes with `tidegate exec`, if that is the condition.
    pub fn launcher(&self) -> Option<u32> {
        match &self.0 {
            Kind::Launcher(uid) => Some(*uid),
            _ => None,
        }
    }

    /// Whether it holds for `process`, as a condition of `agent`. What is not known of the process
    /// never matches.
    pub fn matches(&self, process: &Process, agent: &str) -> bool {
        match &self.0 {
            Kind::Uid(uid) => process.uid == *uid,
            Kind::Gid(gid) => process.gid == *gid,
            Kind::Path(path) => process.exe.as_deref() == Some(path),
            Kind::Sha256(digest) => process.exe_sha256.as_ref() == Some(digest),
            Kind::AncestorPath(path) => process
                .ancestors
                .iter()
                .any(|ancestor| ancestor.exe.as_deref() == Some(path)),
            Kind::Cgroup(path) => process.cgroup.as_ref() == Some(path),
            Kind::CgroupTree(root) => process
                .cgroup
                .as_deref()
                .and_then(|cgroup| cgroup.strip_prefix(root.as_str()))
                .is_some_and(|below| below.is_empty() || below.starts_with('/')),
            Kind::SystemdUnit(unit) => {
                process.cgroup.as_deref().and_then(unit_of) == Some(unit.as_str())
            }
            // Nothing but such a start gives a process to an agent that has this selector; who may
            // do so was asked then.
            Kind::Launcher(_) => process.agent == AgentRule::number_of(agent),
        }
    }
}

/// The unit of the *system* manager: the first part of the cgroup that is no slice, as
/// `cg_path_get_unit` of systemd finds it. What a user's own manager runs lies below
/// `user@1000.service`, so no user can make a unit that passes for the system's.
fn unit_of(cgroup: &str) -> Option<&str> {
    let mut parts = cgroup.split('/').filter(|part| !part.is_empty());
    // systemd puts an underscore before a name that the kernel would misread.
    parts
        .find(|part| kind_of(part) != Some("slice"))
        .map(|part| part.strip_prefix('_').unwrap_or(part))
}

/// What a unit is, by its suffix.
fn kind_of(unit: &str) -> Option<&str> {
    unit.rsplit_once('.').map(|(_, kind)| kind)
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let wrong = |fault, hint: String| SelectorError {
            selector: text.escape_debug().to_string(),
            fault,
            hint,
        };
        let mut parts = text.splitn(3, ':');
        let (Some(kind), Some(name), Some(value)) = (parts.next(), parts.next(), parts.next())
        else {
            let hint = "write it as `kind:name:value`: `unix:uid:1001`";
            return Err(wrong("it has no value", hint.into()));
        };
        let key = format!("{kind}:{name}");
        let parsed = match key.as_str() {
            "unix:uid" => id(value).map(Kind::Uid),
            "unix:gid" => id(value).map(Kind::Gid),
            "unix:path" => file(value).map(Kind::Path),
            "unix:ancestor-path" => file(value).map(Kind::AncestorPath),
            "unix:sha256" => sha256(value).map(Kind::Sha256),
            "cgroup:path" => cgroup(value),
            "systemd:id" => unit(value).map(Kind::SystemdUnit),
            "tidegate:exec" => id(value).map(Kind::Launcher),
            _ => Err(unknown(&key)),
        };
        parsed.map(Self).map_err(|(fault, hint)| wrong(fault, hint))
    }
}

type Fault = (&'static str, String);

fn unknown(key: &str) -> Fault {
    let hint = match key {
        "unix:comm" => {
            return (
                "a process chooses its command name itself",
                "use `unix:path` or `unix:sha256`".into(),
            );
        }
        "unix:user" => "use `unix:uid` with the number that `id -u` prints".into(),
        "unix:group" => "use `unix:gid` with the number that `id -g` prints".into(),
        _ => proposal(key),
    };
    ("there is no such kind", hint)
}

fn proposal(key: &str) -> String {
    KINDS
        .iter()
        .map(|known| (strsim::jaro_winkler(key, known), known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(likeness, _)| *likeness >= ALIKE_MIN)
        .map_or_else(
            || format!("choose from `{}`", KINDS.join("`, `")),
            |(_, known)| format!("did you mean `{known}`?"),
        )
}

fn id(value: &str) -> Result<u32, Fault> {
    // Digits only: `parse` alone would take `+1`.
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|_| digits);
    number.ok_or((
        "it is not a number",
        "write the numeric id: `unix:uid:1001`".into(),
    ))
}

fn file(value: &str) -> Result<PathBuf, Fault> {
    let path = Path::new(value);
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    // The kernel names a file by the one path without detours, so no other can match.
    let rebuilt: PathBuf = path.components().collect();
    if path.is_absolute() && path.components().all(plain) && rebuilt.as_os_str() == value {
        return Ok(rebuilt);
    }
    let hint = "write the whole path, as `readlink -f` prints it: `/usr/bin/curl`";
    Err(("it is not a plain absolute path", hint.into()))
}

fn sha256(value: &str) -> Result<[u8; 32], Fault> {
    let mut digest = [0; 32];
    hex::decode_to_slice(value, &mut digest).map_err(|_| {
        let hint = "write the 64 hexadecimal digits that `sha256sum` prints";
        ("it is not a SHA-256", hint.to_owned())
    })?;
    Ok(digest)
}

fn cgroup(value: &str) -> Result<Kind, Fault> {
    let (root, tree) = match value.strip_suffix("/**") {
        Some(root) => (root, true),
        None => (value, false),
    };
    let part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('*');
    let plain = root
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(part));
    match (plain, tree) {
        (true, true) => Ok(Kind::CgroupTree(root.to_owned())),
        (true, false) => Ok(Kind::Cgroup(root.to_owned())),
        (false, _) => {
            let hint = "write `/system.slice/x.service`, or `/system.slice/**` for all below it";
            Err(("it is not a cgroup's path", hint.into()))
        }
    }
}

fn unit(value: &str) -> Result<String, Fault> {
    let unit = matches!(kind_of(value), Some("service" | "scope"));
    if unit && !value.contains(['/', '*']) {
        return Ok(value.to_owned());
    }
    let hint = "write the unit with its suffix: `systemd:id:agent.service`";
    Err(("it is not a service or a scope", hint.into()))
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Uid(uid) => write!(f, "unix:uid:{uid}"),
            Kind::Gid(gid) => write!(f, "unix:gid:{gid}"),
            Kind::Path(path) => write!(f, "unix:path:{}", path.display()),
            Kind::Sha256(digest) => write!(f, "unix:sha256:{}", hex::encode(digest)),
            Kind::AncestorPath(path) => write!(f, "unix:ancestor-path:{}", path.display()),
            Kind::Cgroup(path) => write!(f, "cgroup:path:{path}"),
            Kind::CgroupTree(root) => write!(f, "cgroup:path:{root}/**"),
            Kind::SystemdUnit(unit) => write!(f, "systemd:id:{unit}"),
            Kind::Launcher(uid) => write!(f, "tidegate:exec:{uid}"),
        }
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
