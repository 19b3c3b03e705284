//! What base64 and data URLs in a document hold: edited as a string of JSON is, and written back as the
//! document around it writes its values.

use std::sync::Arc;

use bytes::Bytes;
use classifiers::document::Embedded;
use classifiers::operator::Operator;

use super::Piece;
use super::replace::{Editor, template};
use crate::redactor::{Disclose, Interrupted, Redactor, Workspace};
use crate::{Action, Output, notation};

/// The workspace of a redactor for what strings hold, once there was one.
#[derive(Default)]
pub(crate) struct Within(Option<Box<Workspace>>);

impl Within {
    fn take(&mut self, operator: Option<&Arc<Operator>>) -> Box<Workspace> {
        let new = || {
            operator.map_or_else(Workspace::new, |it| {
                Workspace::with_operator(Arc::clone(it))
            })
        };
        self.0.take().unwrap_or_else(|| Box::new(new()))
    }

    pub(super) fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |work| work.capacity())
    }
}

impl<D: Disclose> Editor<'_, D> {
    /// Edits a text that holds another: as a document of its own, which is that one string.
    pub(super) fn open(&mut self, embedded: &Embedded<'_>) {
        let text = String::from_utf8_lossy(embedded.text);
        let document = Bytes::from(serde_json::to_vec(&text).unwrap_or_default());
        let disclose = &mut *self.disclose;
        let work = self.within.take(self.operator);
        let mut redactor = Redactor::new(
            |class| disclose.action(class),
            Arc::clone(self.pseudonyms),
            work,
        )
        .treating(self.opaque)
        .standing(*embedded.context, embedded.depth);
        let mut out = Output::new();
        let edited = redactor
            .push(&document, &mut out)
            .and_then(|()| redactor.finish(&mut out));
        *self.gaps |= redactor.gaps();
        let (found, work) = redactor.into_parts();
        self.within.0 = Some(work);
        let place = template(embedded.path, embedded.inner);
        let actions = found.places.iter().map(|place| place.action);
        let strongest = actions.max().unwrap_or(Action::Show);
        self.summary.absorb(found, &place);
        match edited {
            Err(Interrupted::Blocked { class, path }) => {
                let path = place + &path;
                self.stopped = Some(Interrupted::Blocked { class, path });
            }
            Err(interrupted) => self.stopped = Some(interrupted),
            Ok(()) => {
                let written = out.contiguous();
                if written != document {
                    self.write(embedded, &written, strongest);
                }
            }
        }
    }

    /// Notes what stands in the place of a text: a string of JSON, or `null`.
    fn write(&mut self, embedded: &Embedded<'_>, json: &[u8], action: Action) {
        let (ranges, mut text) = match serde_json::from_slice::<String>(json) {
            Ok(text) => (embedded.ranges, notation::write(&text, embedded.notations)),
            Err(_) if embedded.token.is_empty() => (embedded.ranges, Vec::new()),
            Err(_) => {
                let around = embedded
                    .notations
                    .split_last()
                    .map_or(&[][..], |(_, it)| it);
                (embedded.token, notation::write("null", around))
            }
        };
        for range in ranges {
            self.pieces.push(Piece {
                range: range.clone(),
                action,
                text: std::mem::take(&mut text),
            });
        }
    }
}
