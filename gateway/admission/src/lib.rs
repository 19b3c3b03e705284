//! May this exchange proceed; the only maker of a Permit.
