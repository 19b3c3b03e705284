//! Every name that leaves the gateway as telemetry, and the exporters.
