//! The data plane: HTTP on both sides, one exchange in between.
