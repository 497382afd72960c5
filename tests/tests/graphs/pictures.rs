//! Graphs that begin with a picture.

use anyhow::{Context, Result};
use wuerst::{Tensor, Value};

use crate::{Desk, distance, drawn, get, job, job_of, trained};

#[test]
fn image_to_image_follows_strength() -> Result<()> {
    let desk = Desk::new()?;
    let job = job("image-to-image.yaml")?;
    job.set("image", desk.picture("a.png", &drawn(64)?)?)?;
    job.set("prompt", "a green apple, twemoji style")?;
    let at = |strength: f64| -> Result<Tensor> {
        job.set("strength", strength)?;
        get(&job, "image")
    };
    let reconstruction = get(&job, "reconstruction")?;
    assert_eq!(at(0.)?, reconstruction, "a strength of 0 changes nothing");
    let all = at(1.)?;
    assert!(at(0.2)? != reconstruction && at(0.2)? != all);

    // At full strength the picture is not looked at.
    job.set("image", desk.picture("b.png", &Tensor::from_vec(&[64, 64, 3], vec![9u8; 64 * 64 * 3])?)?)?;
    assert_eq!(at(1.)?, all);
    Ok(())
}

#[test]
fn frame_to_frame_accepts_any_size() -> Result<()> {
    let job = job("frame-to-frame.yaml")?;
    job.set("prompt", "a green apple, twemoji style")?;
    let of = |picture: Tensor, strength: f64| -> Result<Tensor> {
        job.set("image", picture)?;
        job.set("strength", strength)?;
        get(&job, "image")
    };
    let known = of(drawn(64)?, 0.)?;
    assert_eq!(of(drawn(160)?, 0.)?.shape(), known.shape());
    assert!(of(drawn(64)?, 0.2)? != known);
    Ok(())
}

/// Strength and size count as a viewer sees them, which takes a model that has learnt pictures.
#[test]
fn trained_model_keeps_pictures() -> Result<()> {
    let desk = Desk::new()?;
    let engine = trained()?;
    let side = job_of(&engine, "frame-to-frame.yaml")?;
    side.set("prompt", "a green apple, twemoji style")?;
    let frame = |picture: Tensor, strength: f64| -> Result<Tensor> {
        side.set("image", picture)?;
        side.set("strength", strength)?;
        get(&side, "image")
    };
    let known = frame(drawn(64)?, 0.)?;
    assert!(distance(&known, &drawn(64)?) < 25., "the VQGAN does not know the frame again");
    assert!(distance(&frame(drawn(160)?, 0.)?, &known) < 15., "a larger frame becomes another");
    assert!(distance(&frame(drawn(64)?, 0.2)?, &known) < distance(&frame(drawn(64)?, 1.)?, &known));

    let large = job_of(&engine, "upscale.yaml")?;
    large.set("image", desk.picture("a.png", &drawn(64)?)?)?;
    large.set("factor", 1.5)?;
    large.set("strength", 0.)?;
    let enlarged = get(&large, "enlarged")?;
    assert!(distance(&get(&large, "image")?, &enlarged) < 25., "a strength of 0 draws anew");
    Ok(())
}

#[test]
fn inpainting_keeps_outside_of_mask() -> Result<()> {
    let desk = Desk::new()?;
    let picture = drawn(64)?;
    let white = |i: usize| if i % 64 >= 40 { 255u8 } else { 0 };
    let mask = Tensor::from_vec(&[64, 64, 3], (0..64 * 64).flat_map(|i| [white(i); 3]).collect())?;
    let job = job("inpainting.yaml")?;
    job.set("image", desk.picture("a.png", &picture)?)?;
    job.set("mask", desk.picture("mask.png", &mask)?)?;
    job.set("prompt", "a lemon, twemoji style")?;
    let painted = get(&job, "image")?;
    let (before, after) =
        (picture.values::<u8>().context("bytes")?, painted.values::<u8>().context("bytes")?);
    let mask = mask.values::<u8>().context("bytes")?;
    let same = |inside: bool| {
        let pairs = before.iter().zip(after).zip(mask).filter(move |(_, mask)| (**mask == 255) == inside);
        pairs.filter(|((before, after), _)| before == after).count()
    };
    assert_eq!(same(false), 64 * 40 * 3, "outside every byte stays");
    assert!(same(true) < 64 * 24 * 3 / 2, "inside most bytes change");

    let square = Tensor::from_vec(&[32, 32, 3], vec![255u8; 32 * 32 * 3])?;
    job.set("mask", desk.picture("small.png", &square)?)?;
    let said = job.get("image", &mut ()).expect_err("a mask of another size").to_string();
    assert!(said.contains("`fit`: mask") && said.contains("32"), "{said}");
    Ok(())
}

#[test]
fn variations_use_compressor_without_prior() -> Result<()> {
    let desk = Desk::new()?;
    let job = job("image-variation.yaml")?;
    job.set("image", desk.picture("a.png", &drawn(64)?)?)?;
    assert_eq!(get(&job, "embedding")?.shape(), [1, 16, 4, 4]);
    let first = get(&job, "image")?;
    assert_eq!(first.shape(), [64, 64, 3]);
    job.set("seed", 1i64)?;
    assert!(distance(&get(&job, "image")?, &first) > 0.);
    assert!(job.report().ran().all(|ran| ["decoder", "vqgan", "back"].contains(&&*ran.node)));

    // A file that changed under the same name is noticed.
    desk.picture("a.png", &drawn(128)?)?;
    let larger = get(&job, "image")?;
    assert_eq!(larger.shape(), [128, 128, 3]);
    assert_eq!(get(&job, "embedding")?.shape(), [1, 16, 4, 4], "the model makes 64 pixels best");
    job.set("side", 128i64)?;
    assert_eq!(get(&job, "embedding")?.shape(), [1, 16, 8, 8]);
    std::fs::remove_file(desk.path("a.png"))?;
    let said = job.get("image", &mut ()).expect_err("it is gone").to_string();
    assert!(said.contains("a.png"), "{said}");
    Ok(())
}

#[test]
fn upscaling_keeps_picture() -> Result<()> {
    let desk = Desk::new()?;
    let job = job("upscale.yaml")?;
    job.set("image", desk.picture("a.png", &drawn(64)?)?)?;
    job.set("factor", 1.5)?;
    let large = get(&job, "image")?;
    assert_eq!(large.shape(), [96, 96, 3]);
    assert_eq!(get(&job, "enlarged")?.shape(), [96, 96, 3]);
    job.set("factor", Value::Float(1.1))?;
    assert_eq!(get(&job, "image")?.shape(), [70, 70, 3]);
    Ok(())
}
