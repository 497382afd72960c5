//! Measures the same picture in another program and in this one alternately, with the ratios of the times.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value as Json, json};
use wuerst::core::regular;
use wuerst::{Engine, Job, Value};

use super::figures::Median;
use super::peer::Peer;

/// Default settings of both programs, which `--set` overrides. Steps and guidance are evaluations of the networks.
const REQUEST: [(&str, &str); 9] = [
    ("prompt", "a red apple"),
    ("negative", ""),
    ("seed", "0"),
    ("width", "512"),
    ("height", "512"),
    ("steps", "8"),
    ("guidance", "4"),
    ("decoder_steps", "4"),
    ("decoder_guidance", "0"),
];

/// Maximum length of the peer's result, in bytes.
const LONGEST: u64 = 1 << 30;

/// Stage names of the peer, and our node kinds with equal work.
const STAGES: [(&str, &str); 4] = [
    ("text", "wuerst.text_encode"),
    ("prior", "wuerst.prior"),
    ("decoder", "wuerst.decoder"),
    ("vqgan", "wuerst.vqgan_decode"),
];

/// Times of both, in the order of the runs, in milliseconds.
pub(super) struct Comparison {
    pub(super) peer: String,
    pub(super) stages: Vec<(String, Vec<f64>, Vec<f64>)>,
    /// How far the results are apart: 20·log10(peak/rms) over the peer's range of values, in dB.
    pub(super) likeness: f64,
}

/// Sets the inputs to the values requested from the peer.
pub(super) fn prepare(job: &Job, set: &[(&str, &str)]) -> Result<BTreeMap<String, String>> {
    let mut values: BTreeMap<String, String> = REQUEST.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    for (name, value) in set {
        let Some(known) = values.get_mut(*name) else {
            let names: Vec<&str> = REQUEST.iter().map(|(name, _)| *name).collect();
            bail!("`{name}` is not known to the peer, which takes {}", names.join(", "));
        };
        (*value).clone_into(known);
    }
    values
        .iter()
        .try_for_each(|(name, value)| job.set_text(name, value))
        .context("not a graph like graphs/text-to-image.yaml")?;
    Ok(values)
}

/// Runs both alternately, after a warm-up run of each.
pub(super) fn compare(
    engine: &Engine,
    job: &Job,
    output: &str,
    runs: usize,
    values: &BTreeMap<String, String>,
    peer: &mut Peer,
) -> Result<Comparison> {
    let file = tempfile::NamedTempFile::with_suffix(".npy")?;
    let request = request(values, output, file.path())?;
    let mut stages: Vec<(String, Vec<f64>, Vec<f64>)> = vec![];
    let mut likeness = 0.;
    for round in 0..=runs {
        engine.cache().clear();
        let ours = job.get(output, &mut ())?;
        let mine = times(job);
        let theirs = peer.run(&request)?;
        if round == 0 {
            likeness = psnr(&ours, file.path())?;
            continue;
        }
        for (stage, time) in mine {
            let Some(other) = theirs.get(stage) else { continue };
            match stages.iter_mut().find(|(name, ..)| name == stage) {
                Some((_, a, b)) => {
                    a.push(time);
                    b.push(*other);
                }
                None => stages.push((stage.to_owned(), vec![time], vec![*other])),
            }
        }
    }
    Ok(Comparison { peer: peer.name.clone(), stages, likeness })
}

/// Our milliseconds in the models of each stage, and of the whole run.
fn times(job: &Job) -> Vec<(&'static str, f64)> {
    let report = job.report();
    let of = |kind: &str| -> f64 {
        report
            .nodes
            .iter()
            .filter(|node| node.kind == kind)
            .map(|node| node.usage.inference.as_secs_f64() * 1e3)
            .sum()
    };
    let mut times: Vec<_> = STAGES.iter().map(|(stage, kind)| (*stage, of(kind))).collect();
    times.push(("run", (report.duration - report.usage().loading).as_secs_f64() * 1e3));
    times
}

fn request(values: &BTreeMap<String, String>, output: &str, file: &Path) -> Result<Json> {
    let text = |name: &str| values.get(name).cloned().unwrap_or_default();
    let whole =
        |name: &str| text(name).parse::<u64>().with_context(|| format!("`{name}` is not a whole number"));
    let number = |name: &str| text(name).parse::<f64>().with_context(|| format!("`{name}` is not a number"));
    Ok(json!({
        "prompt": text("prompt"), "negative": text("negative"), "seed": whole("seed")?,
        "width": whole("width")?, "height": whole("height")?,
        "prior_steps": whole("steps")?, "prior_guidance": number("guidance")?,
        "decoder_steps": whole("decoder_steps")?, "decoder_guidance": number("decoder_guidance")?,
        "output": if output == "embedding" { "embedding" } else { "image" }, "file": file,
    }))
}

/// Similarity of our result and the peer's.
pub(super) fn psnr(ours: &Value, file: &Path) -> Result<f64> {
    let Value::Tensor(tensor) = ours else { bail!("only a picture or an embedding can be compared") };
    let theirs = wuerst::stages::npy::read(&regular::read(file, LONGEST)?)
        .map_err(|error| anyhow!("the peer's result {} {error}", file.display()))?;
    let ours: Vec<f32> = match (tensor.values::<u8>(), tensor.values::<f32>()) {
        (Some(bytes), _) => bytes.iter().map(|byte| f32::from(*byte) / 255.).collect(),
        (_, Some(floats)) => floats.to_vec(),
        _ => bail!("only a picture or an embedding can be compared"),
    };
    if ours.len() != theirs.len() {
        bail!("the peer's result has {} numbers, ours {}", theirs.len(), ours.len());
    }
    let (least, most) = theirs.iter().fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
    let squares = ours.iter().zip(&theirs).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    Ok(20. * (f64::from(most - least) / (squares / ours.len() as f64).sqrt().max(1e-12)).log10())
}

impl Comparison {
    pub(super) fn table(&self) -> String {
        let mut lines = vec![format!(
            "against {}, in turn: milliseconds in models, and how often faster we are",
            self.peer
        )];
        for (stage, ours, theirs) in &self.stages {
            let (a, b) =
                (Median::of_numbers(ours.iter().copied()), Median::of_numbers(theirs.iter().copied()));
            let ratio = ratios(ours, theirs);
            lines.push(format!(
                "  {stage:10} ours {:10.1}  theirs {:10.1}  ratio {:5.2} ({:.2} to {:.2})",
                a.middle, b.middle, ratio.middle, ratio.least, ratio.greatest
            ));
        }
        lines.push(format!("  results agree to {:.1} dB", self.likeness));
        lines.join("\n")
    }

    pub(super) fn to_json(&self) -> Json {
        let stages = self.stages.iter().map(|(stage, ours, theirs)| {
            let of = |times: &[f64]| Median::of_numbers(times.iter().copied()).to_json();
            json!({ "stage": stage, "milliseconds": of(ours), "peer_milliseconds": of(theirs), "ratio": ratios(ours, theirs).to_json() })
        });
        json!({ "peer": self.peer, "stages": stages.collect::<Vec<_>>(), "likeness_db": self.likeness })
    }
}

/// Ratios of the times of neighbouring runs.
fn ratios(ours: &[f64], theirs: &[f64]) -> Median {
    Median::of_numbers(ours.iter().zip(theirs).map(|(a, b)| b / a.max(1e-9)))
}

#[cfg(test)]
mod tests {
    use ndarray_npy::WriteNpyExt;
    use wuerst::Tensor;

    use super::*;

    #[test]
    fn psnr_uses_peer_range() -> Result<()> {
        let file = tempfile::NamedTempFile::with_suffix(".npy")?;
        ndarray::arr1(&[0f32, 1., 0.5, 0.]).write_npy(std::fs::File::create(file.path())?)?;
        let ours = Value::from(Tensor::from_vec(&[4], vec![0.1f32, 0.9, 0.6, -0.1])?);
        assert!((psnr(&ours, file.path())? - 20.).abs() < 1e-3);
        assert!(psnr(&Value::from(Tensor::from_vec(&[1], vec![0f32])?), file.path()).is_err());
        Ok(())
    }

    #[test]
    fn ratios_are_of_neighbouring_runs() {
        let ratio = ratios(&[1., 2., 4.], &[3., 3., 3.]);
        assert_eq!((ratio.least, ratio.middle, ratio.greatest), (0.75, 1.5, 3.));
    }
}
