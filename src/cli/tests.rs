use cxr::progress::Verbosity;
use cxr::text::When;
use cxr::text::command_line::CommandLine;

use super::*;

fn parse_words(words: &[&str]) -> Result<Invocation, EarlyExit> {
    let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    parse(&arguments)
}

fn usage_error(words: &[&str]) -> String {
    match parse_words(words) {
        Err(EarlyExit::UsageError(text)) => text,
        other => panic!("{words:?}: {other:?}"),
    }
}

fn fetch(words: &[&str]) -> cxr::fetch::FetchRequest {
    let words = [&["cxr", "fetch"], words].concat();
    match parse_words(&words).unwrap().command {
        Command::Fetch(fetch) => {
            fetch.request(cxr::catalog::Catalog::nih(), &CommandLine::new(["cxr"]), &[]).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_arguments_are_consistent() {
    command().debug_assert();
}

#[test]
fn fetch_has_the_documented_defaults() {
    let request = fetch(&[]);
    assert_eq!(request.selected.len(), 12);
    assert_eq!(request.dir, std::path::Path::new("."));
    assert_eq!(request.sources, [cxr::source::SourceSpec::Publisher]);
    assert_eq!(
        (request.jobs.get(), request.connections.get(), request.network.retries),
        (12, 12, 8)
    );
    assert_eq!(request.network.stall_timeout.as_secs(), 30);
    assert_eq!((request.network.limit_rate, request.network.cacert), (None, None));
    let switches =
        [request.recheck, request.keep_corrupt, request.wait, request.fail_fast, request.dry_run];
    assert_eq!(switches, [false; 5]);
}

#[test]
fn fetch_reads_every_option() {
    let request = fetch(&[
        "1-3",
        "-d",
        "data",
        "--from",
        "http://a.org/x",
        "--from",
        "/mnt",
        "-j",
        "2",
        "-c",
        "3",
        "--retries",
        "0",
        "--stall-timeout",
        "1.5",
        "--connect-timeout",
        "2",
        "--limit-rate",
        "10M",
        "--cacert",
        "ca.pem",
        "--recheck",
        "--keep-corrupt",
        "--wait",
        "--fail-fast",
        "--dry-run",
    ]);
    assert_eq!(request.selected, [0, 1, 2]);
    assert_eq!(request.dir, std::path::Path::new("data"));
    let sources: Vec<String> = request.sources.iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["http://a.org/x", "/mnt"]);
    assert_eq!((request.jobs.get(), request.connections.get(), request.network.retries), (2, 3, 0));
    assert_eq!(request.network.stall_timeout.as_millis(), 1500);
    assert_eq!(request.network.connect_timeout.as_secs(), 2);
    assert_eq!(request.network.limit_rate.map(std::num::NonZero::get), Some(10 << 20));
    assert_eq!(request.network.cacert.as_deref(), Some(std::path::Path::new("ca.pem")));
    let switches =
        [request.recheck, request.keep_corrupt, request.wait, request.fail_fast, request.dry_run];
    assert_eq!(switches, [true; 5]);
}

#[test]
fn global_options_can_be_before_or_after_the_command() {
    for words in [
        ["cxr", "--format", "json", "--color=never", "--progress=always", "-v", "verify"],
        ["cxr", "verify", "--format", "json", "--color=never", "--progress=always", "-v"],
        ["cxr", "--format", "json", "--color=never", "verify", "--progress=always", "-v"],
    ] {
        let settings = parse_words(&words).unwrap().settings;
        assert_eq!(settings.format, Format::Json);
        assert_eq!(settings.color, When::Never);
        assert_eq!(settings.progress, When::Always);
        assert_eq!(settings.verbosity, Verbosity::Verbose);
    }
}

#[test]
fn the_last_value_of_a_repeated_option_applies() {
    assert_eq!(fetch(&["-j", "2", "-j", "3", "--wait", "--wait"]).jobs.get(), 3);
}

#[test]
fn a_usage_error_has_a_message() {
    for words in [
        &["cxr"][..],
        &["cxr", "nonsense"],
        &["cxr", "fetch", "--nonsense"],
        &["cxr", "fetch", "--jobs", "0"],
        &["cxr", "fetch", "--connections", "65"],
        &["cxr", "fetch", "--stall-timeout", "0"],
        &["cxr", "fetch", "--connect-timeout", "inf"],
        &["cxr", "fetch", "--limit-rate", "0"],
        &["cxr", "fetch", "--retries", "-1"],
        &["cxr", "fetch", "--from", ""],
        &["cxr", "fetch", "--from", "ftp://m.org"],
        &["cxr", "fetch", "-d", ""],
        &["cxr", "--format", "xml", "list"],
        &["cxr", "list", "-q", "-v"],
        &["cxr", "-q", "list", "-v"],
        &["cxr", "completions", "cmd"],
    ] {
        assert!(!usage_error(words).is_empty(), "{words:?}");
    }
}

#[test]
fn messages_escape_what_was_typed() {
    for words in [
        &["cxr", "\u{1b}[2J"][..],
        &["cxr", "fetch", "--\u{1b}[2J"],
        &["cxr", "fetch", "--jobs", "\u{1b}\u{202e}\n"],
        &["cxr", "fetch", "--from", "ftp://\u{1b}[2J"],
        &["cxr", "list", "\u{1b}[2J"],
        &["cxr", "--format", "\u{1b}[2J", "list"],
    ] {
        let text = usage_error(words).replace('\n', "");
        assert!(!text.contains(cxr::text::escape::is_unsafe), "{words:?}: {text:?}");
    }
}

#[test]
fn help_and_version_are_printed() {
    for (words, part) in [
        (&["cxr", "--help"][..], "cxr fetch -d nih"),
        (&["cxr", "--help"], "Exit status"),
        (&["cxr", "--help"], "CXR_LIMIT_RATE"),
        (&["cxr", "-h"], "selftest"),
        (&["cxr", "fetch", "--help"], "Examples"),
        (&["cxr", "help", "verify"], "PATH"),
        (&["cxr", "--version"], env!("CARGO_PKG_VERSION")),
        (&["cxr", "fetch", "-V"], env!("CARGO_PKG_VERSION")),
    ] {
        let Err(EarlyExit::Answer(text)) = parse_words(words) else { panic!("{words:?}") };
        assert!(text.contains(part), "{words:?}: {text}");
        assert!(!text.contains('\u{1b}'));
    }
}

/// Every help text, short or long, with the name of its command.
fn help_texts(option: &str) -> Vec<(String, String)> {
    let names = command().get_subcommands().map(|c| c.get_name().to_owned()).collect::<Vec<_>>();
    let mut texts = Vec::new();
    for name in names {
        let Err(EarlyExit::Answer(text)) = parse_words(&["cxr", &name, option]) else {
            panic!("{name} {option}")
        };
        texts.push((name, text));
    }
    texts
}

#[test]
fn every_command_has_examples_that_parse_and_an_exit_status() {
    for (name, text) in help_texts("--help") {
        let (_, examples) = text.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{text}"));
        let (examples, status) = examples.split_once("\n\n").unwrap();
        assert!(status.starts_with("Exit status:\n  0 "), "{name}: {status}");
        let commands: Vec<&str> =
            examples.lines().filter_map(|line| line.strip_prefix("  cxr ")).collect();
        assert!(!commands.is_empty(), "{name}: {examples}");
        for line in commands {
            let command = line.split("  ").next().unwrap().split(['|', '>']).next().unwrap();
            let words: Vec<&str> = ["cxr"].into_iter().chain(command.split_whitespace()).collect();
            assert!(words.contains(&name.as_str()), "{line}");
            assert!(parse_words(&words).is_ok(), "{line}");
        }
    }
}
