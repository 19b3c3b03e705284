//! Back from decoded bytes to the raw ones.

use std::ops::Range;

/// Which raw bytes made which decoded bytes: runs in order. A run of equal lengths was copied byte
/// for byte; any other is one escape, which stands or falls whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    runs: Vec<Run>,
    decoded: u64,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    decoded: u64,
    length: u64,
    raw: u64,
    raw_length: u64,
}

impl Map {
    /// The next `length` decoded bytes are those at `raw`.
    pub(crate) fn copied(&mut self, raw: u64, length: usize) {
        let length = length as u64;
        if length == 0 {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if last.length == last.raw_length && last.raw + last.length == raw => {
                last.length += length;
                last.raw_length += length;
            }
            _ => self.runs.push(Run {
                decoded: self.decoded,
                length,
                raw,
                raw_length: length,
            }),
        }
        self.decoded += length;
    }

    /// The next `length` decoded bytes are what the `raw_length` bytes at `raw` stand for.
    pub(crate) fn escaped(&mut self, raw: u64, raw_length: usize, length: usize) {
        self.runs.push(Run {
            decoded: self.decoded,
            length: length as u64,
            raw,
            raw_length: raw_length as u64,
        });
        self.decoded += length as u64;
    }

    /// Adds what another map says of the decoded bytes that follow.
    pub(crate) fn append(&mut self, other: &Self) {
        for run in &other.runs {
            self.runs.push(Run {
                decoded: self.decoded + run.decoded,
                ..*run
            });
        }
        self.decoded += other.decoded;
    }

    /// This map and then another: from what is decoded twice to the raw bytes.
    pub(crate) fn through(&self, outer: &Self) -> Self {
        let mut whole = Self::default();
        let mut parts = Vec::new();
        for run in &self.runs {
            parts.clear();
            outer.resolve(&(run.raw..run.raw + run.raw_length), &mut parts);
            let same = run.length == run.raw_length;
            for part in &parts {
                let length = part.end - part.start;
                if same && length == run.length {
                    whole.copied(part.start, size(length));
                } else {
                    // A part of an escape stands for all of it: replaced, both must go.
                    whole.escaped(part.start, size(length), size(run.length));
                    break;
                }
            }
        }
        whole
    }

    /// Forgets the first `length` decoded bytes; what stood behind them now stands there.
    pub(crate) fn forget(&mut self, length: u64) {
        *self = self.part(&(length..self.decoded));
    }

    /// Of a range of decoded bytes, as a map of its own. It costs what that range has, not what the
    /// whole does: every line of a text may be asked for.
    pub(crate) fn part(&self, range: &Range<u64>) -> Self {
        let after = self.runs.partition_point(|run| run.decoded <= range.start);
        let runs = self.runs.iter().skip(after.saturating_sub(1));
        let mut part = Self::default();
        for run in runs.take_while(|run| run.decoded < range.end) {
            let skipped = range.start.saturating_sub(run.decoded);
            let end = run.length.min(range.end - run.decoded);
            let Some(length) = end.checked_sub(skipped).filter(|length| *length > 0) else {
                continue;
            };
            if run.length == run.raw_length {
                part.copied(run.raw + skipped, size(length));
            } else {
                part.escaped(run.raw, size(run.raw_length), size(length));
            }
        }
        part
    }

    /// Where the raw bytes begin that made the decoded byte `at` and those behind it.
    pub(crate) fn raw_at(&self, at: u64) -> Option<u64> {
        let after = self.runs.partition_point(|run| run.decoded <= at);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let within = at - run.decoded;
        if within >= run.length {
            return None;
        }
        let same = run.length == run.raw_length;
        Some(run.raw + if same { within } else { 0 })
    }

    /// Appends the raw bytes of a decoded range: one range where they are contiguous.
    pub(crate) fn resolve(&self, range: &Range<u64>, out: &mut Vec<Range<u64>>) {
        let after = self.runs.partition_point(|run| run.decoded <= range.start);
        let from = after.saturating_sub(1);
        for run in self.runs.iter().skip(from) {
            if run.decoded >= range.end {
                break;
            }
            let part = run.part(range);
            match out.last_mut() {
                _ if part.is_empty() => {}
                Some(last) if last.end == part.start => last.end = part.end,
                _ => out.push(part),
            }
        }
    }
}

/// A length of bytes in memory.
fn size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

impl Run {
    /// Its raw bytes that `range` touches.
    fn part(&self, range: &Range<u64>) -> Range<u64> {
        let start = range.start.max(self.decoded) - self.decoded;
        let end = range.end.min(self.decoded + self.length) - self.decoded.min(range.end);
        if start >= end {
            return self.raw..self.raw;
        }
        if self.length == self.raw_length {
            return self.raw + start..self.raw + end;
        }
        self.raw..self.raw + self.raw_length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(map: &Map, range: Range<u64>) -> Vec<(u64, u64)> {
        let mut out = Vec::new();
        map.resolve(&range, &mut out);
        out.into_iter().map(|part| (part.start, part.end)).collect()
    }

    #[test]
    fn an_escape_is_taken_whole_and_neighbours_join() {
        let mut map = Map::default();
        map.copied(10, 3);
        map.escaped(13, 6, 1);
        map.copied(19, 4);
        assert_eq!(resolved(&map, 0..8), [(10, 23)]);
        assert_eq!(resolved(&map, 3..4), [(13, 19)]);
        assert_eq!(resolved(&map, 1..5), [(11, 20)]);
        assert_eq!(resolved(&map, 4..4), []);
    }

    #[test]
    fn a_part_leads_where_the_whole_does() {
        let mut map = Map::default();
        map.copied(10, 3);
        map.escaped(13, 6, 2);
        map.copied(19, 4);
        for start in 0..9 {
            for end in start..=9 {
                let part = map.part(&(start..end));
                assert_eq!(
                    resolved(&part, 0..end - start),
                    resolved(&map, start..end),
                    "{start} {end}"
                );
            }
        }
    }

    #[test]
    fn what_stands_between_two_pieces_stays_out() {
        let mut map = Map::default();
        map.copied(100, 5);
        map.copied(200, 5);
        assert_eq!(resolved(&map, 3..7), [(103, 105), (200, 202)]);
        assert_eq!(resolved(&map, 5..6), [(200, 201)]);
    }
}
