//! The size and the form of an image (PNG, third edition, section 11.2.1).

/// The content of an `IHDR` chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageHeader {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) depth: u8,
    pub(crate) color: Color,
    is_interlaced: bool,
}

/// The values of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    Grey,
    Rgb,
    Palette,
    GreyAlpha,
    Rgba,
}

/// The first column and row of each pass of an interlaced image, and the steps between its columns
/// and rows (section 8.1).
const PASSES: [(u32, u32, u32, u32); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

impl ImageHeader {
    /// Reads the data of the chunk; `None` if a value is impossible.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let (width, rest) = data.split_first_chunk()?;
        let (height, rest) = rest.split_first_chunk()?;
        let [depth, color, 0, 0, interlace @ (0 | 1)] = *rest else { return None };
        let (color, depths): (_, &[u8]) = match color {
            0 => (Color::Grey, &[1, 2, 4, 8, 16]),
            2 => (Color::Rgb, &[8, 16]),
            3 => (Color::Palette, &[1, 2, 4, 8]),
            4 => (Color::GreyAlpha, &[8, 16]),
            6 => (Color::Rgba, &[8, 16]),
            _ => return None,
        };
        let (width, height) = (u32::from_be_bytes(*width), u32::from_be_bytes(*height));
        let is_size = |size: u32| (1..1 << 31).contains(&size);
        let is_possible = is_size(width) && is_size(height) && depths.contains(&depth);
        is_possible.then_some(Self { width, height, depth, color, is_interlaced: interlace == 1 })
    }

    /// Returns true if the image has the form of NIH's.
    pub(crate) fn is_nih(self) -> bool {
        (self.width, self.height, self.depth, self.is_interlaced) == (1024, 1024, 8, false)
            && matches!(self.color, Color::Grey | Color::Rgba)
    }

    /// Returns true if the image has colours and transparency.
    pub(crate) fn is_rgba(self) -> bool {
        self.color == Color::Rgba
    }

    /// Returns the number of rows of each pass, and the bytes of a row.
    pub(crate) fn passes(self) -> Vec<(u64, u64)> {
        let channels = match self.color {
            Color::Grey | Color::Palette => 1,
            Color::GreyAlpha => 2,
            Color::Rgb => 3,
            Color::Rgba => 4,
        };
        let bits = channels * u64::from(self.depth);
        let row = |width: u32| 1 + (u64::from(width) * bits).div_ceil(8);
        if !self.is_interlaced {
            return vec![(self.height.into(), row(self.width))];
        }
        let passes = PASSES.into_iter().map(|(x, y, every_x, every_y)| {
            let width = self.width.saturating_sub(x).div_ceil(every_x);
            (self.height.saturating_sub(y).div_ceil(every_y), width)
        });
        let passes = passes.filter(|&(rows, width)| rows > 0 && width > 0);
        passes.map(|(rows, width)| (rows.into(), row(width))).collect()
    }
}
