//! Lists and batches: seeds for each picture, sweeps of blends, entries of lists.

use anyhow::Result;
use wuerst::{Job, Tensor, Value};

use crate::{distance, engine, get};

/// Nodes from `$lines` to a list of pictures; the prior gets more arguments.
fn graph(before: &str, lines: &str, more: &str) -> String {
    format!(
        "wuerstchen: 1
inputs: {{ seed: int = 0 }}
nodes:
  {before}
  tokens: {{ use: wuerst.tokenize, with: {{ text: {lines}, lines: true, model: text-encoder }} }}
  text: {{ use: wuerst.text_encode, with: {{ ids: $tokens.ids, mask: $tokens.mask, model: text-encoder }} }}
  prior: {{ use: wuerst.prior, with: {{ text: $text.states, model: prior, steps: 3, {more} }} }}
  decoder: {{ use: wuerst.decoder, with: {{ embedding: $prior.embedding, text: $text.states, model: decoder, steps: 2, rng: $prior.rng }} }}
  vqgan: {{ use: wuerst.vqgan_decode_batch, with: {{ latents: $decoder.latents, model: vqgan-decoder }} }}
outputs: {{ images: $vqgan.images }}
"
    )
}

fn job(text: &str) -> Result<Job> {
    let engine = engine();
    Ok(engine.job(&engine.graph(text)?))
}

fn picture(images: &Tensor, index: usize) -> Tensor {
    images.rows(index..index + 1).expect("a picture")
}

#[test]
fn each_line_has_its_own_seed() -> Result<()> {
    let before = "parts: { use: text.part, with: { lines: \"7|a leaf\\n7|a leaf\\n9|a leaf\" } }
  seeds: { use: int.list, with: { lines: $parts.first } }";
    let seeded = job(&graph(before, "$parts.rest", "seeds: $seeds.numbers"))?;
    let images = get(&seeded, "images")?;
    assert_eq!(images.shape()[0], 3);
    assert_eq!(picture(&images, 0), picture(&images, 1), "one seed, one picture");
    // Each picture equals one made alone with this seed.
    let alone = job(&graph("", "a leaf", "seed: $seed"))?;
    for (index, seed) in [(1, 7i64), (2, 9)] {
        alone.set("seed", seed)?;
        assert_eq!(picture(&images, index), get(&alone, "images")?, "{seed}");
    }
    Ok(())
}

#[test]
fn one_seed_serves_all_lines() -> Result<()> {
    let before = "one: { use: int.range, with: { first: $seed, count: 1 } }";
    let lines = r#""a leaf\na tree\na leaf""#;
    let same = job(&graph(before, lines, "seeds: $one.numbers"))?;
    same.set("seed", 4i64)?;
    let images = get(&same, "images")?;
    assert_eq!(picture(&images, 0), picture(&images, 2));
    assert!(distance(&picture(&images, 0), &picture(&images, 1)) > 0.);
    let counting = job(&graph("", lines, "seed: $seed"))?;
    counting.set("seed", 4i64)?;
    assert!(picture(&get(&counting, "images")?, 2) != picture(&images, 2), "a seed alone counts up");
    Ok(())
}

#[test]
fn seeds_that_do_not_fit_are_refused() -> Result<()> {
    let lines = r#""a leaf\na tree""#;
    let said = |seeds: &str| -> Result<String> {
        let before = format!("three: {{ use: int.range, with: {{ {seeds} }} }}");
        match job(&graph(&before, lines, "seeds: $three.numbers")) {
            Ok(job) => Ok(job.get("images", &mut ()).expect_err("seeds").to_string()),
            Err(refused) => Ok(refused.to_string()),
        }
    };
    let three = said("count: 3")?;
    let want = "nodes.prior.with.seeds: are 3, and there are 2 pictures: give one for each, or one for all";
    assert!(three.contains(want), "{three}");
    let negative = said("first: -1, count: 2")?;
    assert!(negative.contains("-1 is negative, and seeds begin with 0"), "{negative}");
    Ok(())
}

#[test]
fn sweeps_of_blends_are_batches() -> Result<()> {
    let ends = |name: &str, text: &str| {
        format!(
            "t{name}: {{ use: wuerst.tokenize, with: {{ text: {text}, model: text-encoder }} }}
  {name}: {{ use: wuerst.text_encode, with: {{ ids: $t{name}.ids, mask: $t{name}.mask, model: text-encoder }} }}
  "
        )
    };
    let before = format!(
        "{}{}amounts: {{ use: float.range, with: {{ count: 3 }} }}
  sweep: {{ use: text.sweep, with: {{ a: $a.states, b: $b.states, amounts: $amounts.numbers }} }}
  one: {{ use: int.range, with: {{ count: 1 }} }}",
        ends("a", "a leaf"),
        ends("b", "a tree")
    );
    let text = graph(&before, "unused", "seeds: $one.numbers").replace("$text.states", "$sweep.states");
    let sweep = job(&text)?;
    let images = get(&sweep, "images")?;
    assert_eq!(images.shape()[0], 3);
    let alone = job(&graph("", "a tree", "seed: $seed"))?;
    assert_eq!(picture(&images, 2), get(&alone, "images")?, "the end is the second prompt's picture");
    let Value::Tensor(again) = sweep.get("images", &mut ())? else { anyhow::bail!("no pictures") };
    assert_eq!(again, images);
    assert_eq!(sweep.report().ran().count(), 0);
    Ok(())
}
