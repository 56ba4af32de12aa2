//! Invariants of every journal, however damaged.

use super::journal::{self, JournalState, Numbers};
use crate::hash::digest::{Digest, Md5};

const MD5: Digest = Digest::Md5(Md5::EMPTY);

/// Checks the bytes as a journal, and their lines with right CRCs after a right header, which chance
/// would not find.
pub(crate) fn journal(bytes: &[u8]) {
    check(bytes);
    let mut sealed =
        journal::fresh(&MD5, Some("here"), &JournalState::default(), Numbers::default()).text;
    for line in String::from_utf8_lossy(bytes).lines() {
        sealed += &journal::line(line);
    }
    check(sealed.as_bytes());
}

/// Bytes believed after another boot are those that were synced, and are believed on this boot too. A
/// journal that continues from a state describes the same state.
fn check(bytes: &[u8]) {
    let here = journal::parse(bytes, &MD5, Some("here"));
    let elsewhere = journal::parse(bytes, &MD5, Some("elsewhere"));
    assert_eq!(here.is_some(), elsewhere.is_some());
    let (Some(here), Some(elsewhere)) = (here, elsewhere) else { return };
    assert_eq!((&elsewhere.written, &elsewhere.synced), (&here.synced, &here.synced));
    assert!(here.synced.iter().all(|range| here.written.run_end(range.start) >= range.end));
    let sources = here.origins.names().len();
    assert!(sources <= 64, "{sources} sources");
    for (records, synced) in [(0, 0), (7, 3), (7, 7)] {
        let again = journal::fresh(&MD5, Some("here"), &here, Numbers { records, synced }).text;
        let again = journal::parse(again.as_bytes(), &MD5, Some("here")).expect("a journal");
        let facts = |state: &JournalState| (state.size, state.original, state.beside);
        assert_eq!(facts(&again), facts(&here));
        assert_eq!((&again.written, &again.synced), (&here.written, &here.synced));
    }
}
