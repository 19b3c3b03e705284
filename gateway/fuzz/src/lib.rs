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
//! - HTTP, TLS, certificates, frames of WebSocket, OpenID Connect, XML and JSON as such, cookies, queries and forms of the console: read by
//!   libraries that are kept for that and fuzzed by those who do; nothing of ours looks at the bytes before.
//! - what `tidegate exec`, desks, the handover and `admin` are told: one line of JSON or one word, no longer than a limit, read by
//!   `serde_json` into types that know no other member.
//! - the journal, keyrings, credentials, bookmarks, the configuration, reports that `gateway/pdf` sets: files of the gateway's own user,
//!   who needs no odd bytes to do harm. The journal is cut and changed at any byte by a test of `store`.
//! - answers of Redis, PostgreSQL, secret stores, NATS and collectors: the operator's own servers, read by clients of theirs.
//! - syslog, OCSF, lake, telemetry: they write, and read nothing.
//! - the records of the kernel (`ebpf/abi`): of fixed size, by our own programs; `/proc`: by `procfs`.
//! - templates of paths, fields of requests and media types, questions of Envoy, tools and sessions of MCP, the usage of models: within
//!   `proxy`, tied to types for which the whole of it would have to be built, minutes for each build. Their readers of text are short and
//!   have tests of their own; bodies are what is long, and those are fuzzed.

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
