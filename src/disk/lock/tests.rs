use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path());
    folder.make().unwrap();
    (dir, folder)
}

fn take(folder: &Folder) -> Result<Lock, LockError> {
    Lock::take(folder, false, &|_| {}, &Cancel::new())
}

#[test]
fn a_second_run_is_told_who_has_the_lock_and_gets_it_afterwards() {
    let (_dir, folder) = folder();
    let first = take(&folder).unwrap();
    let error = take(&folder).unwrap_err().to_string();
    assert!(error.contains(&format!("process {} on ", std::process::id())), "{error}");
    drop(first);
    take(&folder).unwrap();
}

#[test]
fn nothing_of_the_owner_is_left_in_good_order() {
    let (_dir, folder) = folder();
    drop(take(&folder).unwrap());
    assert!(!folder.owner().exists());
    assert!(!folder.owner().with_added_extension("next").exists());
}

#[test]
fn a_signal_ends_the_wait() {
    let (_dir, folder) = folder();
    let cancel = Cancel::new();
    let _first = take(&folder).unwrap();
    let second = Lock::take(&folder, true, &|_| cancel.cancel(), &cancel);
    assert!(matches!(second, Err(LockError::Cancelled)));
}

#[test]
fn a_loss_is_noticed_and_another_owners_file_stays() {
    let (_dir, folder) = folder();
    let lock = take(&folder).unwrap();
    assert_eq!(lock.look().unwrap(), None);
    std::fs::write(folder.owner(), "{}").unwrap();
    assert_eq!(lock.lost(), None);
    assert_eq!(lock.look().unwrap(), Some("a process that left no name"));
    assert!(lock.lost().is_some());
    drop(lock);
    assert!(folder.owner().exists());
}
