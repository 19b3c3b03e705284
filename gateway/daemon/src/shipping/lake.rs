//! Events as files of Parquet in a bucket, where security lakes look for them.
//!
//! A file is full by its size, or when its first event waited long. Before it is put, the mark says with which record it ends, so that whoever
//! tries again, after a crash as well, makes a file of the same records and the same name: the store writes nothing over,
//! and what is there was taken. Nothing is held in memory until then but how much there is; the log is read again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use audit::{Archive, Cursor, Followed};
use jiff::Timestamp;
use lake::Row;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::objects::Manner;
use rustls::ClientConfig;

use super::{RECORDS_MAX, events, mark::Mark};
use crate::{
    config::LakePlace,
    objects::{Objects, Thing},
};

/// The most files that one stretch of the log makes: classes times days.
const FILES_MAX: usize = 64;

/// The most records of one stretch: so many are read again when it is tried again.
const STRETCH_RECORDS_MAX: u64 = 65_536;

/// What files of Parquet are served as.
const MEDIA_TYPE: &str = "application/vnd.apache.parquet";

/// A class, and the day of events of it (UTC): they share a file.
type Part = (u32, String);

/// A bucket that security lakes look into.
pub(super) struct Lake {
    place: LakePlace,
    objects: Objects,
    /// What there is behind the mark, as far as it was looked at.
    ahead: Ahead,
    /// The names of what was put since the mark moved.
    put: BTreeSet<String>,
    /// Whether nothing waits for more.
    hurries: bool,
}

/// How much there is behind the mark.
#[derive(Default)]
struct Ahead {
    cursor: Cursor,
    bytes: usize,
    /// Since when something waits.
    since: Option<Instant>,
    parts: BTreeSet<Part>,
}

impl Lake {
    pub(super) fn new(place: LakePlace, tls: &Arc<ClientConfig>) -> Self {
        Self {
            objects: Objects::new(place.within.clone(), tls),
            place,
            ahead: Ahead::default(),
            put: BTreeSet::new(),
            hurries: false,
        }
    }

    /// From now on nothing waits until a file is full.
    pub(super) fn hurry(&mut self) {
        self.hurries = true;
    }

    /// Whether all of so many records was looked at and none is due.
    pub(super) fn waits(&self, mark: &Mark, size: u64) -> bool {
        let seen = self.ahead.cursor.next.max(mark.next());
        mark.sealed().is_none() && seen == size && !self.is_due(mark)
    }

    /// Puts what is due; false if nothing is.
    pub(super) async fn step(
        &mut self,
        archive: &mut Archive,
        mark: &mut Mark,
        classes: &BTreeSet<u32>,
    ) -> Result<bool> {
        let until = if let Some(until) = mark.sealed() {
            until
        } else {
            let Some(until) = self.look_ahead(archive, mark, classes).await? else {
                return Ok(false);
            };
            mark.seal(until).await?;
            until
        };
        self.put_until(archive, mark, classes, until).await?;
        Ok(true)
    }

    /// Before which record the next files end; none if they are not full.
    async fn look_ahead(
        &mut self,
        archive: &mut Archive,
        mark: &Mark,
        classes: &BTreeSet<u32>,
    ) -> Result<Option<u64>> {
        if self.ahead.cursor.next < mark.next() {
            self.ahead = Ahead {
                cursor: mark.cursor().clone(),
                ..Ahead::default()
            };
        }
        while !self.is_full(mark) {
            let followed = archive.follow(&self.ahead.cursor, RECORDS_MAX).await;
            let followed = followed.into_diagnostic();
            let Some(followed) = followed.wrap_err_with(|| mark.advice())? else {
                let is_due = self.is_due(mark);
                return Ok(is_due.then_some(self.ahead.cursor.next));
            };
            mark.is_of(&followed.anchor.log)?;
            for event in events::each(&followed, classes) {
                self.ahead.bytes += event.json.len();
                self.ahead.since.get_or_insert_with(Instant::now);
                self.ahead.parts.insert((event.class, day(event.at_ms)?));
            }
            self.ahead.cursor = followed.cursor;
        }
        Ok(Some(self.ahead.cursor.next))
    }

    fn is_full(&self, mark: &Mark) -> bool {
        self.ahead.bytes >= self.place.file_bytes
            || self.ahead.parts.len() >= FILES_MAX
            || self.ahead.cursor.next.saturating_sub(mark.next()) >= STRETCH_RECORDS_MAX
    }

    /// Whether what there is goes, though it is not much.
    fn is_due(&self, mark: &Mark) -> bool {
        if self.ahead.cursor.next <= mark.next() {
            return false;
        }
        // Of what goes nowhere only the mark is to be told.
        self.hurries
            // How long it waits, not how old it is: a call may take an hour.
            || self
                .ahead
                .since
                .is_none_or(|since| since.elapsed() >= self.place.every)
    }

    /// Puts all records before `until`, and moves the mark.
    async fn put_until(
        &mut self,
        archive: &mut Archive,
        mark: &mut Mark,
        classes: &BTreeSet<u32>,
        until: u64,
    ) -> Result<()> {
        let first = mark.next();
        let mut cursor = mark.cursor().clone();
        let (mut log, mut parts) = (String::new(), BTreeMap::<Part, Vec<Row>>::new());
        while cursor.next < until {
            let limit = u32::try_from(until - cursor.next).unwrap_or(RECORDS_MAX);
            let followed = archive.follow(&cursor, limit.min(RECORDS_MAX)).await;
            let followed = followed.into_diagnostic();
            let followed = followed.wrap_err_with(|| mark.advice())?;
            let Some(Followed {
                cursor: next,
                anchor,
                ..
            }) = &followed
            else {
                return Err(miette!(
                    "the log ends before record {until}, which was settled"
                ));
            };
            mark.is_of(&anchor.log)?;
            (log, cursor) = (anchor.log.clone(), next.clone());
            for event in followed.iter().flat_map(|it| events::each(it, classes)) {
                let part = (event.class, day(event.at_ms)?);
                let (at_ms, json) = (event.at_ms, event.json);
                parts.entry(part).or_default().push(Row { at_ms, json });
            }
        }
        for (part, rows) in parts {
            self.put(&log, (first, until), part, rows).await?;
        }
        mark.move_to(log, cursor).await?;
        self.put.clear();
        self.ahead = Ahead::default();
        Ok(())
    }

    async fn put(
        &mut self,
        log: &str,
        (first, until): (u64, u64),
        (class, day): Part,
        rows: Vec<Row>,
    ) -> Result<()> {
        let last = until - 1;
        let LakePlace {
            source,
            region,
            account,
            ..
        } = &self.place;
        let file = format!("{}-{first:020}-{last:020}.parquet", log.replace('/', "-"));
        let name = format!(
            "{source}_{class}/1.0/region={region}/accountId={account}/eventDay={day}/{file}"
        );
        if self.put.contains(&name) {
            return Ok(());
        }
        let made = tokio::task::spawn_blocking(move || lake::file(class, rows)).await;
        let content = made.into_diagnostic()?.into_diagnostic()?;
        let label = format!("{log} {class} {day} {first}-{last}");
        let thing = Thing {
            name: &name,
            media_type: MEDIA_TYPE,
            content: content.into(),
            manner: Manner::Labelled(&label),
            is_kept: true,
        };
        self.objects.put(thing).await?;
        self.put.insert(name);
        Ok(())
    }
}

fn day(at_ms: i64) -> Result<String> {
    let at = Timestamp::from_millisecond(at_ms).into_diagnostic()?;
    Ok(at.strftime("%Y%m%d").to_string())
}
