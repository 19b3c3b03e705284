//! What the README promises, each promise as a scenario with the real daemon and real peers.
//!
//! Every scenario ends with the daemon stopped in good order and its log verified offline.

mod bypass;
mod canary;
mod fleet;
mod formats;
mod grpc;
mod hostile;
mod identity;
mod kills;
mod processes;
mod redaction;
mod residency;
mod reveal;
mod rows;
mod scope;
mod streaming;
mod tamper;
mod tokens;
mod trace;
mod transforms;
mod uninspected;
mod wire;
mod world;
