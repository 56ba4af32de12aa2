//! The labels of the images.

use std::fmt;

/// A label that NIH gives to images: one of fourteen findings, in NIH's order, or none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the findings")]
pub enum Finding {
    Atelectasis,
    Cardiomegaly,
    Effusion,
    Infiltration,
    Mass,
    Nodule,
    Pneumonia,
    Pneumothorax,
    Consolidation,
    Edema,
    Emphysema,
    Fibrosis,
    PleuralThickening,
    Hernia,
    NoFinding,
}

impl Finding {
    /// All labels, in NIH's order; the last is [`Finding::NoFinding`].
    pub const ALL: [Self; 15] = [
        Self::Atelectasis,
        Self::Cardiomegaly,
        Self::Effusion,
        Self::Infiltration,
        Self::Mass,
        Self::Nodule,
        Self::Pneumonia,
        Self::Pneumothorax,
        Self::Consolidation,
        Self::Edema,
        Self::Emphysema,
        Self::Fibrosis,
        Self::PleuralThickening,
        Self::Hernia,
        Self::NoFinding,
    ];

    /// Returns the name as NIH's files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Atelectasis => "Atelectasis",
            Self::Cardiomegaly => "Cardiomegaly",
            Self::Effusion => "Effusion",
            Self::Infiltration => "Infiltration",
            Self::Mass => "Mass",
            Self::Nodule => "Nodule",
            Self::Pneumonia => "Pneumonia",
            Self::Pneumothorax => "Pneumothorax",
            Self::Consolidation => "Consolidation",
            Self::Edema => "Edema",
            Self::Emphysema => "Emphysema",
            Self::Fibrosis => "Fibrosis",
            Self::PleuralThickening => "Pleural_Thickening",
            Self::Hernia => "Hernia",
            Self::NoFinding => "No Finding",
        }
    }

    /// Returns the word for it in options: the name, without a space.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoFinding => "no_finding",
            _ => self.name(),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finding| finding.name() == name)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The labels of an image, as a bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Findings(u16);

impl Findings {
    /// Reads names with `|` between them, as NIH's file has them.
    pub(super) fn of_text(text: &str) -> Self {
        text.split('|').filter_map(Finding::of_name).collect()
    }

    /// Returns true if the image has this label.
    pub const fn has(self, finding: Finding) -> bool {
        self.0 >> finding as u16 & 1 == 1
    }

    /// Returns true if the two have a label in common.
    pub(super) const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        Self(findings.into_iter().fold(0, |bits, finding| bits | 1 << finding as u16))
    }
}
