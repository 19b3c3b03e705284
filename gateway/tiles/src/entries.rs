//! Bundles of leaves: each after its length in two bytes, big-endian.

/// Adds a leaf; false if it is too long.
pub(crate) fn push(bundle: &mut Vec<u8>, leaf: &[u8]) -> bool {
    let Ok(length) = u16::try_from(leaf.len()) else {
        return false;
    };
    bundle.extend(length.to_be_bytes());
    bundle.extend_from_slice(leaf);
    true
}

/// The leaves of a bundle; none if it is not made of exactly `count`.
pub(crate) fn split(mut bundle: &[u8], count: u64) -> Option<Vec<&[u8]>> {
    let mut leaves = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk() {
        let (leaf, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        leaves.push(leaf);
        bundle = rest;
    }
    (bundle.is_empty() && leaves.len() as u64 == count).then_some(leaves)
}

/// How many bytes the first `count` leaves take, as far as they are there.
pub(crate) fn length(bundle: &[u8], count: usize) -> usize {
    let mut end = 0;
    for _ in 0..count {
        let Some((length, _)) = bundle.get(end..).and_then(|rest| rest.split_first_chunk()) else {
            break;
        };
        end += 2 + usize::from(u16::from_be_bytes(*length));
    }
    end.min(bundle.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_bundled_comes_back(leaves: Vec<Vec<u8>>) {
            let mut bundle = Vec::new();
            prop_assert!(leaves.iter().all(|leaf| push(&mut bundle, leaf)));
            let count = leaves.len() as u64;
            prop_assert_eq!(split(&bundle, count), Some(leaves.iter().map(Vec::as_slice).collect()));
            prop_assert_eq!(length(&bundle, leaves.len()), bundle.len());
            prop_assert_eq!(split(&bundle, count + 1), None);
            prop_assert!(bundle.is_empty() || split(&bundle[..bundle.len() - 1], count).is_none());
        }

        #[test]
        fn no_bytes_upset_the_reader(bytes: Vec<u8>, count: u64) {
            let _ = split(&bytes, count);
        }
    }

    #[test]
    fn a_leaf_of_64_kib_is_one_byte_too_long() {
        let mut bundle = Vec::new();
        assert!(push(&mut bundle, &vec![0; 65_535]));
        assert!(!push(&mut bundle, &vec![0; 65_536]));
        assert_eq!(bundle.len(), 65_537);
    }
}
