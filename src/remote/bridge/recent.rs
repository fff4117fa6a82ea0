//! A map that forgets: the oldest entries go when there are too many.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How many entries there are at most.
pub(crate) const MOST: usize = 8192;

pub(crate) struct Recent<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Keys by age. One whose entry was removed, or is there anew, is there once more.
    ages: VecDeque<(K, u64)>,
    /// Counts the entries that were ever made.
    made: u64,
}

struct Entry<V> {
    value: V,
    made: u64,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Makes it the newest; what was there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.made += 1;
        let entry = Entry { value, made: self.made };
        let before = self.entries.insert(key, entry);
        self.ages.push_back((key, self.made));
        while self.ages.len() > MOST {
            self.forget_oldest();
        }
        before.map(|entry| entry.value)
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    fn forget_oldest(&mut self) {
        let Some((key, made)) = self.ages.pop_front() else { return };
        if self.entries.get(&key).is_some_and(|entry| entry.made == made) {
            self.entries.remove(&key);
        }
    }
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), ages: VecDeque::new(), made: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go() {
        let mut recent = Recent::default();
        for key in 0..2 * MOST {
            assert_eq!(recent.insert(key, ()), None);
        }
        assert_eq!(recent.get(&(MOST - 1)), None);
        assert!((MOST..2 * MOST).all(|key| recent.get(&key).is_some()));
        assert_eq!((recent.entries.len(), recent.ages.len()), (MOST, MOST));
    }

    #[test]
    fn what_is_there_anew_stays() {
        let mut recent = Recent::default();
        recent.insert(0, 'a');
        recent.remove(&0);
        for key in 1..MOST {
            recent.insert(key, 'b');
            assert_eq!(recent.insert(0, 'c'), (key > 1).then_some('c'));
        }
        assert_eq!(recent.get(&0), Some(&'c'));
        assert!(recent.ages.len() <= MOST);
    }
}
