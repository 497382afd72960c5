//! Nodes that are run for each entry of lists.

use anyhow::Result;
use wuerst::core::Observer;
use wuerst::{Engine, Job, Options, Tensor, Value};
use wuerst_tests::built::tiny;

use crate::get;

/// One picture of a prompt.
const PICTURE: &str = "wuerstchen: 1
inputs: { prompt: text, seed: 'int = 0 {0..100}', steps: int? }
nodes:
  tokens: { use: wuerst.tokenize, with: { text: $prompt, model: text-encoder } }
  text: { use: wuerst.text_encode, with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder } }
  prior: { use: wuerst.prior, with: { text: $text.states, model: prior, seed: $seed, steps: $steps } }
  decoder: { use: wuerst.decoder, with: { embedding: $prior.embedding, text: $text.states, model: decoder, steps: 2, rng: $prior.rng } }
  vqgan: { use: wuerst.vqgan_decode, with: { latents: $decoder.latents, model: vqgan-decoder } }
  number: { use: int.add, with: { a: $seed, b: 100 } }
outputs: { image: $vqgan.image, embedding: $prior.embedding, prompt: $prompt, number: $number.number }
";

/// A picture for each line and seed.
const SHEET: &str = "wuerstchen: 1
inputs: { prompts: text, seeds: text }
nodes:
  seeds: { use: int.list, with: { lines: $seeds } }
  one: { use: house.picture, each: [prompt, seed], with: { prompt: $prompts, seed: $seeds.numbers, steps: 3 } }
  sheet: { use: image.grid, with: { images: $one.image } }
outputs: { images: $one.image, embeddings: $one.embedding, prompts: $one.prompt, numbers: $one.number, sheet: $sheet.image }
";

fn engine() -> Result<Engine> {
    let engine = Engine::new(Options { models: tiny(), ..Options::default() })?;
    engine.add_graph("house.picture", &PICTURE.replace("$number.number", "$number.sum"))?;
    Ok(engine)
}

fn sheet(engine: &Engine, prompts: &str, seeds: &str) -> Result<Job> {
    let job = engine.job(&engine.graph(SHEET)?);
    job.set("prompts", prompts)?;
    job.set("seeds", seeds)?;
    Ok(job)
}

/// Keeps the names of nodes as they begin and as they are planned.
#[derive(Default)]
struct Begun {
    planned: Vec<String>,
    started: Vec<String>,
    overall: Vec<f64>,
}

impl Observer for Begun {
    fn planned(&mut self, nodes: &[&str]) {
        self.planned = nodes.iter().map(|node| (*node).to_owned()).collect();
    }

    fn started(&mut self, node: &str) {
        self.started.push(node.to_owned());
    }

    fn overall(&mut self, _: &str, fraction: f64) {
        self.overall.push(fraction);
    }
}

#[test]
fn graphs_run_for_each_entry() -> Result<()> {
    let engine = engine()?;
    let job = sheet(&engine, "a leaf\n\n# none\na tree\na leaf", "4\n5\n6")?;
    let images = get(&job, "images")?;
    assert_eq!(images.shape(), [3, 64, 64, 3]);
    assert_eq!(get(&job, "embeddings")?.shape(), [3, 16, 4, 4], "batches of one become a batch");
    assert_eq!(job.get("prompts", &mut ())?, Value::from("a leaf\na tree\na leaf"));
    assert_eq!(get(&job, "numbers")?.values::<i64>(), Some(&[104i64, 105, 106][..]));
    assert_eq!(get(&job, "sheet")?.shape(), [128, 128, 3]);

    // Each result equals one of the graph alone.
    let alone = engine.job(&engine.graph(&PICTURE.replace("$number.number", "$number.sum"))?);
    alone.set("steps", 3i64)?;
    for (index, (prompt, seed)) in [("a leaf", 4i64), ("a tree", 5), ("a leaf", 6)].into_iter().enumerate() {
        alone.set("prompt", prompt)?;
        alone.set("seed", seed)?;
        let one = get(&alone, "image")?;
        assert_eq!(
            images.rows(index..index + 1).map(|row| row.reshaped(&[64, 64, 3])).transpose()?,
            Some(one)
        );
        assert_eq!(alone.report().ran().count(), 0, "what an entry made is remembered");
    }
    Ok(())
}

#[test]
fn one_entry_is_finished_before_the_next_and_remembered() -> Result<()> {
    let engine = engine()?;
    let job = sheet(&engine, "a leaf\na tree\na stone", "1\n2\n3")?;
    let mut begun = Begun::default();
    job.get("sheet", &mut begun)?;
    let stages: Vec<&str> = begun.started.iter().filter_map(|node| node.strip_prefix("one/")).collect();
    assert_eq!(stages, ["tokens", "text", "prior", "decoder", "vqgan"].repeat(3));
    assert!(begun.planned.contains(&"one/prior".to_owned()), "{:?}", begun.planned);
    assert!(begun.overall.is_sorted() && begun.overall.last() == Some(&1.), "{:?}", begun.overall);
    let report = job.report();
    let names: Vec<&str> = report.ran().map(|node| node.node.as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name == "one/prior").count(), 1, "{names:?}");

    job.set("prompts", "a leaf\na bird\na stone")?;
    let mut begun = Begun::default();
    job.get("sheet", &mut begun)?;
    let stages: Vec<&str> = begun.started.iter().filter_map(|node| node.strip_prefix("one/")).collect();
    assert_eq!(
        stages,
        ["tokens", "text", "prior", "decoder", "vqgan"],
        "another line makes one picture anew"
    );
    Ok(())
}

#[test]
fn lists_that_do_not_fit_are_refused() -> Result<()> {
    let engine = engine()?;
    let said = |prompts: &str, seeds: &str| -> Result<String> {
        Ok(sheet(&engine, prompts, seeds)?.get("images", &mut ()).expect_err("lists").to_string())
    };
    let lengths = said("a leaf\na tree", "1")?;
    assert!(
        lengths.contains("`one`: seed: has 1 entries, and `prompt` has 2: give lists of one length"),
        "{lengths}"
    );
    let none = said("# none", "1")?;
    assert!(none.contains("`one`: prompt: is a list without entries"), "{none}");
    let range = said("a leaf\na tree", "1\n101")?;
    assert!(range.contains("one.seed: 101 is outside 0..100"), "{range}");
    let million = "a\n".repeat(1_000_000);
    let begun = std::time::Instant::now();
    let many = said(&million, "1")?;
    assert!(many.contains("has 1000000 entries; the maximum is 16384"), "{many}");
    assert!(begun.elapsed().as_secs() < 20, "it took {:?}", begun.elapsed());
    Ok(())
}

#[test]
fn any_node_takes_lists() -> Result<()> {
    let engine = engine()?;
    let text = "wuerstchen: 1
inputs: { image: 'u8[h,w,3]' }
nodes:
  list: { use: image.stack, with: { a: $image, b: $image } }
  sizes: { use: int.range, with: { first: 2, count: 2 } }
  sized: { use: image.crop, each: [image, left], with: { image: $list.images, left: $sizes.numbers, width: 1, height: 1 } }
  size: { use: image.size, with: { image: $one.image } }
  one: { use: image.pick, with: { images: $sized.image } }
outputs: { sized: $sized.image, width: $size.width }
";
    let job = engine.job(&engine.graph(text)?);
    job.set("image", Tensor::from_vec(&[1, 4, 3], (0..12).collect::<Vec<u8>>())?)?;
    let sized = get(&job, "sized")?;
    assert_eq!((sized.shape(), sized.values::<u8>()), (&[2, 1, 1, 3][..], Some(&[6u8, 7, 8, 9, 10, 11][..])));
    assert_eq!(job.get("width", &mut ())?, Value::Int(1));
    // A size that follows from no entry is known before.
    let wide = text.replace("width: 1", "width: 5");
    let refused = engine.job(&engine.graph(&wide)?);
    refused.set("image", Tensor::from_vec(&[1, 4, 3], vec![0u8; 12])?)?;
    let said = refused.get("sized", &mut ()).expect_err("5 of 4").to_string();
    assert!(said.contains("`sized`"), "{said}");
    Ok(())
}

#[test]
fn lists_within_lists_are_made_one_after_the_other() -> Result<()> {
    let engine = engine()?;
    let row = "wuerstchen: 1
inputs: { prompt: text, seed: int }
nodes:
  seeds: { use: int.range, with: { first: $seed, count: 2 } }
  one: { use: house.picture, each: [seed], with: { prompt: $prompt, seed: $seeds.numbers, steps: 2 } }
  row: { use: image.grid, with: { images: $one.image, columns: 2 } }
outputs: { image: $row.image }
";
    engine.add_graph("house.row", row)?;
    let text = "wuerstchen: 1
inputs: { prompts: text }
nodes:
  rows: { use: house.row, each: [prompt], with: { prompt: $prompts, seed: 8 } }
  sheet: { use: image.grid, with: { images: $rows.image, columns: 1 } }
outputs: { sheet: $sheet.image }
";
    let job = engine.job(&engine.graph(text)?);
    job.set("prompts", "a leaf\na tree")?;
    let mut begun = Begun::default();
    let Value::Tensor(sheet) = job.get("sheet", &mut begun)? else { anyhow::bail!("no picture") };
    assert_eq!(sheet.shape(), [128, 128, 3]);
    assert_eq!(
        begun.started.iter().filter(|node| *node == "rows/one/prior").count(),
        4,
        "{:?}",
        begun.started
    );
    let alone = engine.job(&engine.graph(&PICTURE.replace("$number.number", "$number.sum"))?);
    for (input, value) in [("prompt", Value::from("a tree")), ("seed", 9i64.into()), ("steps", 2i64.into())] {
        alone.set(input, value)?;
    }
    get(&alone, "image")?;
    assert_eq!(alone.report().ran().count(), 0);
    Ok(())
}
