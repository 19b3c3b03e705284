//! Starts the real daemon with real peers.
//!
//! `peers` are the services behind the gateway, `agent` the processes in front of it, `gateway`
//! the daemon itself, `tokens` the issuer that both sides trust. Everything listens on loopback,
//! on ports that the kernel picks; all data is made up, from a seed.

pub mod agent;
pub mod auditor;
pub mod certificate;
pub mod client;
pub mod clock;
pub mod collector;
pub mod console;
pub mod cosigner;
pub mod env;
pub mod envoy;
pub mod front;
pub mod gateway;
pub mod held;
pub mod mcp;
pub mod nats;
pub mod network;
pub mod peers;
pub mod people;
pub mod records;
pub mod redis;
pub mod resolver;
pub mod rsyslog;
pub mod sdks;
pub mod setup;
pub mod shifted;
pub mod siem;
pub mod splunk;
pub mod switch;
pub mod tokens;
pub mod workload_api;
