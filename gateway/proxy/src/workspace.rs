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

/// A workspace: a used one, or a new one. What names mean in one workspace holds for one API's declarations only, and by one
/// set of an operator's classifiers: those that know others are let go.
pub(crate) fn take(
    operator: Option<&Arc<Operator>>,
    declared: Option<&Arc<Declared>>,
) -> Box<Workspace> {
    let used = KEPT.with_borrow_mut(|kept| {
        let knows = |work: &Workspace| are_same(work.operator(), operator);
        // A worker serves one gateway: when that knows others, all of these are of no use.
        if kept.last().is_some_and(|work| !knows(work)) {
            kept.clear();
        }
        let fits = |work: &Workspace| are_same(work.declarations(), declared) && knows(work);
        let last = kept.iter().rposition(|work| fits(work))?;
        Some(kept.swap_remove(last))
    });
    used.unwrap_or_else(|| Box::new(new(operator, declared)))
}

fn are_same<T>(known: Option<&Arc<T>>, wanted: Option<&Arc<T>>) -> bool {
    match (known, wanted) {
        (Some(known), Some(wanted)) => Arc::ptr_eq(known, wanted),
        (known, wanted) => known.is_none() && wanted.is_none(),
    }
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
