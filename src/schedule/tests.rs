//! The schedule alone, without a clock and without bytes.

use super::retry::AfterFailure;
use super::*;
use crate::ranges::RangeSet;
use crate::source::SourceError;

const MIB: u64 = 1 << 20;
const SLOW_SOURCE_TIME: Duration = Duration::from_secs(10);
const POLICY: RetryPolicy = RetryPolicy { attempts: 3, base: Duration::from_secs(1) };

fn work(next: Next) -> Lease {
    match next {
        Next::Work(lease) => lease,
        other => panic!("{other:?}"),
    }
}

fn hand(schedule: &mut Schedule) {
    let archive = schedule.claim_archive().unwrap();
    schedule.activate(archive);
}

fn schedule(sources: usize, jobs: usize, sizes: &[u64]) -> Schedule {
    let mut schedule = Schedule::new(sources, 4 * MIB, POLICY, Some(SLOW_SOURCE_TIME));
    for &size in sizes {
        schedule.add(Some(size), RangeSet::new());
    }
    schedule.close();
    for _ in 0..jobs {
        hand(&mut schedule);
    }
    schedule
}

#[test]
fn an_archive_that_is_being_opened_gets_the_next_connection() {
    let now = Instant::now();
    let mut schedule = schedule(1, 1, &[8 * MIB, 8 * MIB]);
    assert_eq!(work(schedule.next(now)).archive, 0);
    let second = schedule.claim_archive().unwrap();
    assert_eq!(schedule.next(now), Next::Wait(None));
    schedule.activate(second);
    assert_eq!(work(schedule.next(now)).archive, 1);
}

#[test]
fn connections_spread_over_the_archives_and_then_help_each_other() {
    let now = Instant::now();
    let mut schedule = schedule(1, 2, &[8 * MIB, 8 * MIB, 8 * MIB]);
    let leases: Vec<_> = (0..4).map(|_| work(schedule.next(now))).collect();
    let places: Vec<_> =
        leases.iter().map(|lease| (lease.archive, lease.range.start / MIB)).collect();
    assert_eq!(places, [(0, 0), (1, 0), (0, 4), (1, 4)]);
    let half = work(schedule.next(now));
    assert_eq!(half.range.end - half.range.start, 2 * MIB);
    schedule.settle(0);
    hand(&mut schedule);
    assert_eq!(schedule.claim_archive(), Err(true));
    assert_eq!(work(schedule.next(now)).archive, 2);
}

/// Another connection would have to send a request first, and the server would send more of the old
/// response than is wanted.
#[test]
fn a_lease_that_ends_in_a_moment_is_not_halved() {
    let begun = Instant::now();
    let mut schedule = schedule(1, 1, &[4 * MIB]);
    let lease = work(schedule.next(begun));
    schedule.claim(&lease, MIB);
    let soon = begun + Duration::from_millis(60);
    schedule.advance(&lease, soon);
    assert_eq!(schedule.next(soon), Next::Wait(None));
    // It stopped: at its present speed, three mebibytes would take 0.21 s.
    let later = begun + Duration::from_millis(70);
    assert_eq!(work(schedule.next(later)).range, 5 * MIB / 2..4 * MIB);
}

#[test]
fn a_failing_source_is_skipped_and_an_archive_without_sources_is_stranded() {
    let now = Instant::now();
    let mut schedule = schedule(2, 1, &[MIB]);
    let missing = SourceError::status(404, None);
    for source in 0..2 {
        let lease = work(schedule.next(now));
        assert_eq!(lease.source, source);
        let reaction = schedule.fail(&lease, false, &missing, now, 0.0);
        assert_eq!(reaction, AfterFailure::Skip("answered 404 Not Found".to_owned()));
    }
    assert_eq!(schedule.next(now), Next::Stranded(0));
    assert_eq!(schedule.answers(0)[1].1, "answered 404 Not Found");
    schedule.settle(0);
    assert_eq!(schedule.next(now), Next::Done);
}

#[test]
fn attempts_count_only_while_no_new_byte_arrives() {
    let mut now = Instant::now();
    let mut schedule = schedule(1, 1, &[MIB]);
    let broken = SourceError::Broken("reset".to_owned());
    for _ in 0..10 {
        let lease = work(schedule.next(now));
        schedule.delivers(&lease, now);
        schedule.claim(&lease, 10);
        schedule.advance(&lease, now);
        let reaction = schedule.fail(&lease, true, &broken, now, 0.0);
        assert_eq!(reaction, AfterFailure::Retry(Duration::from_millis(500)));
        assert_eq!(schedule.next(now), Next::Wait(Some(now + Duration::from_millis(500))));
        now += Duration::from_secs(1);
    }
    // The failure that ended the last of those was the first in a row.
    for last in [false, true] {
        let lease = work(schedule.next(now));
        let reaction = schedule.fail(&lease, false, &broken, now, 0.0);
        assert_eq!(matches!(reaction, AfterFailure::Skip(_)), last);
        now += Duration::from_secs(61);
    }
    assert_eq!(schedule.next(now), Next::Stranded(0));
}

#[test]
fn all_connections_wait_if_a_source_asks_for_it() {
    let now = Instant::now();
    let mut schedule = schedule(1, 2, &[MIB, MIB]);
    let lease = work(schedule.next(now));
    let seven = Duration::from_secs(7);
    let busy = SourceError::status(429, Some(seven));
    assert_eq!(schedule.fail(&lease, false, &busy, now, 0.0), AfterFailure::Retry(seven));
    assert_eq!(schedule.next(now), Next::Wait(Some(now + seven)));
    assert!(matches!(schedule.next(now + seven), Next::Work(_)));
}

#[test]
fn an_attempt_after_a_wrong_digest_uses_one_source_and_voids_old_leases() {
    let now = Instant::now();
    let mut schedule = schedule(2, 1, &[MIB]);
    let old = work(schedule.next(now));
    schedule.begin_again(0, 1, RangeSet::new());
    assert_eq!(schedule.claim(&old, 10), None);
    let broken = SourceError::Broken("reset".to_owned());
    assert_eq!(schedule.fail(&old, false, &broken, now, 0.0), AfterFailure::Superseded);
    let lease = work(schedule.next(now));
    assert_eq!((lease.source, lease.fresh, lease.range), (1, true, 0..MIB));
}

#[test]
fn a_dead_source_gets_one_attempt_at_the_next_archive_if_there_is_another_source() {
    let mut now = Instant::now();
    let mut schedule = schedule(2, 1, &[MIB, MIB]);
    let dead = SourceError::NoConnection("refused".to_owned());
    for _ in 0..3 {
        let lease = work(schedule.next(now));
        assert_eq!(lease.source, 0);
        schedule.fail(&lease, false, &dead, now, 0.0);
        // The other source is busy until the first has used all its attempts.
        schedule.gates[1].pause(now + Duration::from_mins(1));
        now += Duration::from_secs(30);
    }
    assert!(!schedule.is_open(0, 0));
    schedule.settle(0);
    hand(&mut schedule);
    let lease = work(schedule.next(now));
    assert_eq!((lease.archive, lease.source), (1, 0));
    let reaction = schedule.fail(&lease, false, &dead, now, 0.0);
    assert!(matches!(reaction, AfterFailure::Skip(_)), "{reaction:?}");
}

#[test]
fn a_changed_etag_is_remembered_until_the_next_attempt() {
    let now = Instant::now();
    let mut schedule = schedule(1, 1, &[8 * MIB]);
    let leases = [work(schedule.next(now)), work(schedule.next(now))];
    let changed = |schedule: &Schedule| schedule.changed_at(0).next();
    schedule.saw_tag(&leases[0], "\"a\"");
    schedule.saw_tag(&leases[1], "\"a\"");
    assert_eq!(changed(&schedule), None);
    schedule.saw_tag(&leases[1], "\"b\"");
    assert_eq!(changed(&schedule), Some(0));
    schedule.begin_again(0, 0, RangeSet::new());
    assert_eq!(changed(&schedule), None);
}

#[test]
fn caches_are_bypassed_after_a_mixed_up_response() {
    let now = Instant::now();
    let mut schedule = schedule(1, 1, &[MIB]);
    let lease = work(schedule.next(now));
    assert!(!lease.fresh);
    schedule.fail(
        &lease,
        false,
        &SourceError::Protocol("206 to another range".to_owned()),
        now,
        0.0,
    );
    assert!(work(schedule.next(now + Duration::from_mins(1))).fresh);
}

/// A schedule in which bytes `MIB..2 * MIB` of a complete archive are fetched again, not from source 0
/// if another one can give them.
fn losing(sources: usize) -> Schedule {
    let mut schedule = Schedule::new(sources, 4 * MIB, POLICY, Some(SLOW_SOURCE_TIME));
    schedule.add(Some(4 * MIB), RangeSet::from_iter([0..4 * MIB; 1]));
    hand(&mut schedule);
    schedule.lose(0, MIB..2 * MIB, vec![0]);
    schedule
}

#[test]
fn lost_bytes_are_requested_past_caches_from_a_source_that_did_not_give_them() {
    let now = Instant::now();
    let mut schedule = losing(3);
    let lease = work(schedule.next(now));
    assert_eq!((lease.source, lease.range.clone(), lease.fresh), (1, MIB..2 * MIB, true));
    let missing = SourceError::status(404, None);
    schedule.fail(&lease, false, &missing, now, 0.0);
    let lease = work(schedule.next(now));
    assert_eq!(lease.source, 2);
    schedule.fail(&lease, false, &missing, now, 0.0);
    // No other source is left.
    assert!(!schedule.has_ranges_beside(0, &[0]));
    assert_eq!(work(schedule.next(now)).source, 0);
}

#[test]
fn lost_bytes_are_not_requested_from_a_source_without_ranges() {
    let now = Instant::now();
    let mut schedule = losing(2);
    for source in [1, 0] {
        assert!(schedule.has_ranges(0));
        let lease = work(schedule.next(now));
        assert_eq!(lease.source, source);
        assert_eq!(schedule.whole(&lease), None);
        let reaction = schedule.fail(&lease, false, &SourceError::NoRanges, now, 0.0);
        assert_eq!(reaction, AfterFailure::Retry(Duration::ZERO));
    }
    assert_eq!(schedule.next(now), Next::Stranded(0));
    assert!(!schedule.has_ranges(0));
    // It can give a whole archive.
    schedule.begin_again(0, 1, RangeSet::new());
    let lease = work(schedule.next(now));
    assert_eq!((lease.source, schedule.whole(&lease)), (1, Some(4 * MIB)));
}

#[test]
fn a_slow_lease_ends_early_and_the_rest_comes_from_another_source() {
    let now = Instant::now();
    let mut schedule = schedule(2, 1, &[4 * MIB]);
    let slow = work(schedule.next(now));
    let deliver = |schedule: &mut Schedule, lease: &Lease, bytes, now| {
        schedule.claim(lease, bytes);
        schedule.advance(lease, now).unwrap()
    };
    assert_eq!(deliver(&mut schedule, &slow, 1000, now + SLOW_SOURCE_TIME / 2), 1000..4 * MIB);
    let now = now + SLOW_SOURCE_TIME;
    assert_eq!(deliver(&mut schedule, &slow, 1000, now), 2000..2000);
    schedule.finish(&slow, true, now);
    let fast = work(schedule.next(now));
    assert_eq!((fast.source, fast.range.clone()), (1, 2000..4 * MIB));
    // Its bytes are not counted twice, and the slow source gets no more leases.
    let later = now + 2 * SLOW_SOURCE_TIME;
    assert_eq!(deliver(&mut schedule, &fast, 2 * MIB, later), 2000 + 2 * MIB..4 * MIB);
    assert_eq!(schedule.chunks(0).total_done(), 2000 + 2 * MIB);
}
