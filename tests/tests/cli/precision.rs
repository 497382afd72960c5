//! `--precision`: stages that may round prefer bf16, and say so where the machine has none.

use std::path::Path;

use anyhow::Result;
use ndarray::ArrayD;

use crate::convert::decibels;
use crate::{outcome, succeeded, text};

/// The pixels of a run with these options, and what it says of its devices and warns of.
fn run(options: &[&str]) -> Result<(ArrayD<f32>, String)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pixels.npy");
    let output = format!("pixels={}", text(&file)?);
    let args = ["run", "graphs/text-to-image.yaml", "--models", "models/icons", "--explain", "-o", &output];
    let done = outcome(&[&args[..], &["--set", "prompt=a red apple", "--set", "seed=1"], options].concat())?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let printed = succeeded(&done)?;
    Ok((ndarray_npy::read_npy(Path::new(&file))?, said + &printed))
}

#[test]
fn stages_that_may_round_prefer_bf16() -> Result<()> {
    let (exact, said) = run(&["--precision", "exact"])?;
    assert!(!said.contains("openvino"), "{said}");
    for (limit, stages, least) in
        [("40dB", vec!["decoder", "vqgan-decoder"], 40.), ("fastest", vec!["prior"], 33.)]
    {
        let (pixels, said) = run(&["--precision", limit])?;
        for stage in stages {
            // On the device, or refused by it with the reason.
            let told =
                said.lines().any(|line| line.contains(&format!("{stage}.onnx")) && line.contains("bf16"));
            assert!(told, "{limit}, {stage}: {said}");
        }
        let rounds = said.lines().any(|line| line.contains("text-encoder.onnx") && line.contains("bf16"));
        assert_eq!(rounds, limit == "fastest", "{said}");
        let likeness = decibels(&exact, &pixels);
        println!("{limit}: {likeness:.1} dB");
        assert!(likeness > least, "{limit}: {likeness} dB");
    }
    Ok(())
}

#[test]
fn single_stages_and_devices_have_their_own_say() -> Result<()> {
    let (_, said) = run(&["--precision", "fastest", "--stage-devices", "prior=cpu"])?;
    assert!(!said.lines().any(|line| line.contains("prior.onnx") && line.contains("bf16")), "{said}");
    let refused = outcome(&["run", "graphs/text-to-image.yaml", "--precision", "40dB", "--devices", "cpu"])?;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cannot be used with"));
    Ok(())
}
