//! Hides the passwords of addresses.

use reqwest::Url;

/// Replaces the password of each address in a text by `***`. There may be an address on every line,
/// and one within another. If an address is invalid, more is hidden rather than less.
pub fn without_password(typed: &str) -> String {
    let mut shown = String::with_capacity(typed.len());
    for mut line in typed.split_inclusive('\n') {
        while let Some((before, rest)) = line.split_once("://") {
            let (user, secret) = credentials(before, rest).unwrap_or(("", ""));
            shown.extend([before, "://", user, if secret.is_empty() { "" } else { ":***" }]);
            line = &rest[user.len() + secret.len()..];
        }
        shown.push_str(line);
    }
    shown
}

/// Returns the user in an address, and the colon with the password after it. The address has its
/// scheme at the end of `before`, then `://` and `rest`.
fn credentials<'a>(before: &str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let scheme = &before[before.trim_end_matches(is_scheme).len()..];
    let authority = match Url::parse(&format!("{scheme}://{rest}").replace("{name}", "name")) {
        Ok(_) => rest.split(['/', '\\', '?', '#']).next()?,
        // For example, the password contains a `/`, which should be `%2F`.
        Err(_) => rest,
    };
    let (login, _) = authority.rsplit_once('@')?;
    Some(login.split_at(login.find(':')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_is_hidden() {
        for (typed, shown) in [
            ("--from=http://me:p@ss@m.org", "--from=http://me:***@m.org"),
            ("--from=https://m.org/x:y@z", "--from=https://m.org/x:y@z"),
            (
                "https://me@m.org/\n/mnt:a@b\nhttp://u:p@{name}.org",
                "https://me@m.org/\n/mnt:a@b\nhttp://u:***@{name}.org",
            ),
            ("https://me:pa/ss@m.org/", "https://me:***@m.org/"),
            ("://:@", "://:***@"),
            (
                "http://me:pass@m.org/ftp://you:word@n.org/o",
                "http://me:***@m.org/ftp://you:***@n.org/o",
            ),
            ("http://m.org/o/ftp://:pass@n.org/", "http://m.org/o/ftp://:***@n.org/"),
        ] {
            assert_eq!(without_password(typed), shown);
        }
    }
}
