//! An archive in one line: the verdict in a column, the name, the reason and the next step.

use super::ArchiveReport;
use crate::text::{escape, units};
use crate::verdict::Verdict;

/// The width of the longest verdict, `unreachable`, and the gap after it.
pub(super) const COLUMN: usize = 13;

impl ArchiveReport {
    /// The archive in one line, without a newline.
    pub fn line(&self, color: bool) -> String {
        let name = escape::text(&self.name);
        let line = format!("{}{name}  {}", column(self.verdict, color), self.remark());
        line.trim_end().to_owned()
    }

    /// The size, the digests, the reason and the next step, if there are any.
    fn remark(&self) -> String {
        let is_there = matches!(self.verdict, Verdict::Ok | Verdict::Present);
        let size = self.actual_size.or(self.expected_size).filter(|_| is_there).map(units::bytes);
        let detail = self.detail.as_deref().map(|detail| escape::text(detail).into_owned());
        let next = self.next.as_ref().and_then(|next| {
            // The command is that of the whole report.
            if next.waits { Some(next.to_string()) } else { next.by_hand.clone() }
        });
        let next = next.map(|what| format!("next: {}", escape::text(&what)));
        let proof = self.proof().map(str::to_owned);
        [size, proof, detail, next].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// The verdict, padded to the width of the column. Only the word has a colour.
pub(super) fn column(verdict: Verdict, color: bool) -> String {
    let word = verdict.word();
    let gap = " ".repeat(COLUMN.saturating_sub(word.len()));
    let (start, end) = if color { (paint(verdict), "\x1b[0m") } else { ("", "") };
    format!("{start}{word}{end}{gap}")
}

/// Green for right, cyan for not verified, yellow for not complete, red for wrong, magenta for failed.
const fn paint(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "\x1b[32m",
        Verdict::Present => "\x1b[36m",
        Verdict::Missing | Verdict::Incomplete => "\x1b[33m",
        Verdict::Corrupt | Verdict::Foreign => "\x1b[31m",
        Verdict::Unreachable | Verdict::Error => "\x1b[35m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_fits_the_column() {
        for verdict in Verdict::ALL {
            let line = ArchiveReport::new("a", verdict).line(false);
            assert_eq!(line.find(" a"), Some(COLUMN - 1), "{line}");
        }
    }

    #[test]
    fn nothing_is_shown_unescaped() {
        let mut archive = ArchiveReport::new("a\u{1b}[2Jb\n", Verdict::Foreign);
        archive.detail = Some("x\u{202e}y".to_owned());
        assert_eq!(archive.line(false), "foreign      a\\u{1b}[2Jb\\u{a}  x\\u{202e}y");
    }
}
