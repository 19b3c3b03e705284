//! Attacks on HTTP itself, as bytes, from the tables in `tests/attacks`: whatever has two readings is refused or has
//! one, the service gets nothing or one request as a sender may write it, and nobody's next answer is another's.

mod answers;
mod floods;
mod front;
mod http1;
mod http2;
mod names;
mod slow;
mod suites;
mod tunnels;
mod wire;
