//! What the README promises, each promise as a scenario with the real daemon and real peers.
//!
//! Every scenario ends with the daemon stopped in good order and its log verified offline.

mod bypass;
mod canary;
mod hostile;
mod identity;
mod kills;
mod processes;
mod redaction;
mod residency;
mod scope;
mod streaming;
mod tamper;
mod trace;
mod uninspected;
mod wire;
mod world;
