//! The data plane: HTTP on both sides, one exchange in between.
//!
//! Begin with [`exchange`]: the life of one exchange from top to bottom. [`listener`] brings
//! connections to it, [`route`] says what a request asks for, [`refusal`] what an agent reads when
//! the answer is no.

mod accept;
mod account;
mod body;
mod clock;
mod exchange;
mod fields;
mod gateway;
pub mod governance;
mod headers;
mod hold;
pub mod jwks;
mod led;
pub mod limits;
mod listener;
mod media;
mod outgoing;
mod pace;
mod protocol;
mod pump;
mod recoding;
pub mod record;
mod refusal;
mod request;
mod response;
pub mod route;
pub mod tls;
mod told;
mod upstream;
mod workspace;

pub use gateway::{Gateway, Uninspected};
pub use listener::{BindFault, Bound, Endpoint};
pub use refusal::Interruption;
pub use upstream::{Upstream, UpstreamFault};
