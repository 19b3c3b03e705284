//! Buffers that one redactor after the other works with, kept by each worker.

use std::{cell::RefCell, sync::Arc};

use classifiers::{declared::Declared, operator::Operator};
use redaction::Workspace;

/// Workspaces that one worker keeps; each is a few KiB, or a value's limit where one was that long.
const KEPT_MAX: usize = 64;

/// A workspace whose buffers grew beyond this many bytes is let go.
const KEPT_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    #[expect(clippy::vec_box, reason = "a redactor takes its workspace boxed, so that moving it is cheap")]
    static KEPT: RefCell<Vec<Box<Workspace>>> = const { RefCell::new(Vec::new()) };
}

/// A workspace: a used one, or a new one. A worker serves one gateway, whose operator's classifiers
/// all its workspaces know. What names mean in one workspace holds for one API's declarations only.
pub(crate) fn take(
    operator: Option<&Arc<Operator>>,
    declared: Option<&Arc<Declared>>,
) -> Box<Workspace> {
    let fits = |work: &Workspace| match (work.declarations(), declared) {
        (Some(known), Some(wanted)) => Arc::ptr_eq(known, wanted),
        (known, wanted) => known.is_none() && wanted.is_none(),
    };
    let used = KEPT.with_borrow_mut(|kept| {
        let last = kept.iter().rposition(|work| fits(work))?;
        Some(kept.swap_remove(last))
    });
    used.unwrap_or_else(|| Box::new(new(operator, declared)))
}

fn new(operator: Option<&Arc<Operator>>, declared: Option<&Arc<Declared>>) -> Workspace {
    let work = operator.map_or_else(Workspace::new, |operator| {
        Workspace::with_operator(Arc::clone(operator))
    });
    match declared {
        Some(declared) => work.declaring(Arc::clone(declared)),
        None => work,
    }
}

/// Keeps a workspace for the next body.
pub(crate) fn give_back(workspace: Box<Workspace>) {
    if workspace.capacity() > KEPT_BYTES_MAX {
        return;
    }
    KEPT.with_borrow_mut(|kept| {
        if kept.len() < KEPT_MAX {
            kept.push(workspace);
        }
    });
}
