//! A log as a verification or an export takes it in: records and checkpoints in their order.

use std::collections::VecDeque;

use crate::{Head, Ledger, LedgerError, READ_ROWS_MAX, Row, checkpoint};

/// A log from its beginning to the end it has when the walk starts, each checkpoint right after
/// the last record that it covers.
pub(crate) struct Walk {
    pub(crate) head: Head,
    /// A checkpoint with the cosignatures of witnesses, by its size.
    shown: Option<(u64, String)>,
    rows: VecDeque<Row>,
    notes: VecDeque<(u64, String)>,
    next_row: u64,
    next_note: Option<u64>,
}

/// One thing on the way.
pub(crate) enum Step {
    Row(Row),
    Checkpoint(u64, String),
}

/// Steps that are taken at once: some megabytes of usual records.
const STEPS: usize = 4096;

impl Walk {
    /// Some steps, in their order; none at the end.
    pub(crate) async fn steps(
        &mut self,
        ledger: &mut dyn Ledger,
    ) -> Result<Vec<Step>, LedgerError> {
        let mut steps = Vec::with_capacity(STEPS);
        while steps.len() < STEPS
            && let Some(step) = self.step(ledger).await?
        {
            steps.push(step);
        }
        Ok(steps)
    }

    pub(crate) async fn start(ledger: &mut dyn Ledger) -> Result<Self, LedgerError> {
        Self::from(ledger, 0).await
    }

    /// From the record at `first` on, where what is before it was taken in with its checkpoints.
    pub(crate) async fn from(ledger: &mut dyn Ledger, first: u64) -> Result<Self, LedgerError> {
        let shown = ledger.shown().await?;
        let shown = shown.and_then(|note| Some((checkpoint::size(note.as_bytes())?, note)));
        let mut head = ledger.head().await?;
        if let (Some((size, note)), Some((of, cosigned))) = (&mut head.checkpoint, &shown)
            && size == of
        {
            note.clone_from(cosigned);
        }
        Ok(Self {
            head,
            shown: shown.filter(|(size, _)| first == 0 || *size > first),
            rows: VecDeque::new(),
            notes: VecDeque::new(),
            next_row: first,
            next_note: Some(if first == 0 { 0 } else { first + 1 }),
        })
    }

    pub(crate) async fn step(
        &mut self,
        ledger: &mut dyn Ledger,
    ) -> Result<Option<Step>, LedgerError> {
        if self.rows.is_empty() && self.next_row < self.head.size {
            self.rows = ledger.read(self.next_row, READ_ROWS_MAX).await?.into();
            self.rows.retain(|row| row.index < self.head.size);
            let last = self.rows.back().map(|row| row.index);
            self.next_row = last.map_or(self.head.size, |last| last + 1);
        }
        self.read_notes(ledger).await?;
        let row = self.rows.front().map_or(u64::MAX, |row| row.index);
        // The one that was shown stands in the place of the same without cosignatures; where none is left, it is
        // the only one that tells of what was there.
        let next = self.notes.front().map_or(u64::MAX, |(size, _)| *size);
        let due = |(size, _): &mut (u64, String)| *size <= row && *size <= next;
        if let Some((size, note)) = self.shown.take_if(due) {
            self.notes.pop_front_if(|(other, _)| *other == size);
            return Ok(Some(Step::Checkpoint(size, note)));
        }
        if let Some((size, note)) = self.notes.pop_front_if(|(size, _)| *size <= row) {
            return Ok(Some(Step::Checkpoint(size, note)));
        }
        Ok(self.rows.pop_front().map(Step::Row))
    }

    /// Whether each checkpoint of the first so many records was a step.
    pub(crate) async fn is_between(
        &mut self,
        ledger: &mut dyn Ledger,
        records: u64,
    ) -> Result<bool, LedgerError> {
        self.read_notes(ledger).await?;
        let next = self.notes.front().into_iter().chain(&self.shown);
        Ok(next.map(|(size, _)| *size).all(|size| size > records))
    }

    async fn read_notes(&mut self, ledger: &mut dyn Ledger) -> Result<(), LedgerError> {
        let signed = self.head.checkpoint.as_ref().map_or(0, |(size, _)| *size);
        if let Some(from) = self.next_note.filter(|_| self.notes.is_empty()) {
            self.notes = ledger.checkpoints(from).await?.into();
            self.notes.retain(|(size, _)| *size <= signed);
            self.next_note = self.notes.back().map(|(size, _)| size.saturating_add(1));
        }
        Ok(())
    }
}
