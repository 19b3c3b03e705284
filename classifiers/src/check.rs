//! Check digits and number ranges: what tells an identifier from any other digits.
//!
//! Every function takes the number without separators and with capital letters, and is total: bytes
//! that are not of the kind it speaks of fail the check.

mod algorithm;
mod america;
mod asia;
mod centre;
mod device;
mod east;
mod finance;
mod health;
mod north;
mod oceania;
mod south;
mod west;

pub use algorithm::{luhn, mod_11_2, mod_11_10, verhoeff};
pub use america::*;
pub use asia::*;
pub use centre::*;
pub use device::*;
pub use east::*;
pub use finance::*;
pub use health::*;
pub use north::*;
pub use oceania::*;
pub use south::*;
pub use west::*;

#[cfg(test)]
mod tests;
