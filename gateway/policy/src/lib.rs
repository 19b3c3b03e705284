//! What the rules say; decides, never acts.

mod vocabulary;

pub use vocabulary::{
    Category, Country, Decision, Disclosure, DisclosureContext, Effect, Operation, PolicyRef,
    Principal,
};
