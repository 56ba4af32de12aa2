//! The reason of a refusal, from its body: the title and the first sentence of a page, or the message
//! of a JSON or XML document. Pure.
//!
//! A block page of a company, an expired address, a quota and a gated repository all come as 403.

use reqwest::StatusCode;
use serde_json::Value;

use crate::text::escape;

/// The bytes of a body that are read.
pub(super) const READ: usize = 16 * 1024;

/// The characters that are quoted at most.
const QUOTED: usize = 160;

/// The most objects inside one another that are searched for a message.
const DEPTH: u32 = 4;

/// The names of a code in JSON, and those of a message.
const CODES: [&str; 5] = ["code", "errorCode", "error_code", "error", "type"];
const MESSAGES: [&str; 8] = [
    "message",
    "errorMessage",
    "error_description",
    "error_message",
    "msg",
    "detail",
    "reason",
    "title",
];

/// The names in JSON of an object that has the message.
const INSIDE: [&str; 5] = ["error", "errors", "fault", "Error", "data"];

/// Elements whose content is not shown.
const HIDDEN: [&str; 4] = ["script", "style", "svg", "template"];

/// Elements inside of a line.
const INLINE: [&str; 8] = ["a", "b", "i", "em", "strong", "span", "code", "font"];

/// Returns the reason in a body, escaped and shortened, and `None` if it says no more than the status.
pub(super) fn reason(body: &[u8], status: StatusCode) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.contains('\0') {
        return None;
    }
    let says_more = |part: &String| is_more_than(status, part);
    let parts = match text.chars().next()? {
        '{' | '[' => match serde_json::from_str(text) {
            Ok(document) => in_json(&document, DEPTH).into_iter().filter(says_more).collect(),
            Err(_) => vec![one_line(text)],
        },
        '<' => in_markup(text, status),
        _ => text.lines().map(one_line).filter(says_more).take(1).collect(),
    };
    let mut quoted: Vec<String> = Vec::new();
    for part in parts {
        if !quoted.iter().any(|known| known.contains(&part)) {
            quoted.push(part);
        }
    }
    (!quoted.is_empty()).then(|| shorten(&quoted.join(": ")))
}

/// Returns the code and the message of an object, or of the first one inside it.
fn in_json(value: &Value, depth: u32) -> Vec<String> {
    let object = match value {
        Value::Array(items) => {
            return items.first().map_or_else(Vec::new, |item| in_json(item, depth));
        }
        Value::String(text) => return vec![one_line(text)],
        Value::Object(object) if depth > 0 => object,
        _ => return Vec::new(),
    };
    let text = |names: &[&str]| {
        let mut values = names.iter().filter_map(|name| object.get(*name)?.as_str());
        values.find(|text| !text.trim().is_empty()).map(one_line)
    };
    let message = text(&MESSAGES);
    let inside = || {
        let mut values = INSIDE.iter().filter_map(|name| object.get(*name));
        values.find(|value| !value.is_string()).map(|value| in_json(value, depth - 1))
    };
    match (message, inside()) {
        (None, Some(found)) if !found.is_empty() => found,
        (message, _) => text(&CODES).into_iter().chain(message).collect(),
    }
}

/// Returns the code and the message of an XML document, as of object stores, or else the title and the
/// first sentences of a page.
fn in_markup(text: &str, status: StatusCode) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let element = |name: &str| {
        let start = lower.find(&format!("<{name}>"))? + name.len() + 2;
        let end = start + lower.get(start..)?.find("</")?;
        Some(one_line(&decoded(text.get(start..end)?))).filter(|inner| !inner.is_empty())
    };
    let stated: Vec<String> = ["code", "message"].into_iter().filter_map(element).collect();
    if !lower.contains("<html") && !stated.is_empty() {
        return stated;
    }
    let (title, lines) = page(text, &lower);
    // A single word is most often the name of the server.
    let is_sentence = |line: &&String| is_more_than(status, line) && is_phrase(line);
    let sentence = lines.iter().find(is_sentence).cloned();
    title.filter(|title| is_more_than(status, title)).into_iter().chain(sentence).collect()
}

/// Returns the title and the visible lines of a page. `lower` is the page in lower case.
fn page(text: &str, lower: &str) -> (Option<String>, Vec<String>) {
    let (mut title, mut lines, mut line) = (None, Vec::new(), String::new());
    let mut rest = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let Some(inner) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            line.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        };
        if inner.starts_with("!--") {
            rest = rest.find("-->").map_or("", |end| &rest[end + 3..]);
            continue;
        }
        let tag = &lower[at + 1..];
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric() && c != '/').next().unwrap_or("");
        let after = rest.find('>').map_or("", |end| &rest[end + 1..]);
        if !INLINE.contains(&name.trim_matches('/')) {
            lines.push(one_line(&decoded(&line)));
            line.clear();
        }
        rest = after;
        if name == "title" || HIDDEN.contains(&name) {
            let begin = text.len() - after.len();
            let end = lower[begin..].find(&format!("</{name}")).unwrap_or(after.len());
            if name == "title" {
                title.get_or_insert_with(|| one_line(&decoded(&after[..end])));
            }
            rest = &after[end..];
        }
    }
    lines.push(one_line(&decoded(&line)));
    (title, lines)
}

/// Replaces the references to characters that pages use most.
fn decoded(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        shown.push_str(before);
        let known = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        shown.push(known.map_or('&', |(c, _)| c));
        rest = known.map_or(after, |(_, after)| after);
    }
    shown + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" | "rsquo" | "lsquo" => Some('\''),
        "nbsp" => Some(' '),
        "mdash" | "ndash" => Some('–'),
        "hellip" => Some('…'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns true for several words, or for a text of a script without spaces.
fn is_phrase(line: &str) -> bool {
    line.contains(' ') || line.chars().filter(|c| !c.is_ascii()).count() > 3
}

/// Returns true if a text has a word that the status does not have.
fn is_more_than(status: StatusCode, text: &str) -> bool {
    let known = status.canonical_reason().unwrap_or_default().to_ascii_lowercase();
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    let is_new = |word: &str| {
        word.chars().any(char::is_alphabetic)
            && !matches!(word, "error" | "http" | "status" | "code" | "null" | "none")
            && !known.split(' ').any(|known| known == word)
    };
    words.into_iter().any(is_new)
}

/// Returns whole sentences if they fit, or the beginning of the first one, escaped.
fn shorten(text: &str) -> String {
    let Some((limit, _)) = text.char_indices().nth(QUOTED) else {
        return escape::text(text).into_owned();
    };
    let beginning = &text[..limit];
    match beginning.rfind(". ") {
        Some(end) if end > limit / 4 => escape::text(&beginning[..=end]).into_owned(),
        _ => format!("{}…", escape::text(beginning)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_reason(code: u16, body: &str, expected: Option<&str>) {
        let found = reason(body.as_bytes(), StatusCode::from_u16(code).unwrap());
        assert_eq!(found.as_deref(), expected, "{body}");
    }

    #[test]
    fn the_message_of_a_document_is_quoted() {
        for (body, expected) in [
            (
                r#"{"code":"download_cap_exceeded","message":"Cap exceeded."}"#,
                "download_cap_exceeded: Cap exceeded.",
            ),
            (r#"{"error":{"code":403,"message":"Quota \"x\" used up"}}"#, "Quota \"x\" used up"),
            (r#"{"error":"invalid_token"}"#, "invalid_token"),
            (r#"{"errors":[{"message":"no access"}]}"#, "no access"),
            (r#"{"message": "cut of"#, r#"{"message": "cut of"#),
            (
                "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>Request has \
                 expired</Message><Expires>2026</Expires></Error>",
                "AccessDenied: Request has expired",
            ),
            (
                "Access to x is restricted. Please log in.\nMore",
                "Access to x is restricted. Please log in.",
            ),
        ] {
            assert_reason(403, body, Some(expected));
        }
    }

    #[test]
    fn the_title_and_the_first_sentence_of_a_page_are_quoted() {
        for (body, expected) in [
            (
                "<!DOCTYPE html><html><head><title>Internet Security by Zscaler</title></head>\
                 <body>FileHost is blocked</body></html>",
                "Internet Security by Zscaler: FileHost is blocked",
            ),
            (
                "<html><head><title>403 Forbidden</title><style>p { a: b }</style></head><body>\
                 <h1>Forbidden</h1><p>You don&#39;t have <b>permission</b> to access\nthis.</p>",
                "You don't have permission to access this.",
            ),
            ("<html><title>Just a moment...</title>", "Just a moment..."),
            ("<html><body>配额已用尽，请稍后</body>", "配额已用尽，请稍后"),
            ("<p>a &amp; b &unknown; &</p>", "a & b &unknown; &"),
        ] {
            assert_reason(403, body, Some(expected));
        }
    }

    #[test]
    fn a_body_that_says_no_more_than_the_status_is_not_quoted() {
        for body in [
            "",
            "\0\u{1}",
            "Forbidden",
            "403 Forbidden\n",
            "{}",
            r#"{"status":403,"error":"Forbidden"}"#,
            "<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1>\
             </center><hr><center>nginx/1.22.1</center></body></html>",
            "<!-- <title>no</title>",
        ] {
            assert_reason(403, body, None);
        }
    }

    #[test]
    fn a_quotation_is_short_and_escaped() {
        let long = format!("It is \u{1b}[2J blocked. {}", "word ".repeat(100));
        let found = reason(long.as_bytes(), StatusCode::FORBIDDEN).unwrap();
        assert!(found.starts_with(r"It is \u{1b}[2J blocked. word") && found.ends_with('…'));
        assert!(found.chars().count() < QUOTED + 20);
    }
}
