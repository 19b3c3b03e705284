//! Who called, as records have it.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

/// Who called, on which evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallerRecord {
    /// The agent's SPIFFE id, where one was recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// How well it is proven.
    pub evidence: String,
    /// The kernel's name of the connection that it came by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// The process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessRecord>,
    /// The token's claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenRecord>,
    /// The name of the static key that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The calling process, as `flows` attested it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Process id in the host's namespace.
    pub pid: u32,
    /// Nanoseconds since boot.
    pub start_ns: u64,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// cgroup v2 id.
    pub cgroup_id: u64,
    /// cgroup path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Command name.
    pub comm: String,
    /// Executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// SHA-256 of the executable, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe_sha256: Option<String>,
    /// Parents, nearest first: `pid comm`.
    pub ancestors: Vec<String>,
}

/// What a token said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `jti`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The task's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The task's purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The task's scope.
    #[serde(default)]
    pub scope: BTreeMap<String, String>,
    /// On whose behalf the agent acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<DelegationRecord>,
}

/// The parameter as which whoever is named in a delegation is a data subject: `sub=alice`.
pub const DELEGATING: &str = "sub";

/// Who acts for whom (RFC 8693, 4.1). Whoever is no workload may be a person, and is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DelegationRecord {
    /// Whom the token is about.
    pub subject: String,
    /// Who acts: first who does now, then who did before.
    pub actors: Vec<String>,
}

impl DelegationRecord {
    /// Everybody whom it names.
    pub fn parties(&self) -> impl Iterator<Item = &String> {
        self.actors.iter().chain([&self.subject])
    }

    /// Those of them who may be persons, to be written anew.
    pub fn people(&mut self) -> impl Iterator<Item = &mut String> {
        let all = self.actors.iter_mut().chain([&mut self.subject]);
        all.filter(|name| !is_workload(name))
    }
}

/// Whether a name is that of a workload (SPIFFE), and so of no person.
pub fn is_workload(name: &str) -> bool {
    name.starts_with("spiffe://")
}

/// The notice of a client that says otherwise than its agent is known as.
pub const DECLARED_CONFLICT: &str = "declared_conflict";

/// What a client says that it is, which proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredRecord {
    /// Where: `user-agent`, `header` (the one that is configured), `mcp` (`clientInfo`).
    pub by: Cow<'static, str>,
    /// Its name: short, of plain characters.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}
