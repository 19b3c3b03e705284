//! Short byte strings as machine words, so that they are compared, hashed and looked through in
//! registers. Most names and values of an API are shorter than sixteen bytes, where a loop or a
//! call to `memcmp` costs more than the work.

/// Most bytes that [`pack`] takes.
pub(crate) const PACK_BYTES_MAX: usize = 16;

/// One in each byte.
const LOW: u64 = 0x0101_0101_0101_0101;
/// The top bit of each byte.
pub(crate) const HIGH: u64 = LOW << 7;

/// At most [`PACK_BYTES_MAX`] bytes as two little-endian words, with zeros behind them. Reads
/// overlap where the length is no power of two: the same bytes come twice to the same place.
#[inline]
pub(crate) fn pack(bytes: &[u8]) -> [u64; 2] {
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        // In two steps, because eight bytes have no second word, and no shift is as wide as that.
        let half = 4 * PACK_BYTES_MAX.saturating_sub(length);
        let second = u64::from_le_bytes(*last) >> half >> half;
        return [u64::from_le_bytes(*first), second];
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let last = u64::from(u32::from_le_bytes(*last));
        return [
            u64::from(u32::from_le_bytes(*first)) | last << (8 * (length - 4)),
            0,
        ];
    }
    let word = match *bytes {
        [first, second, third] => [first, second, third, 0],
        [first, second] => [first, second, 0, 0],
        [only] => [only, 0, 0, 0],
        _ => [0; 4],
    };
    [u64::from(u32::from_le_bytes(word)), 0]
}

/// How many bytes of the word lie from `first` to `last`, both below 128.
#[inline]
pub(crate) fn count(word: u64, first: u8, last: u8) -> u32 {
    within(word, first, last).count_ones()
}

/// The top bit of each byte that lies from `first` to `last`, both below 128.
#[inline]
pub(crate) fn within(word: u64, first: u8, last: u8) -> u64 {
    // Without its top bit, no byte carries into the next when a number up to 128 is added.
    let low = word & !HIGH;
    let reaches = low.wrapping_add(LOW.wrapping_mul(u64::from(0x80 - first)));
    let exceeds = low.wrapping_add(LOW.wrapping_mul(u64::from(0x7F - last)));
    reaches & !exceeds & !word & HIGH
}

/// The first place from `from` on of a byte that lies from `first` to `last`, both below 128.
#[inline]
pub(crate) fn next(bytes: &[u8], from: usize, first: u8, last: u8) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let (words, tail) = rest.as_chunks::<8>();
    let mut at = from;
    for word in words {
        let found = within(u64::from_le_bytes(*word), first, last);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    tail.iter()
        .position(|byte| (first..=last).contains(byte))
        .map(|place| at + place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packed_bytes_are_the_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..=16)) {
            let mut padded = bytes.clone();
            padded.resize(16, 0);
            let packed: Vec<u8> = pack(&bytes).into_iter().flat_map(u64::to_le_bytes).collect();
            prop_assert_eq!(packed, padded);
        }

        #[test]
        fn the_next_byte_within_bounds_is_found(
            bytes in proptest::collection::vec(b'-'..=b'<', 0..=40), from in 0usize..42
        ) {
            let slow = bytes.iter().enumerate().skip(from).find(|(_, byte)| byte.is_ascii_digit());
            prop_assert_eq!(next(&bytes, from, b'0', b'9'), slow.map(|(at, _)| at));
        }

        #[test]
        fn bytes_within_bounds_are_counted(word: u64, a in 0u8..128, b in 0u8..128) {
            let (first, last) = (a.min(b), a.max(b));
            let slow = word.to_le_bytes().iter().filter(|byte| (first..=last).contains(*byte)).count();
            prop_assert_eq!(usize::try_from(count(word, first, last)).unwrap(), slow);
        }
    }
}
