//! Weights of words, with numbers by ComfyUI's own code.

use anyhow::{Context, Result};
use serde::Deserialize;
use tempfile::TempDir;
use wuerst::{Engine, Job, Options, Tensor, Value};
use wuerst_tests::bundle;

#[derive(Deserialize)]
struct Expected {
    empty: Vec<i64>,
    cases: Vec<Case>,
    weigh: Weigh,
    a1111: Other,
}

#[derive(Deserialize)]
struct Other {
    cases: Vec<Case>,
    weigh: Weigh,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<i64>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Weigh {
    states: Vec<f32>,
    empty: Vec<f32>,
    weights: Vec<f32>,
    result: Vec<f32>,
}

const TOKENS: &str = "wuerstchen: 1
inputs: { text: text }
nodes:
  tokens: { use: wuerst.tokenize, with: { text: $text, weighting: comfyui, model: text-encoder-decoder } }
outputs: { ids: $tokens.ids, weights: $tokens.weights }
";

fn tensor(value: Value) -> Result<Tensor> {
    match value {
        Value::Tensor(tensor) => Ok(tensor),
        other => anyhow::bail!("{other} is no tensor"),
    }
}

/// An engine with small models in a folder.
fn small_models() -> Result<(TempDir, Engine)> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let engine = Engine::new(Options { models: folder.path().into(), ..Options::default() })?;
    Ok((folder, engine))
}

/// Checks that a text is refused with this message.
fn refuses(job: &Job, text: &str, want: &str) -> Result<()> {
    let said = job.set("text", text).and_then(|()| job.get("ids", &mut ())).expect_err(text).to_string();
    assert!(said.contains(want), "{said}");
    Ok(())
}

/// Checks ids and weights of texts; the remaining ids are `padding`.
fn weighs(job: &Job, cases: &[Case], padding: i64) -> Result<()> {
    for Case { text, ids, weights } in cases {
        job.set("text", text.as_str())?;
        let (got, weighed) = (tensor(job.get("ids", &mut ())?)?, tensor(job.get("weights", &mut ())?)?);
        let (got, weighed) =
            (got.values::<i64>().context("ids")?, weighed.values::<f32>().context("weights")?);
        assert_eq!(got[..ids.len()], ids[..], "{text}");
        let rest = &got[ids.len()..];
        assert!(rest.iter().all(|id| *id == padding), "{text}: padding {rest:?}");
        let close = |(got, want): (&f32, &f64)| (f64::from(*got) - want).abs() < 1e-6;
        assert!(weighed.iter().zip(weights).all(close), "{text}: {weighed:?}");
        assert!(weighed[ids.len()..].iter().all(|weight| *weight == 1.), "{text}");
    }
    Ok(())
}

#[test]
fn tokens_weigh_as_in_comfyui() -> Result<()> {
    let (_folder, engine) = small_models()?;
    let expected: Expected = bundle::PLAIN.json("expected/prompt_weights.json")?;
    let job = engine.job(&engine.graph(TOKENS)?);
    weighs(&job, &expected.cases, expected.empty[1])?;
    for (text, want) in [
        ("a (red apple", "text: the bracket at character 3 is never closed"),
        ("a red) apple", "the bracket at character 6 closes nothing"),
        ("(a:1000000000)", "the weight 1000000000 is outside -100..100"),
        ("a AND b", "graphs/prompt-interpolation.yaml"),
    ] {
        refuses(&job, text, want)?;
    }
    Ok(())
}

#[test]
fn states_weigh_as_in_comfyui() -> Result<()> {
    let expected: Expected = bundle::PLAIN.json("expected/prompt_weights.json")?;
    let text = "wuerstchen: 1
inputs: { states: 'f32[b,l,d]', empty: 'f32[1,l,d]', weights: 'f32[b,l]' }
nodes:
  weigh: { use: text.weigh, with: { states: $states, empty: $empty, weights: $weights } }
outputs: { states: $weigh.states }
";
    let engine = Engine::new(Options::default())?;
    let job = engine.job(&engine.graph(text)?);
    let Weigh { states, empty, weights, result } = expected.weigh;
    job.set("states", Tensor::from_vec(&[1, 5, 3], states)?)?;
    job.set("empty", Tensor::from_vec(&[1, 5, 3], empty)?)?;
    job.set("weights", Tensor::from_vec(&[1, 5], weights)?)?;
    let got = tensor(job.get("states", &mut ())?)?;
    let got = got.values::<f32>().context("floats")?;
    assert!(got.iter().zip(&result).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?}");
    Ok(())
}

#[test]
fn tokens_and_states_weigh_as_in_diffusers_long_prompt_weighting() -> Result<()> {
    let (_folder, engine) = small_models()?;
    let expected: Expected = bundle::PLAIN.json("expected/prompt_weights.json")?;
    let job = engine.job(&engine.graph(&TOKENS.replace("comfyui", "a1111"))?);
    weighs(&job, &expected.a1111.cases, expected.empty[1])?;
    for (text, want) in [
        ("a [red", "character 3 is never closed"),
        ("(a [b) c]", "character 6 closes nothing"),
        ("((a:99):99)", "9801"),
    ] {
        refuses(&job, text, want)?;
    }
    let text = "wuerstchen: 1
inputs: { states: 'f32[b,l,d]', weights: 'f32[b,l]' }
nodes:
  weigh: { use: text.weigh, with: { states: $states, weights: $weights, formula: a1111 } }
outputs: { states: $weigh.states }
";
    let job = engine.job(&engine.graph(text)?);
    let Weigh { states, weights, result, .. } = expected.a1111.weigh;
    job.set("states", Tensor::from_vec(&[1, 5, 3], states)?)?;
    job.set("weights", Tensor::from_vec(&[1, 5], weights)?)?;
    let got = tensor(job.get("states", &mut ())?)?;
    let got = got.values::<f32>().context("floats")?;
    let close = |(got, want): (&f32, &f32)| (got - want).abs() < 1e-5 * want.abs().max(1.);
    assert!(got.iter().zip(&result).all(close), "{got:?}, {result:?}");
    job.set("weights", Tensor::from_vec(&[1, 5], vec![0f32; 5])?)?;
    let said = job.get("states", &mut ()).expect_err("nothing").to_string();
    assert!(said.contains("leave nothing of the mean"), "{said}");
    let said = engine.graph(&text.replace(", formula: a1111", "")).err().context("an error")?.to_string();
    assert!(said.contains("give the states of the empty text"), "{said}");
    Ok(())
}

#[test]
fn brackets_are_words_where_weighting_is_off() -> Result<()> {
    struct Warnings(Vec<String>);
    impl wuerst::Observer for Warnings {
        fn warning(&mut self, _: &str, message: &str) {
            self.0.push(message.to_owned());
        }
    }
    let (_folder, engine) = small_models()?;
    let off = TOKENS.replace("weighting: comfyui, ", "");
    let job = engine.job(&engine.graph(&off)?);
    job.set("text", "a (red:1.3) apple")?;
    let mut warnings = Warnings(vec![]);
    let weights = tensor(job.get("weights", &mut warnings)?)?;
    assert!(weights.values::<f32>().context("floats")?.iter().all(|weight| *weight == 1.));
    assert!(warnings.0.len() == 1 && warnings.0[0].contains("`weighting: comfyui`"), "{:?}", warnings.0);
    job.set("text", "an apple (red) at 12:30")?;
    let mut warnings = Warnings(vec![]);
    job.get("weights", &mut warnings)?;
    assert_eq!(warnings.0, Vec::<String>::new());
    Ok(())
}
