//! Help for likely mistakes with images and labels.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::words::{FROM, OUTPUT, is_option, may_be_folder, replaced, run};

/// Returns the tip for an option at `place` that a command with images does not have, or a word too many.
pub(super) fn option(command: &str, name: &str, words: &[&OsStr], place: usize) -> Option<String> {
    match command {
        "extract" | "fetch" if ["--val", "--seed"].contains(&name) => Some(of_validation(words)),
        "extract" => of_extract(name, words, place),
        "labels" => of_labels(name, words, place),
        _ => None,
    }
}

fn of_extract(name: &str, words: &[&OsStr], place: usize) -> Option<String> {
    let fetch = || {
        let fetch = |word| if word == "extract" { OsStr::new("fetch") } else { word };
        run(words.iter().copied().map(fetch).chain([OsStr::new("--extract")]))
    };
    if name == "--delete-archives" {
        Some(format!("fetch deletes archives: {}", fetch()))
    } else if FROM.contains(&name) || name == "--from" {
        let line = run(replaced(words, place, name, Some("-d")));
        Some(format!(
            "extract reads archives of a folder: {line}; to download them too: {}",
            fetch()
        ))
    } else if OUTPUT.contains(&name) || name == "--images" {
        let line = run(replaced(words, place, name, Some("--to")));
        Some(format!("the folder for the images is --to: {line}"))
    } else {
        None
    }
}

/// Returns the tip for a part for validation, which only `labels` makes.
fn of_validation(words: &[&OsStr]) -> String {
    let value = |names: &[&'static str]| {
        let place =
            words.iter().position(|typed| names.iter().any(|name| is_option(typed, name)))?;
        let name = names.iter().find(|name| is_option(words[place], name))?;
        let joined = words[place].to_str()?.strip_prefix(name)?;
        let joined = joined.strip_prefix('=').unwrap_or(joined);
        if joined.is_empty() { words.get(place + 1).copied() } else { Some(OsStr::new(joined)) }
    };
    let dir = value(&["--to"]).or_else(|| value(&["--dir", "-d"]));
    let fraction = value(&["--val"]).unwrap_or(OsStr::new("0.125"));
    let options = [("-d", dir), ("--val", Some(fraction)), ("--seed", value(&["--seed"]))];
    let options = options.iter().filter_map(|(name, value)| Some([OsStr::new(name), (*value)?]));
    let line = run([OsStr::new("labels")].into_iter().chain(options.flatten()));
    format!("after the extraction, labels makes the part for validation: {line}")
}

fn of_labels(name: &str, words: &[&OsStr], place: usize) -> Option<String> {
    let is_csv = |word: &&OsStr| {
        let end = Path::new(word).extension();
        end.is_some_and(|end| ["csv", "txt"].iter().any(|list| end.eq_ignore_ascii_case(list)))
    };
    if words[place..].iter().take(2).any(is_csv) {
        let words = "labels writes metadata.csv and other files into a folder, which is --dir";
        return Some(words.to_owned());
    }
    if name.starts_with('-') || may_be_folder(name) {
        return None;
    }
    let line = run(replaced(words, place, name, None));
    Some(format!(
        "labels takes no archives: {line}; --split, --label, --view, --patient and --names choose images"
    ))
}

/// The names that other programs give to a part for validation.
const VALIDATION: [&str; 4] = ["val", "valid", "validation", "dev"];

/// Returns the tip for a value that an option does not take, or that is missing.
pub(super) fn value(option: &str, value: &str, words: &[&OsStr]) -> Option<String> {
    match option {
        "--images" if value.is_empty() => {
            let is_option = |word: &&OsStr| word.to_str().is_some_and(|word| word.starts_with('-'));
            let mut others = words.iter().copied().filter(|word| *word != option);
            let command = others.next()?;
            let (options, mut folders): (Vec<_>, Vec<_>) = others.partition(is_option);
            if folders.is_empty() {
                folders.push(OsStr::new("."));
            }
            let line = [command].into_iter().chain(options).chain([OsStr::new(option)]);
            let line = run(line.chain(folders));
            Some(format!("the folder of the images comes after --images: {line}"))
        }
        "--split" if VALIDATION.contains(&value) => Some(
            "NIH has no part for validation; cxr labels --val 0.125 makes one from train_val"
                .to_owned(),
        ),
        "--label" if value.contains('|') => {
            let line = words.iter().map(|word| match word.to_str() {
                Some(text) if text.contains(value) => OsString::from(text.replace('|', ",")),
                _ => OsString::from(word),
            });
            let line = run(line.collect::<Vec<_>>().iter().map(OsString::as_os_str));
            Some(format!("several labels have commas between them: {line}"))
        }
        _ => None,
    }
}
