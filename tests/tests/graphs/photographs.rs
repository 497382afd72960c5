//! Pictures of sizes that no model makes go into the graphs that ship as they are.

use anyhow::{Context, Result};
use wuerst::{Job, Tensor};

use crate::{Desk, distance, get, job};

/// A small photograph, a tall one and a camera's, as width and height.
const SIZES: [[usize; 2]; 3] = [[200, 150], [333, 1001], [4000, 3000]];

/// A picture with a gradient and stripes.
fn photograph([width, height]: [usize; 2]) -> Result<Tensor> {
    let row = |y: usize| {
        let pixel =
            move |x: usize| [(x * 255 / width) as u8, (y * 255 / height) as u8, (x / 5 % 2 * 90) as u8];
        (0..width).flat_map(pixel)
    };
    Ok(Tensor::from_vec(&[height, width, 3], (0..height).flat_map(row).collect())?)
}

fn with_photograph(desk: &Desk, graph: &Job, size: [usize; 2]) -> Result<Tensor> {
    let picture = photograph(size)?;
    graph.set("image", desk.picture("a.png", &picture)?)?;
    Ok(picture)
}

#[test]
fn image_graphs_keep_photograph_size() -> Result<()> {
    let desk = Desk::new()?;
    let (from, other) = (job("image-to-image.yaml")?, job("image-variation.yaml")?);
    from.set("prompt", "a leaf")?;
    for size @ [width, height] in SIZES {
        with_photograph(&desk, &from, size)?;
        assert_eq!(get(&from, "image")?.shape(), [height, width, 3]);
        with_photograph(&desk, &other, size)?;
        assert_eq!(get(&other, "image")?.shape(), [height, width, 3]);
    }
    // The embedding has about the photograph's proportions.
    with_photograph(&desk, &other, [333, 1001])?;
    assert_eq!(get(&other, "embedding")?.shape(), [1, 16, 6, 2]);
    Ok(())
}

#[test]
fn inpainting_keeps_photograph_s_pixels() -> Result<()> {
    let desk = Desk::new()?;
    let job = job("inpainting.yaml")?;
    job.set("prompt", "a leaf")?;
    for size @ [width, height] in SIZES {
        let picture = with_photograph(&desk, &job, size)?;
        let inside = |at: usize| {
            let (y, x) = (at / width, at % width);
            (width / 4..width / 2).contains(&x) && (height / 4..height / 2).contains(&y)
        };
        let mask = (0..width * height).flat_map(|at| [if inside(at) { 255u8 } else { 0 }; 3]).collect();
        job.set("mask", desk.picture("mask.png", &Tensor::from_vec(&[height, width, 3], mask)?)?)?;
        let made = get(&job, "image")?;
        assert_eq!(made.shape(), [height, width, 3]);
        let (before, after) =
            (picture.values::<u8>().context("bytes")?, made.values::<u8>().context("bytes")?);
        let changed = |from: bool| {
            let pixels = before.chunks(3).zip(after.chunks(3)).enumerate();
            pixels.filter(|(at, (before, after))| inside(*at) == from && before != after).count()
        };
        assert_eq!(changed(false), 0, "{width}x{height}: a pixel outside of the mask");
        let hole = (0..width * height).filter(|at| inside(*at)).count();
        assert!(changed(true) > hole / 2, "{width}x{height}: {} of {hole}", changed(true));
    }
    Ok(())
}

#[test]
fn upscaling_takes_photographs_and_keeps_their_details() -> Result<()> {
    let desk = Desk::new()?;
    let job = job("upscale.yaml")?;
    job.set("strength", 0.2)?;
    // Twice a camera's picture takes a minute without optimisation; as large as it is it goes the same way.
    for (size @ [width, height], factor) in [([200, 150], 2usize), ([333, 1001], 2), ([4000, 3000], 1)] {
        with_photograph(&desk, &job, size)?;
        job.set("factor", factor as f64)?;
        let (made, enlarged) = (get(&job, "image")?, get(&job, "enlarged")?);
        assert_eq!(made.shape(), [height * factor, width * factor, 3]);
        assert!(made != enlarged, "the decoder changed nothing");
        if size == SIZES[2] {
            // Stripes of five pixels, which the decoder never saw.
            let blue = |picture: &Tensor, x: usize| {
                picture.values::<u8>().map_or(0, |b| b[(1500 * width + x) * 3 + 2])
            };
            let steps = (100..width - 100)
                .step_by(5)
                .filter(|x| blue(&made, x - 2).abs_diff(blue(&made, x + 2)) > 60);
            assert!(steps.count() > 700, "the stripes are gone");
        }
        assert!(distance(&made, &enlarged) < 128.);
    }
    Ok(())
}
