//! A plug-in in Rust: Stage C without a network. The embedding is drawn from the text's mean state and from noise.
//!
//! ```sh
//! cargo build --release -p wuerst-pooled
//! wuerst run graphs/text-to-image.yaml --plugin target/release/libwuerst_pooled.so --use prior=house.prior \
//!     --set prompt="a red apple" -o image=apple.png
//! ```

mod kept;

use wuerst_abi::core::{Args, Ctx, Error, NodeKind, NodeSpec, Refusal, Result, Tensor, Value};
use wuerst_model::noise::Noise;

wuerst_abi::plugin!(Pooled::new, kept::Size::new, kept::Rows::new);

/// Channels of the embedding.
const CHANNELS: usize = 16;

/// Pixels along a side, when nothing else is asked for.
const SIDE: usize = 64;

/// `house.prior`, with the ports of `wuerst.prior`, so that graphs need no other change. The model is not used.
struct Pooled(NodeSpec);

impl Pooled {
    fn new() -> Result<Pooled> {
        let signature = "text: f32[1,l,d], negative: f32[1,l,d]?, model: model?, \
                         width: int? {16..16384}, height: int? {16..16384}, cell: float = 16.0 {1.0..}, \
                         steps: int? {1..1000}, guidance: float? {0.0..100.0}, seed: int = 0 {0..} \
                         -> embedding: f32[1,16,h,w], rng: u8[n]";
        let about = "Stage C without a network: the text's mean state, and noise.";
        let spec = NodeSpec::new("house.prior", 1, signature, about)?
            .describe("cell", "Pixels to a cell of the embedding.")?
            .describe("guidance", "How much the text counts beside the noise; 0.5 when left out.")?;
        Ok(Pooled(spec))
    }
}

impl NodeKind for Pooled {
    fn spec(&self) -> &NodeSpec {
        &self.0
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        let Some(Value::Float(cell)) = known.get("cell") else { return Ok(()) };
        for side in ["width", "height"].into_iter().filter(|side| known.has(side)) {
            let pixels = known.int(side)?;
            if pixels as f64 % cell > 0.0 {
                return Err(Refusal::at(
                    side,
                    format!("{pixels} is not a multiple of {cell}, the pixels to a cell"),
                ));
            }
        }
        Ok(())
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let text = args.tensor_f32("text")?;
        let (length, states) = (text.shape()[1], text.shape()[2]);
        if length * states == 0 {
            return Err(Error::invalid("text", "has no states"));
        }
        let mean = |state: usize| {
            let column = (0..length).map(|token| text[[0, token, state].as_slice()]);
            column.sum::<f32>() / length as f32
        };
        let count = |port, default| if args.has(port) { args.count(port) } else { Ok(default) };
        let cells = |side| Ok::<_, Error>((count(side, SIDE)? as f64 / args.float("cell")?).ceil() as usize);
        let (height, width) = (cells("height")?, cells("width")?);

        let mut noise = Noise::new(args.seed("seed")?.into());
        let steps = count("steps", 4)?;
        let weight = if args.has("guidance") { args.float("guidance")? as f32 } else { 0.5 };
        let mut embedding = noise.normal(CHANNELS * height * width);
        // A share of the text in every step, as a diffusion model would have it.
        for step in 0..steps {
            ctx.step(step, steps)?;
            for (index, value) in embedding.iter_mut().enumerate() {
                *value += weight * mean(index % states) / steps as f32;
            }
        }
        ctx.step(steps, steps)?;
        let rng = noise.to_bytes();
        let embedding = Tensor::from_vec(&[1, CHANNELS, height, width], embedding)?;
        Ok(vec![embedding.into(), Tensor::from_vec(&[rng.len()], rng)?.into()])
    }
}
