//! The rows of progress on a terminal, as wide as the terminal allows.

use std::borrow::Cow;
use std::time::Duration;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use crate::text::units;

/// Below this width there are only names and percentages.
const MEDIUM: usize = 60;

/// From this width on, there are rates, activities and bars.
const WIDE: usize = 80;

/// The least and the greatest width of a bar.
const BAR: [usize; 2] = [8, 40];

/// The least width of the activity.
const ACTIVITY: usize = 6;

/// The content of a row.
#[derive(Debug)]
pub(super) struct Row {
    /// The work, or `all` in the row of all archives.
    pub(super) activity: String,
    /// The name of the archive, already escaped; in the row of all archives, their number.
    pub(super) label: String,
    pub(super) done: u64,
    /// The size, if known.
    pub(super) whole: Option<u64>,
    /// Bytes per second.
    pub(super) rate: f64,
    pub(super) left: Option<Duration>,
    /// True for the row of all archives.
    pub(super) is_total: bool,
}

/// The parts of a row, all of which every row has.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
struct Columns {
    activity: bool,
    /// The width of the activity beyond the least one.
    wider: usize,
    bar: bool,
    totals: bool,
    rate: bool,
    left: bool,
}

impl Columns {
    const NARROW: Self =
        Self { activity: false, wider: 0, bar: false, totals: false, rate: false, left: false };
    const MEDIUM: Self = Self { totals: true, left: true, ..Self::NARROW };
    const WITHOUT_RATE: Self = Self { activity: true, ..Self::MEDIUM };
    const WITHOUT_BAR: Self = Self { rate: true, ..Self::WITHOUT_RATE };
    const WIDE: Self = Self { bar: true, ..Self::WITHOUT_BAR };

    /// The columns that fit a terminal of this width beside names and activities of these widths.
    fn fitting(width: usize, label: usize, activity: usize) -> Self {
        if width < MEDIUM {
            return Self::NARROW;
        }
        if width < WIDE {
            return Self::MEDIUM;
        }
        let wider = activity.saturating_sub(ACTIVITY);
        let has_room = |columns: &Self| columns.label(width) >= label;
        let columns = [Self::WIDE, Self::WITHOUT_BAR].map(|columns| Self { wider, ..columns });
        columns.into_iter().find(has_room).unwrap_or(Self { wider, ..Self::WITHOUT_RATE })
    }

    /// The width that is left for the name. The last column stays empty, because some terminals
    /// begin a new line after it.
    fn label(self, width: usize) -> usize {
        let activity = if self.activity { ACTIVITY + self.wider + " ".len() } else { 0 };
        let bar = if self.bar { BAR[0] + " []".len() } else { 0 };
        width.saturating_sub(1 + activity + bar + " ".len() + self.numbers_width())
    }

    /// The width of [`Columns::numbers`], with a known size.
    fn numbers_width(self) -> usize {
        [(true, 5), (self.totals, 18), (self.rate, 12), (self.left, 8)]
            .into_iter()
            .filter_map(|(is_shown, width)| is_shown.then_some(width))
            .sum()
    }

    /// Percent, bytes, rate and time left, in columns of fixed width.
    fn numbers(self, row: &Row) -> String {
        let percent = match row.whole {
            Some(whole) => format!("{:>3} %", units::percent(row.done, whole)),
            None if self.totals => " ".repeat(5),
            None => units::bytes(row.done),
        };
        let bytes = || match row.whole {
            Some(whole) => units::part(row.done, whole),
            None => units::bytes(row.done),
        };
        let left = row.left.filter(|_| self.left);
        let more = [
            self.totals.then(|| format!("  {:>16}", bytes())),
            self.rate.then(|| format!("  {:>10}", units::rate(row.rate))),
            left.map(|left| format!("  {:>6}", units::short_estimate(left))),
        ];
        percent + &more.into_iter().flatten().collect::<String>()
    }
}

/// Returns the rows as lines of a terminal of this width, without trailing spaces.
pub(super) fn lines(rows: &[Row], width: usize) -> Vec<String> {
    let longest = |rows: &[Row]| rows.iter().map(|row| measure_text_width(&row.label)).max();
    let label = longest(rows).unwrap_or(0);
    let activity = rows.iter().map(|row| measure_text_width(&row.activity)).max().unwrap_or(0);
    let columns = Columns::fitting(width, label, activity);
    let label = label.min(columns.label(width));
    rows.iter().map(|row| line(row, columns, label, width)).collect()
}

fn line(row: &Row, columns: Columns, label: usize, width: usize) -> String {
    let numbers = columns.numbers(row);
    // Bytes in place of a percentage are wider.
    let label = label.min(width.saturating_sub(" ".len() + 1 + measure_text_width(&numbers)));
    let name = if row.is_total && !columns.activity { &row.activity } else { &row.label };
    let mut line = match ACTIVITY + columns.wider {
        activity if columns.activity => format!("{:<activity$} ", row.activity),
        _ => String::new(),
    };
    line += &pad_str(&shortened(name, label), label, Alignment::Left, None);
    if columns.bar {
        let free = (columns.label(width) + BAR[0]).saturating_sub(label);
        line += &bar(row, free.min(BAR[1]));
    }
    line.push(' ');
    line += &numbers;
    shortened(line.trim_end(), width.saturating_sub(1)).into_owned()
}

fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    truncate_str(text, width, if width > 1 { "…" } else { "" })
}

/// A bar of this width in brackets. Without a size there is nothing to draw.
fn bar(row: &Row, width: usize) -> String {
    let Some(whole) = row.whole else { return " ".repeat(width + " []".len()) };
    let percent = usize::try_from(units::percent(row.done, whole)).unwrap_or(100);
    let full = width * percent / 100;
    let head = if full < width && percent > 0 { ">" } else { "" };
    let drawn = format!("{}{head}", "=".repeat(full));
    format!(" [{drawn:width$}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn row(label: &str, done: u64, whole: Option<u64>) -> Row {
        let rate = 45.1 * 1_048_576.0;
        let left = whole.map(|_| Duration::from_mins(11));
        let (activity, label) = ("fetch".to_owned(), label.to_owned());
        Row { activity, label, done, whole, rate, left, is_total: false }
    }

    fn rows() -> Vec<Row> {
        let total = row("3 of 12 done", 3 * GIB - 1, Some(42 * GIB));
        vec![
            row("images_001.tar.gz", 2_008_470_987, Some(2_008_470_987)),
            row("images_002.tar.gz", 200 << 20, Some(3_952_218_419)),
            row("images_012.tar.gz", 700 << 20, None),
            Row { activity: "all".to_owned(), is_total: true, ..total },
        ]
    }

    #[test]
    fn a_narrow_terminal_shows_names_and_percentages_only() {
        assert_eq!(
            lines(&rows(), 40),
            [
                "images_001.tar.gz 100 %",
                "images_002.tar.gz   5 %",
                "images_012.tar.gz 700 MiB",
                "all                 7 %",
            ]
        );
    }

    #[test]
    fn a_terminal_of_60_columns_shows_totals_and_times() {
        assert_eq!(
            lines(&rows(), 60),
            [
                "images_001.tar.gz 100 %  1.87 of 1.87 GiB  11 min",
                "images_002.tar.gz   5 %  0.19 of 3.68 GiB  11 min",
                "images_012.tar.gz                 700 MiB",
                "all                 7 %   2.9 of 42.0 GiB  11 min",
            ]
        );
    }

    #[test]
    fn a_terminal_of_80_columns_shows_everything() {
        assert_eq!(
            lines(&rows(), 80),
            [
                "fetch  images_001.tar.gz [========] 100 %  1.87 of 1.87 GiB  45.1 MiB/s  11 min",
                "fetch  images_002.tar.gz [>       ]   5 %  0.19 of 3.68 GiB  45.1 MiB/s  11 min",
                "fetch  images_012.tar.gz                            700 MiB  45.1 MiB/s",
                "all    3 of 12 done      [>       ]   7 %   2.9 of 42.0 GiB  45.1 MiB/s  11 min",
            ]
        );
    }

    #[test]
    fn a_bar_has_at_most_40_columns() {
        let bar = "==>".to_owned() + &" ".repeat(37);
        let numbers = "  5 %  0.19 of 3.68 GiB  45.1 MiB/s  11 min";
        assert_eq!(lines(&rows(), 200)[1], format!("fetch  images_002.tar.gz [{bar}] {numbers}"));
    }

    #[test]
    fn no_row_is_as_wide_as_the_terminal() {
        let labels =
            ["a", "images_001.tar.gz", "images_001.tar.gz at https://m.org/ä/é", "名前名前"];
        for label in labels {
            for width in 1..250 {
                let mut rows = rows();
                rows.push(row(label, 5, Some(u64::MAX)));
                for line in lines(&rows, width) {
                    assert!(measure_text_width(&line) < width, "{width}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn a_long_name_costs_the_bar_then_the_rate_and_is_shortened_at_last() {
        let lines = |label: &str| lines(&[row(label, 5, Some(10))], 80);
        let long = "images_001.tar.gz at m.org";
        let numbers = " 50 %         5 of 10 B  45.1 MiB/s  11 min";
        assert_eq!(lines(long), [format!("fetch  {long} {numbers}")]);
        let long = "images_001.tar.gz at https://m.org/nih";
        let numbers = " 50 %         5 of 10 B  11 min";
        assert_eq!(lines(long), [format!("fetch  {long} {numbers}")]);
        let long = "images_001.tar.gz at https://mirror.example.org/nih";
        let short = "images_001.tar.gz at https://mirror.exa…";
        assert_eq!(lines(long), [format!("fetch  {short} {numbers}")]);
    }
}
