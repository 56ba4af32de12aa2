use super::*;

fn part(dir: &Path) -> Part {
    let archive = Archive { size: Some(20), ..Archive::new("a.gz", Md5::new([1; 16])) };
    let folder = Folder::new(dir);
    folder.create().unwrap();
    Part::open(&folder, &archive, JournalState::default()).unwrap()
}

/// The kernel reports the error once: if two threads sync at once, chance decides to which.
#[test]
fn no_sync_is_believed_after_a_failed_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut part = part(dir.path());
    let write = |range: Range<u64>| {
        part.write(range.start, &[1; 10]).unwrap();
        part.record(range, "x").unwrap();
    };
    write(0..10);
    part.sync().unwrap();
    assert_eq!(part.believed(), None);
    write(10..20);
    let fails =
        |_: &File| Err(DiskError::new(part.entry.path(), "synced")(io::Error::other("once")));
    part.put_on_disk(fails).unwrap_err();
    part.sync().unwrap_err();
    let target = dir.path().join("a.gz");
    part.become_archive(20, &target).unwrap_err();
    assert!(!target.exists());
    assert_eq!(part.believed(), Some(10));
}
