//! What was done about damages, in words. Pure.

use crate::locate::Damage;
use crate::text::escape;
use crate::text::units;
use crate::transfer::{CannotRepair, RepairSummary};

/// What was mended, or why nothing was, and who had given what was wrong; nothing where nothing had
/// to be done. Whether the archive `is_right` by now decides what is known of the damage.
pub(super) fn words(mending: &RepairSummary, is_right: bool) -> Option<String> {
    let done = if is_right { done(mending) } else { left(mending) };
    let cut = (mending.cut > 0)
        .then(|| format!("{} that followed the archive are cut off", units::bytes(mending.cut)));
    let words = [done, cut, blame(mending)].into_iter().flatten().collect::<Vec<_>>();
    Some(words.join("; ")).filter(|words| !words.is_empty())
}

/// Who had given what was wrong.
fn blame(mending: &RepairSummary) -> Option<String> {
    let names = mending.wrong.join(" and ");
    (!names.is_empty()).then(|| format!("wrong bytes came from {names}"))
}

/// Of an archive that is right.
fn done(mending: &RepairSummary) -> Option<String> {
    match (&mending.failed, work(mending)) {
        // Where nothing was tried there is nothing to tell, and what helped in the end was not wrong.
        (None | Some(CannotRepair::DamagedAtSources(_)), None)
        | (Some(CannotRepair::NotLocated), _) => None,
        (None, Some(work)) => Some(format!("mended: {work}")),
        (Some(CannotRepair::DamagedAtSources(_)), Some(work)) => {
            Some(format!("could not be mended: {work}"))
        }
        (Some(why), None) => Some(format!("could not be mended, for {why}")),
        (Some(why), Some(work)) => Some(format!("could not be mended, for {why}: {work}")),
    }
}

/// Of an archive that is not right.
fn left(mending: &RepairSummary) -> Option<String> {
    let places = places(mending).map(|places| format!("{places}, and not mended"));
    let why = mending.failed.as_ref().filter(|why| **why != CannotRepair::NotLocated);
    match (places, why) {
        (Some(places), Some(why)) => Some(format!("{places}, for {why}")),
        (None, Some(why)) => Some(format!("could not be mended, for {why}")),
        (places, None) => places,
    }
}

/// How much was fetched, and where the damage was; nothing where nothing was fetched.
fn work(mending: &RepairSummary) -> Option<String> {
    let RepairSummary { fetched, compared, .. } = *mending;
    let anew = (fetched > 0).then(|| {
        let place = places(mending).map_or_else(String::new, |places| format!(", {places}"));
        format!("{} fetched anew{place}", units::bytes(fetched))
    });
    let compared = (compared > 0)
        .then(|| format!("{} compared with what a source has", units::bytes(compared)));
    let words: Vec<String> = [anew, compared].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Where the damages are that were found.
fn places(mending: &RepairSummary) -> Option<String> {
    match &mending.damages[..] {
        [] => None,
        [only] => Some(place(only)),
        [first, ..] => Some(format!("{}, and at other places", place(first))),
    }
}

/// Where a damage is.
fn place(damage: &Damage) -> String {
    let member = damage
        .member
        .as_deref()
        .map_or_else(String::new, |member| format!(" ({})", escape::text(member)));
    format!("damaged at bytes {} to {}{member}", damage.range.start, damage.range.end)
}
