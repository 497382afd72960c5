//! Scenes of several sprites: their layout, sentence, and the combinations that training leaves out.

use rand::Rng;

use super::phrase::{plural, with_article};
use super::raster::Rect;

/// Kind of combination that a held-out scene tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldOut {
    /// Two objects that never occur together in training.
    Pair,
    /// An object that never occurs on this colour.
    Colour,
    /// An object that never occurs in this number.
    Count,
}

/// Training leaves out one combination of this number.
const HELD_OUT_ONE_IN: u64 = 10;

fn held_out(kind: &str, first: &str, second: &str) -> bool {
    let digest = blake3::hash(format!("{kind}\0{first}\0{second}").as_bytes());
    let mut low = [0; 8];
    low.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_le_bytes(low) % HELD_OUT_ONE_IN == 0
}

/// Whether training never shows these two objects (labels) together, in either order.
pub fn pair_held_out(one: &str, other: &str) -> bool {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    held_out("pair", first, second)
}

/// Whether training never shows this object (label) on this colour (name).
pub fn colour_held_out(object: &str, colour: &str) -> bool {
    held_out("colour", object, colour)
}

/// Whether training never shows exactly this many of this object (label).
pub fn count_held_out(object: &str, count: usize) -> bool {
    held_out("count", object, &count.to_string())
}

/// Relative position of two objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The first to the left of the second.
    LeftOf,
    /// The first above the second.
    Above,
}

/// Layout of a scene, independent of the sprites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One object, large or small.
    Sized {
        /// Large; otherwise small.
        large: bool,
    },
    /// Two objects.
    Pair(Relation),
    /// One object two to four times.
    Counted(usize),
}

impl Layout {
    /// The sentence for the scene; `None` if a label has no plural and one is needed.
    pub fn subject(self, first: &str, second: &str, rng: &mut impl Rng) -> Option<String> {
        Some(match self {
            Layout::Sized { large } => {
                // Labels without a plural are read badly after "a large".
                plural(first)?;
                format!("a {} {first}", if large { "large" } else { "small" })
            }
            Layout::Pair(relation) => {
                let (one, other) = (with_article(first), with_article(second));
                // Each picture is described from either side.
                match (relation, rng.random_bool(0.75)) {
                    (Relation::LeftOf, true) => format!("{one} to the left of {other}"),
                    (Relation::LeftOf, false) => format!("{other} to the right of {one}"),
                    (Relation::Above, true) => format!("{one} above {other}"),
                    (Relation::Above, false) => format!("{other} below {one}"),
                }
            }
            Layout::Counted(count) => {
                let word = ["two", "three", "four"].get(count.checked_sub(2)?)?;
                format!("{word} {}", plural(first)?)
            }
        })
    }

    /// Places of the objects: centre and side of a square each, as fractions of the picture's side.
    pub fn slots(self, rng: &mut impl Rng) -> Vec<Slot> {
        let slots: Vec<(f32, f32)> = match self {
            Layout::Sized { .. } => vec![(0.5, 0.5)],
            Layout::Pair(Relation::LeftOf) => vec![(0.26, 0.5), (0.74, 0.5)],
            Layout::Pair(Relation::Above) => vec![(0.5, 0.26), (0.5, 0.74)],
            Layout::Counted(2) if rng.random_bool(0.7) => vec![(0.26, 0.5), (0.74, 0.5)],
            Layout::Counted(2) => vec![(0.5, 0.26), (0.5, 0.74)],
            Layout::Counted(3) if rng.random_bool(0.5) => vec![(0.5, 0.26), (0.26, 0.74), (0.74, 0.74)],
            Layout::Counted(3) => vec![(0.26, 0.26), (0.74, 0.26), (0.5, 0.74)],
            Layout::Counted(_) => vec![(0.26, 0.26), (0.74, 0.26), (0.26, 0.74), (0.74, 0.74)],
        };
        let (side, jitter) = match self {
            Layout::Sized { large: true } => (rng.random_range(0.82..0.95), 0.02),
            Layout::Sized { large: false } => (rng.random_range(0.26..0.4), 0.08),
            Layout::Pair(_) | Layout::Counted(_) => (rng.random_range(0.4..0.46), 0.01),
        };
        let mut moved = |at: f32| at + rng.random_range(-jitter..=jitter);
        slots.into_iter().map(|(x, y)| Slot { x: moved(x), y: moved(y), side }).collect()
    }
}

/// A square place for one object, in fractions of the picture's side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot {
    /// Centre, from the left.
    pub x: f32,
    /// Centre, from the top.
    pub y: f32,
    /// Side.
    pub side: f32,
}

impl Slot {
    /// The largest rectangle of `content`'s proportions in the slot, in pixels of a canvas of `canvas`
    /// pixels a side, but enlarged at most `max_scale` times, so that it stays sharp.
    pub fn fit(self, content: Rect, canvas: f32, max_scale: f32) -> Rect {
        let longest = content.width.max(content.height);
        let scale = (self.side * canvas / longest).min(max_scale);
        let (width, height) = (content.width * scale, content.height * scale);
        Rect { x: self.x * canvas - width / 2.0, y: self.y * canvas - height / 2.0, width, height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn tenth_of_combinations_is_held_out() {
        let labels: Vec<String> = (0..200).map(|i| format!("thing {i}")).collect();
        let mut held = 0;
        for (i, one) in labels.iter().enumerate() {
            for other in &labels[..i] {
                assert_eq!(pair_held_out(one, other), pair_held_out(other, one));
                held += usize::from(pair_held_out(one, other));
            }
        }
        assert!((1800..2200).contains(&held), "{held} of 19900");
    }

    #[test]
    fn sentences() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        assert_eq!(Layout::Counted(3).subject("fox", "", &mut rng).as_deref(), Some("three foxes"));
        assert_eq!(Layout::Counted(3).subject("bread", "", &mut rng), None);
        let large = Layout::Sized { large: true };
        assert_eq!(large.subject("owl", "", &mut rng).as_deref(), Some("a large owl"));
        let pair = Layout::Pair(Relation::LeftOf).subject("owl", "skis", &mut rng).unwrap();
        assert!(["an owl to the left of skis", "skis to the right of an owl"].contains(&pair.as_str()));
    }

    #[test]
    fn slots_lie_inside_and_apart() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for layout in
            [Layout::Pair(Relation::Above), Layout::Counted(2), Layout::Counted(3), Layout::Counted(4)]
        {
            for _ in 0..50 {
                let slots = layout.slots(&mut rng);
                for (i, a) in slots.iter().enumerate() {
                    assert!(a.x - a.side / 2.0 >= 0.0 && a.y + a.side / 2.0 <= 1.0);
                    for b in &slots[..i] {
                        let gap = (a.x - b.x).abs().max((a.y - b.y).abs());
                        assert!(gap >= a.side, "{layout:?} overlaps");
                    }
                }
            }
        }
    }
}
