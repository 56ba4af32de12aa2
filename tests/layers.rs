//! The order of the modules in `src/lib.rs` and `src/main.rs` is true: a module imports only modules that
//! stand before it, and no two files of a module import each other.
//!
//! The test reads the paths in the code: the `use` lines, and paths such as `crate::text::units`
//! that stand elsewhere. Code that only tests and fuzzers compile is exempt, since it may build its
//! input with any module. So is each `mod.rs` in the search for circles: it holds what the files of
//! its folder share and also calls them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Folders and files that only tests compile.
const EXEMPT: [&str; 2] = ["tests", "testing"];

/// Crates and modules that reach the network. The scheduler decides without them.
const NETWORK: [&str; 6] = ["tokio", "reqwest", "hyper", "source", "session", "transfer"];

/// A file under `src/`.
struct File {
    /// Its path, such as `disk/lock/mod.rs`.
    name: String,
    /// Its module, such as `["disk", "lock"]`. It is empty for `lib.rs` and `main.rs`.
    module: Vec<String>,
    paths: Vec<CodePath>,
}

/// A path in the code, such as `crate::disk::Folder`.
struct CodePath {
    line: usize,
    segments: Vec<String>,
    /// The path stands in a `use` line.
    is_import: bool,
}

#[derive(Clone)]
struct Token {
    text: String,
    line: usize,
}

type Modules<'a> = BTreeMap<Vec<String>, &'a File>;

/// The files under `src/`, except those that only tests and fuzzers compile.
static FILES: LazyLock<Vec<File>> = LazyLock::new(read_files);

#[test]
fn the_map_names_every_module() {
    let modules: BTreeSet<String> = FILES.iter().filter_map(File::module).collect();
    let map: BTreeSet<String> = map().into_iter().collect();
    assert_eq!(map, modules, "left: the lists in src/lib.rs and src/main.rs; right: the modules");
}

#[test]
fn a_module_imports_only_rooms_that_stand_before_it() {
    assert_none(&upward_imports(&FILES, &map()));
}

#[test]
fn the_scheduler_imports_nothing_of_the_network() {
    assert_none(&imports_of(&FILES, "schedule", &NETWORK));
}

#[test]
fn no_two_files_of_a_module_import_each_other() {
    assert_none(&circles(&FILES));
}

#[test]
fn each_rule_finds_what_breaks_it() {
    let low =
        file("low.rs", "/* \" */ use std::{fs, crate::x}; fn f<'a>() { crate::high::g('\"') }");
    let high = file("high.rs", "use crate::{low::{self, A as B}, high::C};\nuse tokio::time;");
    let order = ["low".to_owned(), "high".to_owned()];
    let files = [low, high];
    assert_eq!(upward_imports(&files, &order), ["low.rs:1 imports high, which stands after low"]);
    assert_eq!(imports_of(&files, "high", &["tokio", "low"]).len(), 2);
    let tests =
        "#[cfg(test)]\nmod tests { use crate::high; }\n#[cfg(test)] use crate::high::{A, B};";
    let text = "// crate::high\nconst A: &str = r#\" crate::high \"# ;";
    assert!(upward_imports(&[file("low.rs", &format!("{tests}{text}"))], &order).is_empty());
    let files = [
        file("module/mod.rs", "mod a; mod b; pub(crate) use b::B; use a::A;"),
        file("module/a.rs", "use super::B;"),
        file("module/b.rs", "fn f() { super::a::g() }"),
    ];
    let circle = ["module/a.rs", "module/b.rs"]
        .map(|file| format!("{file} imports itself through other files"));
    assert_eq!(circles(&files), circle);
    assert!(circles(&files[..2]).is_empty());
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// The modules in the order in which they depend on each other: the lists in the documentation of the
/// library and of the program.
fn map() -> Vec<String> {
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let text = read("lib.rs") + &read("main.rs");
    let module = |line: &str| {
        let module = line.strip_prefix("//! - ")?.trim_start_matches('[').strip_prefix('`')?;
        Some(module.split('`').next()?.to_owned())
    };
    text.lines().filter_map(module).collect()
}

fn upward_imports(files: &[File], order: &[String]) -> Vec<String> {
    let place = |module: &str| order.iter().position(|other| other == module);
    let mut violations = BTreeSet::new();
    for (file, line, path) in absolute_paths(files) {
        let (Some(module), Some(other)) = (file.module(), path.first()) else { continue };
        if place(other) > place(&module) {
            let name = &file.name;
            violations
                .insert(format!("{name}:{line} imports {other}, which stands after {module}"));
        }
    }
    violations.into_iter().collect()
}

fn imports_of(files: &[File], module: &str, forbidden: &[&str]) -> Vec<String> {
    let of_room = files.iter().filter(|file| file.module().as_deref() == Some(module));
    let paths = of_room.flat_map(|file| file.paths.iter().map(move |path| (file, path)));
    let forbidden = paths.filter_map(|(file, path)| {
        let first = path.segments.iter().find(|segment| !is_relative(segment))?;
        let is_forbidden = forbidden.contains(&first.as_str());
        is_forbidden.then(|| format!("{}:{} imports {first}", file.name, path.line))
    });
    forbidden.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The files that import another file of their module from which imports lead back.
fn circles(files: &[File]) -> Vec<String> {
    let modules = modules(files);
    let mut imports = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (file, _, path) in absolute_paths(files) {
        let Some(other) = definition(&path, &modules, 0) else { continue };
        let is_shared = |file: &File| file.name.ends_with("mod.rs");
        if file.module() == other.module() && !is_shared(file) && !is_shared(other) {
            imports.entry(&file.name).or_default().insert(&other.name);
        }
    }
    let mut reached = imports.clone();
    // No way from one file to another is longer than there are files.
    for _ in 0..imports.len() {
        for others in reached.values_mut() {
            let more = others.iter().filter_map(|other| imports.get(other)).flatten();
            *others = more.chain(others.iter()).copied().collect();
        }
    }
    let is_circular = |(file, others): &(&&str, &BTreeSet<&str>)| others.contains(*file);
    let circular = reached.iter().filter(is_circular);
    circular.map(|(file, _)| format!("{file} imports itself through other files")).collect()
}

/// The file that defines what a path leads to. A `use` in a module on the way is followed.
fn definition<'a>(path: &[String], modules: &Modules<'a>, depth: u32) -> Option<&'a File> {
    let length = (1..=path.len()).rev().find(|&length| modules.contains_key(&path[..length]))?;
    let file = modules[&path[..length]];
    let is_named =
        |import: &&CodePath| import.is_import && import.segments.last() == path.get(length);
    let mut targets = file.paths.iter().filter(is_named).filter_map(|import| {
        let target = file.absolute(import, modules).filter(|target| target != path && depth < 8)?;
        definition(&target, modules, depth + 1)
    });
    Some(targets.next().unwrap_or(file))
}

fn modules(files: &[File]) -> Modules<'_> {
    let files = files.iter().filter(|file| !file.module.is_empty());
    files.map(|file| (file.module.clone(), file)).collect()
}

/// The paths into this program, from the root of its crate, with the file and line of each.
fn absolute_paths<'a>(files: &'a [File]) -> Vec<(&'a File, usize, Vec<String>)> {
    let modules = modules(files);
    let of_file = |file: &'a File| {
        let absolute = |path: &CodePath| Some((file, path.line, file.absolute(path, &modules)?));
        file.paths.iter().filter_map(absolute).collect::<Vec<_>>()
    };
    files.iter().flat_map(of_file).collect()
}

fn is_relative(segment: &str) -> bool {
    ["crate", "cxr", "self", "super"].contains(&segment)
}

impl File {
    /// The module: a folder or a file in `src/`.
    fn module(&self) -> Option<String> {
        self.module.first().cloned()
    }

    /// The path from the root of its crate, if that crate is the library or the program.
    fn absolute(&self, path: &CodePath, modules: &Modules<'_>) -> Option<Vec<String>> {
        let steps = path.segments.iter().take_while(|segment| is_relative(segment)).count();
        let (steps, rest) = path.segments.split_at(steps);
        let mut module = match steps.first().map(String::as_str) {
            Some("crate" | "cxr") => Vec::new(),
            _ => self.module.clone(),
        };
        let up = steps.iter().filter(|step| *step == "super").count();
        module.truncate(module.len().saturating_sub(up));
        let is_child = || modules.contains_key(&[&module[..], &rest[..1]].concat());
        (!steps.is_empty() || is_child()).then(|| [&module[..], rest].concat())
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read_files() -> Vec<File> {
    let (mut files, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if EXEMPT.contains(&path.file_stem().unwrap().to_str().unwrap()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
                files.push(file(name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

fn file(name: &str, text: &str) -> File {
    let segments = name.trim_end_matches(".rs").split('/').map(str::to_owned);
    let mut module: Vec<String> = segments.collect();
    module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
    File { name: name.to_owned(), module, paths: paths(&without_tests(&tokens(text))) }
}

/// The words and signs of the code, without comments, strings and characters.
fn tokens(text: &str) -> Vec<Token> {
    let (mut rest, mut line, mut tokens) = (text, 1, Vec::new());
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (length, is_code) = match literal(rest) {
            Some(length) => (length, false),
            None if is_word(first) => (rest.find(|c| !is_word(c)).unwrap_or(rest.len()), true),
            None if rest.starts_with("::") => (2, true),
            None => (first.len_utf8(), !first.is_whitespace()),
        };
        let (text, after) = rest.split_at(length);
        if is_code {
            tokens.push(Token { text: text.to_owned(), line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length of the comment, string or character with which the text begins.
fn literal(text: &str) -> Option<usize> {
    let until = |end: &str, from: usize| text[from..].find(end).map(|at| from + at + end.len());
    let raw = text.strip_prefix("r").or_else(|| text.strip_prefix("br")).unwrap_or_default();
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if text.starts_with("//") {
        return until("\n", 0).or(Some(text.len()));
    } else if text.starts_with("/*") {
        return until("*/", 2);
    } else if raw[hashes..].starts_with('"') {
        let begin = text.len() - raw.len() + hashes + 1;
        return until(&format!("\"{}", "#".repeat(hashes)), begin);
    } else if let Some(inner) = text.strip_prefix('\'') {
        let mut characters = inner.char_indices();
        let (first, second) = (characters.next()?, characters.next()?);
        // Without a second quote it is a lifetime.
        let is_character = second.1 == '\'';
        return if first.1 == '\\' { until("'", 3) } else { is_character.then_some(second.0 + 2) };
    }
    let mut is_escaped = false;
    let is_end = |(_, c): &(usize, char)| {
        let is_end = *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        is_end
    };
    text.strip_prefix('"')?.char_indices().find(is_end).map(|(at, _)| at + 2)
}

/// Leaves out each item that is compiled for tests or fuzzers alone.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let after = |mut at: usize, open: &str, close: &str| {
        let mut depth = 0;
        loop {
            depth += i32::from(text(at) == open) - i32::from(text(at) == close);
            at += 1;
            if depth == 0 || at >= tokens.len() {
                return at;
            }
        }
    };
    let (mut at, mut kept) = (0, Vec::new());
    while at < tokens.len() {
        let is_attribute = text(at) == "#" && text(at + 1) == "[" && text(at + 2) == "cfg";
        let end = if is_attribute { after(at + 1, "[", "]") } else { at };
        let condition: Vec<&str> = (at..end).map(text).collect();
        if !condition.contains(&"test") || condition.contains(&"not") {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at = end;
        while text(at) == "#" {
            at = after(at + 1, "[", "]");
        }
        let is_import = (at..at + 5).map(text).take_while(|text| *text != "{").any(|t| t == "use");
        while at < tokens.len() && text(at) != ";" && (is_import || text(at) != "{") {
            at += 1;
        }
        at = if text(at) == "{" { after(at, "{", "}") } else { at + 1 };
    }
    kept
}

fn paths(tokens: &[Token]) -> Vec<CodePath> {
    let (mut at, mut paths) = (0, Vec::new());
    while at < tokens.len() {
        let is_import = tokens[at].text == "use";
        at = path(tokens, at + usize::from(is_import), &[], is_import, &mut paths).max(at + 1);
    }
    paths
}

/// Reads a path, or each branch of one in a `use` line, and returns the place after it.
fn path(
    tokens: &[Token],
    mut at: usize,
    stem: &[String],
    is_import: bool,
    paths: &mut Vec<CodePath>,
) -> usize {
    let mut segments = stem.to_vec();
    while let Some(Token { text, line }) = tokens.get(at) {
        if text == "{" && is_import {
            at += 1;
            while tokens[at].text != "}" {
                at = path(tokens, at, &segments, true, paths);
                at += if tokens[at].text == "as" { 2 } else { 0 };
                at += usize::from(tokens[at].text == ",");
            }
            return at + 1;
        }
        if !text.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '*') {
            break;
        }
        segments.push(text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            if segments.len() > 1 {
                paths.push(CodePath { line: *line, segments, is_import });
            }
            break;
        }
        at += 1;
    }
    at
}
