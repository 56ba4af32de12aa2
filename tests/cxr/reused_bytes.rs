//! `bytes_reused` counts only bytes that were right and stayed, and estimates of a repair agree with
//! the length of the file.

use crate::support::{Fault, Sandbox, Server, large_archive};

#[test]
fn bytes_that_a_failed_repair_fetched_are_not_reused() {
    let (sandbox, good) = (Sandbox::new(), large_archive(8));
    let server = Server::with([&good]);
    let mut bytes = good.flipped(1 << 20);
    bytes[4 << 20..].fill(0);
    sandbox.put(format!("data/{}", good.name), &bytes);
    let table = sandbox.table_with_sizes(&[(&good, "")]);
    let fetch = sandbox.fetch_with(&table).args(["--from", &server.base(), "-c1"]);
    let report = fetch.report(0);
    report.all_ok();
    sandbox.assert_archive(&good);
    let (reused, downloaded) = (report.only().reused(), report.downloaded());
    assert!((1..=4 << 20).contains(&reused), "{reused} reused{}", report.shown());
    let more = (reused + downloaded).saturating_sub(good.size());
    assert!(more <= 256 << 10, "{more} bytes more than the archive{}", report.shown());
}

#[test]
fn nothing_of_a_wrong_archive_is_reused() {
    for keeps in [false, true] {
        let (sandbox, good) = (Sandbox::new(), large_archive(4));
        let server = Server::with([&good]);
        server.inject(Fault::Flip { at: 3_000_000 }.from(0));
        sandbox.put(format!("data/{}", good.name), &good.bytes[..2_000_000]);
        let table = sandbox.table_with_sizes(&[(&good, "")]);
        let fetch = sandbox.fetch_with(&table).args(["--from", &server.base(), "-c1"]);
        let fetch = if keeps { fetch.arg("--keep-corrupt") } else { fetch };
        let report = fetch.report(1);
        report.only().is("corrupt");
        assert_eq!(report.only().reused(), 0, "{}", report.shown());
    }
}

#[test]
fn a_repair_of_a_damaged_beginning_needs_the_missing_end_too() {
    let (sandbox, good) = (Sandbox::new(), large_archive(8));
    let half = good.bytes.len() / 2;
    sandbox.put(format!("data/{}", good.name), &good.flipped(half / 2)[..half]);
    let table = sandbox.table_with_sizes(&[(&good, "")]);
    let verify = sandbox.cxr(["verify", "data", "--format", "json", "--checksums"]);
    let report = verify.arg(table).report(1);
    let detail = report.only().is("corrupt").detail();
    let needed = detail.split("repairing needs about ").nth(1).unwrap_or_default();
    let (number, unit) = needed.split_once(' ').unwrap_or_default();
    let mebibytes: f64 = number.parse().unwrap_or_default();
    assert!(unit.starts_with("MiB") && mebibytes >= 3.9, "{detail}");
}
