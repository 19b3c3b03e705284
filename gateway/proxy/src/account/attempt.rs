//! One attempt to have a call answered. One that fails may be followed by another, elsewhere: each is an
//! exchange of its own in the record, so that what is on record of an upstream is what it got.

use std::sync::Arc;

use http::Request;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};

use super::{Account, BodyRecord, Destination, End};
use crate::{body::Outbound, refusal::Interruption, upstream::Failure};

/// Where a request goes, and whether it went.
#[derive(Default)]
pub(super) struct Attempt {
    destination: Option<Arc<Destination>>,
    /// Has what the request was given to, once it was.
    connection: Option<CaptureConnection>,
    /// The opening of the one before.
    pub(super) before: Option<u64>,
}

impl Attempt {
    /// The upstream, as the record has it.
    pub(super) fn upstream(&self) -> Option<Arc<str>> {
        let destination = self.destination.as_ref()?;
        Some(Arc::clone(destination.authority()))
    }

    /// Whether the request was given to a connection.
    pub(super) fn is_sent(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|it| it.connection_metadata().is_some())
    }
}

impl Account {
    /// What follows is tried with this upstream.
    pub(crate) fn tries(&mut self, destination: &Arc<Destination>) {
        self.attempt.destination = Some(Arc::clone(destination));
    }

    /// Follows `request` to its connection.
    pub(crate) fn sends(&mut self, request: &mut Request<Outbound>) {
        self.attempt.connection = Some(capture_connection(request));
    }

    /// The request came to nothing.
    pub(crate) fn failed(&mut self, failure: Failure) {
        // One that was given to a connection that had ended goes to another, which may not be made.
        if failure.is_unheard() {
            self.attempt.connection = None;
        }
    }

    /// Puts the end of a failed attempt on record; another follows.
    pub(crate) async fn give_up(&mut self, why: &Interruption) -> Result<(), Interruption> {
        self.settle().await;
        let Some(receipt) = self.receipt.take() else {
            return Ok(());
        };
        let opening = receipt.index();
        let mut outcome = self.outcome(opening, End::UpstreamFailed, Some(why.reason));
        let closed = self.gateway.trail.close(receipt, &mut outcome).await;
        if closed.is_err() {
            let unavailable = Interruption::audit_unavailable();
            self.tell(End::Refused.name(), Some(unavailable.reason));
            return Err(unavailable);
        }
        self.attempt = Attempt {
            before: Some(opening),
            ..Attempt::default()
        };
        self.request = BodyRecord::default();
        self.response = BodyRecord::default();
        self.request_fields = BodyRecord::default();
        self.response_fields = BodyRecord::default();
        self.screening = None;
        self.veil = None;
        self.upstream = None;
        Ok(())
    }
}
