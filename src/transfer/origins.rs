//! Who gave which bytes of a part. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

/// More than anybody names; of more, the first are remembered.
const NAMES: usize = 64;

/// Byte ranges with the name of who gave them. A later giver takes the place of an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Start to end and giver, disjoint.
    spans: BTreeMap<u64, (u64, usize)>,
    /// Everyone who ever gave something, in the order of appearance.
    names: Vec<String>,
}

impl Origins {
    /// Notes that these bytes were given by `name`.
    pub fn insert(&mut self, range: Range<u64>, name: &str) {
        self.remove(range.clone());
        let Range { mut start, mut end } = range;
        let Some(giver) = self.number(name).filter(|_| start < end) else { return };
        if let Some((&before, &(until, same))) = self.spans.range(..start).next_back()
            && until == start
            && same == giver
        {
            start = before;
        }
        if let Some(&(until, same)) = self.spans.get(&end)
            && same == giver
        {
            self.spans.remove(&end);
            end = until;
        }
        self.spans.insert(start, (end, giver));
    }

    fn number(&mut self, name: &str) -> Option<usize> {
        let known = self.names.iter().position(|known| known == name);
        known.or_else(|| {
            let number = self.names.len();
            self.names.push((number < NAMES).then(|| name.to_owned())?);
            Some(number)
        })
    }

    /// Nobody has given these bytes any more.
    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        while let Some((&start, &(end, giver))) = self.spans.range(..range.end).next_back() {
            if end <= range.start {
                break;
            }
            self.spans.remove(&start);
            if end > range.end {
                self.spans.insert(range.end, (end, giver));
            }
            if start < range.start {
                self.spans.insert(start, (range.start, giver));
            }
        }
    }

    /// Who gave bytes of a range, and which; in order.
    pub fn within(&self, range: Range<u64>) -> Vec<(Range<u64>, &str)> {
        let first = self.spans.range(..=range.start).next_back().map_or(0, |(&start, _)| start);
        self.spans
            .range(first..range.end.max(first))
            .map(|(&start, &(end, giver))| (start.max(range.start)..end.min(range.end), giver))
            .filter(|(part, _)| !part.is_empty())
            .map(|(part, giver)| (part, self.names[giver].as_str()))
            .collect()
    }

    /// Everyone who ever gave something, in the order of appearance.
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
