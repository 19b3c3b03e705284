//! Readers of strangers' bytes within crates that would take minutes to build: their own files, by path, with as much beside them as they
//! name of the rest. If one of them comes to name more, this no longer builds.
//!
//! | target | reads | what must hold, beside that nothing panics |
//! |---|---|---|
//! | `route` | paths, queries and forms of requests | one reading: another parser has the same, and so has whoever reads what was read |
//! | `tunnel` | `CONNECT host:port` | what is no address to us is none to the resolver |
//! | `graphql` | requests of GraphQL | bounded, and what is read and written anew is read the same |
//! | `message` | JSON of which nothing comes twice, JSON-RPC | the same by another reader; an id is text or a whole number |
//! | `webhook` | signatures of messages | what is verified was signed |
//! | `listing` | what a bucket has, in XML | no more than is there |
//! | `stream` | events of MCP over standard streams | the same however it is cut |
//!
//! Of `proxy`, but the last, which is of `stdio`.

#[path = "../../../proxy/src/route/canonical.rs"]
#[allow(dead_code, reason = "not all of it is reached from here")]
mod canonical;
#[path = "../../../proxy/src/graphql/document.rs"]
#[allow(dead_code, reason = "not all of it is reached from here")]
mod document;
#[path = "../../../proxy/src/graphql/envelope.rs"]
#[allow(dead_code, reason = "not all of it is reached from here")]
mod envelope;
#[path = "../../../stdio/src/events.rs"]
mod events;
#[path = "../../../proxy/src/jsonrpc.rs"]
#[allow(dead_code, reason = "not all of it is reached from here")]
mod jsonrpc;
#[path = "../../../proxy/src/webhook.rs"]
#[allow(dead_code, reason = "not all of it is reached from here")]
mod signatures;
#[path = "../../../proxy/src/strict.rs"]
mod strict;
#[path = "../../../proxy/src/forward/target.rs"]
mod target;
#[path = "../../../proxy/src/objects/xml.rs"]
#[allow(dead_code, reason = "not all of it is reached from here")]
mod xml;

mod hosts;
mod messages;
mod queries;
mod rest;
mod routes;
mod streams;

// What those files name of the crates that they are of.
use envelope::Envelope;
use rest::{MESSAGE_BYTES_MAX, Unroutable, headers, message, refusal, route, versions};

pub use hosts::tunnel;
pub use messages::{message as json, webhook};
pub use queries::graphql;
pub use routes::route as path;
pub use streams::{listing, stream};
