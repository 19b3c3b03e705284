//! The data plane: HTTP on both sides, one exchange in between.
//!
//! Begin with [`exchange`]: the life of one exchange from top to bottom. [`listener`] brings
//! connections to it, [`route`] says what a request asks for, [`refusal`] what an agent reads when
//! the answer is no.

mod accept;
mod account;
pub mod arguments;
pub mod asked;
mod beginning;
pub mod bindings;
mod body;
pub mod call;
mod clock;
pub mod credential;
pub mod declared;
mod dialect;
pub mod documents;
mod exchange;
mod fields;
pub mod forward;
mod gateway;
pub mod governance;
pub mod graphql;
mod headers;
mod hold;
pub mod inbound;
mod jsonrpc;
pub mod jwks;
mod leash;
mod led;
pub mod limits;
mod listener;
pub mod mcp;
mod media;
pub mod mediation;
mod message;
mod notice;
pub mod objects;
mod outgoing;
mod pace;
pub mod pass;
mod possession;
pub mod post;
mod protocol;
mod pump;
mod recoding;
pub mod record;
mod refusal;
mod request;
mod response;
pub mod route;
pub mod secrets;
mod share;
mod spending;
mod strict;
pub mod svid;
pub mod tls;
mod told;
pub mod upstream;
pub mod usage;
mod veil;
mod watch;
pub mod webhook;
pub mod websocket;
mod workspace;

pub use gateway::{Doors, Gateway, Uninspected};
pub use headers::{arrives, is_credential};
pub use listener::{BindFault, Bound, Door, Endpoint, Kind, Standing};
pub use refusal::Interruption;
pub use upstream::{Upstream, UpstreamFault};
pub use watch::{VERDICTS_WAITING_MAX, Watch};
