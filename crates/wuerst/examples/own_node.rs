//! A custom node added to a graph that ships: it inverts the picture's colours.
//!
//! `cargo run --release --example own_node`

use std::sync::Arc;

use wuerst::core::{Args, Ctx, NodeKind, NodeSpec, Result, Value};
use wuerst::{Engine, Options};

struct Negative(NodeSpec);

impl Negative {
    fn new() -> Result<Negative> {
        let signature = "image: u8[h,w,3] -> image: u8[h,w,3]";
        Ok(Negative(NodeSpec::new(
            "example.negative",
            1,
            signature,
            "Turns colours into their complements.",
        )?))
    }
}

impl NodeKind for Negative {
    fn spec(&self) -> &NodeSpec {
        &self.0
    }

    fn run(&self, _ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        Ok(vec![args.tensor_u8("image")?.mapv(|byte| 255 - byte).into()])
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(Options { models: "models/icons".into(), ..Options::default() })?;
    engine.add(Arc::new(Negative::new()?))?;
    let text = std::fs::read_to_string("graphs/text-to-image.yaml")?;
    let node = "  negative_picture: { use: example.negative, with: { image: $vqgan.image } }\noutputs:\n  negative_picture: $negative_picture.image";
    let graph = engine.graph(&text.replace("outputs:", node))?;
    let job = engine.job(&graph);
    job.set("prompt", "a red apple, twemoji style")?;
    // One run returns both outputs; the picture is computed once.
    let values = job.get_all(&["image", "negative_picture"], &mut ())?;
    println!("a picture {} and its negative {}", values[0].ty(), values[1].ty());
    Ok(())
}
