//! Stages and their contracts: inputs and outputs by name, type and axes.

use std::fmt;

use crate::record::{Axis, DType, Id, NetworkGraph};

/// A stage, for which a model can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contract {
    /// Computes the states of token ids.
    TextEncoder,
    /// Denoises the semantic embedding (stage C).
    Prior,
    /// Denoises the VQGAN's latents (stage B).
    Decoder,
    /// Decodes latents to a picture (stage A).
    VqganDecoder,
    /// Encodes a picture to latents (stage A).
    VqganEncoder,
    /// Computes the semantic embedding of a picture.
    Compressor,
    /// Computes the CLIP embedding of a picture, which Stable Cascade's prior varies.
    ImageEncoder,
}

impl Contract {
    /// All stages, in the order in which a picture is made.
    pub const ALL: [Contract; 7] = [
        Contract::TextEncoder,
        Contract::Prior,
        Contract::Decoder,
        Contract::VqganDecoder,
        Contract::VqganEncoder,
        Contract::Compressor,
        Contract::ImageEncoder,
    ];

    /// The stage with this name.
    pub fn named(name: &str) -> Option<Contract> {
        Contract::ALL.into_iter().find(|contract| contract.name() == name)
    }

    /// The name, as in a model's metadata.
    pub fn name(self) -> &'static str {
        match self {
            Contract::TextEncoder => "text-encoder",
            Contract::Prior => "prior",
            Contract::Decoder => "decoder",
            Contract::VqganDecoder => "vqgan-decoder",
            Contract::VqganEncoder => "vqgan-encoder",
            Contract::Compressor => "compressor",
            Contract::ImageEncoder => "image-encoder",
        }
    }

    /// Inputs and outputs, in the notation of signatures. The embedding has c channels and the latents z, 16 and 4 in the
    /// published models. f16 is accepted for f32. `time_embedding` is computed by [`crate::time::embedding`] from a time
    /// from 0 to 1, where 1 is noise. Pictures are RGB in 0..1; the node clips a VQGAN's values beyond that range.
    pub fn signature(self) -> &'static str {
        match self {
            Contract::TextEncoder => "input_ids: i64[b,l], attention_mask: i64[b,l] -> states: f32[b,l,d]",
            Contract::Prior => {
                "latents: f32[b,c,h,w], time_embedding: f32[b,r], text: f32[b,l,d] -> noise: f32[b,c,h,w]"
            }
            Contract::Decoder => {
                "latents: f32[b,z,H,W], time_embedding: f32[b,r], embedding: f32[b,c,h,w], text: f32[b,l,d] \
                 -> noise: f32[b,z,H,W]"
            }
            Contract::VqganDecoder => "latents: f32[b,z,H,W] -> image: f32[b,3,y,x]",
            Contract::VqganEncoder => "image: f32[b,3,y,x] -> latents: f32[b,z,H,W]",
            Contract::Compressor => "image: f32[b,3,y,x] -> embedding: f32[b,c,h,w]",
            Contract::ImageEncoder => "image: f32[b,3,y,x] -> embeds: f32[b,e]",
        }
    }

    /// The signature of a model whose inputs and outputs satisfy `has`: [`Contract::signature`], that of Stable Cascade's
    /// networks for `pooled`, or [`Contract::signature_with_timestep`] for older ones.
    pub fn signature_of(self, has: impl Fn(&str) -> bool) -> String {
        let pooled = "pooled: f32[b,1,p]";
        match self {
            Contract::TextEncoder if has("pooled") => format!("{}, {pooled}", self.signature()),
            Contract::Prior if has("pooled") => {
                let taken = format!("text: f32[b,l,d], {pooled}, image: f32[b,k,i]");
                self.signature().replace("text: f32[b,l,d]", &taken)
            }
            Contract::Decoder if has("pooled") => self.signature().replace("text: f32[b,l,d]", pooled),
            _ => {
                let older = has("timestep") && !has("time_embedding");
                let older = self.signature_with_timestep().filter(|_| older);
                older.unwrap_or_else(|| self.signature().to_owned())
            }
        }
    }

    /// [`Contract::signature`] of older models, which still load: they take the time itself as `timestep`, in place of
    /// `time_embedding`. `None` if the contract has no time.
    pub fn signature_with_timestep(self) -> Option<String> {
        let with = self.signature().replace("time_embedding: f32[b,r]", "timestep: f32[b]");
        (with != self.signature()).then_some(with)
    }

    /// Inputs that change in each sampling step; empty if there are no other inputs whose part could be computed once.
    pub fn stepwise(self) -> &'static [&'static str] {
        match self {
            Contract::Prior | Contract::Decoder => &STEPWISE,
            _ => &[],
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Inputs that change in every sampling step. Values that depend only on the others are the same in all steps of a picture.
pub const STEPWISE: [&str; 3] = ["latents", "time_embedding", "timestep"];

/// Extents used to record a stage; the written model accepts any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sizes {
    /// Number of pictures.
    pub batch: usize,
    /// Height of the stage's `latents`, or of its `image`.
    pub height: usize,
    /// Width of the stage's `latents`, or of its `image`.
    pub width: usize,
    /// Height and width of the semantic embedding; only the decoder reads it.
    pub embedding: [usize; 2],
    /// Tokens of text; the prior, the decoder and the text encoders read it.
    pub length: usize,
}

impl Sizes {
    /// The sizes of a stage with these input shapes. Extents that no input has are 1.
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
pub fn picture(g: &mut NetworkGraph, name: &str, sizes: &Sizes, channels: usize) -> Id {
    let axes = [
        Axis::named("batch", sizes.batch),
        Axis::fixed(channels),
        Axis::named("height", sizes.height),
        Axis::named("width", sizes.width),
    ];
    g.input(name, DType::F32, &axes)
}

/// `name` f32 `[batch, channels, side, side]`: pictures of one size.
pub fn square(g: &mut NetworkGraph, name: &str, batch: usize, [channels, side]: [usize; 2]) -> Id {
    let axes = [Axis::named("batch", batch), Axis::fixed(channels), Axis::fixed(side), Axis::fixed(side)];
    g.input(name, DType::F32, &axes)
}

/// `time_embedding` f32 `[batch, features]`, from [`crate::time::embedding`].
pub fn time_embedding(g: &mut NetworkGraph, sizes: &Sizes, features: usize) -> Id {
    g.input("time_embedding", DType::F32, &[Axis::named("batch", sizes.batch), Axis::fixed(features)])
}

/// `text` f32 `[batch, length, features]`: the states of a text encoder.
pub fn text(g: &mut NetworkGraph, sizes: &Sizes, features: usize) -> Id {
    let axes =
        [Axis::named("batch", sizes.batch), Axis::named("length", sizes.length), Axis::fixed(features)];
    g.input("text", DType::F32, &axes)
}

/// `pooled` f32 `[batch, 1, features]`: a text encoder's vector for each whole text.
pub fn pooled(g: &mut NetworkGraph, sizes: &Sizes, features: usize) -> Id {
    g.input("pooled", DType::F32, &[Axis::named("batch", sizes.batch), Axis::fixed(1), Axis::fixed(features)])
}

/// `image` f32 `[batch, images, features]`: CLIP embeddings of pictures to vary.
pub fn images(g: &mut NetworkGraph, sizes: &Sizes, features: usize) -> Id {
    let axes = [Axis::named("batch", sizes.batch), Axis::named("images", 1), Axis::fixed(features)];
    g.input("image", DType::F32, &axes)
}

/// `embedding` f32 `[batch, channels, embedding_height, embedding_width]`, made by the prior.
pub fn embedding(g: &mut NetworkGraph, sizes: &Sizes, channels: usize) -> Id {
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
pub fn tokens(g: &mut NetworkGraph, sizes: &Sizes) -> (Id, Id) {
    let axes = [Axis::named("batch", sizes.batch), Axis::named("length", sizes.length)];
    (g.input("input_ids", DType::I64, &axes), g.input("attention_mask", DType::I64, &axes))
}
