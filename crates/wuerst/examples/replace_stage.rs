//! A custom node in place of Stage A: a linear map from latents to colours, without a network.
//!
//! `cargo run --release --example replace_stage`

use std::sync::Arc;

use wuerst::core::{Args, Ctx, NodeKind, NodeSpec, Result, Tensor, Value};
use wuerst::{Engine, Options};

/// Weights of the four latent channels in each colour.
const WEIGHTS: [[f32; 4]; 3] =
    [[0.22, 0.09, -0.05, 0.13], [0.2, -0.06, 0.12, -0.04], [0.18, 0.03, -0.14, -0.1]];

struct Linear(NodeSpec);

impl Linear {
    fn new() -> Result<Linear> {
        // Declares the ports of the built-in node, so that the graph needs no other change.
        let signature = "latents: f32[1,4,H,W], model: model? -> image: u8[h,w,3], pixels: f32[h,w,3]";
        Ok(Linear(NodeSpec::new("example.linear", 1, signature, "Stage A without a network.")?))
    }
}

impl NodeKind for Linear {
    fn spec(&self) -> &NodeSpec {
        &self.0
    }

    fn run(&self, _ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let latents = args.tensor_f32("latents")?;
        let (height, width) = (latents.shape()[2] * 4, latents.shape()[3] * 4);
        let colour = |y: usize, x: usize, colour: usize| {
            let sum: f32 =
                (0..4).map(|c| WEIGHTS[colour][c] * latents[[0, c, y / 4, x / 4].as_slice()]).sum();
            (0.5 + sum).clamp(0.0, 1.0)
        };
        let pixels: Vec<f32> =
            (0..height * width * 3).map(|i| colour(i / 3 / width, i / 3 % width, i % 3)).collect();
        let bytes: Vec<u8> = pixels.iter().map(|x| (x * 255.0 + 0.5) as u8).collect();
        let shape = [height, width, 3];
        Ok(vec![Tensor::from_vec(&shape, bytes)?.into(), Tensor::from_vec(&shape, pixels)?.into()])
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(Options { models: "models/icons".into(), ..Options::default() })?;
    engine.add(Arc::new(Linear::new()?))?;
    let text = std::fs::read_to_string("graphs/text-to-image.yaml")?;
    // `("vqgan", KIND)` changes the node's kind; `("prior.model", FILE)` would replace a stage's model.
    let graph = engine.graph_with(&text, &[("vqgan", "example.linear").into()])?;
    let job = engine.job(&graph);
    job.set("prompt", "a red apple, twemoji style")?;
    println!("a picture without the VQGAN: {}", job.get("image", &mut ())?.ty());
    Ok(())
}
