//! What must hold for any bytes that strangers write and the gateway, or an auditor, reads.
//!
//! | target | reads | what must hold, beside that nothing panics |
//! |---|---|---|
//! | `export`, `tiles` | a log that somebody hands over | what is found intact is the log, record by record |
//! | `note` | checkpoints, manifests of backups, successions, cosignatures | what is believed is what was signed |
//! | `witness` | a request to a witness | what is read is written as it was |
//! | `leaf` | a sealed record's header; proofs of a tree | the same; no proof shows what is not in the tree |
//! | `bundle` | an archive of policies | what is opened is what was packed |
//! | `token`, `dpop`, `jwks` | tokens, proofs of possession, key sets | what is believed is signed, within its bounds, for this request, once |
//! | `selector` | what agents are known by, names of cgroups | what is read is written so; nobody's unit passes for the system's |
//! | `dns`, `hello`, `request` | first bytes of flows past the gateway | names of letters that can be shown, no longer than names are |
//! | `mediation` | answers of services and models | nothing but what the template lists, masked where it says so |
//! | `route`, `tunnel`, `graphql`, `message`, `webhook`, `listing`, `stream` | see [`parts`] | see there |
//!
//! Documents, and what is edited in them, are fuzzed in `classifiers/fuzz` and `gateway/redaction/fuzz`.
//!
//! What has no target, and why:
//! - HTTP, TLS, certificates, WebSocket frames, XML and JSON as such, cookies, forms of the console, MaxMind's files: read by libraries
//!   that are kept for that, with their own fuzzers; nothing of ours looks at the bytes before.
//! - the console's tokens, sessions and claims, `admin`, the desks and the handover of `daemon`: one line of JSON or one word, read
//!   by `serde_json` with a limit; those sockets are the gateway's own user's.
//! - the journal, keyrings, credentials, bookmarks, the configuration, reports that `gateway/pdf` sets: files of the gateway's own user,
//!   who needs no odd bytes to do harm. The journal is cut at every byte by tests of `store`.
//! - syslog, OCSF, lake, telemetry: they write, and read nothing.
//! - the kernel's records (`ebpf/abi`): of fixed size, by our own programs.
//! - routing by templates, `Forwarded`, PROXY headers, gRPC of Envoy's questions, usage of models, pins of tools: in `proxy` and `daemon`,
//!   tied to types for which the whole of them would have to be built; their readers of text are tried by property tests there.

mod bundles;
mod edits;
mod firsts;
mod keys;
mod mediation;
mod notes;
mod record;
mod tokens;
mod words;

pub use bundles::bundle;
pub use firsts::{dns, hello, request};
pub use mediation::mediation;
pub use notes::{leaf, note, witness};
pub use parts::{graphql, json as message, listing, path as route, stream, tunnel, webhook};
pub use record::{export, tiles};
pub use tokens::{dpop, jwks, token};
pub use words::selector;
