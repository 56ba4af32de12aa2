//! Progress on terminals of different sizes.

use std::thread;
use std::time::Duration;

use crate::support::{Archive, Fault, NAMES, Sandbox, Server, Tmux, archive, wait_until};

/// Returns true for a row of progress, all or a part of it, and for the mark of Ctrl-C.
fn is_progress(line: &str) -> bool {
    let is_verdict = line.starts_with("incomplete ") || line.starts_with("unreachable ");
    let has_part = ["[=", "[>", "[ ", "^C"].iter().any(|part| line.contains(part));
    let has_start = ["fetch  ", "all "].iter().any(|word| line.starts_with(word));
    !is_verdict && (has_part || has_start || line.contains(" %"))
}

struct SlowFetch {
    sandbox: Sandbox,
    server: Server,
}

impl SlowFetch {
    /// Four archives that take about ten seconds, and a table in which the last one is first.
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let mut all: Vec<_> = (1..=4).map(|number| archive(number, 3)).collect();
        all.rotate_right(1);
        let server = Server::with(&all);
        server.inject(Fault::Throttle { rate: 50_000 });
        let rows: Vec<(&Archive, &str)> = all.iter().map(|archive| (archive, "")).collect();
        sandbox.table_with_sizes(&rows);
        // The first one of the table begins last: its beginning is here, and is looked at before.
        sandbox.put(format!("data/{}", all[0].name), &all[0].bytes[..100_000]);
        Self { sandbox, server }
    }

    fn command(&self) -> String {
        let from = self.server.base();
        format!("clear; $CXR fetch -d data --checksums table.tsv --from {from}; echo status $?")
    }
}

/// The rows of archives, then that of all, at a moment when every archive has begun.
fn rows(tmux: &Tmux) -> Vec<String> {
    for _ in 0..200 {
        let lines = tmux.lines().into_iter();
        let rows: Vec<_> = lines.filter(|line| is_progress(line)).collect();
        if rows.len() == 5 && rows.iter().all(|row| !row.contains(" 0 %")) {
            return rows;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("no five rows with progress in {:#?}", tmux.lines())
}

#[test]
fn at_40_columns_there_are_names_and_percentages_only() {
    let fetch = SlowFetch::new();
    let Some(tmux) = Tmux::start(&fetch.sandbox, 40, 24) else { return };
    tmux.type_line(&fetch.command());
    let rows = rows(&tmux);
    let names = [NAMES[3], NAMES[0], NAMES[1], NAMES[2], "all"];
    for (row, name) in rows.iter().zip(names) {
        let words: Vec<_> = row.split_whitespace().collect();
        assert!(
            matches!(words[..], [first, number, "%"] if first == name
            && number.parse::<u32>().is_ok_and(|number| number < 100)),
            "{rows:#?}"
        );
    }
}

#[test]
fn at_80_and_200_columns_rows_are_in_the_order_of_the_table_with_totals_and_bars() {
    for width in [80, 200] {
        let fetch = SlowFetch::new();
        let Some(tmux) = Tmux::start(&fetch.sandbox, width, 24) else { return };
        tmux.type_line(&fetch.command());
        let rows = rows(&tmux);
        let starts =
            [NAMES[3], NAMES[0], NAMES[1], NAMES[2]].map(|name| format!("fetch  {name} ["));
        for (row, start) in rows.iter().zip(&starts) {
            assert!(row.starts_with(start) && row.contains(" of 1."), "{rows:#?}");
            assert!(row.contains(" MiB") && row.contains("/s"), "{rows:#?}");
        }
        assert!(rows[4].starts_with("all    0 of 4 done "), "{rows:#?}");
        assert!(rows[4].contains(" of 4.") && rows[4].contains(" MiB "), "{rows:#?}");
        let starts: Vec<_> = rows.iter().map(|row| row.find('[')).collect();
        assert!(starts.iter().all(|start| *start == starts[0]), "{rows:#?}");
    }
}

/// Ends the fetch, and returns all that was ever on the terminal.
fn interrupted(tmux: &Tmux) -> String {
    tmux.press("C-c");
    wait_until("the end", || tmux.history().contains("status 130"));
    let history = tmux.history();
    let left: Vec<_> = history.lines().filter(|line| is_progress(line)).collect();
    assert!(left.is_empty(), "left over: {left:#?} in\n{history}");
    for name in NAMES {
        let reported = history.lines().filter(|line| line.contains(&format!("  {name}  ")));
        assert_eq!(reported.count(), 1, "{history}");
    }
    assert!(history.contains("interrupted; to resume, run: "), "{history}");
    history
}

#[test]
fn nothing_is_left_over_after_an_interrupt() {
    for width in [40, 80, 200] {
        let fetch = SlowFetch::new();
        let Some(tmux) = Tmux::start(&fetch.sandbox, width, 24) else { return };
        tmux.type_line(&fetch.command());
        rows(&tmux);
        interrupted(&tmux);
    }
}

#[test]
fn nothing_is_left_over_after_the_terminal_has_changed_its_size() {
    let fetch = SlowFetch::new();
    let Some(tmux) = Tmux::start(&fetch.sandbox, 200, 40) else { return };
    // At the bottom, as usual: lines that tmux pushes out at the top cannot be erased.
    let command = fetch.command().replacen("clear", "seq 60", 1);
    tmux.type_line(&command);
    for (width, height) in [(80, 40), (40, 30), (100, 24), (60, 40), (33, 40), (200, 24)] {
        let shown = rows(&tmux);
        assert_eq!(shown.len(), 5, "{shown:#?}");
        tmux.resize(width, height);
        thread::sleep(Duration::from_millis(300));
    }
    let history = interrupted(&tmux);
    let others = history.lines().filter_map(|line| line.parse::<u32>().ok());
    assert!(others.eq(1..=60), "{history}");
}

#[test]
fn messages_stay_above_the_rows() {
    let fetch = SlowFetch::new();
    let Some(tmux) = Tmux::start(&fetch.sandbox, 80, 40) else { return };
    for name in &NAMES[..3] {
        fetch.server.inject(Fault::Reset { after: 30_000 }.on(&format!("/{name}")).first(1));
    }
    tmux.type_line(&fetch.command());
    let retried = |history: &str, name: &str| {
        history
            .lines()
            .filter(|line| line.starts_with(name) && line.contains("trying again"))
            .count()
    };
    wait_until("three messages", || {
        let history = tmux.history();
        NAMES[..3].iter().all(|name| retried(&history, name) == 1)
    });
    rows(&tmux);
    let history = interrupted(&tmux);
    for name in &NAMES[..3] {
        assert_eq!(retried(&history, name), 1, "{history}");
    }
}

#[test]
fn a_fetch_that_was_stopped_goes_on_below_the_shell() {
    let fetch = SlowFetch::new();
    let Some(tmux) = Tmux::start(&fetch.sandbox, 80, 40) else { return };
    tmux.type_line("set -m; clear");
    tmux.type_line(&fetch.command());
    rows(&tmux);
    tmux.press("C-z");
    wait_until("the stop", || tmux.history().contains("Stopped"));
    tmux.type_line("fg");
    wait_until("progress below", || {
        tmux.lines().iter().filter(|line| is_progress(line)).count() == 10
    });
    tmux.press("C-c");
    wait_until("the end", || tmux.history().contains("interrupted"));
    let history = tmux.history();
    assert!(history.contains("Stopped") && history.contains("$ fg"), "{history}");
    // The rows from before the stop stay, those from after it do not.
    let below = history.split("$ fg").nth(1).unwrap();
    assert!(!below.lines().any(is_progress), "{history}");
}
