//! The right edge of a tree: what of each level is in a tile that is not full.

use proof::tree::{DIGEST_BYTES, Digest, Tree, leaf_hash};

use crate::{
    entries,
    tile::{HEIGHT, LEVELS_MAX, Level, Tile, WIDTH},
};

/// A tile and what is in it.
pub(crate) type Content = (Tile, Vec<u8>);

/// A tree as far as its next tiles need it.
#[derive(Default)]
pub(crate) struct Edge {
    tree: Tree,
    /// Hashes in the tile of each level that is not full, one after the other.
    levels: Vec<Vec<u8>>,
    entries: Vec<u8>,
}

impl Edge {
    /// The edge of a tree of `size` leaves, whose tiles `read` gives; none if one is missing or too short.
    pub(crate) fn load<E>(
        size: u64,
        mut read: impl FnMut(Tile) -> Result<Vec<u8>, E>,
    ) -> Result<Option<Self>, E> {
        let mut edge = Self::default();
        let mut frontier = Vec::new();
        for level in 0..LEVELS_MAX {
            let hashes = size >> (level * HEIGHT);
            if hashes == 0 {
                break;
            }
            let last = Tile::of(Level::Hashes(level), hashes / WIDTH, size);
            let content = match last {
                Some(tile) => read(tile)?,
                None => Vec::new(),
            };
            if content.len() as u64 != hashes % WIDTH * DIGEST_BYTES as u64 {
                return Ok(None);
            }
            // Largest subtree first: those of higher levels.
            frontier = [roots(&content), frontier].concat();
            edge.levels.push(content);
        }
        if let Some(tile) = Tile::of(Level::Entries, size / WIDTH, size) {
            edge.entries = read(tile)?;
        }
        let leaves = entries::split(&edge.entries, size % WIDTH);
        let hashes = leaves.map(|all| all.into_iter().flat_map(leaf_hash).collect());
        if hashes.as_ref() != edge.levels.first() && hashes.is_none_or(|it| !it.is_empty()) {
            return Ok(None);
        }
        let Some(tree) = Tree::restore(size, &frontier) else {
            return Ok(None);
        };
        edge.tree = tree;
        Ok(Some(edge))
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(crate) fn root(&self) -> Digest {
        self.tree.root()
    }

    /// Adds a leaf; gives the tiles that are full with it, none if it is too long.
    pub(crate) fn append(&mut self, leaf: &[u8]) -> Option<Vec<Content>> {
        if !entries::push(&mut self.entries, leaf) {
            return None;
        }
        let mut full = self.append_hash(leaf_hash(leaf));
        if let Some((hashes, _)) = full.first() {
            let level = Level::Entries;
            full.push((Tile { level, ..*hashes }, std::mem::take(&mut self.entries)));
        }
        Some(full)
    }

    /// Adds a leaf of which only the hash counts; gives the tiles of hashes that are full with it, the lowest
    /// first.
    pub(crate) fn append_hash(&mut self, mut hash: Digest) -> Vec<Content> {
        let mut full = Vec::new();
        let mut number = self.tree.size() / WIDTH;
        self.tree.append(hash);
        for level in 0..LEVELS_MAX {
            let place = usize::try_from(level).unwrap_or(usize::MAX);
            if self.levels.len() <= place {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(place) else {
                break;
            };
            hashes.extend(hash);
            if hashes.len() as u64 != WIDTH * DIGEST_BYTES as u64 {
                break;
            }
            let content = std::mem::take(hashes);
            hash = root(&content);
            let level = Level::Hashes(level);
            full.push((
                Tile {
                    level,
                    number,
                    width: WIDTH,
                },
                content,
            ));
            number /= WIDTH;
        }
        full
    }

    /// The tiles that are not full.
    pub(crate) fn partial(&self) -> Vec<(Tile, &[u8])> {
        let size = self.tree.size();
        let last = |level, height: u32, content| {
            let number = (size >> height) / WIDTH;
            Tile::of(level, number, size).map(|tile| (tile, content))
        };
        let hashes = (0..LEVELS_MAX)
            .zip(&self.levels)
            .filter_map(|(level, content)| {
                last(Level::Hashes(level), level * HEIGHT, content.as_slice())
            });
        let entries = last(Level::Entries, 0, self.entries.as_slice());
        entries.into_iter().chain(hashes).collect()
    }
}

/// The root of the tree over these hashes, one after the other.
pub(crate) fn root(hashes: &[u8]) -> Digest {
    let mut tree = Tree::default();
    for hash in hashes.as_chunks::<DIGEST_BYTES>().0 {
        tree.append(*hash);
    }
    tree.root()
}

/// The roots of the complete subtrees over these hashes, largest first.
fn roots(hashes: &[u8]) -> Vec<Digest> {
    let mut rest = hashes;
    let mut roots = Vec::new();
    for height in (0..HEIGHT).rev() {
        let bytes = DIGEST_BYTES << height;
        if hashes.len() & bytes != 0
            && let Some((subtree, after)) = rest.split_at_checked(bytes)
        {
            roots.push(root(subtree));
            rest = after;
        }
    }
    roots
}
