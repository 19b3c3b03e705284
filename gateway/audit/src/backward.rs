//! The log as matters, newest first: for people, who look at what happened last.
//!
//! A walk looks at so many records at most, whatever fits, and says where it stopped, so that whoever wants older
//! matters goes on there.

use jiff::Timestamp;

use crate::{
    Anchor, Archive, ArchiveError, Header, Kind, Matter, READ_ROWS_MAX, Row, Span, seal::SealError,
};

/// A walk back through the log.
pub struct Backward<'a> {
    archive: &'a mut Archive,
    span: Span,
    anchor: Anchor,
    /// Read and not yet looked at, oldest first.
    rows: Vec<Row>,
    /// Everything from here on was looked at.
    at: u64,
    /// Nothing before this is looked at.
    start: u64,
    /// Whether something of the rows that were read last is of the span's time.
    reached: bool,
}

impl Archive {
    /// Begins to read `span` from its end, or from before the record `before`; looks at `rows_max` records.
    ///
    /// # Errors
    /// As [`matters`](Self::matters).
    pub async fn backward(
        &mut self,
        span: Span,
        before: Option<u64>,
        rows_max: u64,
    ) -> Result<Backward<'_>, ArchiveError> {
        let anchor = self.anchor(span.size).await?;
        let at = before.map_or(anchor.size, |before| before.min(anchor.size));
        Ok(Backward {
            archive: self,
            span,
            anchor,
            rows: Vec::new(),
            at,
            start: at.saturating_sub(rows_max),
            reached: true,
        })
    }
}

impl Backward<'_> {
    /// What everything that it gives is held by.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// All records from this one on were looked at; 0: the whole log was.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether everything of the span's time was looked at, once nothing more comes.
    pub fn is_whole(&self) -> bool {
        self.at == 0 || (self.rows.is_empty() && !self.reached && self.at > self.start)
    }

    /// Looks at nothing before the record `start`.
    #[must_use]
    pub fn down_to(mut self, start: u64) -> Self {
        self.start = self.start.max(start);
        self
    }

    /// The next older matter. An exchange stands where it began, with its end if that is on record.
    ///
    /// # Errors
    /// The store fails, or a record does not open.
    pub async fn next(&mut self) -> Result<Option<Matter>, ArchiveError> {
        while let Some(row) = self.row().await? {
            let index = row.index;
            let header = Header::parse(&row.leaf).ok_or(ArchiveError::Record {
                index,
                source: SealError::Header,
            })?;
            self.at = index;
            self.reached |= !is_before(&header, self.span.from);
            if header.kind == Kind::Close || !self.span.has(&header) {
                continue;
            }
            let closing = match header.kind {
                Kind::Open => self.closing(index).await?,
                _ => None,
            };
            let closing = match closing {
                Some(closing) => self.archive.at(closing).await?,
                None => None,
            };
            let entry = self.archive.entry(row).await?;
            return Ok(Some(Matter { entry, closing }));
        }
        Ok(None)
    }

    async fn closing(&mut self, opening: u64) -> Result<Option<u64>, ArchiveError> {
        let (ledger, _) = self.archive.parts();
        let closing = ledger.closing(opening).await?;
        // What the checkpoint does not hold has not happened for this reader.
        Ok(closing.filter(|closing| *closing < self.anchor.size))
    }

    async fn row(&mut self) -> Result<Option<Row>, ArchiveError> {
        if self.rows.is_empty() {
            // Times are in order but for what was noticed late: a flow is told at its end, under the time of its
            // beginning. Where a whole page is too old, so is what comes before it.
            if self.at <= self.start || !std::mem::take(&mut self.reached) {
                return Ok(None);
            }
            let page = self.at.saturating_sub(u64::from(READ_ROWS_MAX));
            let page = page.max(self.start);
            let limit = u32::try_from(self.at - page).unwrap_or(READ_ROWS_MAX);
            let (ledger, _) = self.archive.parts();
            self.rows = ledger.read(page, limit).await?;
            self.rows.retain(|row| row.index < self.at);
        }
        Ok(self.rows.pop())
    }
}

fn is_before(header: &Header, from: Option<Timestamp>) -> bool {
    from.is_some_and(|from| header.at_us < from.as_microsecond())
}
