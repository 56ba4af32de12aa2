//! Rows at the bottom of a terminal that are drawn again in place, and lines above them.

use std::fmt::Write as _;
use std::io::Write;

use console::measure_text_width;

/// The height and the width of a terminal.
pub(super) type Size = (usize, usize);

/// The size of a terminal that does not report one.
pub(super) const USUAL: Size = (24, 80);

/// Cuts long lines off. A terminal reports its new size some time after it has changed, tmux up to a
/// quarter of a second: a row that it wrapped meanwhile would take a line more than is counted.
const NO_WRAP: &str = "\x1b[?7l";

/// Wraps long lines again.
const WRAP: &str = "\x1b[?7h";

/// A terminal with rows that change. The cursor stays at the start of the line below them, so that
/// what the terminal itself writes there, such as `^C`, breaks no row.
pub(super) struct Screen<W> {
    out: W,
    /// True if the terminal wraps lines again when it becomes narrower.
    rewraps: bool,
    rows: Vec<String>,
    /// The width of the terminal when the rows were drawn.
    width: usize,
}

impl<W: Write> Screen<W> {
    pub(super) const fn new(out: W, rewraps: bool) -> Self {
        Self { out, rewraps, rows: Vec::new(), width: 0 }
    }

    /// Draws these rows in place of the present ones.
    pub(super) fn draw(&mut self, rows: Vec<String>, size: Size) {
        if rows.is_empty() && self.rows.is_empty() {
            return;
        }
        let lines = self.lines(size);
        // A line that the terminal has wrapped must be erased, or it stays one with the next line.
        let is_in_place = size.1 == self.width && rows.len() >= self.rows.len();
        let start = if is_in_place { format!("\r{}", up(lines)) } else { erase(lines) };
        self.write(start, rows, size);
    }

    /// Writes text above the rows, where it stays.
    pub(super) fn print(&mut self, text: &str, size: Size) {
        let start = erase(self.lines(size));
        let rows = std::mem::take(&mut self.rows);
        self.write(format!("{start}{text}\n"), rows, size);
    }

    /// Leaves the rows as they are: something else has written below them.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
    }

    /// Writes everything in one piece.
    fn write(&mut self, start: String, rows: Vec<String>, size: Size) {
        let mut frame = start + NO_WRAP;
        for row in &rows {
            // Writing to a string cannot fail.
            let _ = writeln!(frame, "{row}\x1b[K");
        }
        frame = frame + "\x1b[K" + WRAP;
        (self.rows, self.width) = (rows, size.1);
        // If this fails, the terminal is closed and nobody reads it.
        let _ = self.out.write_all(frame.as_bytes()).and_then(|()| self.out.flush());
    }

    /// The lines that the rows take on a terminal that has this size now.
    fn lines(&self, (height, width): Size) -> usize {
        let lines = |row: &String| match measure_text_width(row) {
            long if self.rewraps => long.div_ceil(width.max(1)).max(1),
            _ => 1,
        };
        self.rows.iter().map(lines).sum::<usize>().min(height.saturating_sub(1))
    }
}

/// The movement to a line above.
fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A") }
}

/// Erases the line of the cursor and these lines above it, and moves to the first of them. It erases
/// them one by one, because tmux keeps a screen that is erased as a whole.
fn erase(lines: usize) -> String {
    let up = up(lines);
    format!("\r{up}\x1b[2K{}{up}", "\x1b[B\x1b[2K".repeat(lines))
}
