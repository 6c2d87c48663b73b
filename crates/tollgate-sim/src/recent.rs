//! A list that keeps its latest entries and counts all of them.

use std::collections::VecDeque;

/// The latest entries of a list, and how many there were before them.
#[derive(Clone, Debug)]
pub(crate) struct Recent<T> {
    kept: VecDeque<T>,
    forgotten: u64,
    limit: usize,
}

impl<T> Recent<T> {
    /// An empty list that keeps at most `limit` entries.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            forgotten: 0,
            limit,
        }
    }

    /// Adds an entry, and returns the one that is forgotten for it.
    pub(crate) fn push(&mut self, entry: T) -> Option<T> {
        self.kept.push_back(entry);
        if self.kept.len() <= self.limit {
            return None;
        }
        self.forgotten += 1;
        self.kept.pop_front()
    }

    /// How many entries there ever were.
    pub(crate) fn count(&self) -> u64 {
        self.forgotten + self.kept.len() as u64
    }

    /// The entry that was added as the `number`th, counted from 1.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let place = number.checked_sub(self.forgotten + 1)?;
        self.kept.get_mut(usize::try_from(place).ok()?)
    }
}

impl<T: Clone> Recent<T> {
    pub(crate) fn to_vec(&self) -> Vec<T> {
        self.kept.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn numbers_stay_when_entries_are_forgotten() {
        let mut recent = Recent::new(2);
        let forgotten: Vec<_> = "abcd".chars().map(|entry| recent.push(entry)).collect();
        assert_eq!(forgotten, [None, None, Some('a'), Some('b')]);
        assert_eq!((recent.count(), recent.to_vec()), (4, vec!['c', 'd']));
        assert_eq!(
            [1, 2, 3, 4, 5, 0].map(|number| recent.get_mut(number).copied()),
            [None, None, Some('c'), Some('d'), None, None]
        );
    }

    #[test]
    fn a_limit_of_none_counts_only() {
        let mut recent = Recent::new(0);
        assert_eq!(recent.push('a'), Some('a'));
        assert_eq!((recent.count(), recent.to_vec()), (1, vec![]));
    }
}
