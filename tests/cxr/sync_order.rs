//! The order of writes and syncs, as the kernel sees it: no record claims bytes or names that a
//! power cut could still take away.

use std::path::Path;

use crate::support::{Fault, NAMES, Sandbox, Server, SystemCall, SystemCalls, archive};

/// The system calls that change or sync files.
const CALLS: [&str; 14] = [
    "write",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
];

/// Asserts that each call ends before the next begins.
#[track_caller]
fn in_order(calls: &[&SystemCall]) {
    assert!(calls.is_sorted_by(|one, next| one.ends < next.begins), "{calls:#?}");
}

#[test]
fn a_fetch_syncs_bytes_before_names_and_names_before_the_receipt() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    let fetch = sandbox.fetch(&server, &all).dir("new/data").chunk(100_000);
    let Some(trace) = SystemCalls::of(&sandbox, fetch, &CALLS) else { return };
    let root = sandbox.root().to_string_lossy().into_owned();
    let folder = |name: &str| format!("<{root}{name}>)");
    let to_name = format!("/new/data>, \"{}\"", NAMES[0]);
    in_order(&[
        // New folders are synced in their parents.
        trace.first("mkdir", &["/new/data>, \".cxr\""]),
        trace.first("fsync(", &[&folder("/new/data")]),
        // The names of the journal and the partial download are synced before the first byte.
        trace.first("fdatasync(", &[".journal.new>"]),
        trace.first("rename", &[".journal.new"]),
        trace.first("fsync(", &[&folder("/new/data/.cxr")]),
        trace.first("pwrite", &[".part>"]),
        // All bytes are synced before the final name, and the final name before the receipt.
        trace.last("pwrite", &[".part>"]),
        trace.last("fsync(", &[".part>"]),
        trace.last("rename", &[".part\"", &to_name]),
        trace.last("fsync(", &[&folder("/new/data")]),
        trace.last("unlink", &[".journal"]),
        trace.last("rename", &[".receipt.new"]),
    ]);
    for new in ["", "/new"] {
        in_order(&[trace.first("fsync(", &[&folder(new)]), trace.first("pwrite", &[".part>"])]);
    }
}

#[test]
fn a_replaced_file_is_kept_on_the_disk_before_the_new_one_gets_its_name() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    sandbox.put(Path::new("data").join(NAMES[0]), "something else");
    let fetch = sandbox.fetch(&server, &all).arg("--keep-corrupt");
    let Some(trace) = SystemCalls::of(&sandbox, fetch, &CALLS) else { return };
    let corrupt = format!("<{}/data/.cxr/corrupt>)", sandbox.root().display());
    let from_name = format!("/data>, \"{}\",", NAMES[0]);
    in_order(&[
        trace.last("rename", &[&from_name]),
        trace.last("fsync(", &[&corrupt]),
        trace.last("rename", &[".part\""]),
    ]);
}

#[test]
fn a_wrong_download_is_kept_on_the_disk_before_its_journal_is_deleted() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    let server = Server::with(&all);
    server.inject(Fault::NoRanges).inject(Fault::Flip { at: 1000 }.first(1));
    let fetch = sandbox.fetch(&server, &all).args(["--keep-corrupt", "-c", "1"]);
    let Some(trace) = SystemCalls::of(&sandbox, fetch, &CALLS) else { return };
    let corrupt = format!("<{}/data/.cxr/corrupt>)", sandbox.root().display());
    in_order(&[
        trace.first("rename", &[".part\"", "/corrupt>"]),
        trace.last("fsync(", &[&corrupt]),
        trace.first("unlink", &[".journal\""]),
    ]);
}

#[test]
fn an_adopted_file_is_synced_and_saved_before_it_is_overwritten() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 3)]);
    let server = Server::with(&all);
    sandbox.put(Path::new("data").join(NAMES[0]), all[0].flipped(200_000));
    let Some(trace) = SystemCalls::of(&sandbox, sandbox.fetch(&server, &all), &CALLS) else {
        return;
    };
    let name = format!("/data/{}>)", NAMES[0]);
    let from_name = format!("/data>, \"{}\",", NAMES[0]);
    let own = format!("<{}/data/.cxr>)", sandbox.root().display());
    let taken_over = trace.first("rename", &[&from_name]);
    in_order(&[
        trace.first("fsync(", &[&name]),
        trace.first("rename", &[".journal.new"]),
        trace.last_before(taken_over.begins, "fsync(", &[&own]),
        taken_over,
        // Old bytes are saved, then journalled as lost, then overwritten.
        trace.first("fdatasync(", &[".undo>"]),
        trace.first("fdatasync(", &[".journal>"]),
        trace.first("pwrite", &[".part>"]),
    ]);
}

/// The program that copied the files may not have synced them.
#[test]
fn an_existing_file_is_synced_before_its_receipt_or_note() {
    let (sandbox, all) = (Sandbox::new(), vec![archive(1, 1)]);
    sandbox.put_archive(&all[0]);
    let name = format!("/data/{}>)", NAMES[0]);
    let fetch = sandbox.fetch_from("nowhere", &all);
    let verify = sandbox.verify(&all).args(["--resume", "data"]);
    for (cxr, note) in [(fetch, ".receipt.new"), (verify, ".note.new")] {
        let Some(trace) = SystemCalls::of(&sandbox, cxr, &CALLS) else { return };
        in_order(&[trace.first("fsync(", &[&name]), trace.first("rename", &[note])]);
    }
}
