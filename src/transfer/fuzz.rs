//! What holds of every journal, however damaged.

use super::journal::{self, JournalState};
use crate::hash::digest::Digest;

const MD5: Digest = Digest::EMPTY;

/// The bytes are a journal; and so are their lines, each under a right CRC and behind a right
/// header, which no chance would find.
pub(crate) fn journal(bytes: &[u8]) {
    check(bytes);
    let mut sealed = journal::fresh(&MD5, Some("here"), &JournalState::default()).text;
    for line in String::from_utf8_lossy(bytes).lines() {
        sealed += &journal::line(line);
    }
    check(sealed.as_bytes());
}

/// What is believed on another boot is what was synced, which is believed on this one too; and a
/// journal that begins with what was believed says the same.
fn check(bytes: &[u8]) {
    let here = journal::parse(bytes, &MD5, Some("here"));
    let elsewhere = journal::parse(bytes, &MD5, Some("elsewhere"));
    assert_eq!(here.is_some(), elsewhere.is_some());
    let (Some(here), Some(elsewhere)) = (here, elsewhere) else { return };
    assert_eq!((&elsewhere.written, &elsewhere.synced), (&here.synced, &here.synced));
    assert!(here.synced.iter().all(|range| here.written.run_end(range.start) >= range.end));
    let sources = here.origins.names().len();
    assert!(sources <= 64, "{sources} sources");
    let again = journal::fresh(&MD5, Some("here"), &here).text;
    let again = journal::parse(again.as_bytes(), &MD5, Some("here")).expect("a journal");
    let facts = |told: &JournalState| (told.size, told.original, told.beside);
    assert_eq!(facts(&again), facts(&here));
    assert_eq!((again.written, again.synced), (here.written, here.synced));
}
