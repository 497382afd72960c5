//! Names and axes of what a stage takes and gives, written once for every network that stands in for one.

use crate::record::{Axis, DType, Graph, Id};

/// The inputs that every step of sampling feeds anew. What follows from the others alone is the same in all steps of a
/// picture.
pub const STEPWISE: [&str; 2] = ["latents", "timestep"];

/// Extents to record a stage with; the written model takes any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sizes {
    /// Pictures at once.
    pub batch: usize,
    /// Height of the stage's `latents` (or of its `image`, where it takes one).
    pub height: usize,
    /// Width of the same.
    pub width: usize,
    /// Height and width of the semantic embedding; only the decoder reads it.
    pub embedding: [usize; 2],
    /// Tokens of text; the prior, the decoder and the text encoders read it.
    pub length: usize,
}

impl Sizes {
    /// What a stage is given, by the shapes of its inputs. Extents that no input has are 1.
    pub fn of_inputs<'a>(inputs: impl IntoIterator<Item = (&'a str, &'a [usize])>) -> Sizes {
        let mut sizes = Sizes { batch: 1, height: 1, width: 1, embedding: [1, 1], length: 1 };
        for (name, shape) in inputs {
            match (name, shape) {
                ("latents" | "image", &[batch, _, height, width]) => {
                    sizes = Sizes { batch, height, width, ..sizes };
                }
                ("embedding", &[_, _, height, width]) => sizes.embedding = [height, width],
                ("text", &[_, length, _]) => sizes.length = length,
                ("input_ids", &[batch, length]) => sizes = Sizes { batch, length, ..sizes },
                _ => {}
            }
        }
        sizes
    }
}

/// `name` f32 `[batch, channels, height, width]`: the stage's `latents` or `image`.
pub fn picture(g: &mut Graph, name: &str, sizes: &Sizes, channels: usize) -> Id {
    let axes = [
        Axis::named("batch", sizes.batch),
        Axis::fixed(channels),
        Axis::named("height", sizes.height),
        Axis::named("width", sizes.width),
    ];
    g.input(name, DType::F32, &axes)
}

/// `timestep` f32 `[batch]` in 0..1, where 1 is noise.
pub fn timestep(g: &mut Graph, sizes: &Sizes) -> Id {
    g.input("timestep", DType::F32, &[Axis::named("batch", sizes.batch)])
}

/// `text` f32 `[batch, length, features]`: the states of a text encoder.
pub fn text(g: &mut Graph, sizes: &Sizes, features: usize) -> Id {
    let axes =
        [Axis::named("batch", sizes.batch), Axis::named("length", sizes.length), Axis::fixed(features)];
    g.input("text", DType::F32, &axes)
}

/// `embedding` f32 `[batch, channels, embedding_height, embedding_width]`: what the prior made.
pub fn embedding(g: &mut Graph, sizes: &Sizes, channels: usize) -> Id {
    let [height, width] = sizes.embedding;
    let axes = [
        Axis::named("batch", sizes.batch),
        Axis::fixed(channels),
        Axis::named("embedding_height", height),
        Axis::named("embedding_width", width),
    ];
    g.input("embedding", DType::F32, &axes)
}

/// `input_ids` and `attention_mask`, both i64 `[batch, length]`; a mask of 1 means attend.
pub fn tokens(g: &mut Graph, sizes: &Sizes) -> (Id, Id) {
    let axes = [Axis::named("batch", sizes.batch), Axis::named("length", sizes.length)];
    (g.input("input_ids", DType::I64, &axes), g.input("attention_mask", DType::I64, &axes))
}
