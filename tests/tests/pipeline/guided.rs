//! Guidance in another way: one text after the other, and for a part of the time.

use anyhow::{Context, Result};
use ndarray::ArrayD;
use wuerst::{Change, Engine};
use wuerst_tests::bundle;

use crate::{f32s, options, set_case, shipped};

#[test]
fn guidance_has_interval() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let engine = Engine::new(options(folder.path(), 1))?;
    // The embedding, and the MACs that it took.
    let run = |changes: &[(&str, &str)]| -> Result<(ArrayD<f32>, u64)> {
        let changes: Vec<Change<'_>> = changes.iter().map(|(name, text)| Change::Text(name, text)).collect();
        let job = engine.job(&engine.graph_with(&shipped("wuerstchen.yaml")?, &changes)?);
        set_case(&job)?;
        let embedding = f32s(&job.get("embedding", &mut ())?);
        let report = job.report();
        let prior = report.nodes.iter().find(|node| node.node == "prior").context("no prior")?;
        Ok((embedding, prior.usage.macs))
    };
    let distance = |a: &ArrayD<f32>, b: &ArrayD<f32>| {
        let far = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0., f32::max);
        far / a.iter().fold(0., |most: f32, a| most.max(a.abs()))
    };
    let (both, work) = run(&[])?;
    let (apart, same_work) = run(&[("prior.guidance_batch", "1")])?;
    assert!(distance(&both, &apart) < 1e-5 && work == same_work && work > 0, "{}", distance(&both, &apart));

    // No evaluation is at 0, so there is no guidance at all.
    let (never, half) = run(&[("prior.guidance_start", "0"), ("prior.guidance_end", "0")])?;
    let (off, half_too) = run(&[("prior.guidance", "1")])?;
    assert!(never == off && half == half_too && 2 * half == work, "{half} of {work}");
    let (late, some) = run(&[("prior.guidance_start", "0.5")])?;
    assert!(late != both && late != off && half < some && some < work, "{half}, {some}, {work}");

    let crossed = run(&[("prior.guidance_start", "0.2"), ("prior.guidance_end", "0.3")]);
    let said =
        crossed.map_err(|error| error.to_string()).expect_err("an interval that ends before it begins");
    assert!(said.contains("prior.guidance_end: 0.3 is above `guidance_start`, 0.2"), "{said}");
    Ok(())
}
