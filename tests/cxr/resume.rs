//! Runs that are killed at any moment, and damaged working files: the same command resumes, and the
//! result is right.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Archive, DAMAGES, Fault, NAMES, Sandbox, Server, archive, archives, random};

/// The chunk size of these tests.
const CHUNK: u64 = 128 << 10;

/// A fetch that was killed when about half of the first archive had been sent.
fn half_done(all: &[Archive]) -> (Sandbox, Server) {
    let sandbox = Sandbox::new();
    let server = Server::with(all);
    server.inject(Fault::Throttle { rate: 4 << 20 });
    let mut running = sandbox.fetch(&server, all).args(["-c", "2"]).chunk(CHUNK).spawn();
    running.until("half of the archive", || server.sent() > all[0].size() / 2);
    running.kill();
    server.clear_faults();
    server.clear_log();
    (sandbox, server)
}

/// The working files with their bytes, so that many tests can start from the same state.
fn state(sandbox: &Sandbox) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |file: PathBuf| {
        let bytes = fs::read(sandbox.path("data/.cxr").join(&file)).unwrap();
        (file, bytes)
    };
    sandbox.files("data/.cxr").into_iter().map(read).collect()
}

fn restore(sandbox: &Sandbox, state: &[(PathBuf, Vec<u8>)]) {
    fs::remove_dir_all(sandbox.data()).unwrap();
    fs::create_dir(sandbox.data()).unwrap();
    for (file, bytes) in state {
        sandbox.put(Path::new("data/.cxr").join(file), bytes);
    }
}

#[test]
fn a_killed_run_is_resumed() {
    let all = vec![archive(1, 5)];
    let (sandbox, server) = half_done(&all);
    sandbox.assert_absent(&all[0]);
    let report = sandbox.fetch(&server, &all).chunk(CHUNK).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    let (downloaded, size) = (report.downloaded(), all[0].size());
    // The chunks in flight on two connections, and bytes that the journal did not have yet.
    assert!(downloaded < size / 2 + 5 * CHUNK, "{downloaded} of {size}{}", report.shown());
    assert!(report.only().reused() >= size - downloaded, "{}", report.shown());
}

#[test]
fn a_killed_run_is_resumed_with_another_chunk_size() {
    let all = vec![archive(1, 5)];
    let (sandbox, server) = half_done(&all);
    let report = sandbox.fetch(&server, &all).chunk(50_000).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(report.only().reused() > all[0].size() / 4, "{}", report.shown());
}

#[test]
fn a_killed_run_is_resumed_from_another_source() {
    let all = vec![archive(1, 5)];
    let (sandbox, first) = half_done(&all);
    drop(first);
    sandbox.put(format!("mirror/{}", NAMES[0]), &*all[0].bytes);
    let report = sandbox.fetch_from("mirror", &all).chunk(CHUNK).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(report.only().reused() > all[0].size() / 4, "{}", report.shown());
}

#[test]
fn archives_are_right_after_kills_at_many_moments() {
    let mut random = random();
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5), archive(2, 5)]);
    let size = all[0].size() + all[1].size();
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let fetch = || sandbox.fetch(&server, &all).args(["-c", "2"]).chunk(64 << 10);
    let mut kills = 0;
    for _ in 0..15 {
        let mut running = fetch().spawn();
        std::thread::sleep(Duration::from_millis(random.u64(0..150)));
        if !running.is_running() {
            break;
        }
        running.kill();
        kills += 1;
        for archive in &all {
            if sandbox.data().join(&archive.name).exists() {
                sandbox.assert_archive(archive);
            }
        }
    }
    assert!(kills > 5, "{kills} kills");
    server.clear_faults();
    fetch().report(0).all_ok();
    sandbox.assert_archive(&all[0]);
    sandbox.assert_archive(&all[1]);
    // For each kill: the chunks in flight on two connections, and bytes that were not journalled.
    let allowed = size + kills * 5 * (64 << 10);
    assert!(server.sent() <= allowed, "{} sent, {allowed} allowed, {kills} kills", server.sent());
}

#[test]
fn a_run_killed_while_it_resumes_is_resumed() {
    let all = vec![archive(1, 5)];
    let (sandbox, server) = half_done(&all);
    server.inject(Fault::Silence);
    for _ in 0..3 {
        let mut running = sandbox.fetch(&server, &all).chunk(CHUNK).spawn();
        let before = server.hits().len();
        running.until("a request", || server.hits().len() > before);
        running.kill();
    }
    server.clear_faults();
    let report = sandbox.fetch(&server, &all).chunk(CHUNK).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    assert!(report.only().reused() > all[0].size() / 4, "{}", report.shown());
}

#[test]
fn an_interrupted_run_keeps_incomplete_chunks() {
    let all = vec![archive(1, 5)];
    let sandbox = Sandbox::new();
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let mut running = sandbox.fetch(&server, &all).args(["-c", "2"]).chunk(1 << 20).spawn();
    running.until("half of the archive", || server.sent() > all[0].size() / 2);
    running.signal(Signal::INT);
    running.wait().exits(130);
    server.clear_faults();
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    // Neither chunk was complete. The bytes of both are kept.
    assert!(report.only().reused() > all[0].size() / 3, "{}", report.shown());
}

/// Damage can make the owner file that of another machine, for whose heartbeat cxr waits for 30 seconds.
const LOCK_OF_OTHER_MACHINE: Duration = Duration::from_mins(2);

#[test]
fn any_damage_to_one_working_file_still_ends_in_a_right_archive() {
    let mut random = random();
    let all = vec![archive(1, 3)];
    let (sandbox, server) = half_done(&all);
    let state = state(&sandbox);
    assert!(state.len() >= 2, "a part and its journal among {:?}", sandbox.files("data/.cxr"));
    for (file, _) in &state {
        for (name, damage) in DAMAGES {
            restore(&sandbox, &state);
            damage(&sandbox.path("data/.cxr").join(file), &mut random);
            let running = sandbox.fetch(&server, &all).chunk(CHUNK).spawn();
            let outcome = running.wait_for(LOCK_OF_OTHER_MACHINE);
            let shown = format!("{}: {name}", file.display());
            if name == "a folder in its place" && outcome.status == Some(3) {
                // An error that names the folder is right too.
                outcome.says(".cxr/").says("directory");
                continue;
            }
            outcome.expect(outcome.status == Some(0), format_args!("exit status 0 for {shown}"));
            outcome.report().all_ok();
            sandbox.assert_archive(&all[0]);
        }
    }
}

#[test]
fn damage_to_all_working_files_still_ends_in_a_right_archive() {
    let mut random = random();
    let all = vec![archive(1, 3)];
    let (sandbox, server) = half_done(&all);
    let state = state(&sandbox);
    for round in 0..15 {
        restore(&sandbox, &state);
        for (file, _) in &state {
            let (name, damage) = DAMAGES[random.usize(0..DAMAGES.len() - 1)];
            eprintln!("round {round}: {}: {name}", file.display());
            damage(&sandbox.path("data/.cxr").join(file), &mut random);
        }
        let running = sandbox.fetch(&server, &all).chunk(CHUNK).spawn();
        let outcome = running.wait_for(LOCK_OF_OTHER_MACHINE);
        outcome.expect(outcome.status == Some(0), format_args!("exit status 0, round {round}"));
        sandbox.assert_archive(&all[0]);
    }
}

#[test]
fn an_overlong_partial_download_without_a_journal_is_handled() {
    let all = vec![archive(1, 3)];
    let (sandbox, server) = half_done(&all);
    let state = state(&sandbox);
    let is = |file: &Path, kind: &str| file.to_string_lossy().ends_with(kind);
    for (file, bytes) in &state {
        let path = sandbox.path("data/.cxr").join(file);
        if is(file, ".part") {
            fs::write(&path, [&bytes[..], &vec![7; 3_000_000]].concat()).unwrap();
        } else if is(file, ".journal") {
            fs::remove_file(&path).unwrap();
        }
    }
    sandbox.fetch(&server, &all).chunk(CHUNK).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn a_journal_cut_anywhere_costs_at_most_time() {
    let all = vec![archive(1, 3)];
    let (sandbox, server) = half_done(&all);
    let state = state(&sandbox);
    let (journal, text) = journal(&state);
    for length in (0..text.len()).step_by(text.len() / 12 + 1) {
        restore(&sandbox, &state);
        fs::write(sandbox.path("data/.cxr").join(journal), &text[..length]).unwrap();
        sandbox.fetch(&server, &all).chunk(CHUNK).report(0).all_ok();
        sandbox.assert_archive(&all[0]);
    }
}

/// The only journal.
fn journal(state: &[(PathBuf, Vec<u8>)]) -> (&PathBuf, &Vec<u8>) {
    let is_journal = |file: &Path| file.to_string_lossy().contains("journal");
    let (file, bytes) = state.iter().find(|(file, _)| is_journal(file)).unwrap();
    (file, bytes)
}

#[test]
fn swapped_partial_downloads_and_journals_are_detected() {
    let all = vec![archive(1, 5), archive(2, 5)];
    let sandbox = Sandbox::new();
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let mut running = sandbox.fetch(&server, &all).args(["-c", "4"]).chunk(CHUNK).spawn();
    running.until("something of both", || {
        let seen: HashSet<_> = server
            .hits()
            .into_iter()
            .filter(|hit| hit.sent > CHUNK / 2)
            .map(|hit| hit.path)
            .collect();
        seen.len() == 2 && server.sent() > all[0].size() / 2
    });
    running.kill();
    server.clear_faults();
    let state = state(&sandbox);
    for kind in ["journal", "part"] {
        restore(&sandbox, &state);
        let of_kind: Vec<_> =
            state.iter().filter(|(file, _)| file.to_string_lossy().contains(kind)).collect();
        let [(one, one_bytes), (two, two_bytes)] = of_kind[..] else {
            panic!("two {kind}s among {:?}", sandbox.files("data/.cxr"))
        };
        sandbox.put(Path::new("data/.cxr").join(one), two_bytes);
        sandbox.put(Path::new("data/.cxr").join(two), one_bytes);
        sandbox.fetch(&server, &all).chunk(CHUNK).report(0).all_ok();
        sandbox.assert_archive(&all[0]);
        sandbox.assert_archive(&all[1]);
    }
}

#[test]
fn another_table_gets_its_own_bytes_in_spite_of_a_partial_download() {
    let all = vec![archive(1, 5)];
    let (sandbox, server) = half_done(&all);
    let new = vec![Archive::new(NAMES[0], archive(2, 5).bytes.to_vec())];
    server.serve(&new[0].path(), &new[0].bytes);
    sandbox.fetch(&server, &new).chunk(CHUNK).report(0).all_ok();
    sandbox.assert_archive(&new[0]);
}

#[test]
fn wrong_bytes_in_a_partial_download_are_fetched_again() {
    let all = vec![archive(1, 5)];
    let (sandbox, server) = half_done(&all);
    let part = sandbox
        .files("data/.cxr")
        .into_iter()
        .map(|file| sandbox.path("data/.cxr").join(file))
        .max_by_key(|file| fs::metadata(file).unwrap().len())
        .unwrap();
    let mut bytes = fs::read(&part).unwrap();
    bytes[1000] ^= 1;
    fs::write(&part, bytes).unwrap();
    let report = sandbox.fetch(&server, &all).chunk(CHUNK).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn complete_archives_are_not_requested_again_after_a_kill() {
    let (sandbox, all) = (Sandbox::new(), archives(4));
    let server = Server::with(&all);
    server.inject(Fault::Silence.on(&all[3].path()));
    let mut running = sandbox.fetch(&server, &all).spawn();
    let done = |archive: &Archive| sandbox.data().join(&archive.name).exists();
    running.until("three archives", || all[..3].iter().all(done));
    running.kill();
    server.clear_faults();
    server.clear_log();
    sandbox.fetch(&server, &all).report(0).all_ok();
    assert!(all[..3].iter().all(|archive| server.hits_on(&archive.path()).is_empty()));
}

#[test]
fn bytes_of_a_failed_source_are_kept_and_resumed() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::Status(404).after(5));
    sandbox.fetch(&server, &all).args(["-c", "1"]).chunk(CHUNK).run().exits(3);
    let sent = server.sent();
    assert!(sent > CHUNK);
    server.clear_faults();
    let report = sandbox.fetch(&server, &all).chunk(CHUNK).report(0);
    assert!(report.downloaded() + sent < all[0].size() + 2 * CHUNK, "{}", report.shown());
    sandbox.assert_archive(&all[0]);
}

#[test]
fn the_working_folder_can_be_deleted() {
    let all = vec![archive(1, 5)];
    let (sandbox, server) = half_done(&all);
    fs::remove_dir_all(sandbox.path("data/.cxr")).unwrap();
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.assert_archive(&all[0]);
}

#[test]
fn the_folder_can_be_moved_between_runs() {
    let all = vec![archive(1, 5)];
    let (sandbox, server) = half_done(&all);
    fs::rename(sandbox.data(), sandbox.path("moved")).unwrap();
    let table = sandbox.table(&all);
    let fetch = sandbox.cxr(["fetch", "--format", "json", "--dir", "moved", "--checksums"]);
    let report = fetch.arg(table).args(["--from", &server.base()]).report(0);
    report.all_ok();
    assert!(report.only().reused() > all[0].size() / 4, "{}", report.shown());
    sandbox.assert_content(Path::new("moved").join(NAMES[0]), &all[0].bytes);
}

#[test]
fn answers_of_a_few_bytes_do_not_make_a_large_journal() {
    let all = vec![archive(1, 3)];
    let sandbox = Sandbox::new();
    let server = Server::with(&all);
    server.inject(Fault::FewBytes(1));
    let fetch = sandbox.fetch(&server, &all).arg("-c2").env("CXR_FAULT_JOURNAL_BYTES", "4096");
    let mut running = fetch.spawn();
    // Their records take about 30 KB.
    running.until("four hundred answers", || server.hits().len() > 400);
    running.kill();
    let length = journal(&state(&sandbox)).1.len();
    assert!(length < 5000, "{length} bytes of a journal");
    server.clear_faults();
    let report = sandbox.fetch(&server, &all).report(0);
    report.all_ok();
    assert!(report.only().reused() > 380, "{}", report.shown());
    sandbox.assert_archive(&all[0]);
}
