//! Graphs that begin with text, and those that mix both.

use std::fs;

use anyhow::{Context, Result};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use wuerst::{Job, Observer, Tensor};

use crate::{Desk, drawn, from_text, get, job, text};

const APPLE: &str = "a red apple, twemoji style";
const LEMON: &str = "a lemon, twemoji style";

/// The nodes in the order in which they began, without those that take no time.
#[derive(Default)]
struct Order(Vec<String>);

impl Observer for Order {
    fn started(&mut self, node: &str) {
        if !["file", "list"].contains(&node) {
            self.0.push(node.to_owned());
        }
    }
}

/// The `image` for an `amount`.
fn at(job: &Job, amount: f64) -> Result<Tensor> {
    job.set("amount", amount)?;
    get(job, "image")
}

#[test]
fn interpolation_ends_at_prompts_themselves() -> Result<()> {
    let job = job("prompt-interpolation.yaml")?;
    job.set("from", APPLE)?;
    job.set("to", LEMON)?;
    job.set("seed", 5i64)?;
    let (from, middle, to) = (at(&job, 0.)?, at(&job, 0.5)?, at(&job, 1.)?);
    assert_eq!(from, from_text(APPLE, 5)?);
    assert_eq!(to, from_text(LEMON, 5)?);
    assert!(middle != from && middle != to);
    Ok(())
}

#[test]
fn picture_and_text_embeddings_agree() -> Result<()> {
    let desk = Desk::new()?;
    let job = job("image-and-text.yaml")?;
    job.set("image", desk.picture("a.png", &drawn(64)?)?)?;
    job.set("prompt", LEMON)?;
    job.set("seed", 5i64)?;
    assert_eq!(at(&job, 1.)?, from_text(LEMON, 5)?, "all text");
    let picture = at(&job, 0.)?;
    assert!(picture != at(&job, 0.5)?);
    job.set("width", 128i64)?;
    let said = job.get("image", &mut ()).expect_err("two sizes").to_string();
    assert!(said.contains("`between`"), "{said}");
    Ok(())
}

#[test]
fn batch_items_equal_single_runs() -> Result<()> {
    let desk = Desk::new()?;
    let prompts = desk.path("prompts.txt");
    fs::write(&prompts, format!("{APPLE}\n\n# left out\n  {LEMON}\na dog face, noto style\n"))?;
    let job = job("batch.yaml")?;
    job.set("prompts", text(&prompts)?)?;
    job.set("seed", 5i64)?;
    let images = get(&job, "images")?;
    assert_eq!(images.shape(), [3, 64, 64, 3]);
    let bytes = images.values::<u8>().context("bytes")?;
    let alone = [from_text(APPLE, 5)?, from_text(LEMON, 6)?, from_text("a dog face, noto style", 7)?];
    for (index, alone) in alone.iter().enumerate() {
        let one = &bytes[index * 64 * 64 * 3..][..64 * 64 * 3];
        assert!(Some(one) == alone.values::<u8>(), "line {index} makes another picture in company");
    }
    // Two columns, two rows, and a gap of two pixels; the last place is empty.
    let grid = get(&job, "grid")?;
    assert_eq!(grid.shape(), [130, 130, 3]);
    let grid = grid.values::<u8>().context("bytes")?;
    assert_eq!(&grid[..64 * 3], &bytes[..64 * 3]);
    assert_eq!(&grid[66 * 3..130 * 3], &bytes[64 * 64 * 3..][..64 * 3]);
    assert!(grid[(129 * 130 + 66) * 3..].iter().all(|byte| *byte == 255));

    // Picture by picture, and one that was made is not made again.
    fs::write(&prompts, format!("{APPLE}\na cat face, noto style\n{LEMON}\n"))?;
    let mut order = Order::default();
    job.get("grid", &mut order)?;
    assert_eq!(
        order.0,
        ["tokens", "text", "prior", "decoder", "vqgan", "prior", "decoder", "vqgan", "sheet"]
    );
    let runs = |job: &Job| job.report().ran().map(|ran| ran.node.clone()).collect::<Vec<_>>();
    assert_eq!(runs(&job), ["file", "list", "tokens", "text", "prior", "decoder", "vqgan", "sheet"]);

    fs::write(&prompts, "# nothing\n")?;
    let said = job.get("grid", &mut ()).expect_err("no prompts").to_string();
    assert!(said.contains("without lines"), "{said}");
    Ok(())
}

#[test]
fn saved_embedding_makes_equal_picture() -> Result<()> {
    let desk = Desk::new()?;
    let prior = job("prior-only.yaml")?;
    prior.set("prompt", APPLE)?;
    prior.set("seed", 5i64)?;
    let embedding = get(&prior, "embedding")?;
    assert_eq!(embedding.shape(), [1, 16, 4, 4]);
    let path = desk.path("apple.npy");
    embedding.array::<f32>().context("numbers")?.write_npy(fs::File::create(&path)?)?;
    let back = ndarray::ArrayD::<f32>::read_npy(fs::File::open(&path)?)?;
    assert_eq!(Tensor::from(back), embedding);

    let decoder = job("decoder-only.yaml")?;
    decoder.set("embedding", text(&path)?)?;
    decoder.set("prompt", APPLE)?;
    let kept = get(&decoder, "image")?;
    // In one run, where the decoder begins with its own seed too.
    let graph = fs::read_to_string(wuerst_tests::built::root().join("graphs/text-to-image.yaml"))?;
    let whole = graph.replace("rng: $prior.rng", "seed: 0");
    let whole = crate::engine().job(&crate::engine().graph(&whole)?);
    for (input, value) in [("seed", 5i64), ("steps", 4), ("decoder_steps", 3)] {
        whole.set(input, value)?;
    }
    whole.set("prompt", APPLE)?;
    assert_eq!(get(&whole, "image")?, kept);

    fs::write(&path, "no numbers")?;
    let said = decoder.get("image", &mut ()).expect_err("a damaged file").to_string();
    assert!(said.contains("apple.npy") && said.contains(".npy)"), "{said}");
    Ok(())
}
