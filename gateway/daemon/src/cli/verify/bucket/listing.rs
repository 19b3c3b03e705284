//! What versions there are of each name, listed piece by piece.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use proof::Finding;
use proxy::objects::{Marker, ObjectFault, Page, Version};
use tiles::{KEPT, kept_of};

use super::Place;

/// The longest name of a tile within its folder: three digits, of its number or its width.
const NAME_BYTES_MAX: usize = 3;

/// What a store has of one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    /// The id of what was put first and is there still.
    pub(super) oldest: Option<String>,
    modified: Timestamp,
    versions: u64,
    markers: u64,
}

impl Known {
    /// Takes the next in, which S3 lists from the newest on; its times are whole seconds.
    fn take(&mut self, version: Version) {
        if version.is_marker {
            self.markers += 1;
            return;
        }
        self.versions += 1;
        if self.oldest.is_none() || version.modified <= self.modified {
            self.oldest = Some(version.id);
            self.modified = version.modified;
        }
    }

    /// What is wrong with a name that never changes.
    pub(super) fn fault(&self, name: &str) -> Option<Finding> {
        let is_odd = self.versions > 1 || self.markers > 0;
        is_odd.then(|| Finding::Overwritten {
            name: name.to_owned(),
            versions: self.versions,
            markers: self.markers,
        })
    }
}

/// The names of tiles in one folder.
pub(super) type Names = BTreeMap<String, Known>;

/// Those in a folder, which ends in a slash; what is no tile's is left out.
pub(super) async fn names(place: &Place, folder: &str) -> Result<Names, ObjectFault> {
    let (mut names, mut next) = (Names::new(), None);
    loop {
        let page = page(place, folder, next.as_ref()).await?;
        for version in page.versions {
            let is_tile = version.name.len() <= NAME_BYTES_MAX
                && version.name.bytes().all(|it| it.is_ascii_digit());
            if is_tile {
                names.entry(version.name.clone()).or_default().take(version);
            }
        }
        next = page.next;
        if next.is_none() {
            return Ok(names);
        }
    }
}

async fn page(place: &Place, folder: &str, after: Option<&Marker>) -> Result<Page, ObjectFault> {
    let folder = format!("{}{folder}", place.prefix);
    let Place {
        bucket,
        client,
        shown,
        ..
    } = place;
    bucket.versions(client, shown, &folder, after).await
}

/// A kept checkpoint that is listed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    pub(super) size: u64,
    pub(super) digest: Option<u32>,
    pub(super) known: Known,
}

/// All kept checkpoints by their sizes, a page at a time.
#[derive(Default)]
pub(super) struct Stream {
    pages: Pages,
    /// The size of the last one that was passed.
    at: u64,
    is_done: bool,
    next: Option<Marker>,
}

impl Stream {
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next one; none at the end.
    pub(super) async fn peek(&mut self, place: &Place) -> Result<Option<&Listed>, ObjectFault> {
        while self.pages.ready.is_empty() && !self.is_done {
            let page = page(place, &format!("{KEPT}/"), self.next.as_ref()).await?;
            self.is_done = page.next.is_none();
            self.next.clone_from(&page.next);
            self.pages.take(page);
        }
        Ok(self.pages.ready.front())
    }

    /// Goes on behind it.
    pub(super) fn pass(&mut self) {
        if let Some(passed) = self.pages.ready.pop_front() {
            self.at = passed.size;
        }
    }
}

/// Pages, of which one may end amid the versions of a name.
#[derive(Default)]
struct Pages {
    ready: VecDeque<Listed>,
    /// The last name of the last page.
    held: Option<Listed>,
}

impl Pages {
    fn take(&mut self, page: Page) {
        let mut all = BTreeMap::<(u64, Option<u32>), Known>::new();
        if let Some(held) = self.held.take() {
            all.insert((held.size, held.digest), held.known);
        }
        for version in page.versions {
            if let Some(of) = kept_of(&version.name) {
                all.entry(of).or_default().take(version);
            }
        }
        let listed = |((size, digest), known)| Listed {
            size,
            digest,
            known,
        };
        if page.next.is_some() {
            self.held = all.pop_last().map(listed);
        }
        self.ready.extend(all.into_iter().map(listed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str, id: &str, second: i64, is_marker: bool) -> Version {
        Version {
            name: name.to_owned(),
            id: id.to_owned(),
            modified: Timestamp::from_second(second).unwrap(),
            is_marker,
        }
    }

    #[test]
    fn what_was_put_first_counts_and_all_else_is_told() {
        let mut known = Known::default();
        for it in [
            version("0", "c", 9, false),
            version("0", "x", 8, true),
            version("0", "b", 7, false),
            // Within one second the order of the list tells.
            version("0", "a", 7, false),
        ] {
            known.take(it);
        }
        assert_eq!(known.oldest.as_deref(), Some("a"));
        let name = "tile/0/000".to_owned();
        assert_eq!(
            known.fault(&name),
            Some(Finding::Overwritten {
                name,
                versions: 3,
                markers: 1,
            })
        );
        let mut once = Known::default();
        once.take(version("0", "a", 1, false));
        assert_eq!(once.fault("0"), None);
        let mut gone = Known::default();
        gone.take(version("0", "a", 1, true));
        assert_eq!(gone.oldest, None);
        assert!(gone.fault("0").is_some());
    }

    #[test]
    fn a_name_whose_versions_are_on_two_pages_is_one() {
        let name = |size: u64| format!("{size:020}");
        let marker = Marker::default();
        let page = |versions, next| Page { versions, next };
        let mut pages = Pages::default();
        pages.take(page(
            vec![
                version(&name(1), "a", 1, false),
                version("other", "o", 1, false),
                version(&name(2), "c", 3, false),
            ],
            Some(marker),
        ));
        let sizes = |pages: &Pages| pages.ready.iter().map(|it| it.size).collect::<Vec<_>>();
        assert_eq!(sizes(&pages), [1], "the last one may go on");
        let of = [
            version(&name(2), "b", 2, false),
            version(&name(3), "d", 1, false),
        ];
        pages.take(page(of.into(), None));
        assert_eq!(sizes(&pages), [1, 2, 3]);
        let two = pages.ready.get(1).unwrap();
        assert_eq!(two.known.oldest.as_deref(), Some("b"));
        assert!(two.known.fault("").is_some());
    }
}
