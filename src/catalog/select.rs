//! Selects archives by the words of the command line: `images_003.tar.gz`, `images_003`, `003`, `3`,
//! lists and ranges such as `1,3,7-9`.

use std::collections::HashSet;
use std::ffi::OsStr;

use serde::{Deserialize, Serialize};

use super::{Archive, Catalog};
use crate::text::{escape, shell};

/// A word that selects no archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The argument is empty, or nothing is before or after a comma.
    #[error("`{}` contains an empty name", escape::brief(.0))]
    Empty(String),
    /// No archive has this name, in a table of this description, which is escaped.
    #[error("`{}` is not in the table, which has {}", escape::brief(.0), .1)]
    Unknown(String, String),
    /// The first word matches the other two names.
    #[error("`{}` matches `{}` and `{}`; give the full name", escape::brief(.0), escape::brief(.1), escape::brief(.2))]
    Ambiguous(String, String, String),
    /// The end of a range comes before its start.
    #[error("the range `{}` ends before it starts", escape::brief(.0))]
    Backwards(String),
}

impl Catalog {
    /// The indices of the selected archives, ascending and without repetition; of all archives if
    /// there is no word. A word is a name, a name without `.tar.gz` or `.gz`, an alias, a position
    /// counted from 1, a range of positions, or several of these with commas between them.
    ///
    /// # Errors
    ///
    /// [`SelectError`] for the first word that selects no archive, or is ambiguous.
    pub fn select<W: AsRef<str>>(&self, words: &[W]) -> Result<Vec<usize>, SelectError> {
        if words.is_empty() {
            return Ok((0..self.archives.len()).collect());
        }
        let mut selected = Vec::new();
        for word in words.iter().map(AsRef::as_ref) {
            // A name may contain a comma or a hyphen.
            match self.by_name(word) {
                Some(index) => selected.push(index),
                None => self.select_list(word, &mut selected)?,
            }
        }
        selected.sort_unstable();
        selected.dedup();
        Ok(selected)
    }

    fn select_list(&self, list: &str, selected: &mut Vec<usize>) -> Result<(), SelectError> {
        for word in list.split(',').map(str::trim) {
            if word.is_empty() {
                return Err(SelectError::Empty(list.to_owned()));
            }
            match (self.by_full_or_short_name(word)?, range(word)) {
                (Some(index), _) => selected.push(index),
                (None, Some((first, last))) => {
                    let (first, last) = (self.position(first, word)?, self.position(last, word)?);
                    if last < first {
                        return Err(SelectError::Backwards(word.to_owned()));
                    }
                    selected.extend(first..=last);
                }
                (None, None) => selected.push(self.position(word, word)?),
            }
        }
        Ok(())
    }

    /// The archive with this name, in full or without its ending.
    fn by_full_or_short_name(&self, word: &str) -> Result<Option<usize>, SelectError> {
        if let Some(index) = self.by_name(word).or_else(|| self.by_alias(word)) {
            return Ok(Some(index));
        }
        let mut having =
            self.archives.iter().enumerate().filter(|(_, archive)| has_stem(archive, word));
        match (having.next(), having.next()) {
            (Some((_, first)), Some((_, second))) => {
                let names = (first.name.clone(), second.name.clone());
                Err(SelectError::Ambiguous(word.to_owned(), names.0, names.1))
            }
            (first, _) => Ok(first.map(|(index, _)| index)),
        }
    }

    /// The index for a position; `word` is the word that contains it.
    fn position(&self, digits: &str, word: &str) -> Result<usize, SelectError> {
        let position = if is_number(digits) { digits.parse::<usize>().ok() } else { None };
        position
            .and_then(|position| position.checked_sub(1))
            .filter(|index| *index < self.archives.len())
            .ok_or_else(|| SelectError::Unknown(word.to_owned(), self.known()))
    }

    /// Describes the table.
    fn known(&self) -> String {
        let name = |archive: &Archive| format!("`{}`", escape::brief(&archive.name));
        match self.archives.as_slice() {
            [] => "none".to_owned(),
            [only] => format!("only {}", name(only)),
            [first, .., last] => {
                let count = self.archives.len();
                format!("{} (1) to {} ({count})", name(first), name(last))
            }
        }
    }
}

/// A word that selects one archive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Selector {
    /// Its position, counted from 1.
    Position(usize),
    /// Its name.
    Name(String),
}

impl Catalog {
    /// Returns the shortest word that selects the archive and says which one it is.
    pub(crate) fn selector(&self, archive: &Archive) -> Selector {
        let name = &archive.name;
        let index = self.by_name(name).unwrap_or_default();
        let position = (index + 1).to_string();
        let stem = name.split('.').next().unwrap_or_default();
        let number = stem.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        // As an argument, a name that begins with a hyphen would be an option.
        let is_number = number.trim_start_matches('0') == position || name.starts_with('-');
        if is_number && self.select(&[&position]) == Ok(vec![index]) {
            Selector::Position(index + 1)
        } else {
            Selector::Name(name.clone())
        }
    }
}

impl Selector {
    /// Returns the arguments of a command that select these archives of a table of `of`: none for
    /// all of them, and a range for three or more in a row.
    pub(crate) fn join<'a>(archives: impl Iterator<Item = &'a Self>, of: usize) -> Vec<String> {
        let mut known = HashSet::new();
        let unique: Vec<&Self> = archives.filter(|archive| known.insert(*archive)).collect();
        if unique.len() == of {
            return Vec::new();
        }
        let mut words = Vec::new();
        for row in unique.chunk_by(|a, b| a.precedes(b)) {
            match row {
                [Self::Position(first), .., Self::Position(last)] if row.len() > 2 => {
                    words.push(format!("{first}-{last}"));
                }
                row => words.extend(row.iter().map(|archive| archive.word())),
            }
        }
        words
    }

    fn precedes(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Position(a), Self::Position(b)) if a + 1 == *b)
    }

    fn word(&self) -> String {
        match self {
            Self::Position(position) => position.to_string(),
            Self::Name(name) => shell::quote(OsStr::new(name)),
        }
    }
}

fn has_stem(archive: &Archive, word: &str) -> bool {
    let names = [Some(&archive.name), archive.alias.as_ref()];
    names.into_iter().flatten().any(|name| {
        let ending = name.strip_prefix(word);
        matches!(ending, Some(".tar.gz" | ".gz"))
    })
}

/// The ends of `a-b`, if both are numbers.
fn range(word: &str) -> Option<(&str, &str)> {
    let (first, last) = word.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    (is_number(first) && is_number(last)).then_some((first, last))
}

/// `parse` alone accepts a sign.
fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "fe8ed0a6961412fddcbb3603c11b3698";

    fn table(names: &[&str]) -> Catalog {
        let lines: String = names.iter().flat_map(|name| [HEX, "  ", name, "\n"]).collect();
        Catalog::from_checksums(lines.as_bytes()).unwrap()
    }

    fn refused(words: &[&str]) -> String {
        Catalog::nih().select(words).unwrap_err().to_string()
    }

    #[test]
    fn every_name_of_a_built_in_archive_selects_it() {
        let nih = Catalog::nih();
        for word in
            ["images_003.tar.gz", "images_003", "003", "3", "0003", "images_03.tar.gz", "images_03"]
        {
            assert_eq!(nih.select(&[word]), Ok(vec![2]), "{word}");
        }
    }

    #[test]
    fn lists_and_ranges_select_in_order_and_without_repetition() {
        let nih = Catalog::nih();
        for (words, expected) in [
            (vec![], (0..12).collect::<Vec<_>>()),
            (vec!["1-4"], vec![0, 1, 2, 3]),
            (vec!["1,3,7-9"], vec![0, 2, 6, 7, 8]),
            (vec!["12", "1"], vec![0, 11]),
            (vec!["2-3", "3,images_002", "001-002"], vec![0, 1, 2]),
            (vec!["5-5"], vec![4]),
            (vec!["1, 2"], vec![0, 1]),
        ] {
            assert_eq!(nih.select(&words), Ok(expected), "{words:?}");
        }
    }

    #[test]
    fn a_word_that_selects_nothing_is_reported_with_the_table() {
        let known = "which has `images_001.tar.gz` (1) to `images_012.tar.gz` (12)";
        for word in ["0", "13", "images_013", "x", "1-13", "0-2", "-1", "+1", "1-", "1--2", "１"] {
            assert_eq!(refused(&[word]), format!("`{word}` is not in the table, {known}"));
        }
        let huge = "99999999999999999999999999";
        assert!(refused(&["1", huge]).starts_with(&format!("`{huge}`")));
        assert_eq!(refused(&["4-1"]), "the range `4-1` ends before it starts");
        for list in ["", ",", "1,", "1,,3"] {
            assert_eq!(refused(&[list]), format!("`{list}` contains an empty name"));
        }
    }

    #[test]
    fn a_word_is_shown_escaped() {
        assert!(!refused(&["\u{1b}[2J"]).contains('\u{1b}'));
    }

    #[test]
    fn names_take_precedence_over_positions_ranges_and_lists() {
        let table = table(&["1-2", "a,b", "2", "c.gz", "d.tar.gz"]);
        for (word, index) in [
            ("1-2", 0),
            ("a,b", 1),
            ("2", 2),
            ("1", 0),
            ("c", 3),
            ("c.gz", 3),
            ("d", 4),
            ("d.tar.gz", 4),
        ] {
            assert_eq!(table.select(&[word]), Ok(vec![index]), "{word}");
        }
        assert!(table.select(&["d.t"]).is_err());
    }

    #[test]
    fn an_ambiguous_word_is_refused() {
        let error = table(&["a.gz", "a.tar.gz"]).select(&["a"]).unwrap_err();
        assert_eq!(error.to_string(), "`a` matches `a.gz` and `a.tar.gz`; give the full name");
    }

    #[test]
    fn a_selector_selects_its_archive_and_no_other() {
        let names = ["images_001.tar.gz", "b c", "-x.gz", "1.gz", "file5.csv", "6", "x7", "8.gz"];
        let catalog = table(&names);
        let selectors: Vec<_> =
            catalog.archives().iter().map(|archive| catalog.selector(archive)).collect();
        for (index, selector) in selectors.iter().enumerate() {
            let word = match selector {
                Selector::Position(position) => position.to_string(),
                Selector::Name(name) => name.clone(),
            };
            assert_eq!(catalog.select(&[&word]), Ok(vec![index]), "{word}");
        }
        let join = |range: std::ops::Range<usize>| Selector::join(selectors[range].iter(), 8);
        // `1` is the fourth.
        assert_eq!(join(0..4), ["images_001.tar.gz", "'b c'", "3", "1.gz"]);
        assert_eq!(join(4..8), ["5-8"]);
        assert_eq!(join(4..6), ["5", "6"]);
        assert_eq!(join(0..8), <[&str; 0]>::default());
    }
}
