//! Journals, whole and damaged.

use super::*;

const MD5: &str = "fe8ed0a6961412fddcbb3603c11b3698";

fn md5() -> Digest {
    Digest::Md5(MD5.parse().unwrap())
}

fn text(lines: &[&str]) -> String {
    lines.iter().map(|text| line(text)).collect()
}

fn written(text: &str, boot: Option<&str>) -> Option<Vec<Range<u64>>> {
    Some(parse(text.as_bytes(), &md5(), boot)?.written.iter().collect())
}

#[test]
fn after_another_boot_only_synced_bytes_are_believed() {
    let header = format!("{FORMAT} {MD5} boot-1");
    let text = text(&[&header, "wrote 1 0 10 a", "wrote 2 20 30 b", "synced 1", "wrote 3 40 50 a"]);
    assert_eq!(written(&text, Some("boot-1")), Some(vec![0..10, 20..30, 40..50]));
    assert_eq!(written(&text, Some("boot-2")), Some(vec![0..10; 1]));
    assert_eq!(written(&text, None), Some(vec![0..10; 1]));
}

#[test]
fn bytes_of_a_failed_sync_are_never_believed() {
    let header = format!("{FORMAT} {MD5} boot-1");
    let lines = [&header, "wrote 1 0 10 a", "synced 1", "wrote 2 20 30 b", "doubted"];
    // A later sync does not make up for it, but covers what is written later.
    let later = ["wrote 3 40 50 a", "synced 3", "wrote 4 20 25 a"];
    let text = text(&lines) + &text(&later);
    assert_eq!(written(&text, Some("boot-1")), Some(vec![0..10, 20..25, 40..50]));
    assert_eq!(written(&text, Some("boot-2")), Some(vec![0..10, 40..50]));
}

#[test]
fn a_journal_of_another_archive_is_ignored() {
    let other = format!("{FORMAT} d41d8cd98f00b204e9800998ecf8427e boot-1");
    assert_eq!(written(&text(&[&other, "wrote 1 0 10 a"]), Some("boot-1")), None);
    assert_eq!(written("", Some("boot-1")), None);
}

#[test]
fn a_damaged_journal_claims_nothing_that_was_not_written() {
    let header = format!("{FORMAT} {MD5} boot-1");
    let whole = text(&[&header, "size 100", "wrote 1 0 10 a", "wrote 2 20 30 b", "synced 2"]);
    let claims = |bytes: &[u8]| {
        let recovered = parse(bytes, &md5(), Some("boot-1")).unwrap_or_default();
        recovered.written.iter().all(|range| range == (0..10) || range == (20..30))
    };
    for cut in 0..whole.len() {
        assert!(claims(&whole.as_bytes()[..cut]), "cut at {cut}");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            assert!(claims(&bytes), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_journal_reads_back_as_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = Entry::at(&dir.path().join("a.journal"));
    let mut journal = Journal::begin(&path, &md5(), JournalState::default()).unwrap();
    journal.told_size(100).unwrap();
    journal.wrote(0..10, "http://a/\u{202e}").unwrap();
    let records = journal.records();
    journal.wrote(10..20, "b c").unwrap();
    journal.synced(records).unwrap();
    let recovered = read(&path, &md5()).unwrap();
    assert_eq!(recovered.size, Some(100));
    assert_eq!(recovered.written.iter().collect::<Vec<_>>(), [0..20; 1]);
    assert_eq!(recovered.synced.iter().collect::<Vec<_>>(), [0..10; 1]);
    let givers = [(0..10, "http://a/\\u{202e}"), (10..20, "b c")];
    assert_eq!(recovered.origins.within(0..100), givers);

    let mut again = Journal::begin(&path, &md5(), recovered.clone()).unwrap();
    assert!(!again.is_synced());
    again.wrote(50..60, "b c").unwrap();
    let more = read(&path, &md5()).unwrap();
    assert_eq!(more.written.iter().collect::<Vec<_>>(), [0..20, 50..60]);
    assert_eq!(more.synced, recovered.synced);
    assert_eq!(more.origins.within(0..20), givers);
}

#[test]
fn lost_bytes_are_missing_until_written_again() {
    let header = format!("{FORMAT} {MD5} boot-1");
    let lines = [&header, "wrote 1 0 100 a", "synced 1", "lost 40 60", "wrote 2 50 60 b"];
    let text = text(&lines);
    assert_eq!(written(&text, Some("boot-1")), Some(vec![0..40, 50..100]));
    assert_eq!(written(&text, Some("boot-2")), Some(vec![0..40, 60..100]));

    let dir = tempfile::tempdir().unwrap();
    let path = Entry::at(&dir.path().join("a.journal"));
    let original = Original { length: 70, modified: (-5, 7) };
    let kept = JournalState { original: Some(original), beside: true, ..JournalState::default() };
    let mut journal = Journal::begin(&path, &md5(), kept).unwrap();
    journal.wrote(0..100, "a").unwrap();
    journal.lost(40..60).unwrap();
    let recovered = read(&path, &md5()).unwrap();
    assert_eq!(recovered.written.iter().collect::<Vec<_>>(), [0..40, 60..100]);
    assert_eq!(recovered.original, Some(original));
    Journal::begin(&path, &md5(), recovered.clone()).unwrap();
    assert_eq!(read(&path, &md5()).unwrap(), recovered);
}

#[test]
fn a_compacted_journal_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = Entry::at(&dir.path().join("a.journal"));
    let mut journal = Journal::begin(&path, &md5(), JournalState::default()).unwrap();
    let read = || read(&path, &md5()).unwrap();
    let compact = |journal: &mut Journal| {
        let before = read();
        journal.limit = 0;
        journal.compact_if_too_long().unwrap();
        assert_eq!(read(), before);
        assert!(journal.length < 400, "{}", journal.length);
    };
    for at in 0..100 {
        journal.wrote(at..at + 1, "a").unwrap();
    }
    // A sync begins, more is written, and the journal is compacted before the sync ends.
    let records = journal.records();
    journal.wrote(100..150, "b").unwrap();
    compact(&mut journal);
    journal.synced(records).unwrap();
    assert!(!journal.is_synced() && read().synced.is_empty());
    // The next sync covers all.
    journal.synced(journal.records()).unwrap();
    assert!(journal.is_synced());
    journal.wrote(200..300, "a").unwrap();
    journal.lost(20..30).unwrap();
    compact(&mut journal);
    assert_eq!(read().synced.iter().collect::<Vec<_>>(), [0..20, 30..150]);
    journal.doubt().unwrap();
    compact(&mut journal);
    assert_eq!(read().written, read().synced);
}

#[test]
fn the_journal_of_another_run_is_not_compacted() {
    let dir = tempfile::tempdir().unwrap();
    let path = Entry::at(&dir.path().join("a.journal"));
    let mut old = Journal::begin(&path, &md5(), JournalState::default()).unwrap();
    let mut new = Journal::begin(&path, &md5(), JournalState::default()).unwrap();
    old.limit = 0;
    old.wrote(0..10, "old").unwrap();
    new.wrote(10..20, "new").unwrap();
    assert_eq!(read(&path, &md5()).unwrap().written.iter().collect::<Vec<_>>(), [10..20; 1]);
}
