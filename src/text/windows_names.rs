//! Names that Windows does not give to files.

/// The names of devices, in any case and with any extension. `COM` and `LPT` have a digit, also a
/// superscript one.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Returns the reason why a file or a folder cannot have a name on Windows. It follows the name in a
/// message.
pub fn check(name: &str) -> Option<&'static str> {
    let is_forbidden = |c: char| {
        c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*')
    };
    if name.contains(is_forbidden) {
        return Some("contains a character that Windows does not allow in names");
    }
    if name.ends_with(['.', ' ']) && !matches!(name, "." | "..") {
        return Some("ends with a dot or a space, which Windows removes from names");
    }
    is_device(name).then_some("is the name of a device on Windows")
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_lowercase();
    let is_port = |kind: &str| {
        let number = stem.strip_prefix(kind).map(|rest| rest.chars().collect::<Vec<_>>());
        matches!(number.as_deref(), Some(['0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}']))
    };
    DEVICES.contains(&stem.as_str()) || is_port("com") || is_port("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices_and_names_that_would_change_are_refused() {
        for name in ["CON", "nul.tar.gz", "Aux.b.c", "COM1", "lpt9.txt", "COM\u{b2}", "con .x"] {
            assert_eq!(check(name), Some("is the name of a device on Windows"), "{name}");
        }
        for name in ["a.", "a ", "..."] {
            assert!(check(name).is_some_and(|why| why.starts_with("ends with a dot")), "{name}");
        }
        for name in ["a:b", "a\\b", "what?", "a\u{1}", "a|b"] {
            assert!(check(name).is_some_and(|why| why.starts_with("contains a char")), "{name}");
        }
        for name in ["images_001.tar.gz", "console", "COM", "com10", "a b", ".cxr", "..", "lptx"] {
            assert_eq!(check(name), None, "{name}");
        }
    }
}
