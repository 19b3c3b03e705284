//! The caller: what the kernel, the workload's certificate and the token agree on.
//!
//! # The session
//!
//! A session is one instance of an agent. Its id is a short digest of the agent's id, of the
//! root of its process tree, and of the token's `sid` or else `jti`. The root is the process
//! itself, or the farthest parent reached by an unbroken line of parents that run the same file:
//! so the workers of one Python service are one session, and two runs of it are two. At most
//! eight parents are known; below a longer line each process of the ninth generation begins anew.

use std::{fmt, sync::Arc};

use aws_lc_rs::digest;
use flows::{Attribution, Process, Source};
use jiff::Timestamp;

use crate::{
    Agent, Ambiguous, Claims, GotWith, KeyDigest, Possession, ProofError, Registry, StaticKey,
    Svid, TokenError, TokenRule, Verifier, dpop::Used, svid, token::Verified,
};

/// Hexadecimal digits of a session's id: 96 bits, so that equal ones do not happen.
const SESSION_DIGITS: usize = 24;

/// What proves whoever signed a request.
const SIGNED: &str = "signed";

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The agent.
    pub agent: Arc<Agent>,
    /// The process, as attested.
    pub attribution: Option<Arc<Attribution>>,
    /// The token, verified and the agent's own.
    pub token: Option<Arc<Claims>>,
    /// The certificate, verified and the agent's own.
    pub svid: Option<Arc<Svid>>,
    /// The session's id.
    pub session: Arc<str>,
    /// The process at the root of the session: pid, and start in nanoseconds since boot. It stays the
    /// same whatever token is shown.
    pub workload: (u32, u64),
    /// The static key that it showed.
    pub key: Option<Arc<StaticKey>>,
    /// What proves it: `kernel` or `inferred`, then `+svid` where one was shown, then `+token`,
    /// `+bound-token` or `+key`; or `signed`. A pass proves what it was got with.
    pub evidence: &'static str,
    /// What its client says that it is, where agents are known by that; whoever asks fills it in.
    pub declared: Option<Arc<Declared>>,
}

/// What a client says that it is, held against what agents are known as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Of what it says, the names that are some agent's.
    pub names: Arc<[Arc<str>]>,
    /// Whether it says something that is not its agent's.
    pub conflict: bool,
}

impl Caller {
    /// When what was shown stops being believed, if it does.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let token = self.token.as_ref().map(|token| token.expires_at);
        let svid = self.svid.as_ref().map(|svid| svid.expires_at);
        let key = self.key.as_ref().map(|key| key.expires_at);
        token.into_iter().chain(svid).chain(key).min()
    }

    /// Whether what it showed was for the gateway, and so ends there.
    pub fn showed(&self) -> bool {
        self.token.is_some() || self.key.is_some()
    }

    /// What it showed, or what a pass that it showed was got with.
    pub fn got_with(&self) -> GotWith {
        match (&self.token, &self.key) {
            (Some(token), _) => token.got_with(),
            (None, Some(_)) => GotWith::Key,
            (None, None) => GotWith::Nothing,
        }
    }
}

/// A caller that was proven, to be believed again: on the same connection, which has the same owner,
/// for the same token.
pub struct Proven {
    caller: Caller,
    token: Option<(Box<str>, Arc<Verified>)>,
}

impl Proven {
    /// Who it is.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether its token is bound to what must be proven for each request.
    pub fn wants_proof(&self) -> bool {
        let token = self.token.as_ref();
        token.is_some_and(|(_, verified)| verified.claims.binding.is_some())
    }

    /// Whether [`Identity::identify`] would say the same again, for the owner it was asked about.
    pub fn holds(&self, token: Option<&str>, now: Timestamp) -> bool {
        if let Some(key) = &self.caller.key {
            let same = |shown| KeyDigest::of(shown) == key.digest;
            return token.is_some_and(same) && key.expires_at > now && self.is_certified(now);
        }
        match (&self.token, token) {
            (None, None) => self.is_certified(now),
            (Some((proven, verified)), Some(shown)) => {
                **proven == *shown && verified.holds(now) && self.is_certified(now)
            }
            _ => false,
        }
    }

    /// Whether the certificate that was shown, if one was, is still good.
    fn is_certified(&self, now: Timestamp) -> bool {
        let svid = self.caller.svid.as_ref();
        svid.is_none_or(|svid| svid.expires_at > now)
    }
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("Proven")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

/// Nobody is proven to be calling. It carries what *is* known, for the record.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Unproven {
    /// What is missing or wrong.
    pub cause: Cause,
    /// The process, where it is known.
    pub attribution: Option<Arc<Attribution>>,
    /// The agent that the process is, where it is one.
    pub agent: Option<Arc<Agent>>,
    /// The token, if it was verified.
    pub token: Option<Arc<Claims>>,
}

/// Why nobody is proven to be calling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The connection belongs to no process that can be named.
    #[error("no process can be named as the owner of the connection")]
    WorkloadUnknown,
    /// The process is no registered agent.
    #[error("the process is not a registered agent")]
    WorkloadUnregistered,
    /// The process is two agents.
    #[error("the process is agent `{0}` and agent `{1}` alike")]
    AgentAmbiguous(Arc<str>, Arc<str>),
    /// The agent must show an X.509-SVID and did not.
    #[error("the agent must show its X.509-SVID")]
    SvidRequired,
    /// The certificate was good once.
    #[error("the X.509-SVID has expired: connect anew with a fresh one")]
    SvidExpired,
    /// The certificate is good, and somebody else's.
    #[error("the X.509-SVID names another workload")]
    SvidWorkloadMismatch,
    /// The agent must show a token and did not.
    #[error("the agent must show a token")]
    TokenRequired,
    /// The token is not believed.
    #[error(transparent)]
    TokenInvalid(TokenError),
    /// The token was good once.
    #[error("the token has expired")]
    TokenExpired,
    /// The token is good, and for something else.
    #[error("the token is for another resource: `aud` must name the one that is called")]
    TokenAudience,
    /// The static key is nobody's.
    #[error("the key is none of the agent's")]
    KeyInvalid,
    /// The static key was good once.
    #[error("the key has expired; ask for a token instead")]
    KeyExpired,
    /// The static key is good, and somebody else's.
    #[error("the key is another agent's")]
    KeyWorkloadMismatch,
    /// The token is good, and somebody else's.
    #[error("the token is bound to another workload")]
    TokenWorkloadMismatch,
    /// The token is bound to no key where it must be, or was shown as if it were.
    #[error("the token is bound to no key; ask its issuer for one that is (RFC 9449, RFC 8705)")]
    TokenUnbound,
    /// The token is bound to a key, and nothing proves that whoever shows it holds it.
    #[error("the token is bound to a key; show it as `Authorization: DPoP` with a proof beside it")]
    ProofRequired,
    /// What is shown as the proof is none.
    #[error(transparent)]
    ProofInvalid(ProofError),
    /// The token is bound to a certificate, and the connection has none or another.
    #[error("the token is bound to a certificate that this connection was not made with")]
    CertificateMismatch,
}

impl Unproven {
    /// A stable code for it.
    pub fn reason(&self) -> &'static str {
        match self.cause {
            Cause::WorkloadUnknown => "workload_unknown",
            Cause::WorkloadUnregistered => "workload_unregistered",
            Cause::AgentAmbiguous(..) => "agent_ambiguous",
            Cause::SvidRequired => "svid_required",
            Cause::SvidExpired => "svid_expired",
            Cause::SvidWorkloadMismatch => "svid_workload_mismatch",
            Cause::TokenRequired => "token_required",
            Cause::TokenInvalid(_) => "token_invalid",
            Cause::TokenExpired => "token_expired",
            Cause::TokenAudience => "token_audience",
            Cause::KeyInvalid => "key_invalid",
            Cause::KeyExpired => "key_expired",
            Cause::KeyWorkloadMismatch => "key_workload_mismatch",
            Cause::TokenWorkloadMismatch => "token_workload_mismatch",
            Cause::TokenUnbound => "token_unbound",
            Cause::ProofRequired => "proof_required",
            Cause::ProofInvalid(_) => "proof_invalid",
            Cause::CertificateMismatch => "certificate_mismatch",
        }
    }

    /// The HTTP status: 401 where another proof would help, 403 where none would.
    pub fn status(&self) -> u16 {
        match self.cause {
            Cause::WorkloadUnknown
            | Cause::SvidRequired
            | Cause::SvidExpired
            | Cause::TokenRequired
            | Cause::TokenInvalid(_)
            | Cause::TokenExpired
            | Cause::TokenAudience
            | Cause::KeyInvalid
            | Cause::KeyExpired
            | Cause::TokenUnbound
            | Cause::ProofRequired
            | Cause::ProofInvalid(_)
            | Cause::CertificateMismatch => 401,
            Cause::WorkloadUnregistered
            | Cause::AgentAmbiguous(..)
            | Cause::SvidWorkloadMismatch
            | Cause::KeyWorkloadMismatch
            | Cause::TokenWorkloadMismatch => 403,
        }
    }

    /// Whether somebody should look at it: a good token in the wrong hands was taken or lent.
    pub fn is_finding(&self) -> bool {
        matches!(
            self.cause,
            Cause::TokenWorkloadMismatch
                | Cause::KeyWorkloadMismatch
                | Cause::SvidWorkloadMismatch
                | Cause::ProofRequired
                | Cause::ProofInvalid(ProofError::OtherKey | ProofError::Replayed)
                | Cause::CertificateMismatch
        )
    }
}

/// Brings the two witnesses together.
#[derive(Debug)]
pub struct Identity {
    registry: Registry,
    verifier: Verifier,
    used: Used,
}

impl Identity {
    /// Of these agents and issuers.
    pub fn new(registry: Registry, verifier: Verifier) -> Self {
        Self {
            registry,
            verifier,
            used: Used::default(),
        }
    }

    /// The gateway itself, as an agent of its own that no other process can be: its process is `workload`,
    /// by pid and start. That it is itself, it knows as well as the kernel does.
    pub fn own(agent: &Arc<Agent>, workload: (u32, u64)) -> Caller {
        let evidence = evidence(Source::Kernel, false, GotWith::Nothing);
        apart(agent, workload, evidence)
    }

    /// Whoever signed a request with a secret that only `sender` and the gateway have. Where its processes
    /// run nobody here knows: all that it signs is one session.
    pub fn signed(sender: &Arc<Agent>) -> Proven {
        Proven {
            caller: apart(sender, (0, 0), SIGNED),
            token: None,
        }
    }

    /// The registered agents.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whether a bearer is a token for the gateway, by the issuer that it names; if not, it is a
    /// credential for the service. A bearer of ours that was altered still has to hold. So has a static key.
    pub fn is_token(&self, bearer: &str) -> bool {
        StaticKey::is_meant(bearer) || self.verifier.is_ours(bearer)
    }

    /// Who is calling.
    ///
    /// A token that is shown must hold, even where none is required. A good token shown by a
    /// process that is not its agent, registered or not, is a mismatch. So is a certificate.
    pub fn identify(
        &self,
        (attribution, svid): (Option<&Arc<Attribution>>, Option<&Arc<Svid>>),
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Proven, Unproven> {
        let key = token.filter(|token| StaticKey::is_meant(token));
        let token = token.filter(|_| key.is_none());
        let verified = token.map(|token| self.verifier.verified(token, now));
        let claims = verified
            .as_ref()
            .and_then(|verified| verified.as_ref().ok())
            .map(|verified| &verified.claims);
        let unproven = |cause, agent: Option<&Arc<Agent>>| Unproven {
            cause,
            attribution: attribution.cloned(),
            agent: agent.cloned(),
            token: claims.cloned(),
        };
        let Some(attribution) = attribution else {
            return Err(unproven(Cause::WorkloadUnknown, None));
        };
        let agent = match self.registry.find(&attribution.process) {
            Ok(Some(agent)) => agent,
            Ok(None) if svid.is_some() => {
                return Err(unproven(Cause::SvidWorkloadMismatch, None));
            }
            Ok(None) if claims.is_some() => {
                return Err(unproven(Cause::TokenWorkloadMismatch, None));
            }
            Ok(None) => return Err(unproven(Cause::WorkloadUnregistered, None)),
            Err(Ambiguous(one, two)) => {
                let names = [one, two].map(|agent| Arc::clone(agent.id.shared()));
                let [one, two] = names;
                return Err(unproven(Cause::AgentAmbiguous(one, two), None));
            }
        };
        let known = svid::agrees(agent, svid.map(|svid| &**svid), now)
            .and_then(|()| key.map(|key| self.key(agent, key, now)).transpose());
        let key = known.map_err(|cause| unproven(cause, Some(agent)))?;
        agree(
            agent,
            &attribution.process,
            verified.as_ref(),
            key.is_some(),
        )
        .map_err(|cause| unproven(cause, Some(agent)))?;
        let workload = root(&attribution.process);
        let caller = Caller {
            agent: Arc::clone(agent),
            session: session(agent, workload, claims.map(|claims| &**claims)),
            workload,
            evidence: "",
            attribution: Some(Arc::clone(attribution)),
            token: claims.cloned(),
            svid: svid.cloned(),
            key: key.map(Arc::new),
            declared: None,
        };
        let caller = Caller {
            evidence: evidence(attribution.source, svid.is_some(), caller.got_with()),
            ..caller
        };
        let shown = token.map(Box::from).zip(verified.and_then(Result::ok));
        Ok(Proven {
            caller,
            token: shown,
        })
    }

    /// The static key that this text is, if it is the agent's.
    fn key(&self, agent: &Agent, key: &str, now: Timestamp) -> Result<StaticKey, Cause> {
        let shown = KeyDigest::of(key);
        let among = |agent: &Agent| agent.keys.iter().find(|key| key.digest == shown).cloned();
        match among(agent) {
            Some(key) if key.expires_at > now => Ok(key),
            Some(_) => Err(Cause::KeyExpired),
            None if self.registry.agents().any(|other| among(other).is_some()) => {
                Err(Cause::KeyWorkloadMismatch)
            }
            None => Err(Cause::KeyInvalid),
        }
    }

    /// Whether what was shown is for this resource, or where none is named for what has no URI of its own. A
    /// token for one resource must be of no use at another (RFC 8707 section 2).
    pub fn is_meant(&self, proven: &Proven, resource: Option<&str>) -> Result<(), Unproven> {
        let Some(claims) = &proven.caller.token else {
            return Ok(());
        };
        if claims.audience.covers(resource) {
            return Ok(());
        }
        Err(Unproven {
            cause: Cause::TokenAudience,
            attribution: proven.caller.attribution.clone(),
            agent: Some(Arc::clone(&proven.caller.agent)),
            token: proven.caller.token.clone(),
        })
    }

    /// Whether whoever was `proven` to call also holds what its token is bound to. To be asked for
    /// each request: a proof is for one, and can be used once.
    pub fn possesses(
        &self,
        proven: &Proven,
        possession: &Possession<'_>,
        now: Timestamp,
    ) -> Result<(), Unproven> {
        let Some((token, verified)) = &proven.token else {
            return Ok(());
        };
        let binding = verified.claims.binding.as_ref();
        possession
            .proves(binding, token, &self.used, now)
            .map_err(|cause| Unproven {
                cause,
                attribution: proven.caller.attribution.clone(),
                agent: Some(Arc::clone(&proven.caller.agent)),
                token: proven.caller.token.clone(),
            })
    }
}

/// A caller that was not asked of the kernel.
fn apart(agent: &Arc<Agent>, workload: (u32, u64), evidence: &'static str) -> Caller {
    Caller {
        agent: Arc::clone(agent),
        attribution: None,
        token: None,
        svid: None,
        session: session(agent, workload, None),
        workload,
        key: None,
        evidence,
        declared: None,
    }
}

/// Whether the token, or its absence, fits the agent that the process is. A key stands for a token that
/// need not be bound.
fn agree(
    agent: &Agent,
    process: &Process,
    verified: Option<&Result<Arc<Verified>, TokenError>>,
    has_key: bool,
) -> Result<(), Cause> {
    let elsewhere = |claims: &Claims| {
        let bounds = claims.bounds.as_ref();
        bounds.is_some_and(|bounds| !bounds.hold(process))
    };
    match verified {
        None if has_key && agent.token == TokenRule::Bound => Err(Cause::TokenUnbound),
        None if agent.token != TokenRule::Optional && !has_key => Err(Cause::TokenRequired),
        Some(Err(TokenError::Expired)) => Err(Cause::TokenExpired),
        Some(Err(error)) => Err(Cause::TokenInvalid(*error)),
        Some(Ok(verified)) if verified.claims.subject != agent.id => {
            Err(Cause::TokenWorkloadMismatch)
        }
        Some(Ok(verified)) if elsewhere(&verified.claims) => Err(Cause::TokenWorkloadMismatch),
        Some(Ok(verified)) if agent.token == TokenRule::Bound && !verified.claims.is_bound() => {
            Err(Cause::TokenUnbound)
        }
        None | Some(Ok(_)) => Ok(()),
    }
}

fn evidence(source: Source, svid: bool, got_with: GotWith) -> &'static str {
    match (source, svid, got_with) {
        (Source::Kernel, true, GotWith::Bound) => "kernel+svid+bound-token",
        (Source::Kernel, true, GotWith::Token) => "kernel+svid+token",
        (Source::Kernel, true, GotWith::Key) => "kernel+svid+key",
        (Source::Kernel, true, GotWith::Nothing) => "kernel+svid",
        (Source::Kernel, false, GotWith::Bound) => "kernel+bound-token",
        (Source::Kernel, false, GotWith::Token) => "kernel+token",
        (Source::Kernel, false, GotWith::Key) => "kernel+key",
        (Source::Kernel, false, GotWith::Nothing) => "kernel",
        (Source::Proc, true, GotWith::Bound) => "inferred+svid+bound-token",
        (Source::Proc, true, GotWith::Token) => "inferred+svid+token",
        (Source::Proc, true, GotWith::Key) => "inferred+svid+key",
        (Source::Proc, true, GotWith::Nothing) => "inferred+svid",
        (Source::Proc, false, GotWith::Bound) => "inferred+bound-token",
        (Source::Proc, false, GotWith::Token) => "inferred+token",
        (Source::Proc, false, GotWith::Key) => "inferred+key",
        (Source::Proc, false, GotWith::Nothing) => "inferred",
    }
}

fn session(agent: &Agent, (pid, start_ns): (u32, u64), claims: Option<&Claims>) -> Arc<str> {
    let joint = claims.and_then(|claims| claims.session.as_ref().or(claims.token_id.as_ref()));
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [agent.id.as_str(), joint.map_or("", |joint| joint)] {
        // The length first, so that no two pairs run together into the same bytes.
        hash.update(&part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(&pid.to_le_bytes());
    hash.update(&start_ns.to_le_bytes());
    let digits = hex::encode(hash.finish());
    digits.get(..SESSION_DIGITS).unwrap_or(&digits).into()
}

/// The pid and start of the process at the root of the session.
fn root(process: &Process) -> (u32, u64) {
    let own = (process.pid, process.start_ns);
    if process.exe.is_none() {
        return own;
    }
    process
        .ancestors
        .iter()
        // Without its start a pid names whoever has it today.
        .take_while(|ancestor| ancestor.exe == process.exe && ancestor.start_ns != 0)
        .last()
        .map_or(own, |ancestor| (ancestor.pid, ancestor.start_ns))
}
