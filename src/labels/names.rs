//! Reads a list of images in any of the forms that people have: names, paths, rows of a csv.

use crate::catalog::ImageSet;
use crate::catalog::inventory::place_of;
use crate::text::escape;

/// The largest list that is read, in bytes: a csv with a long path for each image.
pub const MAX_NAMES_BYTES: usize = 64 << 20;

/// The length of a name without its ending.
const STEM: usize = 12;

/// A list of images that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamesError {
    /// The file is larger than [`MAX_NAMES_BYTES`].
    #[error("it is larger than 64 MiB, which no list of images is")]
    TooLarge,
    /// The file begins with a byte order mark of UTF-16, as the `>` of some shells writes.
    #[error("it is written in UTF-16; save it as UTF-8")]
    Utf16,
    /// The list has no image.
    #[error("it names no image; expected names such as 00000001_000.png, one a line")]
    Empty,
    /// A line names no image; neither do this many later lines.
    #[error(
        "line {line}: `{}` names no image of NIH ChestX-ray14{}; expected names such as \
         00000001_000.png, with or without folders before them",
        escape::brief(.text),
        further(*.more)
    )]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The line.
        text: String,
        /// The number of later lines that name no image.
        more: usize,
    },
}

fn further(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => ", and neither does 1 more line".to_owned(),
        _ => format!(", and neither do {more} more lines"),
    }
}

/// Reads a list of images.
///
/// A line is a name; a path that ends in one; a name and numbers with spaces between them; or a row
/// of a csv or of a table with tabs that has a name or a path in one of its cells. The first line may
/// be a header. Blank lines and lines that begin with `#` are left out, and so is `.png` at will.
///
/// # Errors
///
/// [`NamesError`] with the first line that names no image.
pub fn read_names(bytes: &[u8]) -> Result<ImageSet, NamesError> {
    if bytes.len() > MAX_NAMES_BYTES {
        return Err(NamesError::TooLarge);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(NamesError::Utf16);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut images = ImageSet::empty();
    let mut wrong: Option<(usize, String, usize)> = None;
    let mut is_first = true;
    for (number, line) in (1..).zip(bytes.split(|byte| matches!(byte, b'\n' | b'\r'))) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match (image(line), &mut wrong) {
            (Some(place), _) => images.insert(place),
            (None, _) if is_first && is_header(line) => {}
            (None, Some((_, _, more))) => *more += 1,
            (None, wrong) => {
                *wrong = Some((number, String::from_utf8_lossy(line).into_owned(), 0));
            }
        }
        is_first = false;
    }
    match wrong {
        Some((line, text, more)) => Err(NamesError::Line { line, text, more }),
        None if images.is_empty() => Err(NamesError::Empty),
        None => Ok(images),
    }
}

/// Returns the place of the image that a line names.
fn image(line: &[u8]) -> Option<usize> {
    let cells = line.split(|byte| matches!(byte, b',' | b'\t' | b';'));
    let first_word = line.split(u8::is_ascii_whitespace).next();
    cells.chain(first_word).find_map(place)
}

fn place(cell: &[u8]) -> Option<usize> {
    let cell = cell.trim_ascii();
    let cell = cell.strip_prefix(b"\"").unwrap_or(cell);
    let cell = cell.strip_suffix(b"\"").unwrap_or(cell);
    let name = str::from_utf8(cell.rsplit(|byte| matches!(byte, b'/' | b'\\')).next()?).ok()?;
    match name.len() {
        STEM => place_of(&format!("{name}.png")),
        _ => place_of(name),
    }
}

/// Returns true for a line of the names of columns, one of which is that of the images.
fn is_header(line: &[u8]) -> bool {
    let line = line.to_ascii_lowercase();
    let has = |word: &[u8]| line.windows(word.len()).any(|window| window == word);
    let words: [&[u8]; 4] = [b"image", b"name", b"file", b"path"];
    !has(b".png") && words.into_iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<usize>, NamesError> {
        read_names(text.as_bytes()).map(|images| images.iter().collect())
    }

    #[test]
    fn every_form_of_a_list_is_read() {
        for text in [
            "00000001_000.png\n00000001_001.png",
            "00000001_001.png\r\n\r\n# twice\r\n00000001_000.png\r\n00000001_000.png\r\n",
            "\u{feff}images_001/00000001_000.png\nimages_001/images/00000001_001.png\n",
            "C:\\my data\\00000001_000.png\n/my data/images/00000001_001.png\n",
            "00000001_000.png 0 1 0 0\n images/00000001_001.png 0 0 0 0\n",
            "Image Index,Finding Labels\n00000001_000.png,Mass\n00000001_001.png,Mass|Nodule\n",
            "\"file_name\",\"x\"\n\"images/00000001_000.png\",\"1,2\"\n\"a, b\",00000001_001.png\n",
            ",Image Index,fold\n0,00000001_000.png,train\n1,00000001_001.png,test\n",
            "name\tbytes\n00000001_000.png\t5\n00000001_001.png\t6\n",
            "00000001_000\n00000001_001\n",
        ] {
            assert_eq!(read(text), Ok(vec![0, 1]), "{text}");
        }
    }

    #[test]
    fn a_line_that_names_no_image_is_reported() {
        for (text, line, more) in [
            ("00000001_000.png\nfoo.png\n", 2, 0),
            ("00000001_00.png\n", 1, 0),
            ("\n00030806_000.png,Image\nx\ny\n", 2, 2),
            ("Image Index\nImage Index\n", 2, 0),
            ("12345\n", 1, 0),
        ] {
            let error = read(text).unwrap_err();
            assert!(
                matches!(&error, NamesError::Line { line: at, more: n, .. } if (*at, *n) == (line, more)),
                "{text}: {error:?}"
            );
        }
        assert_eq!(read("Image Index\n\n"), Err(NamesError::Empty));
        assert_eq!(read_names(b"\xff\xfe0\0"), Err(NamesError::Utf16));
        assert_eq!(read_names(&vec![b'\n'; MAX_NAMES_BYTES + 1]), Err(NamesError::TooLarge));
    }

    #[test]
    fn a_wrong_line_is_shown_escaped_and_short() {
        let error = read(&format!("\u{1b}[2J{}", "x".repeat(10_000))).unwrap_err().to_string();
        assert!(!error.contains('\u{1b}') && error.len() < 500, "{error}");
    }
}
