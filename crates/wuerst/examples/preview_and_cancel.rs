//! A run in the background, with progress, previews and cancellation.
//!
//! `cargo run --release --example preview_and_cancel`

use std::time::Duration;

use wuerst::{Ended, Engine, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(Options { models: "models/icons".into(), ..Options::default() })?;
    let graph = engine.graph(&std::fs::read_to_string("graphs/text-to-image.yaml")?)?;
    let job = engine.job(&graph);
    job.set("prompt", "a red apple, twemoji style")?;
    job.set("steps", 200)?;

    let run = job.start(&["image"], Box::new(()))?;
    let mut previews = 0;
    // Previews are made from the first call of `preview` on.
    while previews < 3 && !run.wait(Some(Duration::from_millis(5))) {
        if let Some(rgb) = run.preview() {
            previews += 1;
            let status = run.status();
            println!(
                "{:3.0} %: {} at step {}, preview {:?}",
                status.fraction * 100.0,
                status.node,
                status.step.0,
                rgb.shape()
            );
        }
    }
    run.cancel();
    run.wait(None);
    match run.status().ended {
        Some(Ended::Cancelled) => println!("cancelled"),
        Some(Ended::Done) => println!("finished before the cancellation"),
        _ => return Err(run.take().err().map_or("no error".to_owned(), |error| error.to_string()).into()),
    }

    // The job remains usable after a cancellation.
    job.set("steps", 4)?;
    println!("again: {}", job.get("image", &mut ())?.ty());
    Ok(())
}
