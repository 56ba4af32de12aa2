//! The source of each byte range of a partial download. Pure.

use std::ops::Range;

use rangemap::RangeMap;

/// Sources that are remembered by name; later ones are not.
const MAX_NAMES: usize = 64;

/// Byte ranges with the name of the source that sent them. A later source replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Each range with the index of its name.
    sources: RangeMap<u64, usize>,
    /// All sources that ever sent something, in the order of appearance.
    names: Vec<String>,
}

impl Origins {
    /// Notes that these bytes came from the source `name`.
    pub fn insert(&mut self, range: Range<u64>, name: &str) {
        if range.is_empty() {
            return;
        }
        match self.index(name) {
            Some(index) => self.sources.insert(range, index),
            None => self.sources.remove(range),
        }
    }

    fn index(&mut self, name: &str) -> Option<usize> {
        let known = self.names.iter().position(|known| known == name);
        known.or_else(|| {
            let index = self.names.len();
            self.names.push((index < MAX_NAMES).then(|| name.to_owned())?);
            Some(index)
        })
    }

    /// Forgets the source of these bytes.
    pub fn remove(&mut self, range: Range<u64>) {
        if !range.is_empty() {
            self.sources.remove(range);
        }
    }

    /// The parts of a range whose source is known, in order, each with its source.
    pub fn within(&self, range: Range<u64>) -> Vec<(Range<u64>, &str)> {
        let overlapping = self.sources.overlapping(&range);
        overlapping
            .map(|(found, &index)| (found.start.max(range.start)..found.end.min(range.end), index))
            .filter(|(part, _)| !part.is_empty())
            .map(|(part, index)| (part, self.names[index].as_str()))
            .collect()
    }

    /// All sources that ever sent something, in the order of appearance.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_list_of_givers() {
        let mut random = fastrand::Rng::with_seed(11);
        let names = ["a", "b", "c"];
        for _ in 0..200 {
            let (mut origins, mut naive) = (Origins::default(), [None; 48]);
            for _ in 0..random.usize(1..20) {
                let start = random.u64(0..48);
                let end = random.u64(start..=48);
                let giver = random.choice([None, Some("a"), Some("b"), Some("c")]).flatten();
                match giver {
                    Some(name) => origins.insert(start..end, name),
                    None => origins.remove(start..end),
                }
                (start..end).for_each(|at| naive[usize::try_from(at).unwrap()] = giver);
            }
            let (from, to) = (random.u64(0..48), random.u64(0..48));
            let mut told = [None; 48];
            for (range, name) in origins.within(from..to) {
                assert!(!range.is_empty() && from <= range.start && range.end <= to);
                range.for_each(|at| told[usize::try_from(at).unwrap()] = Some(name));
            }
            for at in from..to {
                let at = usize::try_from(at).unwrap();
                assert_eq!(told[at], naive[at], "{at} of {origins:?}");
            }
            assert!(origins.names().iter().all(|name| names.contains(&name.as_str())));
        }
    }

    #[test]
    fn neighbours_of_one_giver_are_one_range() {
        let mut origins = Origins::default();
        for range in [0..10, 20..30, 10..20] {
            origins.insert(range, "a");
        }
        origins.insert(30..40, "b");
        assert_eq!(origins.within(0..100), [(0..30, "a"), (30..40, "b")]);
        assert_eq!(origins.names(), ["a", "b"]);
    }
}
