//! Commands that wait for others.

use miette::{IntoDiagnostic as _, Result};

/// Runs what has to wait to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .into_diagnostic()?;
    runtime.block_on(work)
}
