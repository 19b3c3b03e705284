//! Health, readiness and metrics, on an address that agents cannot reach.
