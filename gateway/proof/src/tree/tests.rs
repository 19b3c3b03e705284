use proptest::prelude::*;

use super::*;

/// RFC 6962 §2.1, word by word.
fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => tlog_tiles::EMPTY_HASH.0,
        [leaf] => *leaf,
        _ => {
            let left = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(left);
            node_hash(Hash(naive_root(left)), Hash(naive_root(right))).0
        }
    }
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// The tree over `leaves` and what it stores beside each.
fn grown(leaves: &[Digest]) -> (Tree, Vec<Vec<u8>>) {
    let mut tree = Tree::default();
    let stored = leaves.iter().map(|leaf| tree.append(*leaf)).collect();
    (tree, stored)
}

fn node(stored: &[Vec<u8>], place: Place) -> Digest {
    let nodes = &stored[usize::try_from(place.record).unwrap()];
    nodes
        .chunks_exact(DIGEST_BYTES)
        .nth(place.level)
        .unwrap()
        .try_into()
        .unwrap()
}

#[test]
fn every_tree_up_to_300_has_the_root_of_the_rfc() {
    let leaves = leaves(300);
    let mut tree = Tree::default();
    assert_eq!(tree.root(), naive_root(&[]));
    for (at, leaf) in leaves.iter().enumerate() {
        tree.append(*leaf);
        assert_eq!(tree.root(), naive_root(&leaves[..=at]));
    }
}

#[test]
fn the_nodes_are_those_of_the_dense_storage() {
    let leaves = leaves(70);
    let (_, stored) = grown(&leaves);
    let dense: Vec<Hash> = stored
        .iter()
        .flat_map(|nodes| nodes.chunks_exact(DIGEST_BYTES))
        .map(|node| Hash(node.try_into().unwrap()))
        .collect();
    assert_eq!(dense.len() as u64, tlog_tiles::stored_hash_count(70));
    for (at, node) in dense.into_iter().enumerate() {
        let place = place(at as u64);
        assert_eq!(node.0, self::node(&stored, place));
    }
}

proptest! {
    #[test]
    fn a_restored_tree_is_the_tree(size in 0..600_u64, more in 0..70_u64) {
        let all = leaves(size + more);
        let (before, after) = all.split_at(usize::try_from(size).unwrap());
        let (tree, stored) = grown(before);
        let roots: Vec<_> = frontier(size).into_iter().map(|it| node(&stored, it)).collect();
        let mut restored = Tree::restore(size, &roots).unwrap();
        prop_assert_eq!(&restored, &tree);
        for leaf in after {
            restored.append(*leaf);
        }
        prop_assert_eq!(restored.root(), naive_root(&all));
    }

    #[test]
    fn a_proof_holds_for_its_leaf_in_every_later_tree_and_for_no_other(
        size in 1..300_u64,
        index: prop::sample::Index,
        other: prop::sample::Index,
    ) {
        let (index, other) = (index.index(300) as u64 % size, other.index(300) as u64 % size);
        let leaves = leaves(size);
        let (tree, stored) = grown(&leaves);
        let mut prover = Prover::default();
        for place in prover.prove(size, index).err().unwrap_or_default() {
            prover.learn(place, node(&stored, place));
        }
        let proof = prover.prove(size, index).unwrap();
        let leaf = |at: u64| leaves[usize::try_from(at).unwrap()];
        let included = |at, leaf| is_included(&proof, size, tree.root(), at, leaf);
        prop_assert!(included(index, leaf(index)));
        prop_assert_eq!(included(index, leaf(other)), index == other);
        prop_assert_eq!(included(other, leaf(index)), index == other);
        prop_assert!(!is_included(&proof, size, leaf_hash(b"other"), index, leaf(index)));
    }
}

#[test]
fn a_record_that_is_not_there_is_not_proven() {
    assert_eq!(Prover::default().prove(3, 3), Err(vec![]));
}

proptest! {
    #[test]
    fn a_consistency_proof_holds_for_its_two_trees_and_no_others(
        size in 1..300_u64,
        old: prop::sample::Index,
        flip: prop::sample::Index,
    ) {
        let old = old.index(301) as u64 % (size + 1);
        let leaves = leaves(size);
        let (tree, stored) = grown(&leaves);
        let (before, _) = grown(&leaves[..usize::try_from(old).unwrap()]);
        let mut prover = Prover::default();
        for place in prover.prove_consistency(size, old).err().unwrap_or_default() {
            prover.learn(place, node(&stored, place));
        }
        let mut proof = prover.prove_consistency(size, old).unwrap();
        let (new, then) = ((size, tree.root()), (old, before.root()));
        prop_assert!(is_consistent(&proof, new, then));
        if old > 0 {
            prop_assert!(!is_consistent(&proof, new, (old, leaf_hash(b"other"))));
            prop_assert!(!is_consistent(&proof, (size, leaf_hash(b"other")), then));
        }
        if !proof.is_empty() {
            let at = flip.index(proof.len());
            proof[at][0] ^= 1;
            prop_assert!(!is_consistent(&proof, new, then));
        }
    }

    #[test]
    fn no_proof_upsets_the_verifier(size: u64, old: u64, proof: Vec<[u8; DIGEST_BYTES]>) {
        let (root, other) = (leaf_hash(b"a"), leaf_hash(b"b"));
        prop_assert!(!is_consistent(&proof, (size, root), (old.max(1), other)));
        prop_assert!(!is_included(&proof, size, root, old, other));
        drop(Prover::default().prove_consistency(size, old));
    }

    #[test]
    fn a_tree_goes_on_from_its_state(size in 0..600_u64) {
        let (tree, _) = grown(&leaves(size));
        prop_assert_eq!(Tree::resume(&tree.state()).unwrap(), tree);
    }
}
