//! What stands in the place of a finding, in the notation that it stands in.

use std::sync::Arc;

use classifiers::ValueKind;
use classifiers::document::{Embedded, Found, Sink};
use classifiers::media::json::Token;
use classifiers::operator::Operator;

use super::Piece;
use super::within::Within;
use crate::summary::Order;
use crate::token::Standing;
use crate::trail::tellable;
use crate::transform::{Edit, Rewriter};
use crate::uninspected::{Gaps, Opaque};
use crate::{Action, Disclose, Interrupted, Pseudonyms, Summary, notation};

/// The redactor during one call.
pub(super) struct Editor<'a, D> {
    pub(super) disclose: &'a mut D,
    pub(super) pseudonyms: &'a Arc<dyn Pseudonyms>,
    pub(super) summary: &'a mut Summary,
    pub(super) rewriter: &'a mut Rewriter,
    pub(super) order: &'a mut Order,
    pub(super) pieces: &'a mut Vec<Piece>,
    /// Who edits what base64 and data URLs hold.
    pub(super) within: &'a mut Within,
    pub(super) operator: Option<&'a Arc<Operator>>,
    pub(super) opaque: Opaque,
    pub(super) gaps: &'a mut Gaps,
    /// Why no more of the document may be released.
    pub(super) stopped: Option<Interrupted>,
}

impl<D: Disclose> Sink for Editor<'_, D> {
    fn found(&mut self, found: &Found<'_>) {
        if self.stopped.is_some() {
            return;
        }
        let class = found.finding.class;
        let mut action = self.disclose.action(class);
        let value = found.value();
        // It was tokenized on another way, and its token stays what it is.
        let spared = action != Action::Show
            && Standing::within(value, &**self.pseudonyms).spares(0, value.len(), action);
        if spared {
            action = Action::Tokenize;
        }
        let path = template(found.path, found.inner);
        self.summary.count(
            class,
            action,
            self.order,
            |known| known == path,
            || path.clone(),
        );
        match action {
            Action::Show => {}
            _ if spared => {}
            Action::Block => self.stopped = Some(Interrupted::Blocked { class, path }),
            _ => self.replace(found, action),
        }
    }

    fn embedded(&mut self, embedded: &Embedded<'_>) -> bool {
        if self.stopped.is_none() {
            self.open(embedded);
        }
        true
    }
}

impl<D> Editor<'_, D> {
    /// Notes what stands in the place of a finding: its replacement in its first part, nothing in
    /// the others.
    fn replace(&mut self, found: &Found<'_>, action: Action) {
        let is_text = found.kind == ValueKind::Text;
        let whole = !found.token.is_empty() && (!is_text || action == Action::Drop);
        let (ranges, mut text) = if whole {
            (found.token, self.scalar(found, action))
        } else if action == Action::Drop && !found.in_name {
            (found.ranges, Vec::new())
        } else {
            (found.ranges, self.text(found, action))
        };
        for range in ranges {
            self.pieces.push(Piece {
                range: range.clone(),
                action,
                text: std::mem::take(&mut text),
            });
        }
    }

    /// What stands for a whole JSON token.
    fn scalar(&mut self, found: &Found<'_>, action: Action) -> Vec<u8> {
        let (token, mut edits) = of(found, action);
        let json = self
            .rewriter
            .scalar(found.kind, token, &mut edits, &**self.pseudonyms);
        let around = found.notations.split_last().map_or(&[][..], |(_, it)| it);
        notation::write(&String::from_utf8_lossy(json), around)
    }

    /// What stands for a text or a part of one.
    fn text(&mut self, found: &Found<'_>, action: Action) -> Vec<u8> {
        let (token, mut edits) = of(found, action);
        let json = self.rewriter.text(token, &mut edits, &**self.pseudonyms);
        // Written as JSON, because that is what the rewriter makes.
        let text: String = serde_json::from_slice(json).unwrap_or_default();
        notation::write(&text, found.notations)
    }
}

/// What was found, as a value of its own, and the edit that covers it.
fn of<'a>(found: &'a Found<'_>, action: Action) -> (Token<'a>, Vec<Edit>) {
    let decoded = found.value();
    let token = Token {
        start: 0,
        raw: b"",
        decoded,
    };
    let edit = Edit {
        start: 0,
        end: decoded.len(),
        class: found.finding.class,
        action,
    };
    (token, vec![edit])
}

/// A pointer as [`crate::Place::path`] has it: positions are `*`, and what no schema would name `?`.
pub(super) fn template(path: &str, inner: &str) -> String {
    let mut out = String::with_capacity(path.len() + inner.len());
    for token in path.split('/').skip(1).chain(inner.split('/').skip(1)) {
        out.push('/');
        let position = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
        let (mark, name) = match token.strip_prefix('@') {
            Some(attribute) => ("@", attribute),
            None => ("", token),
        };
        if position {
            out.push('*');
        } else if let Some(name) = tellable(name.as_bytes()) {
            out.push_str(mark);
            out.push_str(name);
        } else {
            out.push('?');
        }
    }
    out
}
