//! Repair downloads only the bytes that arrived wrong, cannot be read, or were left by an
//! interrupted repair. `damage_kinds.rs` tests the kinds of damage.

use crate::support::{Archive, Fault, Sandbox, Server, large_archive};

/// An archive that is large enough for several damages.
fn good() -> Archive {
    large_archive(4)
}

#[test]
fn one_bit_that_arrived_wrong_is_repaired_with_few_bytes() {
    let (sandbox, all) = (Sandbox::new(), vec![good()]);
    let server = Server::with(&all);
    server.inject(Fault::Flip { at: 3_000_000 }.from(3_000_000).first(1));
    let report = sandbox.fetch(&server, &all).arg("-c1").chunk(1_000_000).report(0);
    report.all_ok();
    sandbox.assert_archive(&all[0]);
    let more = report.downloaded() - all[0].size();
    assert!((1..=128 << 10).contains(&more), "{more} bytes more{}", report.shown());
}

#[test]
fn a_killed_repair_resumes() {
    const DAMAGES: usize = 6;
    const KILLS: usize = 3;
    let (sandbox, good) = (Sandbox::new(), good());
    let server = Server::with([&good]);
    let mut bytes = good.bytes.to_vec();
    for damage in 1..=DAMAGES {
        bytes[damage * good.bytes.len() / (DAMAGES + 1)] ^= 4;
    }
    sandbox.put(format!("data/{}", good.name), &bytes);
    let table = sandbox.table_with_sizes(&[(&good, "")]);
    let fetch = || sandbox.fetch_with(&table).args(["--from", &server.base(), "-c1"]);
    for kill in 1..=KILLS {
        server.clear_faults();
        server.inject(Fault::Stall { after: 5000 }.after(1));
        let before = server.hits().len();
        let mut running = fetch().spawn();
        running.until("the middle of the second range", || {
            server.hits().get(before + 1).is_some_and(|hit| hit.sent >= 5000)
        });
        running.kill();
        // The archive has no final name while bytes are missing.
        sandbox.assert_absent(&good);
        // The first range is the one that the last run did not finish: each run repairs one more.
        assert_eq!(server.hits().len(), before + 2, "kill {kill}");
    }
    server.clear_faults();
    let report = fetch().report(0);
    report.all_ok();
    sandbox.assert_archive(&good);
    report.only().because("repaired");
    let (asked, sent) = (server.hits().len(), server.sent());
    assert_eq!(asked, DAMAGES + KILLS, "{}", report.shown());
    assert!(sent <= (DAMAGES * 80 + KILLS * 8) as u64 * 1024, "{sent} bytes");
}

#[test]
fn unreadable_bytes_of_a_file_are_fetched_and_overwritten() {
    let (sandbox, good) = (Sandbox::new(), good());
    let server = Server::with([&good]);
    let at = good.bytes.len() / 3;
    sandbox.put(format!("data/{}", good.name), &*good.bytes);
    let table = sandbox.table_with_sizes(&[(&good, "")]);
    let fetch = sandbox.fetch_with(&table).args(["--from", &server.base()]);
    // A disk replaces a bad block when it is overwritten.
    let rules = format!("read .tar.gz EIO at={at}; read .part EIO at={at} until=written");
    let report = fetch.disk_faults(&rules).report(0);
    report.all_ok();
    sandbox.assert_archive(&good);
    report.only().because("repaired");
    assert!(report.downloaded() <= 192 << 10, "{}", report.shown());
}
