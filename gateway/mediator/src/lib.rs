//! Stands between a caller and a service where policy says `mediate`: of what was asked for it sends on
//! no more than a declared template of the purpose holds, and of what came back it answers with no more.
//!
//! In order: [`offered`] says which templates there are for a purpose, [`Choice`] which of them is taken
//! and what of it, [`Choice::narrow`] what the service is asked, [`Choice::answer`] what the caller is
//! told, built anew from nothing but what the template lists. A language model may take part in the
//! choice ([`model`]): it sees names, never values, and can only choose among what is offered, or less.
//!
//! Pure: no I/O, no clock; the answer that comes in is what policy has already let through.

mod answer;
mod choice;
mod counts;
mod field;
pub mod model;
mod narrow;
mod template;

pub use answer::{ANSWER_DEPTH_MAX, Answer};
pub use choice::{Ask, Choice, Unmediated, offered};
pub use counts::{Counts, GROUPS_MAX, K_MIN};
pub use field::{Field, NoField};
pub use narrow::{Narrowed, Query};
pub use template::{Form, Page, Template};

#[cfg(test)]
mod tests;
