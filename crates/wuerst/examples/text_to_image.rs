//! A picture from a prompt.
//!
//! `cargo run --release --example text_to_image -- "a red apple, twemoji style" apple.png`

use wuerst::{Engine, Options, Value};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let prompt = arguments.next().unwrap_or_else(|| "a red apple, twemoji style".into());
    let path = arguments.next().unwrap_or_else(|| "apple.png".into());

    let engine = Engine::new(Options { models: "models/icons".into(), ..Options::default() })?;
    let graph = engine.graph(&std::fs::read_to_string("graphs/text-to-image.yaml")?)?;
    let job = engine.job(&graph);
    job.set("prompt", prompt)?;
    job.set("seed", 7)?;

    let Value::Tensor(image) = job.get("image", &mut ())? else {
        return Err("the output is not a tensor".into());
    };
    let (height, width) = (image.shape()[0] as u32, image.shape()[1] as u32); // u8 [height, width, 3]
    image::save_buffer(&path, &image.as_bytes(), width, height, image::ColorType::Rgb8)?;
    println!("{path}: {width}x{height}");
    Ok(())
}
