//! Which lists of names and words hold a word.
//!
//! The lists are one table of slots, made by `lab train` from `xtask/lab/data`: a slot is four bytes,
//! of which the high twenty bits are part of the word's hash and the low twelve say which lists. A
//! word stands in the slot its hash names or behind it, before the next empty one. Of a million
//! words on no list about four are taken for one that is.

/// The table, see above.
pub(super) static TABLE: &[u8] = include_bytes!("../../data/prose.lists");

/// The lists that hold a word, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists(pub u16);

impl Lists {
    /// Given names.
    pub const GIVEN: u16 = 1;
    /// Family names.
    pub const FAMILY: u16 = 1 << 1;
    /// Words of cities' names.
    pub const CITY: u16 = 1 << 2;
    /// Countries, states and their like.
    pub const REGION: u16 = 1 << 3;
    /// `Street`, `Platz`, `rue`: and what else only addresses hold.
    pub const STREET: u16 = 1 << 4;
    /// Months and days of the week.
    pub const MONTH: u16 = 1 << 5;
    /// `Dr`, `Frau`, `Mme`.
    pub const TITLE: u16 = 1 << 6;
    /// Ordinary words, which names are spelled like too: `Will`, `Rose`.
    pub const WORD: u16 = 1 << 7;
    /// Technology and products.
    pub const PRODUCT: u16 = 1 << 8;
    /// `GmbH`, `Ltd`, `Hospital`.
    pub const COMPANY: u16 = 1 << 9;
    /// Nationalities, religions, parties.
    pub const PEOPLE: u16 = 1 << 10;
    /// `van`, `de la`, `bin`: parts of names that are written small.
    pub const PARTICLE: u16 = 1 << 11;

    /// The lists that hold the word with this hash.
    #[inline]
    #[must_use]
    pub fn of(hash: u32) -> Self {
        let (slots, _) = TABLE.as_chunks::<SLOT_BYTES>();
        let mut at = start(hash, slots.len());
        for _ in 0..PROBES_MAX {
            let Some(slot) = slots.get(at) else {
                return Self::default();
            };
            let slot = u32::from_le_bytes(*slot);
            if slot == 0 {
                return Self::default();
            }
            if slot & TAG == hash & TAG {
                return Self(u16::try_from(slot & !TAG).unwrap_or(0));
            }
            at = (at + 1) & (slots.len() - 1);
        }
        Self::default()
    }

    /// Whether only lists of names hold the word.
    #[must_use]
    pub fn is_name_only(self) -> bool {
        self.0 != 0 && self.0 & !(Self::GIVEN | Self::FAMILY | Self::CITY) == 0
    }

    /// Whether any of these lists holds the word.
    #[must_use]
    pub fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }
}

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 4;
/// Most slots looked at for a word.
pub const PROBES_MAX: usize = 64;
/// The bits of a hash that a slot keeps.
pub const TAG: u32 = 0xFFFF_F000;

/// The slot where the search for a hash starts, of so many, which are a power of two.
#[inline]
#[must_use]
pub fn start(hash: u32, slots: usize) -> usize {
    let mixed = hash.wrapping_mul(0x9E37_79B1) >> 8;
    usize::try_from(mixed).unwrap_or(0) & slots.wrapping_sub(1)
}
