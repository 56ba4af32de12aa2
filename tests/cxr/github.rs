//! Runs in a GitHub job: annotations, the summary of the step, and no commands from other text.

use std::fs;
use std::process::Command;

use crate::output::mixed;
use crate::reports::{beside, cannot_begin};
use crate::support::{
    Archive, Cxr, Fault, NAMES, Outcome, Sandbox, Server, archive, archives, may_skip,
};

/// The workflow commands that GitHub's runner finds in a log, by its rules
/// (`ActionCommand.TryParseV2`, then `TryParse`, for the commands that it knows).
fn commands(log: &str) -> Vec<String> {
    const KNOWN: [&str; 12] = [
        "error",
        "warning",
        "notice",
        "debug",
        "group",
        "endgroup",
        "add-mask",
        "add-matcher",
        "stop-commands",
        "set-output",
        "set-env",
        "echo",
    ];
    let is_known = |command: &str| {
        let word = command.split(' ').next().unwrap_or_default().to_lowercase();
        KNOWN.contains(&word.as_str())
    };
    let newer = |line: &str| {
        let line = line.trim_start().strip_prefix("::")?;
        line.split_once("::").map(|(command, _)| command.to_owned())
    };
    let older = |line: &str| {
        let (_, line) = line.split_once("##[")?;
        line.split_once(']').map(|(command, _)| command.to_owned())
    };
    let found = log.split(['\n', '\r']).filter_map(|line| {
        newer(line)
            .filter(|command| is_known(command))
            .or_else(|| older(line).filter(|c| is_known(c)))
    });
    found.collect()
}

/// Runs in a GitHub job with a file for the summary of the step.
fn in_a_job(cxr: Cxr) -> Cxr {
    cxr.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", "summary.md")
}

#[test]
fn a_job_gets_annotations_and_a_step_summary() {
    let sandbox = Sandbox::new();
    let (server, all) = mixed(&sandbox);
    sandbox.put("summary.md", "# An earlier one\n\n");
    let outcome = in_a_job(sandbox.fetch(&server, &all)).run();
    outcome.exits(1).is_plain();
    outcome.report();
    assert_eq!(
        commands(&outcome.stderr()),
        [
            format!("error title=cxr fetch%3A {} foreign", NAMES[1]),
            format!("error title=cxr fetch%3A {} corrupt", NAMES[2]),
            format!("warning title=cxr fetch%3A {} unreachable", NAMES[3]),
            "warning title=cxr fetch%3A images_005.tar.gz error".to_owned(),
        ],
        "{outcome}"
    );
    let summary = fs::read_to_string(sandbox.path("summary.md")).unwrap();
    assert!(
        summary.starts_with("# An earlier one\n\n### cxr fetch: 1 ok, 1 corrupt, "),
        "{summary}"
    );
    assert_eq!(summary.matches("\n| ").count(), 7, "{summary}");
}

#[test]
fn outside_a_job_there_are_no_annotations() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    for value in ["", "false", "1"] {
        let outcome = in_a_job(sandbox.verify(&all).arg("data")).env("GITHUB_ACTIONS", value).run();
        outcome.exits(1).expect(commands(&outcome.stderr()).is_empty(), "no commands");
    }
    assert_eq!(beside(&sandbox), ["table.md5"]);
}

#[test]
fn a_run_that_cannot_start_is_annotated() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let expected = sandbox.path("summary.md");
    for (run, status, word) in cannot_begin(&sandbox, &all) {
        let outcome = in_a_job(run).run();
        outcome.exits(status).says("::error title=cxr ");
        let summary = fs::read_to_string(&expected).unwrap();
        assert!(summary.contains(word), "{summary}");
        fs::remove_file(&expected).unwrap();
    }
}

#[test]
fn a_quiet_run_is_still_annotated() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let outcome = in_a_job(sandbox.verify(&all).args(["data", "--quiet"])).run();
    outcome.exits(1);
    assert_eq!(outcome.stderr().lines().count(), 1, "{outcome}");
    assert_eq!(commands(&outcome.stderr()).len(), 1, "{outcome}");
}

#[test]
fn a_job_has_at_most_ten_annotations_that_cover_all_archives() {
    let sandbox = Sandbox::new();
    let all: Vec<_> = (1..=12).map(|number| archive(number, 1)).collect();
    let outcome = in_a_job(sandbox.verify(&all).arg("data")).run();
    outcome.exits(1);
    let found = commands(&outcome.stderr());
    assert_eq!(found.len(), 10, "{outcome}");
    assert_eq!(found[9], "error title=cxr verify%3A 3 more archives");
    for archive in &all {
        outcome.says(&format!("{} missing", archive.name));
    }
}

#[test]
fn a_summary_that_cannot_be_written_is_a_warning() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    sandbox.put_archive(&all[0]);
    for path in ["no/such/folder/summary.md", "data"] {
        let verify = in_a_job(sandbox.verify(&all).arg("data"));
        let outcome = verify.env("GITHUB_STEP_SUMMARY", path).run();
        outcome.exits(0).says("warning: cannot add the summary to").says(path);
        outcome.report().all_ok();
    }
}

#[test]
fn a_summary_stays_within_the_size_limit() {
    const LIMIT: usize = 1 << 20;
    let (sandbox, all) = (Sandbox::new(), archives(1));
    for (before, grows) in [(LIMIT - 700, true), (LIMIT - 20, false), (LIMIT, false)] {
        sandbox.put("summary.md", vec![b'\n'; before]);
        let outcome = in_a_job(sandbox.verify(&all).arg("data")).run();
        outcome.exits(1);
        let after = fs::metadata(sandbox.path("summary.md")).unwrap().len();
        let after = usize::try_from(after).unwrap();
        assert_eq!((after > before, after <= LIMIT), (grows, true), "{before} {after}");
        outcome.expect(
            grows != outcome.stderr().contains("the summary is full"),
            "a message if it is full",
        );
    }
}

/// Text that tries to send commands to the runner and to break out of the table.
const COMMANDS: &str =
    "::error title=x::y ##[add-mask]z ::stop-commands::t | `a` </td> [l](www.x.org) @me";

fn malicious(sandbox: &Sandbox) -> Outcome {
    let name = format!("{COMMANDS}\n::set-env name=PATH::/evil");
    let all = [Archive::new(&*name, b"\x1f\x8bsomething".to_vec())];
    let server = Server::new();
    server
        .inject(Fault::Page("<!DOCTYPE html><title>\n::error::a ##[error]b %0A::error::c</title>"));
    let line = format!("\\{}  {}\n", all[0].md5, name.replace('\n', "\\n"));
    let table = sandbox.put("table.md5", line);
    let fetch = sandbox.cxr(["fetch", "-v", "--retries", "2", "--dir", "data", "--checksums"]);
    in_a_job(fetch.arg(table).args(["--from", &server.base()])).run()
}

#[test]
fn servers_and_tables_cannot_send_commands_to_the_runner() {
    let sandbox = Sandbox::new();
    let outcome = malicious(&sandbox);
    outcome.expect(outcome.status == Some(1) || outcome.status == Some(3), "a failure");
    let found = commands(&outcome.stderr());
    assert_eq!(found.len(), 1, "{found:#?}{outcome}");
    assert!(found[0].starts_with("error title=cxr fetch%3A") || found[0].starts_with("warning "));
    assert!(commands(&outcome.stdout()).is_empty(), "{outcome}");
    for format in ["text", "json"] {
        let list = sandbox.cxr(["list", "--checksums", "table.md5", "--format", format]).run();
        list.exits(0).expect(commands(&list.stdout()).is_empty(), "no command");
    }
}

#[test]
fn the_summary_renders_as_a_table_with_githubs_markdown() {
    let sandbox = Sandbox::new();
    malicious(&sandbox);
    let render = Command::new("cmark-gfm")
        .args(["--unsafe", "-e", "table", "-e", "autolink"])
        .arg(sandbox.path("summary.md"))
        .output();
    let Ok(output) = render else {
        assert!(may_skip("cmark-gfm", "cmark-gfm"));
        return;
    };
    let html = String::from_utf8(output.stdout).unwrap();
    for (tag, count) in [("<h3", 1), ("<table", 1), ("<tr", 2), ("<td", 4), ("<code", 3), ("<a", 0)]
    {
        assert_eq!(html.matches(tag).count(), count, "{tag} in {html}");
    }
    let shown =
        COMMANDS.replace('<', "&lt;").replace('>', "&gt;").replace("::error", "\\u{3a}:error");
    assert!(html.contains(&shown.replace("##[", "\\u{23}#[")), "{html}");
}
