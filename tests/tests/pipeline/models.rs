//! Models that break their contract, are damaged, or do not belong together; and ones in half precision.

use std::fs;

use anyhow::{Context, Result};
use wuerst::{Engine, Value};
use wuerst_model::metadata::{self, Metadata};
use wuerst_tests::bundle;

use crate::{f32s, options, published, said, set_case, shipped};

/// Problems of a models folder are reported when a graph is loaded, with file and remedy.
#[test]
fn broken_models_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let in_folder = |name: &str| folder.path().join(name);
    let load = || {
        said(
            Engine::new(options(folder.path(), 1))
                .and_then(|e| e.graph(&shipped("wuerstchen.yaml").unwrap())),
        )
    };
    let swap = |name: &str, content: Option<&[u8]>, wants: &[&str]| -> Result<()> {
        let kept = fs::read(in_folder(name))?;
        match content {
            Some(content) => fs::write(in_folder(name), content)?,
            None => fs::remove_file(in_folder(name))?,
        }
        let message = load();
        for want in wants {
            assert!(message.contains(want), "{want}: {message}");
        }
        Ok(fs::write(in_folder(name), kept)?)
    };
    swap("prior.onnx", None, &["no model `prior`", "holds decoder.onnx"])?;
    swap("prior.onnx", Some(b"<html>"), &["prior.onnx", "not an ONNX file", "nodes.prior"])?;
    let decoder = fs::read(in_folder("decoder.onnx"))?;
    swap("prior.onnx", Some(&decoder), &["prior.onnx", "is a decoder, where a prior is expected"])?;
    swap(
        "tokenizer-prior.json",
        None,
        &["text-encoder-prior.onnx", "put `tokenizer-prior.json` next to it"],
    )?;
    Ok(())
}

/// A model whose head is right and whose body is not fails when it runs, and the engine lives.
#[test]
fn damage_inside_model_is_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    let path = folder.path().join("vqgan-decoder.onnx");
    let whole = fs::read(&path)?;
    let mut damaged = whole.clone();
    let at = damaged.windows(11).position(|w| w == b"LayerNormal").context("a layer norm")?;
    damaged[at] = b'X';
    fs::write(&path, &damaged)?;
    let message = said(job.get("image", &mut ()));
    assert!(message.contains("`vqgan`") && message.contains("vqgan-decoder.onnx"), "{message}");
    fs::write(&path, &whole)?;
    job.get("image", &mut ())?;
    assert_eq!(job.report().ran().count(), 1, "all but the VQGAN is remembered");
    fs::write(folder.path().join("tokenizer-prior.json"), "{}")?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let message = said(engine.graph(&shipped("wuerstchen.yaml")?));
    assert!(message.contains("tokenizer-prior.json"), "{message}");
    Ok(())
}

#[test]
fn mismatched_models_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let text =
        shipped("wuerstchen.yaml")?.replace("model: text-encoder-prior", "model: text-encoder-decoder");
    let message = engine.graph(&text).expect_err("states of another length").to_string();
    for part in
        ["nodes.prior.with.text: wants f32[b=1,l,d=48]", "because of `prior.model`", "`prior_text.model`"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    Ok(())
}

/// A field of a protobuf message that holds bytes.
pub(crate) fn field(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let length = [length as u8 | 0x80, (length >> 7) as u8];
    [&[number << 3 | 2], length.as_slice(), payload].concat()
}

/// A VQGAN that takes the first three channels for colours, with f16 in and out. It gives them under the name `colours`,
/// and the other fields of the graph make `image` of that.
pub(crate) fn half_model(metadata: &Metadata, colours: &[u8], others: &[u8]) -> Vec<u8> {
    let outlet = |name: &[u8], dims: [&[u8]; 4]| {
        let dims: Vec<u8> = dims.iter().flat_map(|dim| field(1, dim)).collect();
        let tensor = [vec![1 << 3, 10], field(2, &dims)].concat();
        [field(1, name), field(2, &field(1, &tensor))].concat()
    };
    let free = |name: &[u8]| field(2, name);
    let (height, width) = (free(b"height"), free(b"width"));
    let list = |name: &[u8], number: u8| [field(1, name), vec![8 << 3, number], vec![0xa0, 1, 7]].concat();
    let slice = [
        field(1, b"latents"),
        field(2, colours),
        field(4, b"Slice"),
        field(5, &list(b"axes", 1)),
        field(5, &list(b"starts", 0)),
        field(5, &list(b"ends", 3)),
    ];
    let graph = [
        field(1, &slice.concat()),
        others.to_owned(),
        field(2, b"half"),
        field(11, &outlet(b"latents", [&free(b"batch"), &[1 << 3, 4], &height, &width])),
        field(12, &outlet(b"image", [&free(b"batch"), &[1 << 3, 3], &height, &width])),
    ];
    let metadata = metadata
        .pairs()
        .into_iter()
        .flat_map(|(key, value)| field(14, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat()));
    let head = [vec![1 << 3, 4], field(8, &[2 << 3, 9]), field(7, &graph.concat())];
    head.concat().into_iter().chain(metadata).collect()
}

/// A graph of that model alone.
pub(crate) const HALF: &str = "wuerstchen: 1\ninputs: { latents: \"f32[1,4,h,w]\" }\nnodes:\n  vqgan: { use: wuerst.vqgan_decode, \
    with: { latents: $latents, model: half } }\noutputs: { pixels: $vqgan.pixels }\n";

#[test]
fn half_precision_ports_work() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let metadata = Metadata::VqganDecoder(metadata::Vqgan { latent_scale: 0.5, pixels_per_latent: 1 });
    fs::write(folder.path().join("half.onnx"), half_model(&metadata, b"image", &[]))?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let job = engine.job(&engine.graph(HALF)?);
    let latents =
        ndarray::Array4::from_shape_fn((1, 4, 1, 2), |(_, c, _, x)| c as f32 / 4. + x as f32 / 8. + 1e-4);
    job.set("latents", Value::from(latents))?;
    // Halved, and rounded to the 11 bits of f16.
    let want = [0., 0.125, 0.25, 0.0625, 0.1875, 0.3125].map(|x: f32| x + 5e-5);
    let got = f32s(&job.get("pixels", &mut ())?);
    assert_eq!(got.shape(), [1, 2, 3]);
    let apart = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0., f32::max);
    assert!(apart > 1e-6 && apart < 2e-4, "{got}");
    Ok(())
}
