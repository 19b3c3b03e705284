//! Where all walkers hand in what they read: judges it, and says where the findings stand.

use std::ops::Range;

use super::map::Map;
use super::path::Path;
use super::{Found, Sink};
use crate::media::coding::Coding;
use crate::{Context, Finding, KeyCache, ValueKind, classify_key, classify_value};

/// What every walk needs: what names mean, where it stands, and buffers.
pub(crate) struct Desk {
    pub(crate) keys: KeyCache,
    pub(crate) path: Path,
    findings: Vec<Finding>,
    ranges: Vec<Range<u64>>,
    pointer: String,
    /// One map per document that the current one stands in, outermost first.
    pub(crate) layers: Vec<Map>,
}

/// Where a value's decoded bytes come from.
#[derive(Clone, Copy)]
pub(crate) enum Raw<'a> {
    /// They stand here as they are.
    At(u64),
    /// They stand here, so coded.
    Coded(u64, &'a [u8], Coding),
    /// As the map has it.
    Mapped(&'a Map),
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            keys: KeyCache::new(),
            path: Path::default(),
            findings: Vec::new(),
            ranges: Vec::new(),
            pointer: String::new(),
            layers: Vec::new(),
        }
    }

    /// Forgets the document, not what names mean.
    pub(crate) fn clear(&mut self) {
        self.path.clear();
        self.findings.clear();
        self.layers.clear();
    }

    /// Judges one scalar. Returns whether something was found.
    #[inline]
    pub(crate) fn value(
        &mut self,
        context: &Context,
        kind: ValueKind,
        value: &[u8],
        raw: Raw<'_>,
        sink: &mut dyn Sink,
    ) -> bool {
        self.findings.clear();
        classify_value(context, kind, value, &mut self.findings);
        if self.findings.is_empty() {
            return false;
        }
        self.report(raw, false, sink);
        true
    }

    /// Judges what hides in a name.
    #[cold]
    pub(crate) fn name(&mut self, name: &[u8], raw: Raw<'_>, sink: &mut dyn Sink) {
        self.findings.clear();
        classify_key(name, &mut self.findings);
        if !self.findings.is_empty() {
            self.path.hide_name();
            self.report(raw, true, sink);
        }
    }

    fn report(&mut self, raw: Raw<'_>, in_name: bool, sink: &mut dyn Sink) {
        self.path.write(&mut self.pointer);
        let own = match raw {
            Raw::Coded(start, bytes, coding) => Some(coding.map(start, bytes)),
            _ => None,
        };
        for finding in &self.findings {
            let mut range = u64::from(finding.start)..u64::from(finding.end);
            self.ranges.clear();
            match (raw, &own) {
                (Raw::Mapped(map), _) | (_, Some(map)) => map.resolve(&range, &mut self.ranges),
                (Raw::At(start) | Raw::Coded(start, ..), None) => {
                    range = start + range.start..start + range.end;
                    self.ranges.push(range);
                }
            }
            for layer in self.layers.iter().rev() {
                let inner = std::mem::take(&mut self.ranges);
                for range in &inner {
                    layer.resolve(range, &mut self.ranges);
                }
            }
            sink.found(&Found {
                finding,
                path: &self.pointer,
                in_name,
                ranges: &self.ranges,
            });
        }
    }
}
