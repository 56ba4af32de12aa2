//! Words quoted for `cmd.exe` and PowerShell.

use std::fmt::Write as _;

use crate::text::escape;

/// Quotes a word, given in UTF-16, if it needs quotes. Both shells understand double quotes. A word
/// in which one of them would still replace something (`$`, a backtick, `%NAME%`, `!`) is quoted for
/// PowerShell alone, and so is one that is not Unicode or unsafe to show.
pub(super) fn quote(word: &[u16]) -> String {
    match String::from_utf16(word) {
        Ok(text) if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('@') => {
            text
        }
        Ok(text) if !text.contains(escape::is_unsafe) && !text.contains('"') => {
            if text.contains(['$', '`', '!', '\u{201c}', '\u{201d}', '\u{201e}'])
                || text.matches('%').count() > 1
            {
                return format!("'{}'", double_single_quotes(&text));
            }
            // A backslash before a quote would belong to the quote.
            let slashes = text.len() - text.trim_end_matches('\\').len();
            format!("\"{text}{}\"", "\\".repeat(slashes))
        }
        _ => by_numbers(word),
    }
}

/// PowerShell takes typographic single quotes for plain ones.
fn double_single_quotes(text: &str) -> String {
    let is_quote = |c: char| matches!(c, '\'' | '\u{2018}'..='\u{201b}');
    text.chars().flat_map(|c| std::iter::repeat_n(c, 1 + usize::from(is_quote(c)))).collect()
}

/// Writes all but letters and digits as their numbers, for PowerShell.
fn by_numbers(word: &[u16]) -> String {
    let mut quoted = String::from("\"");
    for &unit in word {
        match u8::try_from(unit).map(char::from) {
            Ok(c)
                if c.is_ascii_alphanumeric() || matches!(c, '\\' | ':' | '.' | '_' | '-' | ' ') =>
            {
                quoted.push(c);
            }
            _ => {
                let _ = write!(quoted, "$([char]{unit})");
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Returns true if the character has no meaning to either shell, anywhere in a word. A comma
/// separates the items of a list in PowerShell.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\\' | '/' | '.' | '_' | '-' | '+' | ':' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_both_shells_where_that_is_possible() {
        for (word, quoted) in [
            (r"C:\nih\images_001.tar.gz", r"C:\nih\images_001.tar.gz"),
            ("https://m.org/a", "https://m.org/a"),
            ("", "\"\""),
            ("1-4,7", "\"1-4,7\""),
            (r"C:\my data\", r#""C:\my data\\""#),
            ("it's", "\"it's\""),
            ("a & b", "\"a & b\""),
            ("100%", "\"100%\""),
            ("%PATH%", "'%PATH%'"),
            ("$x's", "'$x''s'"),
            ("Zürich", "\"Zürich\""),
            ("a\nb", "\"a$([char]10)b\""),
            ("\u{202e}x", "\"$([char]8238)x\""),
            ("a\"b", "\"a$([char]34)b\""),
        ] {
            assert_eq!(quote(&word.encode_utf16().collect::<Vec<_>>()), quoted, "{word:?}");
        }
        assert_eq!(quote(&[0xd800]), "\"$([char]55296)\"", "not Unicode");
    }
}
