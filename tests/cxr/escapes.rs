//! Text of tables, servers and file names is escaped in every output: on terminals, in logs, in
//! JSON, and in the names of working files.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::support::{
    Archive, Cxr, Fault, Outcome, Sandbox, Server, WrongRange, archive, archives, on_a_terminal,
};

/// Sets a title, moves the cursor and sets a colour, in seven and eight bits; reverses the text;
/// hides a letter; breaks the line; deletes.
const EVIL: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[2;5H\u{9b}31mre\u{202e}dr\u{2066}o\u{200b}w\u{2028}\u{7f}\u{8}";

/// The sequences of `EVIL` that must never reach a terminal. Progress bars send others.
const FORBIDDEN: [&str; 9] = [
    "\u{1b}]0;owned",
    "\u{1b}[2;5H",
    "\u{9b}",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{2028}",
    "\u{7f}",
    "\u{8}",
];

/// Returns the first character that is not plainly visible text.
fn harm(text: &str) -> Option<char> {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    text.chars().find(|&c| is_harmful(c))
}

/// An archive with an evil name.
fn evil() -> Archive {
    let name = EVIL.replace(['\u{2028}', '\u{7}'], "");
    Archive { name: format!("{name}.tar.gz"), ..archive(1, 1) }
}

/// Runs a command, and asserts that both streams and all its report files are escaped.
fn run_escaped(sandbox: &Sandbox, cxr: Cxr) -> Outcome {
    let outcome = cxr
        .args(["--report", "report.json", "--junit", "junit.xml", "--events", "events.jsonl"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", sandbox.put("summary.md", ""))
        .run();
    for stream in [outcome.stdout(), outcome.stderr()] {
        outcome.expect(harm(&stream).is_none(), format_args!("no {:?}", harm(&stream)));
    }
    for file in ["report.json", "junit.xml", "events.jsonl", "summary.md"] {
        let text = fs::read_to_string(sandbox.path(file))
            .unwrap_or_else(|error| panic!("{file}: {error}{outcome}"));
        outcome.expect(!text.is_empty(), format_args!("text in {file}"));
        let found = harm(&text);
        outcome.expect(found.is_none(), format_args!("no {found:?} in {file}\n{text}"));
    }
    outcome
}

/// Fetches an archive with a plain name and one with an evil name, with these faults, as text and
/// as JSON. Asserts that all output is escaped and that standard error has `words`.
#[track_caller]
fn fetch_escaped(words: &str, faults: &[Fault]) {
    for format in ["text", "json"] {
        let (sandbox, all) = (Sandbox::new(), vec![archive(2, 1), evil()]);
        let server = Server::with(&all[..1]);
        for fault in faults {
            server.inject(fault.clone());
        }
        let table = sandbox.table(&all);
        let fetch = sandbox.fetch_with(&table).args(["--from", &server.base(), "-v"]);
        let outcome = run_escaped(&sandbox, fetch.args(["--format", format]));
        outcome.expect(outcome.status != Some(0), "a failure").says(words);
    }
}

#[test]
fn names_in_a_table_are_escaped() {
    fetch_escaped("\\u{1b}]0;owned", &[]);
}

#[test]
fn the_title_of_a_page_is_escaped() {
    let page = format!("<!DOCTYPE html><title>{EVIL}</title>").leak();
    fetch_escaped("a web page: \\u{1b}]0;owned", &[Fault::Page(page)]);
}

#[test]
fn the_first_line_of_a_document_is_escaped() {
    let xml = Fault::Page("<?xml?><E>\u{202e}\u{200b}</E>");
    fetch_escaped("an XML document: <?xml?><E>\\u{202e}\\u{200b}</E>", &[xml]);
    // A document with control characters is not quoted.
    fetch_escaped("MD5", &[Fault::Page(format!("{{\"error\": \"{EVIL}\"}}").leak())]);
}

#[test]
fn the_content_type_of_a_page_is_escaped() {
    let kind = Fault::Header("Content-Type", "text/\u{202e}lmth\u{9b}31m\u{200b}".to_owned());
    fetch_escaped("(text/\\u{202e}lmth\\u{9b}31m\\u{200b}", &[Fault::Page("<html>"), kind]);
}

#[test]
fn the_content_range_of_an_answer_is_escaped() {
    let range = Fault::Header("Content-Range", "bytes \u{202e}0-5/\u{9b}31m6".to_owned());
    let wrong = Fault::ContentRange(WrongRange::Garbage);
    fetch_escaped("Content-Range bytes \\u{202e}0-5/\\u{9b}31m6", &[wrong, range]);
}

#[test]
fn headers_with_control_characters_are_refused_and_not_shown() {
    let title = Fault::Header("X-Title", "\u{1b}]0;owned\u{7}".to_owned());
    fetch_escaped("protocol error: invalid HTTP header parsed", &[title]);
}

#[test]
fn the_target_of_a_redirect_is_escaped() {
    for target in ["http://a\u{202e}b\u{9b}c/x", "ftp://\u{202e}/x", "//\u{200b}\u{2066}"] {
        let (sandbox, all) = (Sandbox::new(), archives(1));
        let server = Server::new();
        server.redirect(&all[0].path(), 302, target);
        let fetch = sandbox.fetch(&server, &all).args(["-v", "-c", "1"]);
        run_escaped(&sandbox, fetch).exits(3);
    }
}

#[test]
fn names_of_local_files_and_folders_are_escaped() {
    let sandbox = Sandbox::new();
    let all = vec![archive(1, 1), evil()];
    let folder = sandbox.path(OsStr::from_bytes(format!("{EVIL}\n").as_bytes()));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(&all[0].name), all[0].flipped(100_000)).unwrap();
    fs::write(folder.join(EVIL), "<html>").unwrap();
    fs::create_dir(folder.join(&all[1].name)).unwrap();
    let server = Server::with(&all[..1]);
    let table = sandbox.table(&all);
    let checked = sandbox.verify(&all).arg("-v").arg(&folder).arg(folder.join(EVIL));
    run_escaped(&sandbox, checked).exits(1);
    let fetch = sandbox.fetch_with(&table).args(["--from", &server.base(), "-v"]);
    run_escaped(&sandbox, fetch.dir(&folder)).exits(3);
    let list = sandbox.cxr(["list", "--checksums"]).arg(&table).arg("-d").arg(&folder).run();
    assert_eq!(harm(&format!("{}{}", list.stdout(), list.stderr())), None, "{list}");
}

#[test]
fn the_command_to_resume_is_escaped() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 100_000 });
    let fetch = sandbox.fetch(&server, &all).dir(sandbox.path(EVIL));
    let mut running = fetch.spawn();
    running.until("some bytes", || server.sent() > 20_000);
    running.signal(rustix::process::Signal::INT);
    let outcome = running.wait();
    outcome.exits(130).says("cxr fetch").expect(harm(&outcome.stderr()).is_none(), "escaped text");
}

#[test]
fn command_line_arguments_are_escaped() {
    let sandbox = Sandbox::new();
    for words in [
        vec![EVIL],
        vec!["fetch", EVIL],
        vec!["fetch", "--from", EVIL, "--dry-run"],
        vec!["fetch", "--jobs", EVIL],
        vec!["list", "--checksums", EVIL],
        vec!["verify", EVIL],
        vec!["verify", "--from", "ftp://\u{202e}\u{1b}[2;5H"],
        vec!["fetch", "--cacert", EVIL],
        vec!["--no-such-option\u{202e}"],
    ] {
        let outcome = sandbox.cxr(words).run();
        outcome.expect(outcome.status != Some(0), "a failure");
        let text = format!("{}{}", outcome.stdout(), outcome.stderr());
        outcome.expect(harm(&text).is_none(), format_args!("no {:?}", harm(&text)));
    }
}

#[test]
fn wrong_lines_of_a_table_are_escaped() {
    let sandbox = Sandbox::new();
    for line in [
        EVIL.to_owned(),
        format!("d41d8cd98f00b204e9800998ecf8427e  ../{EVIL}"),
        format!("d41d8cd98f00b204e9800998ecf8427e{EVIL}  a"),
        format!("name\tmd5\t{EVIL}"),
        format!("name\tmd5\tsize\na\td41d8cd98f00b204e9800998ecf8427e\t{EVIL}"),
        format!("name\tmd5\taddress\na\td41d8cd98f00b204e9800998ecf8427e\thttp://{EVIL}"),
    ] {
        let table = sandbox.put("table.md5", line.replace('\u{2028}', ""));
        let outcome = sandbox.cxr(["list", "--checksums"]).arg(table).run();
        outcome.exits(2).expect(harm(&outcome.stderr()).is_none(), "escaped text");
    }
}

#[test]
fn files_in_the_working_folder_are_escaped() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3), evil()]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 200_000 });
    let table = sandbox.table(&all);
    let fetch = || sandbox.fetch_with(&table).args(["--from", &server.base(), "-v"]);
    let mut running = fetch().spawn();
    running.until("some bytes of both", || {
        let begun = server.hits().iter().filter(|hit| hit.sent > 50_000).count();
        begun >= 2 && server.sent() > 300_000
    });
    // The names of working files are escaped, whatever the archive is called.
    for file in sandbox.files("data/.cxr") {
        assert_eq!(harm(&file.to_string_lossy()), None, "{}", file.display());
    }
    // Another run reads the name of the owner from a file, which may contain anything.
    let owner = sandbox.path("data/.cxr/owner");
    let text = fs::read_to_string(&owner).unwrap();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let evil = text.replace(&host, "\u{202e}tsoh\u{9b}31m");
    assert_ne!(evil, text, "no host in {text}");
    fs::write(&owner, evil).unwrap();
    let second = fetch().run();
    second.exits(3).says("\\u{202e}tsoh\\u{9b}31m");
    second.expect(harm(&second.stderr()).is_none(), "escaped text");
    running.kill();
    // The same holds for the sources in a journal.
    let mut journals = sandbox.files("data/.cxr");
    journals.retain(|file| file.extension() == Some(OsStr::new("journal")));
    assert_eq!(journals.len(), 2, "{journals:?}");
    for journal in journals {
        let path = sandbox.path("data/.cxr").join(journal);
        let mut text = fs::read_to_string(&path).unwrap();
        let line = "wrote 9 0 1 http://\u{202e}\u{1b}[2;5H";
        writeln!(text, "{:08x} {line}", crc32fast::hash(line.as_bytes())).unwrap();
        fs::write(&path, text).unwrap();
    }
    fs::remove_file(owner).unwrap();
    server.clear_faults();
    run_escaped(&sandbox, fetch()).exits(0).report().all_ok();
}

#[test]
fn progress_bars_on_a_terminal_are_escaped() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(2, 1), evil()]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 300_000 });
    let page = format!("<!DOCTYPE html><title>{EVIL}</title>").leak();
    server.inject(Fault::Page(page).first(2));
    server.inject(Fault::Header("Content-Type", "text/\u{202e}lmth\u{9b}31m".to_owned()).first(4));
    sandbox.table(&all);
    let command = format!(
        "stty cols 200; CXR_BACKOFF_MS=20 \"$CXR\" fetch -v --progress always --color always \
         --dir data --checksums table.md5 --from {} -c 2; \"$CXR\" list -d data --checksums \
         table.md5; \"$CXR\" verify -v --progress always data --checksums table.md5",
        server.base()
    );
    let Some(shown) = on_a_terminal(&sandbox, &command, &[]) else { return };
    assert!(shown.contains("\u{1b}["), "bars: {shown:?}");
    assert!(shown.contains("\\u{1b}]0;owned") && shown.contains("a web page"), "{shown:?}");
    for sequence in FORBIDDEN {
        assert!(!shown.contains(sequence), "{sequence:?} in {shown:?}");
    }
    sandbox.assert_archive(&all[1]);
}

#[test]
fn the_printed_table_is_raw_for_programs_and_escaped_for_terminals() {
    let (sandbox, all) = (Sandbox::new(), vec![evil()]);
    let table = sandbox.table(&all);
    let outcome = sandbox.cxr(["checksums", "--checksums"]).arg(&table).run();
    outcome.exits(0).prints(&all[0].name);
    let command = "\"$CXR\" checksums --checksums table.md5";
    let Some(shown) = on_a_terminal(&sandbox, command, &[]) else { return };
    assert_eq!(harm(&shown.replace("\r\n", "\n")), None, "{shown:?}");
    assert!(shown.contains(&all[0].md5) && shown.contains("\\u{1b}]0;owned"), "{shown:?}");
}
