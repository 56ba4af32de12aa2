//! Options that were typed and would be ignored. A variable may hold them: it is for every command of
//! a job.

use std::ffi::{OsStr, OsString};

use clap::ArgMatches;
use clap::parser::ValueSource;
use cxr::text::escape;

use super::help::applies;
use super::typed_command::typed_command;

/// Options of which only the last one would count, with their short forms.
const ONCE: [(&str, &str); 13] = [
    ("--dir", "-d"),
    ("--to", ""),
    ("--layout", ""),
    ("--images", ""),
    ("--compare", ""),
    ("--archives", ""),
    ("--names", ""),
    ("--split", ""),
    ("--view", ""),
    ("--checksums", ""),
    ("--report", ""),
    ("--junit", ""),
    ("--events", ""),
];

/// Options of `verify` for the talk with servers.
const NETWORK: [&str; 5] =
    ["cacert", "retries", "stall_timeout", "connect_timeout", "unsized_limit"];

/// Fails if an option was typed that would be ignored.
pub(super) fn refuse(matches: &ArgMatches, arguments: &[OsString]) -> Result<(), String> {
    let Some((command, matches)) = matches.subcommand() else { return Ok(()) };
    refuse_repeated(arguments)?;
    let typed = Typed(matches);
    if command == "labels" && typed.has("checksums") {
        let why = "whose files are those of NIH, whatever the table";
        return Err(format!("--checksums has no effect on labels, {why}; omit it"));
    }
    if typed.has("format") && !applies("format", command) {
        return Err(format!("--format has no effect on {command}, which has one form; omit it"));
    }
    match command {
        "fetch" => refuse_target(&typed, arguments),
        "verify" => refuse_in_verify(&typed),
        _ => Ok(()),
    }
}

/// The options that were typed.
struct Typed<'a>(&'a ArgMatches);

impl Typed<'_> {
    fn has(&self, id: &str) -> bool {
        self.source(id) == Some(ValueSource::CommandLine)
    }

    fn source(&self, id: &str) -> Option<ValueSource> {
        self.0.ids().any(|known| known == id).then(|| self.0.value_source(id)).flatten()
    }

    /// Returns true if the option has a value other than its default.
    fn is_set(&self, id: &str) -> bool {
        self.source(id).is_some_and(|source| source != ValueSource::DefaultValue)
    }

    fn first<'b>(&self, ids: impl IntoIterator<Item = &'b &'b str>) -> Option<String> {
        let id = ids.into_iter().find(|id| self.has(id))?;
        Some(format!("--{}", id.replace('_', "-")))
    }
}

/// `fetch` writes images only with `--extract`.
fn refuse_target(typed: &Typed<'_>, arguments: &[OsString]) -> Result<(), String> {
    match typed.first(&["to", "layout"]) {
        Some(option) if !typed.0.get_flag("extract") => Err(format!(
            "{option} is about extracted images, and fetch extracts none without --extract: {}",
            typed_command(arguments).with("--extract").explained()
        )),
        _ => Ok(()),
    }
}

fn refuse_in_verify(typed: &Typed<'_>) -> Result<(), String> {
    let readers = "; --readers sets the number of files that are read at a time";
    let of_mirrors = typed.first(&NETWORK);
    let jobs = typed.first(&["jobs"]);
    if typed.is_set("images") {
        let option = of_mirrors.or(typed.first(&["limit_rate", "limit_rate_file"]));
        return match (option, jobs) {
            (Some(option), _) => Err(format!("{option} has no effect with --images; omit it")),
            (None, Some(option)) => {
                Err(format!("{option} has no effect with --images; omit it{readers}"))
            }
            (None, None) => Ok(()),
        };
    }
    if typed.is_set("from") {
        return match typed.first(&["no_locate"]) {
            Some(option) => Err(format!("{option} has no effect with --from; omit it")),
            None => Ok(()),
        };
    }
    let only = "has an effect only with --from; omit it";
    match (of_mirrors, jobs) {
        (Some(option), _) => Err(format!("{option} {only}")),
        (None, Some(option)) => Err(format!("{option} {only}{readers}")),
        (None, None) => Ok(()),
    }
}

/// Refuses two different values of an option that has one.
fn refuse_repeated(arguments: &[OsString]) -> Result<(), String> {
    for (long, short) in ONCE {
        let values = values_of(arguments, long, short);
        let [first, .., last] = &values[..] else { continue };
        if first != last {
            let shown = |value: &OsStr| escape::brief(&value.to_string_lossy());
            return Err(format!(
                "{long} is given twice, as `{}` and as `{}`, and only one can count; omit the other",
                shown(first),
                shown(last)
            ));
        }
    }
    Ok(())
}

/// Returns the values of an option, in any of its forms.
fn values_of<'a>(arguments: &'a [OsString], long: &str, short: &str) -> Vec<&'a OsStr> {
    let mut values = Vec::new();
    let mut words = arguments.iter().map(OsString::as_os_str).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        let rest = text.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
        let joined = rest.or_else(|| text.strip_prefix(short).filter(|_| !short.is_empty()));
        match joined {
            _ if text == long => values.extend(words.next()),
            Some("") => values.extend(words.next()),
            Some(value) => values.push(OsStr::new(value)),
            None => {}
        }
    }
    values
}
