//! A set that may say yes of what it does not hold, and never no of what it does: a bit for the hash
//! of each key.

/// A set of numbers in so many words of 64 bits; a power of two.
pub(crate) struct Bits<const WORDS: usize>(Box<[u64; WORDS]>);

impl<const WORDS: usize> Bits<WORDS> {
    /// How far a product is shifted for its high bits, which all of a key reach, to be a place.
    const SHIFT: u32 = {
        assert!(WORDS.is_power_of_two(), "all places are reached");
        u64::BITS - (WORDS * 64).ilog2()
    };

    pub(crate) fn of(keys: impl Iterator<Item = u64>) -> Self {
        let mut bits = Self(Box::new([0; WORDS]));
        for key in keys {
            let (word, bit) = Self::place(key);
            if let Some(word) = bits.0.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        bits
    }

    #[inline]
    pub(crate) fn may_hold(&self, key: u64) -> bool {
        let (word, bit) = Self::place(key);
        self.0.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no more bits are left than there are places"
    )]
    fn place(key: u64) -> (usize, usize) {
        let place = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> Self::SHIFT) as usize;
        (place / 64, place % 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_holds_it_says_and_little_else() {
        let bits = Bits::<64>::of((0..64).map(|key| key * 3));
        assert!((0..64).all(|key| bits.may_hold(key * 3)));
        let wrong = (0..1000).filter(|key| key % 3 > 0 && bits.may_hold(*key));
        assert!(wrong.count() < 40);
    }
}
