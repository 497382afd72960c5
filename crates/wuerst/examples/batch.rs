//! Several prompts in one run. Each picture is finished, and shown, before the next begins.
//!
//! `cargo run --release --example batch`

use wuerst::{Engine, Observer, Options, Value};

/// Reports each finished picture.
struct Parts;

impl Observer for Parts {
    fn part(&mut self, output: &str, index: usize, of: usize, value: &Value) {
        println!("{output} {} of {of}: {}", index + 1, value.ty());
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("wuerst-batch-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let prompts = folder.join("prompts.txt");
    std::fs::write(
        &prompts,
        "a red apple, twemoji style\na green apple, noto style\na pizza, twemoji style\n",
    )?;

    let engine = Engine::new(Options { models: "models/icons".into(), ..Options::default() })?;
    let graph = engine.graph(&std::fs::read_to_string("graphs/batch.yaml")?)?;
    let job = engine.job(&graph);
    job.set_text("prompts", &prompts.display().to_string())?;
    let values = job.get_all(&["images", "grid"], &mut Parts)?;
    println!("pictures {} in a grid {}", values[0].ty(), values[1].ty());

    // Nodes run only for the changed line; results of the other two lines are remembered.
    std::fs::write(
        &prompts,
        "a red apple, twemoji style\na green apple, noto style\na rocket, noto style\n",
    )?;
    println!("with another third line: {}", job.get("grid", &mut ())?.ty());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
