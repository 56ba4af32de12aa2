//! A folder that others can write to: nothing that they put into `.cxr/` makes cxr write elsewhere,
//! or believe that a file was verified.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Archive, Fault, NAMES, Sandbox, Server, archive, archives};

/// Another user.
const NOBODY: u32 = 65534;

/// Gives a file to another user. Returns false, and says so, if only root may do that.
fn give_away(path: &Path) -> bool {
    let given = chown(path, Some(NOBODY), None).is_ok();
    if !given {
        eprintln!("skipped: only root gives files to other users");
    }
    given
}

/// A folder with a partial download of an archive.
fn interrupted() -> (Sandbox, Server, Vec<Archive>) {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let mut running = sandbox.fetch(&server, &all).chunk(100_000).spawn();
    let journal = sandbox.path(format!("data/.cxr/{}.{}.journal", NAMES[0], &all[0].md5[..8]));
    running.until("some of the archive", || {
        fs::read_to_string(&journal).is_ok_and(|journal| journal.contains(" wrote "))
    });
    running.kill();
    server.clear_faults();
    (sandbox, server, all)
}

#[test]
fn a_working_folder_that_is_a_symbolic_link_is_refused() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.put("elsewhere/mine", "precious");
    symlink(sandbox.path("elsewhere"), sandbox.path("data/.cxr")).unwrap();
    for option in ["--dry-run", "--retries=0"] {
        let outcome = sandbox.fetch(&server, &all).arg(option).run();
        let words = ".cxr could not be used: it is a symbolic link, and cxr follows none there; \
                     remove the link: rm ";
        outcome.exits(3).says(words);
    }
    assert_eq!(sandbox.files("elsewhere"), [PathBuf::from("mine")]);
    sandbox.put_archive(&all[0]);
    sandbox.verify(&all).args(["--resume", "data"]).run().exits(0);
    assert_eq!(sandbox.files("elsewhere"), [PathBuf::from("mine")]);
    fs::remove_file(sandbox.path("data/.cxr")).unwrap();
    sandbox.fetch(&server, &all).report(0).all_ok();
}

#[test]
fn a_working_folder_of_another_user_is_refused_unless_the_whole_folder_is_theirs() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    fs::create_dir_all(sandbox.path("data/.cxr")).unwrap();
    if !give_away(&sandbox.path("data/.cxr")) {
        return;
    }
    let outcome = sandbox.fetch(&server, &all).run();
    let words =
        ".cxr could not be used: it belongs to user 65534, who is neither you nor the owner";
    outcome.exits(3).says(words).says("; use another folder, or move it away: mv ");
    assert!(sandbox.files("data/.cxr").is_empty(), "{outcome}");
    give_away(&sandbox.data());
    sandbox.fetch(&server, &all).report(0).all_ok();
}

#[test]
fn a_partial_download_with_another_name_is_not_written_to() {
    let (sandbox, server, all) = interrupted();
    let part = sandbox.working_file(".part");
    fs::hard_link(&part, sandbox.path("snapshot")).unwrap();
    let before = fs::read(&part).unwrap();
    let hits = server.hits_on(&all[0].path()).len();
    let outcome = sandbox.fetch(&server, &all).run();
    let report = outcome.exits(3).report();
    report.only().is("error").because("it has another name (a hard link)").next("&& mv ");
    assert_eq!(server.hits_on(&all[0].path()).len(), hits);
    sandbox.assert_content("snapshot", &before);
    // The advice ends with the command to run again.
    let next = report.only().value["next"].as_str().unwrap().to_owned();
    let repair = next.split_once(": ").unwrap().1.split(", then").next().unwrap().to_owned();
    let shell = Command::new("sh").args(["-c", &repair]).current_dir(sandbox.root()).status();
    assert!(shell.unwrap().success(), "{repair}");
    let report = sandbox.fetch(&server, &all).report(0);
    assert!(report.all_ok().only().reused() > 0, "{}", report.shown());
    sandbox.assert_content("snapshot", &before);
}

#[test]
fn second_names_of_other_files_in_the_working_folder_do_no_harm() {
    let (_, _, all) = interrupted();
    let server = Server::with(&all);
    for ending in ["lock", "owner", "owner.next", ".journal", ".receipt", ".undo", ".part.new"] {
        let (sandbox, _, _) = interrupted();
        let journal = sandbox.working_file(".journal").to_string_lossy().into_owned();
        let place = match ending.strip_prefix('.') {
            Some(extension) => journal.replace("journal", extension),
            None => sandbox.path("data/.cxr").join(ending).to_string_lossy().into_owned(),
        };
        let mine = sandbox.put("mine", "precious");
        let _ = fs::remove_file(&place);
        fs::hard_link(&mine, &place).unwrap();
        let outcome = sandbox.fetch(&server, &all).env("CXR_FAULT_OWNER_TIMEOUT_MS", "300").run();
        outcome.exits(0);
        assert_eq!(fs::read(&mine).unwrap(), b"precious", "{ending}: {outcome}");
    }
}

#[test]
fn a_file_that_is_swapped_for_a_link_again_and_again_is_never_written_through() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    let table = sandbox.table(&all);
    sandbox.fetch_with(&table).args(["--from", &server.base()]).report(0).all_ok();
    let receipt = sandbox.working_file(".receipt");
    let victim = sandbox.put("victim", "precious");
    fs::set_permissions(sandbox.path("data/.cxr"), PermissionsExt::from_mode(0o777)).unwrap();
    for ending in ["part", "journal", "part.new", "journal.new"] {
        let place = receipt.with_extension(ending);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| swap(&place, &victim, &is_over));
            for _ in 0..6 {
                let _ = fs::remove_file(sandbox.path("data").join(NAMES[0]));
                let outcome = sandbox
                    .fetch_with(&table)
                    .args(["--from", &server.base(), "--retries", "0"])
                    .run();
                outcome.expect(matches!(outcome.status, Some(0..=3)), "an end with a report");
            }
            is_over.store(true, Ordering::SeqCst);
        });
        sandbox.assert_content("victim", b"precious");
    }
}

/// Puts a symbolic link, then a hard link, to another file at a place until it is over.
fn swap(place: &Path, victim: &Path, is_over: &AtomicBool) {
    let beside = place.with_added_extension("swap");
    while !is_over.load(Ordering::SeqCst) {
        for is_hard in [false, true] {
            let made =
                if is_hard { fs::hard_link(victim, &beside) } else { symlink(victim, &beside) };
            if made.is_ok() {
                let _ = fs::rename(&beside, place);
                thread::yield_now();
                let _ = fs::remove_file(place);
            }
            // A rename between two names of one file does nothing.
            let _ = fs::remove_file(&beside);
        }
    }
}

#[test]
fn a_working_folder_that_is_swapped_during_the_run_stays_the_one_it_was() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 5)]);
    let server = Server::with(&all);
    sandbox.put("elsewhere/mine", "precious");
    server.inject(Fault::Throttle { rate: 2 << 20 });
    let mut running = sandbox.fetch(&server, &all).chunk(100_000).spawn();
    running.until("some of the archive", || server.sent() > 300_000);
    fs::rename(sandbox.path("data/.cxr"), sandbox.path("data/moved")).unwrap();
    symlink(sandbox.path("elsewhere"), sandbox.path("data/.cxr")).unwrap();
    server.clear_faults();
    running.wait().exits(0);
    sandbox.assert_archive(&all[0]);
    assert_eq!(sandbox.files("elsewhere"), [PathBuf::from("mine")]);
}

#[test]
fn a_receipt_of_another_user_is_not_believed() {
    let (sandbox, all) = (Sandbox::new(), archives(1));
    let server = Server::with(&all);
    sandbox.fetch(&server, &all).report(0).all_ok();
    sandbox.fetch(&server, &all).report(0).only().because("verified before");
    if !give_away(&sandbox.working_file(".receipt")) {
        return;
    }
    let report = sandbox.fetch(&server, &all).report(0);
    assert!(!report.only().detail().contains("verified before"), "{}", report.shown());
}

#[test]
fn a_partial_download_of_another_user_is_not_used() {
    let (sandbox, server, all) = interrupted();
    if !give_away(&sandbox.working_file(".part")) {
        return;
    }
    let report = sandbox.fetch(&server, &all).report(3);
    report.only().is("error").because("it belongs to user 65534").next("move it away: mv ");
    assert_eq!(fs::metadata(sandbox.working_file(".part")).unwrap().uid(), NOBODY);
}
