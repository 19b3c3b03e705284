//! The owner by inference, asked of the keeper, which may look at `/proc`.

use std::{os::fd::BorrowedFd, sync::Arc};

use crate::{Flow, FlowSource, Owned, Source, keeper::Keeper, netns_cookie, proc::own_netns};

/// Answers from `/proc`, for what the programs did not see.
pub(crate) struct Inferring {
    pub(crate) keeper: Arc<Keeper>,
    /// The cookie of this process's network namespace, where the kernel tells.
    netns: Option<u64>,
}

impl Inferring {
    pub(crate) fn new(keeper: Arc<Keeper>) -> Self {
        Self {
            keeper,
            netns: own_netns(),
        }
    }
}

impl FlowSource for Inferring {
    fn owner(&self, socket: BorrowedFd<'_>, flow: Flow) -> Option<Owned> {
        if netns_cookie(socket).ok() != self.netns {
            // The same addresses may be somebody else's here: inferring could only err.
            return None;
        }
        self.between(flow)
    }

    fn between(&self, flow: Flow) -> Option<Owned> {
        self.keeper.infer(flow).map(Owned::from)
    }

    fn source(&self) -> Source {
        Source::Proc
    }

    fn lost(&self) -> u64 {
        0
    }
}
