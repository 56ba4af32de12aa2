//! Says what was found in an archive that is complete in itself and not the right one. Pure.

use crate::locate::{ExpectedImages, ImageCounts};
use crate::text::{escape, units};

/// Describes the images of an archive: only what was counted and checked.
pub(super) fn describe_images(counts: &ImageCounts) -> String {
    let ImageCounts { images, expected, .. } = counts;
    let number = match expected {
        _ if *images == 0 => "it contains no image".to_owned(),
        Some(expected) => describe_expected(*images, expected),
        None => format!(
            "it contains {}, and the table does not say which ones it should contain",
            units::count(*images, "image")
        ),
    };
    [Some(number), describe_checked(counts), describe_others(counts)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}

fn describe_expected(images: u64, expected: &ExpectedImages) -> String {
    let ExpectedImages { number, found, first_missing } = expected;
    let (all, missing) = match first_missing {
        None if *number == 1 => ("the only image of this archive".to_owned(), String::new()),
        None => (format!("all {number} images of this archive"), String::new()),
        Some(first) => (
            format!("{found} of the {} of this archive", units::count(*number, "image")),
            format!(" (the first that it lacks is {first})"),
        ),
    };
    let others = match images - found {
        0 => String::new(),
        others => {
            format!(", and {}", units::count(others, "other or repeated image"))
        }
    };
    format!("it contains {all}{missing}{others}")
}

/// Describes the result of decoding all images.
fn describe_checked(counts: &ImageCounts) -> Option<String> {
    let ImageCounts { images, broken, unchecked, first_broken, .. } = counts;
    if *images == 0 {
        return None;
    }
    let intact = images - broken - unchecked;
    let first = first_broken.as_ref().map(|damage| {
        let name = escape::text(damage.member.as_deref().unwrap_or_default());
        let (start, end, kind) = (damage.range.start, damage.range.end, damage.kind);
        let place = format!("{name} at bytes {start} to {end}: {kind}");
        match broken {
            _ if *images == 1 => format!("it is broken ({place})"),
            1 => format!("1 of them is broken ({place})"),
            _ => format!("{broken} of them are broken (the first is {place})"),
        }
    });
    let good = match (intact, broken + unchecked) {
        (0, _) => None,
        (1, 0) if *images == 1 => Some("it decodes without an error".to_owned()),
        (_, 0) => Some("each of them decodes without an error".to_owned()),
        (_, _) => Some(match intact {
            1 => "1 decodes without an error".to_owned(),
            _ => format!("{intact} decode without an error"),
        }),
    };
    let unchecked = match unchecked {
        0 => None,
        1 => Some("1 was not checked: it is too large".to_owned()),
        _ => Some(format!("{unchecked} were not checked: they are too large")),
    };
    let all: Vec<_> = [first, good, unchecked].into_iter().flatten().collect();
    Some(all.join(", "))
}

fn describe_others(counts: &ImageCounts) -> Option<String> {
    let others = (counts.others > 0)
        .then(|| format!("it contains {}", units::count(counts.others, "other file")));
    let hidden = (counts.hidden > 0).then(|| {
        format!(
            "{} after the end of the tar, which programs do not unpack",
            units::count(counts.hidden, "file")
        )
    });
    let all: Vec<_> = [others, hidden].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(", and "))
}
