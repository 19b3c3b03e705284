//! What the README promises, each promise as a scenario with the real daemon and real peers.
//!
//! Every scenario ends with the daemon stopped in good order and its log verified offline.

mod attacks;
mod backups;
mod begun;
mod behaviour;
mod bucket;
mod budgets;
mod bypass;
mod canary;
#[path = "../../gateway/store/tests/record/cluster.rs"]
#[expect(
    clippy::unwrap_used,
    reason = "it is a unit test's, which fails by panicking"
)]
mod cluster;
mod codings;
mod confined;
mod console;
mod copied;
mod credentials;
mod declared;
mod delegation;
mod disks;
mod endless;
mod envoy;
mod erasure;
mod evidence;
mod expired;
mod fleet;
mod formats;
mod forward;
mod grants;
mod graphql;
mod grpc;
mod hostile;
mod hosts;
mod identity;
mod imported;
mod inbound;
mod install;
mod keyless;
mod keys;
mod kills;
mod led;
mod limits;
mod manual;
mod matrix;
mod mcp;
mod mediator;
mod models;
mod mutual;
mod names;
mod networks;
mod objects;
mod passes;
mod policies;
mod processes;
mod profiles;
mod published;
mod redaction;
mod refusals;
mod reload;
mod residency;
mod restarts;
mod reveal;
mod revocation;
mod rotation;
mod rows;
mod rsyslog;
mod scope;
mod sdks;
mod sealed;
mod sessions;
mod shared;
mod shipped;
mod signed;
mod smuggling;
mod static_keys;
mod stores;
mod streamed;
mod streaming;
mod svids;
mod tamper;
mod techniques;
mod tokens;
mod trace;
mod transforms;
mod turns;
mod ungoverned;
mod uninspected;
mod upstreams;
mod websocket;
mod wire;
mod witnessed;
mod world;
