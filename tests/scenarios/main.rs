//! What the README promises, each promise as a scenario with the real daemon and real peers.
//!
//! Every scenario ends with the daemon stopped in good order and its log verified offline.

mod behaviour;
mod budgets;
mod bypass;
mod canary;
mod codings;
mod confined;
mod credentials;
mod endless;
mod erasure;
mod evidence;
mod fleet;
mod formats;
mod forward;
mod graphql;
mod grpc;
mod hostile;
mod identity;
mod imported;
mod install;
mod kills;
mod led;
mod matrix;
mod mcp;
mod passes;
mod policies;
mod processes;
mod redaction;
mod residency;
mod reveal;
mod revocation;
mod rows;
mod scope;
mod sdks;
mod sealed;
mod sessions;
mod streaming;
mod tamper;
mod tokens;
mod trace;
mod transforms;
mod uninspected;
mod wire;
mod world;
