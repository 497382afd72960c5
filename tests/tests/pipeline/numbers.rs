//! Numbers that cannot be a picture: an error that names node, step and file, not a black picture.

use std::fs;
use std::path::Path;

use anyhow::Result;
use ndarray::Array4;
use wuerst::{Engine, Job, Tensor, Value};
use wuerst_model::metadata::{self, Metadata};
use wuerst_model::onnx::{Weight, Weights};
use wuerst_tests::bundle;
use wuerst_tests::onnx_bytes::{attribute, float, node, number, put, vqgan_from_colours};

use crate::models::{HALF, half_model};
use crate::{Recorder, f32s, options, said, set_case, shipped};

/// Latents from a host through a VQGAN alone.
const DECODE: &str = "wuerstchen: 1\ninputs: { latents: \"f32[1,4,h,w]\" }\nnodes:\n  vqgan: { use: wuerst.vqgan_decode, \
    with: { latents: $latents, model: foreign } }\noutputs: { pixels: $vqgan.pixels }\n";

/// Latents from a file.
const LOAD: &str = "wuerstchen: 1\ninputs: { file: file }\nnodes:\n  load: { use: tensor.load, with: { file: $file } }\n\
    outputs: { tensor: $load.tensor }\n";

fn decode(model: &[u8]) -> Result<(wuerst::Result<Value>, Vec<String>)> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("foreign.onnx"), model)?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let graph = match engine.graph(DECODE) {
        Ok(graph) => graph,
        Err(error) => return Ok((Err(error), vec![])),
    };
    let job = engine.job(&graph);
    let latents = Array4::from_shape_fn((1, 4, 4, 6), |(_, c, y, x)| 0.1 + (c + y + x) as f32 / 10.);
    job.set("latents", Value::from(latents))?;
    let mut observer = Recorder::default();
    let pixels = job.get("pixels", &mut observer);
    Ok((pixels, observer.warnings))
}

/// A VQGAN whose graph is these nodes and numbers.
fn foreign(element: i64, nodes: &[Vec<u8>], numbers: &[Vec<u8>]) -> Vec<u8> {
    let graph: Vec<Vec<u8>> =
        nodes.iter().map(|node| put(1, node)).chain(numbers.iter().map(|n| put(5, n))).collect();
    vqgan_from_colours(element, &graph.concat())
}

fn times(factor: f32) -> Vec<u8> {
    foreign(1, &[node("Mul colours k -> image", &[])], &[float("k", factor)])
}

#[test]
fn plain_model_is_not_doubted() -> Result<()> {
    let (pixels, warnings) = decode(&times(1.))?;
    assert_eq!(f32s(&pixels?).shape(), [4, 6, 3]);
    assert!(warnings.is_empty(), "{warnings:?}");
    Ok(())
}

#[test]
fn bytes_for_colours_are_doubted() -> Result<()> {
    let (pixels, warnings) = decode(&times(255.))?;
    pixels?;
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.starts_with("foreign.onnx: 100% of its colours lie outside 0 to 1, from "), "{warning}");
    assert!(warning.ends_with("does the model give 0 to 255?"), "{warning}");
    Ok(())
}

#[test]
fn odd_pictures_are_errors() -> Result<()> {
    for (factor, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let message = said(decode(&times(factor))?.0);
        let want = format!("gave `image`, which holds {name} at [0, 0, 0, 0]; 72 of its 72 numbers");
        for part in ["`vqgan`: model ", "foreign.onnx: ", &want, "its weights are damaged"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    Ok(())
}

#[test]
fn other_size_is_error() -> Result<()> {
    let axis = attribute("axis", 2, &number(3, 2));
    let twice = foreign(1, &[node("Concat colours colours -> image", &[axis])], &[]);
    let message = said(decode(&twice)?.0);
    let want = "gave `image` as f32[1,3,8,6], where f32[1,3,4,6] is expected: `wuerst.pixels_per_latent` in its metadata is 1";
    assert!(message.contains("`vqgan`") && message.contains(want), "{message}");
    let order: Vec<u8> = [0, 2, 3, 1].iter().flat_map(|axis| number(8, *axis)).collect();
    let last = foreign(1, &[node("Transpose colours -> image", &[attribute("perm", 7, &order)])], &[]);
    let message = said(decode(&last)?.0);
    assert!(message.contains("gave `image` as f32[1,4,6,3], where f32[1,3,4,6] is expected"), "{message}");
    Ok(())
}

#[test]
fn other_type_is_error() -> Result<()> {
    let cast = foreign(2, &[node("Cast colours -> image", &[attribute("to", 2, &number(3, 2))])], &[]);
    let message = said(decode(&cast)?.0);
    assert!(message.contains("its output `image` is u8[b,c,h,w]"), "{message}");
    Ok(())
}

#[test]
fn overflow_in_f16_is_explained() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let metadata = Metadata::VqganDecoder(metadata::Vqgan { latent_scale: 1., pixels_per_latent: 1 });
    fs::write(folder.path().join("half.onnx"), half_model(&metadata, b"image", &[]))?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let job = engine.job(&engine.graph(HALF)?);
    job.set("latents", Value::from(Array4::from_elem((1, 4, 1, 2), 1e5f32)))?;
    let message = said(job.get("pixels", &mut ()));
    assert!(message.contains("holds inf at [0, 0, 0, 0]") && message.contains("f32 or bf16"), "{message}");
    Ok(())
}

#[test]
fn overflow_names_node_step_and_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let (graph, good) = bundle::prior_network()?;
    let huge = |name: &str| {
        let Weight { shape, data } = good.weight(name)?;
        Ok(Weight { shape, data: data.iter().map(|x| x * 1e30).collect() })
    };
    bundle::save(folder.path(), "prior", &graph, &huge, &bundle::prior_metadata())?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
    set_case(&job)?;
    let message = said(job.get("embedding", &mut ()));
    for part in ["`prior`: model ", "prior.onnx: in step 1 of ", "gave `noise`, which holds NaN at "] {
        assert!(message.contains(part), "{part}: {message}");
    }
    Ok(())
}

#[test]
fn odd_inputs_are_refused() -> Result<()> {
    let engine = Engine::new(options(Path::new("."), 1))?;
    let text = "wuerstchen: 1\ninputs: { x: \"f32[1,c,h,w]\" }\nnodes:\n  \
        scale: { use: tensor.scale, with: { tensor: $x, factor: 1000.0 } }\noutputs: { y: $scale.scaled }\n";
    let job = engine.job(&engine.graph(text)?);
    let set = |x: f32| job.set("x", Tensor::from_vec(&[1, 1, 1, 2], vec![0., x])?);
    assert_eq!(said(set(f32::NAN)), "x: holds NaN at [0, 0, 0, 1]; 1 of its 2 numbers is not finite");
    assert!(said(set(f32::NEG_INFINITY)).contains("x: holds -inf at [0, 0, 0, 1]"));
    // Results of a node are checked too.
    set(1e37)?;
    let message = said(job.get("y", &mut ()));
    assert!(message.starts_with("`scale`: output `scaled`: holds inf at [0, 0, 0, 1]"), "{message}");
    set(1.)?;
    job.get("y", &mut ())?;
    Ok(())
}

/// A `.npy` file of `[1,1,1,2]`.
fn npy(path: &Path, descr: &str, numbers: &[u8]) -> Result<()> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1, 1, 1, 2), }}\n");
    let length = u16::try_from(header.len())?.to_le_bytes();
    Ok(fs::write(path, [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), numbers].concat())?)
}

fn load(job: &Job, path: &Path) -> Result<wuerst::Result<Value>> {
    job.set_text("file", path.to_str().unwrap_or_default())?;
    Ok(job.get("tensor", &mut ()))
}

#[test]
fn odd_files_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let job = engine.job(&engine.graph(LOAD)?);
    let single = |x: f32| [0f32.to_le_bytes(), x.to_le_bytes()].concat();
    let double = |x: f64| [0f64.to_le_bytes(), x.to_le_bytes()].concat();
    let files = [
        ("nan", "<f4", single(f32::NAN), "holds NaN as its number 2 of 2, which is not finite"),
        ("inf", "<f4", single(f32::INFINITY), "holds inf as its number 2 of 2, which is not finite"),
        ("over", "<f8", double(1e300), "holds 1e300 as its number 2 of 2, which is beyond f32"),
    ];
    for (name, descr, numbers, want) in files {
        let path = folder.path().join(format!("{name}.npy"));
        npy(&path, descr, &numbers)?;
        let message = said(load(&job, &path)?);
        let want = format!("`load`: {}: {want}", path.display());
        assert_eq!(message, want);
    }
    let path = folder.path().join("good.npy");
    npy(&path, "<f8", &double(1e30))?;
    assert_eq!(f32s(&load(&job, &path)??).shape(), [1, 1, 1, 2]);
    Ok(())
}
