use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path());
    folder.create().unwrap();
    (dir, folder)
}

fn take(folder: &Folder) -> Result<Lock, LockError> {
    Lock::take(folder, false, &|_| {}, &Cancel::new())
}

#[test]
fn a_second_run_learns_the_holder_and_gets_the_lock_afterwards() {
    let (_dir, folder) = folder();
    let first = take(&folder).unwrap();
    let error = take(&folder).unwrap_err().to_string();
    assert!(error.contains(&format!("process {} on ", std::process::id())), "{error}");
    drop(first);
    take(&folder).unwrap();
}

#[test]
fn a_dropped_lock_leaves_no_files_of_the_owner() {
    let (_dir, folder) = folder();
    drop(take(&folder).unwrap());
    assert!(folder.owner().is_free());
    assert!(folder.owner().with_added_extension("next").is_free());
}

#[test]
fn a_cancelled_run_stops_waiting() {
    let (_dir, folder) = folder();
    let cancel = Cancel::new();
    let _first = take(&folder).unwrap();
    let second = Lock::take(&folder, true, &|_| cancel.cancel(), &cancel);
    assert!(matches!(second, Err(LockError::Cancelled)));
}

#[test]
fn a_loss_is_noticed_and_the_other_file_stays() {
    let (_dir, folder) = folder();
    let lock = take(&folder).unwrap();
    assert_eq!(lock.check().unwrap(), None);
    std::fs::write(folder.owner().path(), "{}").unwrap();
    assert_eq!(lock.lost(), None);
    assert_eq!(lock.check().unwrap(), Some("an unknown process"));
    assert!(lock.lost().is_some());
    drop(lock);
    assert!(folder.owner().path().is_file());
}
