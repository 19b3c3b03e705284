//! Who is calling, and how we know.
//!
//! A caller is the agreement of two witnesses: the kernel, which says what process made the
//! connection ([`flows::Attribution`]), and a short-lived token, which says what task it is for
//! ([`Claims`]). [`Identity::identify`] brings them together, or says what is missing.
//!
//! Nothing here does I/O or reads a clock: keys and the time are arguments.

mod agent;
mod binding;
mod bounds;
mod caller;
mod delegation;
mod dpop;
mod jwks;
mod key;
mod mapping;
mod once;
mod possession;
mod revoked;
mod selector;
mod spiffe;
mod svid;
mod token;

pub use agent::{AGENTS_MAX, Agent, AgentError, Ambiguous, Registry, TokenRule};
pub use binding::{Binding, Thumbprint, certificate_thumbprint};
pub use bounds::{Bounds, FROM_MAX, GotWith, ONLY_BYTES_MAX, ONLY_MAX};
pub use caller::{Caller, Cause, Declared, Identity, Proven, Unproven};
pub use delegation::{ACTORS_MAX, Delegation, PARTY_BYTES_MAX};
pub use dpop::{PROOF_AGE_SECONDS_MAX, PROOF_BYTES_MAX, PROOFS_REMEMBERED_MAX, ProofError};
pub use jwks::{JWKS_BYTES_MAX, KEYS_MAX, KeySet, KeySetError};
pub use key::{KEY_PREFIX, KEYS_MAX_OF_AGENT, KeyDigest, KeyDigestError, NoRandomness, StaticKey};
pub use mapping::Mapping;
pub use once::{Again, Once};
pub use possession::{Possession, Request, Scheme};
pub use revoked::{Revocable, Revoked};
pub use selector::{Selector, SelectorError};
pub use spiffe::{SpiffeId, SpiffeIdError};
pub use svid::Svid;
pub use token::{
    Audience, CLOCK_SKEW_SECONDS_MAX, Claims, Issuer, SCOPE_ENTRIES_MAX, SCOPE_VALUE_BYTES_MAX,
    TOKEN_BYTES_MAX, TOKENS_REMEMBERED_MAX, Task, TokenError, Verifier, VerifierError,
};

#[cfg(test)]
mod tests;
