//! Judges a log with nothing but its public key.
//!
//! Pure: it is given records and checkpoints in the order in which they stand, and tells what is
//! wrong with them. A record carries its own index and comes with the hash that was stored beside
//! it, so an edit, a removal and a swap are told apart and located; the signed roots then say
//! whether those hashes are the true ones, which nobody without the signing key can feign.
//!
//! What this cannot see is a log cut back to an earlier checkpoint, with the later checkpoints
//! gone too: that takes a checkpoint kept elsewhere, given to [`Verifier::anchor`].

mod early;
mod finding;
mod item;
mod keys;
mod order;
mod state;
mod strangers;
mod told;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::{
    early::Early,
    order::{Order, Step},
    strangers::Strangers,
};
pub use self::{
    early::Examination, finding::Finding, item::Item, keys::DataKeys, state::State,
    strangers::Succeeded, verdict::Verdict,
};
use crate::{
    checkpoint::{Authority, Checkpoint, Examined, Forgery},
    leaf::{self, Header, Kind, LogTag},
    tree::{DIGEST_BYTES, Digest, Tree},
    witness::Cosigned,
};

/// Findings beyond this are counted, not listed.
pub const FINDINGS_MAX: usize = 100;

/// Openings that are looked after at the same time; a log with more of them open has them counted.
pub const OPEN_MAX: usize = 1 << 20;

/// Checkpoints that wait for their record; an intact log has two, and those that were kept.
const PENDING_MAX: usize = 4096;

/// Whether one more may wait beside so many.
fn has_room(waiting: usize) -> bool {
    waiting < PENDING_MAX
}

/// Callers queue for a moment, so times may step back a little; by more, the clock was set back.
const CLOCK_TOLERANCE_US: i64 = 5_000_000;

/// What a verification saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The gravest of what is wrong, in one word.
    pub verdict: Verdict,
    /// The log's name.
    pub origin: String,
    /// How many records there are.
    pub size: u64,
    /// How many of them an earlier sitting judged, as a bookmark says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<u64>,
    /// How many a valid checkpoint covers.
    pub signed: u64,
    /// How many checkpoints of this log there are.
    pub checkpoints: u64,
    /// The keys that succeeded others, as records say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successions: Vec<Succeeded>,
    /// The record by which the key succeeded that was given, where it is not the log's first. It vouches for all records;
    /// what older keys signed is not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// How many checkpoints that is.
    #[serde(skip_serializing_if = "is_none")]
    pub unjudged: u64,
    /// How many enough witnesses signed for, where witnesses are demanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnessed: Option<u64>,
    /// When they had, in seconds since 1970, by their clocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnessed_at: Option<u64>,
    /// Readable records by kind.
    pub records: BTreeMap<Kind, u64>,
    /// Openings without a closing: released, outcome unknown. No fault of the log.
    pub open: Vec<u64>,
    /// Openings that could not be followed, beyond [`OPEN_MAX`].
    pub open_unlisted: u64,
    /// Records whose data key is destroyed, as a record says: their time is over. No fault of the log.
    pub expired: u64,
    /// How many data keys that were.
    pub keys_expired: u64,
    /// Data keys that a record says are destroyed, and that are still there: the gateway was stopped in between, or
    /// somebody put them back. It destroys them when it starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys_due: Vec<u32>,
    /// Records before which the clock went back. No fault of the log.
    pub clock_back: Vec<u64>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// More of it, beyond [`FINDINGS_MAX`].
    pub findings_unlisted: u64,
    /// The data keys, for whoever has the store.
    #[serde(skip)]
    pub keys: DataKeys,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }

    /// Adds something that is wrong.
    pub fn find(&mut self, finding: Finding) {
        self.verdict = self.verdict.max(Verdict::from(&finding));
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_unlisted += 1;
        }
    }
}

/// A piece of a log, as far as it can be judged without those before it.
pub enum Piece {
    /// A record.
    Record(Item),
    /// A checkpoint, and the size that it is filed under.
    Checkpoint(Examination, u64),
    /// Neither, and why.
    Malformed(&'static str),
}

/// Takes a log in, piece by piece.
pub struct Verifier {
    authority: Authority,
    report: Report,
    order: Order,
    held: Option<Item>,
    /// The tree of the hashes as stored; none once records are missing or out of place.
    tree: Option<Tree>,
    /// The tree of the hashes as they are, where those differ.
    actual: Option<Tree>,
    /// Checkpoints that came before their records, by size.
    early: BTreeMap<u64, Vec<Early>>,
    /// How many these are.
    waiting: usize,
    /// Keys that nobody named so far.
    strangers: Strangers,
    /// Heads whose record has not come yet, by size.
    pending: BTreeMap<u64, Vec<Head>>,
    /// The size of the last head that was found true.
    good: u64,
    /// The first size at which a head of this log was found untrue, and none true since.
    untrue: Option<u64>,
    forged: bool,
    open: BTreeSet<u64>,
    keys: DataKeys,
    latest_us: i64,
    /// What was judged before, where this goes on from there.
    before: u64,
    /// Checkpoints that came without a place: kept elsewhere, or at the head of an export.
    outside: u64,
    /// Kept heads that the log's tree does not have, unless the log shows the same.
    accused: Vec<(u64, Digest)>,
    /// What this log's leaves bear.
    own: LogTag,
    /// The first leaf that bears another's, and how many do.
    foreign: Option<(u64, u64)>,
}

#[derive(Clone, Copy)]
struct Head {
    root: Digest,
    /// Kept outside the log.
    anchor: bool,
    cosigned: Option<Cosigned>,
}

impl Head {
    /// Whether both are over the same tree.
    fn agrees(self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl Verifier {
    /// For the log that this authority speaks for.
    pub fn new(mut authority: Authority) -> Self {
        // Here the log itself says who comes next.
        authority.lineage_mut().expect_none();
        let own = leaf::tag(authority.origin());
        Self {
            report: Report {
                origin: authority.origin().to_owned(),
                witnessed: (authority.witnesses().quorum() > 0).then_some(0),
                ..Report::default()
            },
            authority,
            order: Order::default(),
            held: None,
            tree: Some(Tree::default()),
            actual: None,
            early: BTreeMap::new(),
            waiting: 0,
            strangers: Strangers::default(),
            pending: BTreeMap::new(),
            good: 0,
            untrue: None,
            forged: false,
            open: BTreeSet::new(),
            keys: DataKeys::default(),
            latest_us: i64::MIN,
            before: 0,
            outside: 0,
            accused: Vec::new(),
            own,
            foreign: None,
        }
    }

    /// Whose log it should be.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A checkpoint that was kept elsewhere: the log must still contain what it covered. To be
    /// given before any record.
    pub fn anchor(&mut self, note: &[u8]) {
        let examination = Examination::of(&self.authority, note);
        self.offer(examination, true, None);
    }

    /// The next record, as it stands at `index`; `nodes` are the stored hashes, at least the
    /// leaf's own.
    pub fn record(&mut self, index: u64, leaf: &[u8], nodes: &[u8]) {
        self.take(Item::new(index, leaf, nodes));
    }

    /// The next record, hashed already.
    pub fn take(&mut self, item: Item) {
        if item.is_of_another(self.own) {
            let (_, count) = self.foreign.get_or_insert((item.index, 0));
            *count += 1;
        }
        if let Some(held) = self.held.take() {
            self.order.resolve(&held, Some(&item), &mut self.report);
            self.place(&held, false);
        }
        match self.order.take(&item, &mut self.report) {
            Step::Place { continuous } => self.place(&item, continuous),
            Step::Hold => self.held = Some(item),
            Step::Repeated => {}
        }
    }

    /// The next checkpoint, as it stands; `stored` is the size that it is filed under.
    pub fn checkpoint(&mut self, note: &[u8], stored: Option<u64>) {
        self.examined(Examination::of(&self.authority, note), stored);
    }

    /// The next checkpoint, examined already.
    pub fn examined(&mut self, examination: Examination, stored: Option<u64>) {
        self.offer(examination, false, stored);
    }

    /// The next piece.
    pub fn pour(&mut self, piece: Piece) {
        self.pour_line(piece, 0);
    }

    /// The next piece, from this line of a file.
    pub fn pour_line(&mut self, piece: Piece, line: u64) {
        match piece {
            Piece::Record(item) => self.take(item),
            Piece::Checkpoint(examination, size) => self.examined(examination, Some(size)),
            Piece::Malformed(what) => self.malformed(line, what),
        }
    }

    /// Something that is wrong with what holds the log.
    pub fn found(&mut self, finding: Finding) {
        self.report.find(finding);
    }

    /// Something that is neither.
    pub fn malformed(&mut self, line: u64, what: &str) {
        let what = what.to_owned();
        self.report.find(Finding::Malformed { line, what });
    }

    /// How many records have come.
    pub fn size(&self) -> u64 {
        self.order.next()
    }

    /// What there is to say.
    pub fn finish(mut self) -> Report {
        if let Some(held) = self.held.take() {
            self.order.resolve(&held, None, &mut self.report);
            self.place(&held, false);
        }
        self.leave();
        self.forged |= self.strangers.accuse(&mut self.report);
        self.report.successions = self.successions();
        self.order.conclude(&mut self.report);
        let size = self.order.next();
        let Self { mut report, .. } = self;
        report.size = size;
        if let Some((first, count)) = self.foreign {
            report.find(Finding::Replayed { first, count });
        }
        for (size, _) in self.accused {
            report.find(Finding::Fork { size });
        }
        if let Some(to) = self.untrue {
            let from = self.good;
            report.find(Finding::Rewritten { from, to });
        }
        let own = |heads: &Vec<Head>| heads.iter().any(|head| !head.anchor);
        let claimed = self.pending.iter().rfind(|(_, heads)| own(heads));
        if let Some((&signed, _)) = claimed {
            report.find(Finding::Truncated { size, signed });
        } else if let Some(signed) = self.pending.keys().next_back().copied() {
            report.find(Finding::RolledBack { size, signed });
        } else if report.signed < size && !self.forged {
            let from = report.signed;
            report.find(Finding::Uncovered { from, size });
        }
        if let Some(from) = report.witnessed.filter(|it| *it < size) {
            let quorum = self.authority.witnesses().quorum();
            report.find(Finding::Unwitnessed { from, size, quorum });
        }
        report.open = self.open.into_iter().collect();
        report.expired = self.keys.records_expired();
        report.keys_expired = self.keys.keys_expired();
        report.keys = self.keys;
        report
    }

    /// Counts a checkpoint, or says what is wrong with it.
    fn counted(
        &mut self,
        examined: Result<Examined, Forgery>,
        anchor: bool,
        stored: Option<u64>,
    ) -> Option<(u64, Head)> {
        let Examined {
            checkpoint: Checkpoint { size, root },
            cosigned,
        } = match examined {
            Ok(examined) => examined,
            Err(why) => {
                self.forged = true;
                let size = stored.unwrap_or(self.order.next());
                self.report.find(Finding::ForgedCheckpoint { size, why });
                return None;
            }
        };
        self.report.signed = self.report.signed.max(size);
        self.report.checkpoints += 1;
        if anchor || stored.is_none() {
            self.outside += 1;
        }
        let head = Head {
            root,
            anchor,
            cosigned,
        };
        Some((size, head))
    }

    /// Compares a head with the log, now or once all its records are there.
    fn head(&mut self, size: u64, head: Head, stored: Option<u64>) {
        let next = self.order.next();
        // What was kept elsewhere is a part of what a bookmark is for, and was found true before. The log's own
        // newest head may be another one today, or was never come to.
        if head.anchor && self.before > 0 && size <= self.before {
            return;
        }
        let waits = has_room(self.pending.len()) || size == next;
        if size < next || stored.is_some_and(|it| it != size) || !waits {
            return self.report.find(Finding::MisplacedCheckpoint { size });
        }
        let heads = self.pending.entry(size).or_default();
        // An intact log names a head at most thrice while none of it can wait: in place, as the newest, and outside.
        if heads.len() >= 4 {
            return self.report.find(Finding::MisplacedCheckpoint { size });
        }
        heads.push(head);
        self.compare(next);
    }

    /// Adds the record that stands at the next place.
    fn place(&mut self, item: &Item, continuous: bool) {
        if !continuous {
            self.tree = None;
            self.actual = None;
        }
        if let Some(header) = item.header.filter(|_| item.is_sound()) {
            self.count(header);
        }
        self.grow(item);
        if item.is_sound() && self.order.next().checked_sub(1) == Some(item.key()) {
            self.succeed(item);
        }
        self.reach();
        self.compare(self.order.next());
    }

    fn grow(&mut self, item: &Item) {
        let Some(tree) = &mut self.tree else { return };
        if !item.is_sound() && self.actual.is_none() {
            self.actual = Some(tree.clone());
        }
        let stored = tree.append(item.stored);
        let actual = self.actual.as_mut().map(|it| it.append(item.actual));
        let whole = item.nodes.len() > DIGEST_BYTES || stored.len() == DIGEST_BYTES;
        if whole && item.nodes != stored && actual.is_none_or(|it| it != item.nodes) {
            let index = item.index;
            self.report.find(Finding::WrongNodes { index });
        }
    }

    fn count(&mut self, header: Header) {
        *self.report.records.entry(header.kind).or_default() += 1;
        self.keys.take(&header, &mut self.report);
        if header.at_us < self.latest_us.saturating_sub(CLOCK_TOLERANCE_US)
            && self.report.clock_back.len() < FINDINGS_MAX
        {
            self.report.clock_back.push(header.index);
        }
        self.latest_us = header.at_us;
        let complete =
            self.tree.is_some() && self.order.is_regular() && self.report.open_unlisted == 0;
        match (header.kind, header.opening) {
            (Kind::Open, _) if self.open.len() < OPEN_MAX => {
                self.open.insert(header.index);
            }
            (Kind::Open, _) => self.report.open_unlisted += 1,
            (Kind::Close, Some(opening)) if self.open.remove(&opening) => {}
            // Where records are missing or openings uncounted, an opening may be among them.
            (Kind::Close, opening) if complete => {
                let index = header.index;
                self.report.find(Finding::Unopened { index, opening });
            }
            _ => {}
        }
    }

    /// Compares the heads over exactly `size` records, now that there are so many.
    fn compare(&mut self, size: u64) {
        while let Some(entry) = self.pending.first_entry()
            && *entry.key() <= size
        {
            let (at, heads) = entry.remove_entry();
            if at == size {
                for head in &heads {
                    // One that the log itself still shows proves no other history.
                    let shown = heads.iter().any(|it| !it.anchor && it.agrees(head));
                    self.judge(size, *head, shown);
                }
            }
        }
    }

    fn judge(&mut self, size: u64, head: Head, shown: bool) {
        let Some(tree) = &self.tree else { return };
        let actual = self.actual.as_ref().filter(|it| it.root() == head.root);
        if tree.root() != head.root && actual.is_none() {
            if !head.anchor {
                self.untrue = self.untrue.or(Some(size));
                // It is not another history that was kept, but what this one was.
                self.accused.retain(|accused| *accused != (size, head.root));
            } else if !shown {
                self.accused.push((size, head.root));
            }
            return;
        }
        // The hashes up to here are those that were signed, whatever the leaves have become.
        self.tree = actual.or(Some(tree)).cloned();
        self.actual = None;
        self.good = size;
        if let (Some(witnessed), Some(cosigned)) = (&mut self.report.witnessed, head.cosigned) {
            *witnessed = size;
            self.report.witnessed_at = Some(cosigned.at);
        }
        // If this head is true, the untrue one before it was of another history.
        if let Some(size) = self.untrue.take() {
            self.report.find(Finding::Fork { size });
        }
    }
}
