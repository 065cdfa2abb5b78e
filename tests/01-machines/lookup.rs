//! Hash tables behave as ordered maps do, whatever the seed.

use std::collections::BTreeMap;

use machines::{Dice, Index, Lookup};

#[test]
fn a_lookup_answers_as_an_ordered_map_does_whatever_the_seed() {
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let mut lookup = Lookup::new(seed);
        let mut map = BTreeMap::new();
        for _ in 0..5_000 {
            let key = format!("/node-{}", dice.below(700));
            match dice.below(4) {
                0 => assert_eq!(lookup.remove(key.as_str()), map.remove(&key)),
                1 => assert_eq!(lookup.find(key.as_str()), map.get(&key)),
                _ => {
                    let value = dice.any();
                    assert_eq!(lookup.insert(key.clone(), value), map.insert(key, value));
                }
            }
            assert_eq!(lookup.len(), map.len());
        }
    }
}

#[test]
fn an_index_finds_the_number_of_a_key_and_of_no_other() {
    let mut index = Index::new(7);
    let keys: Vec<String> = (0..100_000).map(|n| format!("/a/b/{n}")).collect();
    for (id, key) in keys.iter().enumerate() {
        let hash = index.hash(key.as_bytes());
        assert_eq!(index.find(hash, |id| keys[id as usize] == *key), None);
        index.insert(hash, id as u32);
    }
    assert_eq!(index.len(), keys.len());
    for (id, key) in keys.iter().enumerate().step_by(2) {
        let hash = index.hash(key.as_bytes());
        assert!(index.remove(hash, id as u32), "{key} is there");
        assert!(!index.remove(hash, id as u32), "{key} is there once");
    }
    for (id, key) in keys.iter().enumerate() {
        let found = index.find(index.hash(key.as_bytes()), |id| keys[id as usize] == *key);
        assert_eq!(found, (id % 2 == 1).then_some(id as u32));
    }
}

#[test]
fn two_keys_of_one_hash_are_told_apart_by_the_caller() {
    let mut index = Index::new(1);
    index.insert(42, 1);
    index.insert(42, 2);
    assert_eq!(index.find(42, |id| id == 2), Some(2));
    assert!(index.remove(42, 1));
    assert_eq!(index.find(42, |id| id == 1), None);
    assert_eq!(index.find(42, |id| id == 2), Some(2));
}
