//! What was done about damages, in words. Pure.

use crate::escape;
use crate::locate::Damage;
use crate::transfer::{Mending, Why};
use crate::units;

/// What was mended, or why nothing was, and who had given what was wrong; nothing where nothing had
/// to be done.
pub(super) fn words(mending: &Mending) -> Option<String> {
    let words = [done(mending), blame(mending)].into_iter().flatten().collect::<Vec<_>>();
    Some(words.join("; ")).filter(|words| !words.is_empty())
}

/// Who had given what was wrong.
fn blame(mending: &Mending) -> Option<String> {
    let names = mending.wrong.join(" and ");
    (!names.is_empty()).then(|| format!("wrong bytes came from {names}"))
}

fn done(mending: &Mending) -> Option<String> {
    match &mending.failed {
        None if mending.fetched + mending.compared == 0 => None,
        None => Some(format!("mended: {}", work(mending))),
        // Where nothing was tried there is nothing to tell.
        Some(Why::Vague) => None,
        Some(why) if mending.fetched + mending.compared == 0 => {
            Some(format!("could not be mended, for {why}"))
        }
        Some(why) => Some(format!("could not be mended, for {why}: {}", work(mending))),
    }
}

/// How much was fetched, and where the damage was.
fn work(mending: &Mending) -> String {
    let fetched = units::bytes(mending.fetched);
    let found = match &mending.damages[..] {
        [] => String::new(),
        [only] => format!("{fetched} fetched anew, {}", place(only)),
        [first, ..] => format!("{fetched} fetched anew, {}, and at other places", place(first)),
    };
    let compared = match mending.compared {
        0 => String::new(),
        bytes => format!("{} compared with what a source has", units::bytes(bytes)),
    };
    [found, compared].into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Where a damage is.
fn place(damage: &Damage) -> String {
    let member = damage
        .member
        .as_deref()
        .map_or_else(String::new, |member| format!(" ({})", escape::text(member)));
    format!("damaged at bytes {} to {}{member}", damage.range.start, damage.range.end)
}
