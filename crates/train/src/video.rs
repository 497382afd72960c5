//! The page `VIDEO.md`: costs of a third axis in Stage C, counted and not built.

use anyhow::Result;
use std::fmt::Write as _;
use wuerst_model::contract::Sizes;
use wuerst_model::count::{self, Cost};
use wuerst_model::decoder::{self, DecoderConfig};
use wuerst_model::prior::{self, PriorConfig};

/// Sides of the published models at 1,024 pixels: embedding, latents, token positions.
const CELLS: usize = 24;
const LATENTS: usize = 256;
const LENGTH: usize = 77;

/// Numbers of frames.
const FRAMES: [usize; 5] = [1, 4, 8, 16, 32];

/// Factor by which an embedding could be smaller in time.
const SHORTER: usize = 4;

fn sizes(height: usize, width: usize) -> Sizes {
    Sizes { batch: 1, height, width, embedding: [CELLS, width * CELLS / height], length: LENGTH }
}

/// Stage C on the cells of all frames at once; frames lie side by side, which attention does not notice.
fn joint(frames: usize) -> Result<Cost> {
    Ok(count::cost(&prior::graph(&PriorConfig::default(), &sizes(CELLS, CELLS * frames))?))
}

/// Stage B's network on the latents of all frames at once, without an embedding: a single-stage model of videos.
fn single_stage(frames: usize) -> Result<Cost> {
    let levels = DecoderConfig::default().inject_effnet.len();
    let network = DecoderConfig { inject_effnet: vec![false; levels], ..DecoderConfig::default() };
    Ok(count::cost(&decoder::graph(&network, &sizes(LATENTS, LATENTS * frames))?))
}

fn tera(macs: u64) -> String {
    format!("{:.2}", macs as f64 / 1e12)
}

fn giga(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e9)
}

/// The page in Markdown.
///
/// # Errors
/// None: the sizes fit.
pub fn page() -> Result<String> {
    let PriorConfig { c, depth, .. } = PriorConfig::default();
    let (one, frame) =
        (joint(1)?, count::cost(&decoder::graph(&DecoderConfig::default(), &sizes(LATENTS, LATENTS))?));
    let (cells, latents) = (CELLS * CELLS * 16, LATENTS * LATENTS * 4);
    let mut md = format!(
        "# Video, by count\n\nThe article's outlook is video. This page counts what a third axis, time, in Stage C would cost and save. \
         Nothing of it is built or trained, and quality cannot be counted. All numbers are those of `wuerst_model::count` for the \
         published networks at 1,024 pixels; MACs are of one evaluation; memory is the peak of intermediate values in f32, \
         with the scores of attention stored. `cargo test --test statistics video` compares this page with the counter.\n\n\
         ## Sizes\n\nA frame has {pixels} numbers as pixels, {latents} as latents ({LATENTS}×{LATENTS}×4) and {cells} as embedding \
         ({CELLS}×{CELLS}×16): {ratio:.0} latents to a number of the embedding. Stage C has {params:.0} M parameters and takes \
         {c1} TMAC a frame, Stage B {bparams:.0} M and {b1}.\n",
        pixels = 1024 * 1024 * 3,
        ratio = latents as f64 / cells as f64,
        params = one.params as f64 / 1e6,
        c1 = tera(one.macs),
        bparams = frame.params as f64 / 1e6,
        b1 = tera(frame.macs),
    );
    md += "\n## Stage C over frames\n\nAlone: each frame by itself, without a relation in time. Joint: every cell attends to all cells of all \
           frames. Shorter: the embedding has a quarter of the frames.\n\n\
           | frames | numbers of the embedding | cells | alone, TMAC | joint, TMAC | joint, GB | shorter, TMAC | Stage B for all frames, TMAC |\n\
           |---|---|---|---|---|---|---|---|\n";
    for frames in FRAMES {
        let cost = joint(frames)?;
        let shorter = if frames >= SHORTER { tera(joint(frames / SHORTER)?.macs) } else { "–".into() };
        writeln!(
            md,
            "| {frames} | {} | {} | {} | {} | {} | {shorter} | {} |",
            cells * frames,
            CELLS * CELLS * frames,
            tera(one.macs * frames as u64),
            tera(cost.macs),
            giga(cost.activation_bytes),
            tera(frame.macs * frames as u64)
        )?;
    }
    parameters(&mut md, c, depth)?;
    md += "\n## A single stage over frames\n\nStage B's network without the embedding, on the latents of all frames at once, with attention over \
           all places of all frames in its lower levels: what a video model without a Stage C would evaluate in every step.\n\n\
           | frames | numbers of the latents | TMAC | GB | times Stage C, joint |\n|---|---|---|---|---|\n";
    for frames in &FRAMES[..4] {
        let (cost, small) = (single_stage(*frames)?, joint(*frames)?);
        writeln!(
            md,
            "| {frames} | {} | {} | {} | {:.0} |",
            latents * frames,
            tera(cost.macs),
            giga(cost.activation_bytes),
            cost.macs as f64 / small.macs as f64
        )?;
    }
    reading(&mut md, &one, &frame)?;
    Ok(md)
}

/// Parameters and MACs that a third axis adds, by formula.
fn parameters(md: &mut String, c: usize, depth: usize) -> Result<()> {
    let (kernel, attention) = (depth * c * 18, depth * 4 * c * c);
    let frames = 16;
    let projections = 4 * c * c * CELLS * CELLS * frames * depth;
    let scores = 2 * c * CELLS * CELLS * frames * frames * depth;
    writeln!(
        md,
        "\n## What the third axis adds\n\nDepthwise kernels of 3×3×3 in place of 3×3 add 18 numbers to each of {c} channels in {depth} \
         blocks: {:.2} M parameters. Attention along time only, at each cell, in place of the joint one, adds a module of 4·{c}² \
         numbers to each block: {:.0} M parameters, and for {frames} frames {} TMAC to those of frames alone. Both start from the \
         published weights if the new numbers begin at 0, so pictures remain possible.",
        kernel as f64 / 1e6,
        attention as f64 / 1e6,
        tera((projections + scores) as u64)
    )?;
    Ok(())
}

fn reading(md: &mut String, one: &Cost, frame: &Cost) -> Result<()> {
    let (joint16, single16) = (joint(16)?, single_stage(16)?);
    writeln!(
        md,
        "\n## Reading\n\nFor 16 frames, joint attention in Stage C costs {:.1} times what the frames cost alone, and a single stage on the \
         latents {:.0} times as much as the joint Stage C. Training Stage C on videos would thus cost about {:.0} times as much a \
         sample as on pictures; a single stage {:.0} times its own pictures.\n\nThe saving does not reach Stage B: it still makes \
         every frame, {} TMAC an evaluation for 16 frames against {} of Stage C, and alone it keeps no detail still between frames \
         that the embedding does not hold. A video model needs time in Stage B as well, at least along neighbouring frames. The third axis \
         in Stage C relates all frames; whether an embedding of this size holds motion, only training would show.",
        joint16.macs as f64 / (16 * one.macs) as f64,
        single16.macs as f64 / joint16.macs as f64,
        joint16.macs as f64 / one.macs as f64,
        single16.macs as f64 / single_stage(1)?.macs as f64,
        tera(frame.macs * 16),
        tera(joint16.macs)
    )?;
    Ok(())
}
