//! Where all walkers hand in what they read: judges it, and says where the findings stand.

use std::ops::Range;
use std::sync::Arc;

use super::map::Map;
use super::path::Path;
use super::{Embedded, Found, Notation, Seek, Sink, nested};
use crate::declared::Declared;
use crate::embedded;
use crate::media::coding::Coding;
use crate::operator::Operator;
use crate::scan::classify_lone;
use crate::{
    Context, Finding, KeyCache, ValueKind, classify_key, classify_value, classify_value_with,
};

/// What every walk needs: what names mean, where it stands, and buffers.
pub(crate) struct Desk {
    pub(crate) keys: KeyCache,
    /// What is looked for instead of what is sensitive.
    pub(crate) seek: Option<Seek>,
    pub(crate) path: Path,
    findings: Vec<Finding>,
    ranges: Vec<Range<u64>>,
    pointer: String,
    /// One map per document that the current one stands in, outermost first.
    pub(crate) layers: Vec<Map>,
    /// How many steps lead to the string that the current document is.
    pub(crate) nested: Option<usize>,
    /// How many strings are around the current document.
    pub(crate) depth: usize,
    /// How the next value is written within its document.
    pub(crate) notation: Notation,
    /// How the documents around it are written, outermost first.
    pub(crate) around: Vec<Notation>,
    /// The JSON token that the next value is.
    pub(crate) token: Option<Range<u64>>,
    tokens: Vec<Range<u64>>,
    /// How often the sink was told of something.
    told: u64,
}

/// Where a value's decoded bytes come from.
#[derive(Clone, Copy)]
pub(crate) enum Raw<'a> {
    /// They stand here as they are.
    At(u64),
    /// They stand here, so coded.
    Coded(u64, &'a [u8], Coding),
    /// As the map has it, from this decoded byte on.
    Mapped(&'a Map, u64),
}

impl Raw<'_> {
    /// The same without the first decoded bytes. Coded bytes are mapped first.
    pub(crate) fn skip(self, bytes: usize) -> Self {
        match self {
            Self::At(start) => Self::At(start + bytes as u64),
            Self::Mapped(map, from) => Self::Mapped(map, from + bytes as u64),
            Self::Coded(..) => self,
        }
    }

    /// As a map of its own, for the document that these `length` decoded bytes are.
    pub(super) fn to_map(self, length: usize) -> Map {
        match self {
            Self::Coded(start, bytes, coding) => coding.map(start, bytes),
            Self::At(start) => {
                let mut map = Map::default();
                map.copied(start, length);
                map
            }
            Self::Mapped(map, from) => map.part(&(from..from + length as u64)),
        }
    }
}

impl Desk {
    pub(crate) fn new(operator: Option<Arc<Operator>>) -> Self {
        Self {
            keys: operator.map_or_else(KeyCache::new, KeyCache::with_operator),
            seek: None,
            path: Path::default(),
            findings: Vec::new(),
            ranges: Vec::new(),
            pointer: String::new(),
            layers: Vec::new(),
            nested: None,
            depth: 0,
            notation: Notation::Plain,
            around: Vec::new(),
            token: None,
            tokens: Vec::new(),
            told: 0,
        }
    }

    /// Forgets the document, not what names mean.
    pub(crate) fn clear(&mut self) {
        self.path.clear();
        self.findings.clear();
        self.layers.clear();
        self.nested = None;
        self.depth = 0;
        self.notation = Notation::Plain;
        self.around.clear();
        self.token = None;
    }

    /// Learns what an API's owner says of its members; what names meant before is forgotten, unless it
    /// is the same API.
    pub(crate) fn declare(&mut self, declared: &Arc<Declared>) {
        let known = self.keys.declarations();
        if known.is_some_and(|known| Arc::ptr_eq(known, declared)) {
            return;
        }
        let operator = self.keys.operator().cloned();
        let keys = operator.map_or_else(KeyCache::new, KeyCache::with_operator);
        self.keys = keys.declaring(Arc::clone(declared));
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
        let told = self.told;
        if kind == ValueKind::Text
            && nested::may_be(value)
            && nested::document(self, context, value, raw, sink)
        {
            return self.told > told;
        }
        self.findings.clear();
        match (self.seek, self.keys.operator()) {
            (Some(seek), _) => (seek.find)(value, &mut self.findings),
            (None, None) => classify_value(context, kind, value, &mut self.findings),
            (None, Some(operator)) => {
                classify_value_with(operator, context, kind, value, &mut self.findings);
            }
        }
        if kind == ValueKind::Text
            && embedded::may_be(value)
            && nested::wrapped(self, context, value, raw, sink)
        {
            return true;
        }
        if self.findings.is_empty() {
            return false;
        }
        self.report(context, Some(kind), value, raw, sink);
        true
    }

    /// Whether one of the findings is all of the value.
    pub(super) fn is_covered(&self, value: &[u8]) -> bool {
        let is_all = |it: &Finding| it.start == 0 && it.end as usize == value.len();
        self.findings.iter().any(is_all)
    }

    /// Offers a text that holds another to the sink. Returns whether that deals with it.
    pub(super) fn offer(
        &mut self,
        context: &Context,
        value: &[u8],
        raw: Raw<'_>,
        sink: &mut dyn Sink,
    ) -> bool {
        self.tokens.clear();
        self.tokens.extend(self.token.clone());
        lead_back(&self.layers, &mut self.tokens);
        self.around.push(self.notation);
        let split = self.path.write(&mut self.pointer, self.nested);
        let (path, inner) = self.pointer.split_at_checked(split).unwrap_or_default();
        self.ranges.clear();
        let map = raw.to_map(value.len());
        map.resolve(&(0..value.len() as u64), &mut self.ranges);
        lead_back(&self.layers, &mut self.ranges);
        let taken = sink.embedded(&Embedded {
            text: value,
            path,
            inner,
            ranges: &self.ranges,
            token: &self.tokens,
            notations: &self.around,
            context,
            depth: self.depth,
        });
        self.around.pop();
        self.told += u64::from(taken);
        taken
    }

    /// Judges a short text that holds nothing beside it, of which [`Self::value`] found nothing.
    pub(crate) fn lone(&mut self, text: &[u8], raw: Raw<'_>, sink: &mut dyn Sink) {
        self.findings.clear();
        match self.seek {
            Some(seek) => (seek.find)(text, &mut self.findings),
            None => classify_lone(text, &mut self.findings),
        }
        if !self.findings.is_empty() {
            self.report(&Context::ROOT, Some(ValueKind::Text), text, raw, sink);
        }
    }

    /// Judges what hides in a name.
    #[cold]
    pub(crate) fn name(&mut self, name: &[u8], raw: Raw<'_>, sink: &mut dyn Sink) {
        self.findings.clear();
        match self.seek {
            Some(seek) => (seek.find)(name, &mut self.findings),
            None => classify_key(name, &mut self.findings),
        }
        if !self.findings.is_empty() {
            self.path.hide_name();
            self.report(&Context::ROOT, None, name, raw, sink);
        }
    }

    /// Judges what hides in a name that markup gives, or in the name of a namespace. Most hide nothing.
    #[inline]
    pub(crate) fn markup(&mut self, name: &[u8], at: u64, written: Notation, sink: &mut dyn Sink) {
        let clean = Context::ROOT.member(name, &mut self.keys).is_name_clean();
        if !clean || self.seek.is_some() {
            self.notation = written;
            self.name(name, Raw::At(at), sink);
        }
    }

    fn report(
        &mut self,
        context: &Context,
        kind: Option<ValueKind>,
        value: &[u8],
        raw: Raw<'_>,
        sink: &mut dyn Sink,
    ) {
        self.tokens.clear();
        self.tokens
            .extend(self.token.clone().filter(|_| kind.is_some()));
        lead_back(&self.layers, &mut self.tokens);
        self.around.push(self.notation);
        let split = self.path.write(&mut self.pointer, self.nested);
        let (path, inner) = self.pointer.split_at_checked(split).unwrap_or_default();
        let own = match raw {
            Raw::Coded(start, bytes, coding) => Some(coding.map(start, bytes)),
            _ => None,
        };
        for finding in &self.findings {
            let mut range = u64::from(finding.start)..u64::from(finding.end);
            self.ranges.clear();
            match (raw, &own) {
                (Raw::Mapped(map, from), _) => {
                    range = from + range.start..from + range.end;
                    map.resolve(&range, &mut self.ranges);
                }
                (_, Some(map)) => map.resolve(&range, &mut self.ranges),
                (Raw::At(start) | Raw::Coded(start, ..), None) => {
                    range = start + range.start..start + range.end;
                    self.ranges.push(range);
                }
            }
            lead_back(&self.layers, &mut self.ranges);
            sink.found(&Found {
                finding,
                path,
                inner,
                in_name: kind.is_none(),
                kind: kind.unwrap_or(ValueKind::Text),
                ranges: &self.ranges,
                token: &self.tokens,
                notations: &self.around,
                context,
                text: value
                    .get(finding.start as usize..finding.end as usize)
                    .unwrap_or_default(),
            });
        }
        self.around.pop();
        self.told += self.findings.len() as u64;
    }
}

/// Turns ranges of the innermost document into those of the outermost.
fn lead_back(layers: &[Map], ranges: &mut Vec<Range<u64>>) {
    for layer in layers.iter().rev() {
        for range in &std::mem::take(ranges) {
            layer.resolve(range, ranges);
        }
    }
}
