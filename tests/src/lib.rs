//! Starts the real daemon with real peers.

pub mod collector;
