//! Help for likely mistakes: the options and commands of other programs, and words in another place.

mod images;
mod words;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use cxr::catalog::Catalog;
use cxr::source::without_password;

use self::words::{FROM, OUTPUT, is_option, may_be_folder, replaced, run};

/// The names that other programs give to `--dir`.
const DIR: [&str; 5] = ["-P", "-C", "--directory", "--directory-prefix", "--folder"];

/// The most files that a tip names.
const SHOWN: usize = 12;

/// The commands, with the names that other programs give them.
const COMMANDS: [(&str, &[&str]); 7] = [
    ("verify", &["check", "validate", "test", "audit", "md5sum", "hash", "scrub", "compare"]),
    ("fetch", &["download", "get", "pull", "sync", "dl", "resume", "repair", "fix", "update"]),
    ("extract", &["unpack", "untar", "unzip", "tar", "decompress", "expand", "images"]),
    ("labels", &["metadata", "label", "csv", "splits", "annotations"]),
    ("list", &["ls", "status", "show", "info"]),
    ("checksums", &["table", "md5", "sums", "export", "checksum"]),
    ("selftest", &["self-test", "doctor", "self-check"]),
];

/// Returns the command line that does what was probably meant.
pub(super) fn tip(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let text = |kind| match error.get(kind)? {
        ContextValue::String(text) => Some(text.as_str()),
        _ => None,
    };
    let words: Vec<&OsStr> = arguments.iter().skip(1).map(OsString::as_os_str).collect();
    match error.kind() {
        ErrorKind::InvalidSubcommand => command(text(ContextKind::InvalidSubcommand)?, &words),
        ErrorKind::UnknownArgument => option(text(ContextKind::InvalidArg)?, &words),
        ErrorKind::InvalidValue => {
            let option = text(ContextKind::InvalidArg)?;
            images::value(option.split(' ').next()?, text(ContextKind::InvalidValue)?, &words)
        }
        _ => None,
    }
}

/// Returns the tip for a word where a command should be.
fn command(word: &str, words: &[&OsStr]) -> Option<String> {
    let place = words.iter().position(|typed| *typed == word)?;
    let with = |replaced: &[&str]| {
        let replaced = replaced.iter().map(OsStr::new);
        run(words[..place]
            .iter()
            .copied()
            .chain(replaced)
            .chain(words[place + 1..].iter().copied()))
    };
    let known = COMMANDS.iter().find(|(_, names)| names.contains(&word));
    match known {
        Some((name, _)) => Some(format!("the command is {name}: {}", with(&[name]))),
        None if word.contains("://") => {
            Some(format!("an address is a source: {}", with(&["fetch", "--from", word])))
        }
        None if Path::new(word).is_dir() => Some(format!(
            "to check a folder: {}; to fetch into it: {}",
            with(&["verify", word]),
            with(&["fetch", "-d", word])
        )),
        None => None,
    }
}

/// Returns the tip for an option that the command does not have, or a word too many.
fn option(word: &str, words: &[&OsStr]) -> Option<String> {
    let name = word.split('=').next().unwrap_or(word);
    let is_command = |typed: &&OsStr| COMMANDS.iter().any(|(known, _)| typed == known);
    let place = words.iter().position(is_command);
    let option = words.iter().position(|typed| is_option(typed, name))?;
    let command = place.and_then(|place| words.get(place)?.to_str());
    let of_images = || images::option(command?, name, words, option);
    if let Some(tip) = place.filter(|place| *place < option).and_then(|_| of_images()) {
        return Some(tip);
    }
    match command {
        // The value of an option, such as `-d list`, may be the name of a command.
        Some(_) if place.is_some_and(|place| option < place) => {
            let place = place?;
            let (before, after) = (&words[..place], &words[place + 1..]);
            let moved = before.iter().chain(after).copied();
            let line = run(std::iter::once(words[place]).chain(moved));
            Some(format!("the options of a command come after it: {line}"))
        }
        Some("verify") if name == "-d" || name == "--dir" => {
            let line = run(replaced(words, option, name, None));
            Some(format!("verify takes folders and files without an option: {line}"))
        }
        Some("list") if !name.starts_with('-') && !may_be_folder(name) => {
            let line = run(words.iter().copied().filter(|typed| *typed != word));
            Some(format!("list shows all archives: {line}; for another folder, add -d"))
        }
        Some("list" | "labels" | "selftest") if !name.starts_with('-') => {
            let folder = ["-d".as_ref(), OsStr::new(word)];
            Some(format!("the folder is --dir: {}", with_option(words, option, folder, None)?))
        }
        Some("verify") if OUTPUT.contains(&name) => {
            let line = run(replaced(words, option, name, Some("--report")));
            Some(format!("a file for the report is --report: {line}"))
        }
        Some("checksums") if OUTPUT.contains(&name) => {
            Some("the table goes to standard output: write > and the file behind it".to_owned())
        }
        Some("fetch" | "extract" | "labels" | "list" | "selftest")
            if DIR.contains(&name) || OUTPUT.contains(&name) =>
        {
            let line = run(replaced(words, option, name, Some("--dir")));
            Some(format!("the folder is --dir: {line}"))
        }
        Some("fetch" | "verify" | "checksums") if FROM.contains(&name) => {
            let line = run(replaced(words, option, name, Some("--from")));
            Some(format!("a source is --from: {line}"))
        }
        _ => None,
    }
}

/// Returns the tip for an archive that is not in the table: it may be a folder, or an address.
pub(super) fn archive(word: &str, words: &[OsString]) -> Option<String> {
    let words: Vec<&OsStr> = words.iter().skip(1).map(OsString::as_os_str).collect();
    let place = words.iter().rposition(|typed| *typed == word)?;
    let path = Path::new(word);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let value = OsStr::new(word);
    if word.contains("://") {
        let line = with_option(&words, place, ["--from".as_ref(), value], None)?;
        Some(format!("an address is a source: {line}"))
    } else if let (Some(folder), Some(name)) = (folder, path.file_name().filter(|_| path.is_file()))
    {
        let line = with_option(&words, place, ["-d".as_ref(), folder.as_os_str()], Some(name));
        let line = line.unwrap_or_else(|| {
            let (before, after) = (&words[..place], &words[place + 1..]);
            run(before.iter().chain([&name]).chain(after).copied())
        });
        Some(format!("the folder of an archive is --dir: {line}"))
    } else if word == "all" || word.contains('*') {
        let line = run(replaced(&words, place, word, None));
        Some(format!("without a name, it is all archives: {line}"))
    } else if may_be_folder(word) {
        let line = with_option(&words, place, ["-d".as_ref(), value], None)?;
        Some(format!("if it is the folder for the archives: {line}"))
    } else {
        None
    }
}

/// Returns the command line with an option, before a `--`, and the word at `place` removed or replaced.
/// `None` if the value of the option looks like an option itself, or `-d` is there already.
fn with_option(
    words: &[&OsStr],
    place: usize,
    option: [&OsStr; 2],
    replaced: Option<&OsStr>,
) -> Option<String> {
    let end = words.iter().position(|typed| *typed == "--").unwrap_or(words.len());
    let is_taken = option[0] == "-d" && words[..end].iter().any(|typed| is_dir_option(typed));
    if is_taken || is_option(option[1], "-") {
        return None;
    }
    let mut moved = words.to_vec();
    moved.splice(place..=place, replaced);
    let at = place.min(end);
    moved.splice(at..at, option);
    if moved.last().is_some_and(|last| *last == "--") {
        moved.pop();
    }
    Some(run(moved))
}

/// Returns true for `--dir` and `-d`, which may stand behind switches such as `-q`.
fn is_dir_option(typed: &OsStr) -> bool {
    let short = typed.to_str().and_then(|typed| typed.strip_prefix('-')).unwrap_or_default();
    is_option(typed, "--dir") || short.trim_start_matches(['q', 'v']).starts_with('d')
}

/// Returns a word that names archives among the folders and files to verify, and the tip for it.
pub(super) fn archives(
    what: &[OsString],
    catalog: &Catalog,
    words: &[OsString],
) -> Option<(String, String)> {
    let is_path = |word: &OsStr| Path::new(word).symlink_metadata().is_ok();
    let (folders, others): (Vec<_>, Vec<_>) =
        what.iter().map(OsString::as_os_str).partition(|word| Path::new(word).is_dir());
    let word = others.into_iter().find_map(|word| {
        let text = word.to_str().filter(|_| !is_path(word))?;
        let is_name = text.contains('.') && folders.is_empty();
        (!is_name && catalog.select(&[text]).is_ok()).then_some(text)
    })?;
    let folder = Path::new(folders.first().copied().unwrap_or_default());
    let selected = catalog.select(&[word]).ok()?;
    let names = selected.iter().filter_map(|&index| catalog.archives().get(index));
    let files: Vec<_> = names.map(|archive| folder.join(&archive.name).into_os_string()).collect();
    let in_place = |typed: &OsString| match typed {
        typed if *typed == word => files.iter().take(SHOWN).cloned().collect(),
        typed if folder.as_os_str() == typed.as_os_str() => Vec::new(),
        typed => vec![typed.clone()],
    };
    let words: Vec<OsString> = words.iter().skip(1).flat_map(in_place).collect();
    let line = run(words.iter().map(OsString::as_os_str));
    let more = if files.len() > SHOWN { ", and so on" } else { "" };
    Some((word.to_owned(), format!("to check single archives, name their files: {line}{more}")))
}

/// Returns true for an address where a folder belongs.
pub(super) fn is_address(word: &OsStr) -> bool {
    let is_address = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    word.to_str().is_some_and(is_address) && !Path::new(word).exists()
}

/// Returns an address among the folders to verify, without a password, and the tip for it.
pub(super) fn address(what: &[OsString], words: &[OsString]) -> Option<(String, String)> {
    let address = what.iter().find(|word| is_address(word))?;
    let option = |word: &OsString| {
        let is_wanted = is_address(word) && what.contains(word);
        is_wanted.then(|| OsStr::new("--from")).into_iter()
    };
    let words = words.iter().skip(1);
    let line = run(words.flat_map(|word| option(word).chain([word.as_os_str()])));
    let address = without_password(&address.to_string_lossy());
    Some((address, format!("to read a mirror, run: {line}")))
}
