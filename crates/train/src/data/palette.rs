//! Background colours and their names, and detection of sprites that would vanish on them.

/// Red, green, blue, 0 to 255.
pub type Rgb = [u8; 3];

/// A background colour and the word that captions use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// The word in the caption.
    pub name: &'static str,
    /// The colour itself.
    pub rgb: Rgb,
}

const fn colour(name: &'static str, rgb: Rgb) -> Colour {
    Colour { name, rgb }
}

/// White, the usual background; a caption need not name it.
pub const WHITE: usize = 0;

/// White and the eleven colours that captions always name.
pub const COLOURS: [Colour; 12] = [
    colour("white", [255, 255, 255]),
    colour("red", [226, 60, 68]),
    colour("orange", [249, 146, 14]),
    colour("yellow", [255, 217, 15]),
    colour("green", [66, 168, 88]),
    colour("turquoise", [56, 198, 196]),
    colour("blue", [62, 98, 224]),
    colour("purple", [138, 76, 198]),
    colour("pink", [250, 140, 192]),
    colour("brown", [140, 94, 60]),
    colour("gray", [158, 158, 158]),
    colour("black", [20, 20, 20]),
];

/// A set of [`COLOURS`], one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ColourSet(u16);

impl ColourSet {
    /// Whether the colour with this index is in the set.
    pub fn contains(self, colour: usize) -> bool {
        self.0 & (1 << colour) != 0
    }

    /// Adds the colour with this index.
    pub fn insert(&mut self, colour: usize) {
        self.0 |= 1 << colour;
    }
}

/// Squared RGB distance below which an outline is hard to distinguish from the background.
const NEAR: i32 = 60 * 60;

/// The colours on which more than half of the sprite's outline would be lost.
///
/// `rgba` is premultiplied, `size` pixels a side. The outline is every mostly opaque pixel adjacent to a mostly
/// transparent one.
pub fn lost_on(rgba: &[u8], size: usize) -> ColourSet {
    let opaque = |x: usize, y: usize| rgba[(y * size + x) * 4 + 3] > 127;
    let mut outline = 0u32;
    let mut near = [0u32; COLOURS.len()];
    for y in 1..size.saturating_sub(1) {
        for x in 1..size - 1 {
            let inside = opaque(x - 1, y) && opaque(x + 1, y) && opaque(x, y - 1) && opaque(x, y + 1);
            if !opaque(x, y) || inside {
                continue;
            }
            outline += 1;
            let pixel = &rgba[(y * size + x) * 4..][..4];
            let straight = [0, 1, 2].map(|channel| i32::from(pixel[channel]) * 255 / i32::from(pixel[3]));
            for (count, colour) in near.iter_mut().zip(&COLOURS) {
                let distance: i32 =
                    straight.iter().zip(colour.rgb).map(|(a, b)| (a - i32::from(b)).pow(2)).sum();
                *count += u32::from(distance < NEAR);
            }
        }
    }
    let mut lost = ColourSet::default();
    for (index, count) in near.iter().enumerate() {
        if count * 2 > outline {
            lost.insert(index);
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_disc_vanishes_only_on_black() {
        let size = 16;
        let rgba: Vec<u8> = (0..size * size)
            .flat_map(|i| {
                let (x, y) = ((i % size) as i32 - 8, (i / size) as i32 - 8);
                [0, 0, 0, if x * x + y * y < 36 { 255 } else { 0 }]
            })
            .collect();
        let lost = lost_on(&rgba, size);
        let names: Vec<_> =
            COLOURS.iter().enumerate().filter(|(i, _)| lost.contains(*i)).map(|(_, c)| c.name).collect();
        assert_eq!(names, ["black"]);
    }
}
