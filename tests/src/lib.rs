//! Starts the real daemon with real peers.
