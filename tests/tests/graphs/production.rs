//! Graphs for production, on the model that ships: each makes the picture of `graphs/pictures` that its page shows.

use std::fs;

use anyhow::{Context, Result};
use wuerst::{Engine, Job, Tensor, Value};
use wuerst_tests::built::root;

use crate::{Desk, get, trained};

/// The mean difference of bytes up to which two pictures are one: other machines round otherwise.
const ALIKE: f64 = 2.;

fn shown(name: &str) -> String {
    root().join("graphs/pictures").join(name).display().to_string()
}

/// The samples of a picture's file.
fn samples(name: &str) -> Result<(Vec<u8>, [usize; 2])> {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(shown(name))?));
    let mut reader = decoder.read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().context("a size")?];
    reader.next_frame(&mut bytes)?;
    let (width, height) = reader.info().size();
    Ok((bytes, [height as usize, width as usize]))
}

/// Runs a graph and holds its picture to the one that is shown.
fn draws(job: &Job, output: &str, name: &str, inputs: &[(&str, Value)]) -> Result<Tensor> {
    for (input, value) in inputs {
        job.set(input, value.clone())?;
    }
    let made = get(job, output)?;
    let (want, [height, width]) = samples(name)?;
    assert_eq!(made.shape()[..2], [height, width], "{name}");
    let got = made.values::<u8>().context("bytes")?;
    assert_eq!(got.len(), want.len(), "{name}");
    let sum: f64 = got.iter().zip(&want).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    let distance = sum / got.len() as f64;
    assert!(distance < ALIKE, "{name} differs by {distance}");
    Ok(made)
}

/// A graph with the steps that the model takes by itself.
fn job(name: &str) -> Result<Job> {
    of(&trained()?, name)
}

fn of(engine: &Engine, name: &str) -> Result<Job> {
    Ok(engine.job(&engine.graph(&fs::read_to_string(root().join("graphs").join(name))?)?))
}

fn list(desk: &Desk, name: &str, text: &str) -> Result<Value> {
    fs::write(desk.path(name), text)?;
    Ok(Value::from(desk.path(name).display().to_string()))
}

#[test]
fn contact_sheet_has_a_row_for_each_style() -> Result<()> {
    let desk = Desk::new()?;
    let styles = list(&desk, "styles.txt", "twemoji style\nnoto style\n")?;
    let inputs = [("subject", "a red apple".into()), ("styles", styles), ("seed", 7i64.into())];
    let job = job("contact-sheet.yaml")?;
    draws(&job, "sheet", "contact-sheet.png", &inputs)?;
    assert_eq!(get(&job, "images")?.shape(), [8, 64, 64, 3]);
    Ok(())
}

#[test]
fn sweep_goes_from_one_prompt_to_another() -> Result<()> {
    let inputs = [("from", "a red apple, twemoji style".into()), ("to", "a tree, twemoji style".into())];
    draws(&job("prompt-sweep.yaml")?, "sheet", "prompt-sweep.png", &inputs)?;
    Ok(())
}

#[test]
fn strengths_stand_side_by_side() -> Result<()> {
    let inputs = [("image", shown("apple.png").into()), ("prompt", "a green apple, twemoji style".into())];
    let job = job("strengths.yaml")?;
    draws(&job, "sheet", "strengths.png", &inputs)?;
    let images = get(&job, "images")?;
    assert_eq!(images.shape(), [3, 64, 64, 3]);
    // Another strength in the list leaves the pictures of the others as they are.
    job.set("strengths", "0.3\n0.7\n0.9")?;
    let changed = get(&job, "images")?;
    assert_eq!((changed.rows(0..1), changed.rows(2..3)), (images.rows(0..1), images.rows(2..3)));
    assert!(changed.rows(1..2) != images.rows(1..2));
    Ok(())
}

#[test]
fn box_inpainting_keeps_what_is_around() -> Result<()> {
    let inputs = [
        ("image", shown("scene.png").into()),
        ("prompt", "grapes, twemoji style".into()),
        ("seed", 3i64.into()),
    ];
    let made = draws(&job("box-inpainting.yaml")?, "image", "box-inpainting.png", &inputs)?;
    let (before, [height, width]) = samples("scene.png")?;
    let after = made.values::<u8>().context("bytes")?;
    let pixel = |bytes: &[u8], y: usize, x: usize| bytes[(y * width + x) * 3..][..3].to_vec();
    for y in 0..height {
        for x in (0..width / 4 - 1).chain(3 * width / 4 + 1..width) {
            assert_eq!(pixel(&before, y, x), pixel(after, y, x), "{x},{y}");
        }
    }
    Ok(())
}

#[test]
fn one_prior_has_four_decodes() -> Result<()> {
    let inputs = [("prompt", "a red apple, twemoji style".into()), ("seed", 7i64.into())];
    let job = job("four-decodes.yaml")?;
    draws(&job, "sheet", "four-decodes.png", &inputs)?;
    let ran: Vec<String> = job.report().ran().map(|node| node.node.clone()).collect();
    assert_eq!(ran.iter().filter(|node| *node == "prior").count(), 1, "{ran:?}");
    job.set("count", 5i64)?;
    assert_eq!(get(&job, "images")?.shape(), [5, 64, 64, 3]);
    assert!(job.report().ran().all(|node| node.node != "prior"), "the prior is remembered");
    Ok(())
}

#[test]
fn brightness_decides_what_is_made_anew() -> Result<()> {
    let inputs = [("image", shown("scene.png").into()), ("prompt", "a green apple, twemoji style".into())];
    let job = job("brightness-mask.yaml")?;
    draws(&job, "image", "brightness-mask.png", &inputs)?;
    let mask = get(&job, "mask")?;
    let share = mask.values::<f32>().context("floats")?.iter().sum::<f32>() / mask.len() as f32;
    assert!((0.2..0.4).contains(&share), "{share} of the picture is masked");
    Ok(())
}

#[test]
fn sub_graph_is_used_twice() -> Result<()> {
    let engine = trained()?;
    engine.add_graph("house.picture", &fs::read_to_string(root().join("graphs/text-to-image.yaml"))?)?;
    let job = of(&engine, "quick-and-slow.yaml")?;
    draws(&job, "pair", "quick-and-slow.png", &[("prompt", "a cat, twemoji style".into())])?;
    Ok(())
}

#[test]
fn lines_have_their_seeds() -> Result<()> {
    let desk = Desk::new()?;
    let lines =
        "7|a red apple, twemoji style\n12|a tree, noto style\n7|a cat, twemoji style\n3|grapes, noto style\n";
    let job = job("seeded-batch.yaml")?;
    draws(&job, "sheet", "seeded-batch.png", &[("list", list(&desk, "list.txt", lines)?)])?;
    job.set("list", list(&desk, "other.txt", "7|a red apple\nno seed\n")?)?;
    let said = job.get("sheet", &mut ()).expect_err("no seed").to_string();
    assert!(said.contains("`lines`: lines: entry 2, `no seed`, has no two parts"), "{said}");
    Ok(())
}

#[test]
fn upscaled_picture_is_sharpened() -> Result<()> {
    let inputs = [("image", shown("apple.png").into()), ("prompt", "a red apple".into())];
    let job = job("upscale-sharpen.yaml")?;
    let sharp = draws(&job, "image", "upscale-sharpen.png", &inputs)?;
    // Neighbours differ by more.
    let steps = |picture: &Tensor| -> Option<u64> {
        let bytes = picture.values::<u8>()?;
        Some(bytes.iter().zip(&bytes[3..]).map(|(a, b)| u64::from(a.abs_diff(*b))).sum())
    };
    assert!(steps(&sharp) > steps(&get(&job, "plain")?));
    Ok(())
}

#[test]
fn variations_are_chained() -> Result<()> {
    let inputs = [("image", shown("apple.png").into())];
    draws(&job("variation-chain.yaml")?, "chain", "variation-chain.png", &inputs)?;
    Ok(())
}

#[test]
fn sticker_has_a_transparent_background() -> Result<()> {
    let inputs = [("prompt", "a red apple, twemoji style".into()), ("seed", 7i64.into())];
    let sticker = draws(&job("sticker.yaml")?, "sticker", "sticker.png", &inputs)?;
    let bytes = sticker.values::<u8>().context("bytes")?;
    let alpha = |y: usize, x: usize| bytes[(y * 80 + x) * 4 + 3];
    assert_eq!([alpha(0, 0), alpha(79, 40), alpha(45, 40)], [0, 0, 255]);
    Ok(())
}
