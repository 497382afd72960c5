//! Long and weighted prompts of Stable Cascade, with numbers by ComfyUI's own code.

use anyhow::{Context, Result};
use ndarray::{ArrayD, Axis};
use serde::Deserialize;
use wuerst::{Engine, Job, Value};
use wuerst_model::import::ImportOptions;
use wuerst_tests::bundle::CASCADE;
use wuerst_tests::numbers::relative_error;

use crate::{f32s, imported, options, said};

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<Vec<i64>>,
    weights: Vec<Vec<f32>>,
}

/// The shipped graph's way from a prompt to the states that the prior reads.
const TEXT: &str = "wuerstchen: 1
inputs: { text: text, chunks: int = 1, weighting: 'text = \"comfyui\"' }
nodes:
  tokens:
    use: wuerst.tokenize
    with: { text: $text, weighting: $weighting, chunks: $chunks, model: text-encoder }
  text: { use: wuerst.text_encode_pooled, with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder } }
  none: { use: wuerst.tokenize, with: { text: '', chunks: $chunks, model: text-encoder } }
  empty: { use: wuerst.text_encode_pooled, with: { ids: $none.ids, mask: $none.mask, model: text-encoder } }
  weighed: { use: text.weigh, with: { states: $text.states, weights: $tokens.weights, empty: $empty.states } }
outputs: { ids: $tokens.ids, mask: $tokens.mask, weights: $tokens.weights, states: $weighed.states, pooled: $text.pooled }
";

fn text_job(folder: &std::path::Path) -> Result<Job> {
    let engine = Engine::new(options(folder, 1))?;
    Ok(engine.job(&engine.graph(TEXT)?))
}

/// The values of a tensor of ints.
fn ints(value: &Value) -> Result<Vec<i64>> {
    let Value::Tensor(tensor) = value else { anyhow::bail!("{value} is no tensor") };
    Ok(tensor.values::<i64>().context("ints")?.to_vec())
}

#[test]
fn chunks_are_comfyui_s() -> Result<()> {
    let folder = tempfile::tempdir()?;
    CASCADE.import(folder.path(), &ImportOptions::default())?;
    let job = text_job(folder.path())?;
    let expected: Expected = CASCADE.json("expected/long_prompts.json")?;
    assert_eq!(expected.cases.iter().map(|case| case.ids.len()).collect::<Vec<_>>(), [1, 3, 2, 2]);
    for Case { text, ids, weights } in expected.cases {
        job.set("text", text.as_str())?;
        job.set("chunks", i64::try_from(ids.len())?)?;
        let values = job.get_all(&["ids", "weights", "mask"], &mut ())?;
        assert_eq!(ints(&values[0])?, ids.concat(), "{text}");
        let got = f32s(&values[1]);
        assert_eq!(got.shape(), [1, 77 * ids.len()]);
        assert!(got.iter().zip(weights.concat()).all(|(got, want)| (got - want).abs() < 1e-6), "{text}");
        // A chunk is read up to its first end.
        let end = ids[0].last().context("an end")?;
        let read = ids.iter().flat_map(|chunk| {
            let ends = chunk.iter().position(|id| id == end).unwrap_or(chunk.len());
            (0..chunk.len()).map(move |at| i64::from(at <= ends))
        });
        assert_eq!(ints(&values[2])?, read.collect::<Vec<_>>(), "{text}");
    }
    Ok(())
}

#[test]
fn states_and_pooled_texts_are_comfyui_s() -> Result<()> {
    let folder = tempfile::tempdir()?;
    CASCADE.import(folder.path(), &ImportOptions::default())?;
    let job = text_job(folder.path())?;
    let expected: Expected = CASCADE.json("expected/long_prompts.json")?;
    for (name, case) in [("weighed", &expected.cases[0]), ("long", &expected.cases[2])] {
        job.set("text", case.text.as_str())?;
        job.set("chunks", i64::try_from(case.ids.len())?)?;
        let values = job.get_all(&["states", "pooled"], &mut ())?;
        let states = CASCADE.expected::<f32>(&format!("{name}_states"))?;
        let error = relative_error(&f32s(&values[0]), &states)?;
        println!("{name}_states: relative error {error:.1e}");
        assert!(error <= 1e-4, "{name}: {error:e}");
        let pooled: ArrayD<f32> = CASCADE.expected(&format!("{name}_pooled"))?;
        let error = relative_error(&f32s(&values[1]), &pooled.insert_axis(Axis(1)))?;
        println!("{name}_pooled: relative error {error:.1e}");
        assert!(error <= 1e-4, "{name}: {error:e}");
    }
    Ok(())
}

#[test]
fn chunks_divide_texts_without_weights_and_truncate_the_rest() -> Result<()> {
    #[derive(Default)]
    struct Warnings(Vec<String>);
    impl wuerst::Observer for Warnings {
        fn warning(&mut self, _: &str, message: &str) {
            self.0.push(message.to_owned());
        }
    }
    let folder = tempfile::tempdir()?;
    CASCADE.import(folder.path(), &ImportOptions::default())?;
    let job = text_job(folder.path())?;
    let expected: Expected = CASCADE.json("expected/long_prompts.json")?;
    let long = &expected.cases[1];
    for weighting in ["off", "a1111"] {
        job.set("weighting", weighting)?;
        job.set("text", long.text.as_str())?;
        job.set("chunks", 3)?;
        assert_eq!(ints(&job.get("ids", &mut ())?)?, long.ids.concat(), "{weighting}");
        job.set("chunks", 2)?;
        let mut warnings = Warnings::default();
        assert_eq!(ints(&job.get("ids", &mut warnings)?)?, long.ids[..2].concat(), "{weighting}");
        assert!(
            warnings.0.len() == 1 && warnings.0[0].contains("longer than the 154 tokens"),
            "{:?}",
            warnings.0
        );
    }
    // A chunk that the text does not reach is one of the empty text.
    job.set("text", "")?;
    let empty = ints(&job.get("ids", &mut ())?)?;
    job.set("text", "a red apple")?;
    let ids = ints(&job.get("ids", &mut ())?)?;
    assert_eq!((&ids[..2], &ids[77..]), (&[empty[0], ids[1]][..], &empty[77..]));
    assert_eq!(empty[..77], empty[77..]);
    assert!(said(job.set("chunks", 17)).contains("1..16"));
    Ok(())
}

#[test]
fn shipped_graph_weighs_words_and_reads_long_prompts() -> Result<()> {
    let (_folder, job) = imported(CASCADE, &ImportOptions::default())?;
    job.set("steps", 2)?;
    job.set("width", 64)?;
    job.set("height", 64)?;
    let embedding = |prompt: &str, weighting: &str, chunks: i64| -> Result<ArrayD<f32>> {
        job.set("prompt", prompt)?;
        job.set("weighting", weighting)?;
        job.set("chunks", chunks)?;
        Ok(f32s(&job.get("embedding", &mut ())?))
    };
    let plain = embedding("a red apple", "comfyui", 1)?;
    assert_eq!(plain, embedding("a red apple", "off", 1)?, "without weights nothing changes");
    let weighed = embedding("a (red:1.3) apple", "comfyui", 1)?;
    assert!(relative_error(&weighed, &plain)? > 1e-4);
    let expected: Expected = CASCADE.json("expected/long_prompts.json")?;
    let long = &expected.cases[1].text;
    let [cut, whole] = [1, 3].map(|chunks| embedding(long, "comfyui", chunks));
    assert!(relative_error(&whole?, &cut?)? > 1e-4, "the rest of the prompt counts");
    Ok(())
}
