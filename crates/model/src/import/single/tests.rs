use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::test_support::{reference, said, shapes, zeros};
use super::super::{ImportOptions, ImportSource, Published};
use super::*;
use crate::cascade::CascadeConfig;
use crate::network::Network;

fn bundle(path: &str) -> PathBuf {
    reference("reference-cascade").join(path)
}

fn source() -> ImportSource {
    ImportSource {
        prior: bundle("stable-cascade-prior"),
        decoder: bundle("stable-cascade"),
        prior_weights: Some(bundle("single/stage_c_bf16.safetensors")),
        decoder_weights: Some(bundle("single/stage_b_bf16.safetensors")),
        ..ImportSource::default()
    }
}

fn config(path: &str) -> CascadeConfig {
    serde_json::from_slice(&fs::read(bundle(path)).unwrap()).unwrap()
}

/// The authors' files hold what the folders do, rounded to bf16.
#[test]
fn authors_names_become_diffusers() {
    for (file, folder) in [
        ("single/stage_c_bf16.safetensors", "stable-cascade-prior/prior"),
        ("single/stage_b_bf16.safetensors", "stable-cascade/decoder"),
    ] {
        let single = denoiser(Checkpoint::open(bundle(file)).unwrap());
        let whole = Checkpoint::open(bundle(folder)).unwrap();
        let shapes = |file: &Checkpoint| {
            file.tensors().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(shapes(&single), shapes(&whole));
        for (name, _) in whole.tensors() {
            let [a, b] = [&single, &whole].map(|file| file.tensor(name).unwrap().data);
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= b.abs() / 200.;
            assert!(a.iter().zip(&b).all(near), "{name}");
        }
    }
}

#[test]
fn sizes_are_read_off_shapes() {
    for (file, path) in [
        ("single/stage_c_bf16.safetensors", "stable-cascade-prior/prior/config.json"),
        ("single/stage_b_bf16.safetensors", "stable-cascade/decoder/config.json"),
    ] {
        let (weights, near) = (denoiser(Checkpoint::open(bundle(file)).unwrap()), config(path));
        assert_eq!(network(&weights, Some(&near)).unwrap(), near);
        let read = network(&weights, Some(&CascadeConfig::prior_lite())).unwrap();
        // Heads are not told by shapes, nor what only training needs.
        let known = CascadeConfig {
            num_attention_heads: read.num_attention_heads.clone(),
            dropout: read.dropout.clone(),
            ..near
        };
        assert_eq!(read, known);
    }
}

/// Names with shapes that no such network has.
#[test]
fn odd_shapes_are_not_read_as_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stage.safetensors");
    let one: &[usize] = &[1, 1];
    let known =
        ["embedding.1.weight", "clf.1.weight", "clip_txt_mapper.weight", "clip_txt_pooled_mapper.weight"];
    let scalar = ("depthwise.weight", &[][..]);
    // The product of these extents is 0, and twice the first does not fit into 64 bits.
    let endless = ("a.attention.attn.in_proj_weight", &[usize::MAX, 0][..]);
    zeros(&file, known.map(|name| (name, one)).into_iter().chain([scalar, endless]));
    let read = network(&denoiser(Checkpoint::open(&file).unwrap()), None).unwrap();
    assert_eq!((read.kernel_size, read.block_out_channels.len()), (3, 0));
}

/// Zeros of the published sizes are as good as weights.
#[test]
fn published_sizes_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stage.safetensors");
    let all = [
        CascadeConfig::prior(),
        CascadeConfig::prior_lite(),
        CascadeConfig::decoder(),
        CascadeConfig::decoder_lite(),
    ];
    for config in all {
        let sizes = crate::contract::Sizes { batch: 1, height: 32, width: 32, embedding: [1, 1], length: 1 };
        let graph = Network::Cascade(config.clone()).graph(&sizes).unwrap();
        zeros(&file, shapes(&graph));
        let read = network(&Checkpoint::open(&file).unwrap(), None).unwrap();
        let heads = |config: &CascadeConfig| {
            let attends = config.block_types_per_layer.iter().map(|types| types.len() == 3);
            attends
                .zip(config.num_attention_heads.clone())
                .filter(|(attends, _)| *attends)
                .collect::<Vec<_>>()
        };
        assert_eq!(heads(&read), heads(&config));
        let same = CascadeConfig { num_attention_heads: config.num_attention_heads.clone(), ..read };
        assert_eq!(same, config);
    }
}

/// Joins safetensors files, each below a prefix, with other names, and transposes the text projection.
fn renamed(from: &[(PathBuf, &str)], to: &Path, rename: impl Fn(&str) -> String) {
    let (mut header, mut data) = (serde_json::Map::new(), vec![]);
    for (path, prefix) in from {
        let file = Checkpoint::open(path).unwrap();
        for (name, shape) in file.tensors() {
            if name.ends_with("num_batches_tracked") {
                continue;
            }
            let mut values = file.tensor(name).unwrap().data;
            let mut shape = shape.to_vec();
            let name = rename(&format!("{prefix}{name}"));
            if name.ends_with("text_projection") {
                let (rows, columns) = (shape[0], shape[1]);
                values = (0..rows * columns).map(|at| values[at % rows * columns + at / rows]).collect();
                shape.reverse();
            }
            let start = data.len();
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            let about = json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
            header.insert(name, about);
        }
    }
    let header = serde_json::Value::Object(header).to_string();
    fs::write(to, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()).unwrap();
}

#[test]
fn bundles_bring_their_encoders() {
    let folder = tempfile::tempdir().unwrap();
    let [stage_c, stage_b] = ["c", "b"].map(|name| folder.path().join(format!("{name}.safetensors")));
    let text = "text_encoder.clip_g.transformer.";
    let rename = |name: &str| {
        let name = name.replace(
            "text_encoder.clip_g.transformer.text_projection.weight",
            "text_encoder.clip_g.text_projection",
        );
        name.replace("vquantizer.embedding", "vquantizer.codebook")
    };
    renamed(
        &[
            (bundle("single/stage_c_bf16.safetensors"), "model.diffusion_model."),
            (bundle("stable-cascade-prior/text_encoder/model.safetensors"), text),
            (bundle("stable-cascade-prior/image_encoder/model.safetensors"), "clip_l_vision."),
        ],
        &stage_c,
        rename,
    );
    renamed(
        &[
            (bundle("single/stage_b_bf16.safetensors"), "model.diffusion_model."),
            (bundle("stable-cascade/text_encoder/model.safetensors"), text),
            (bundle("stable-cascade/vqgan/diffusion_pytorch_model.safetensors"), "vae."),
        ],
        &stage_b,
        rename,
    );
    let bundled = ImportSource { prior_weights: Some(stage_c), decoder_weights: Some(stage_b), ..source() };
    let [plain, bundled] = [source(), bundled].map(|source| Published::open(&source).unwrap());
    assert_eq!(plain.stages().len(), bundled.stages().len());
    for (a, b) in plain.stages().iter().zip(bundled.stages()) {
        assert_eq!((a.name, &a.network, &a.metadata), (b.name, &b.network, &b.metadata));
        for param in &a.graph.params {
            let read = |stage: &super::super::ImportStage| stage.weights.tensor(&param.name).unwrap();
            assert_eq!(read(a), read(b), "{} {}", a.name, param.name);
        }
    }
}

#[test]
fn mislabelled_files_are_named() {
    let swapped = ImportSource {
        prior_weights: source().decoder_weights,
        decoder_weights: source().prior_weights,
        ..source()
    };
    let message = said(&swapped);
    assert!(message.contains("is stage B, where stage C is expected: are the files swapped?"), "{message}");
    let other = bundle("stable-cascade/vqgan/diffusion_pytorch_model.safetensors");
    let message = said(&ImportSource { prior_weights: Some(other), ..source() });
    assert!(message.contains("neither stage B nor C"), "{message}");
    let message = said(&ImportSource { decoder_weights: Some("nowhere.safetensors".into()), ..source() });
    assert!(message.contains("nowhere.safetensors"), "{message}");
}

/// A file in place of a folder: what it lacks lies next to it, or in the other folder.
#[test]
fn files_may_stand_for_folders() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stage_c.safetensors");
    fs::copy(bundle("single/stage_c_bf16.safetensors"), &file).unwrap();
    fs::create_dir(folder.path().join("prior")).unwrap();
    fs::copy(bundle("stable-cascade-prior/prior/config.json"), folder.path().join("prior/config.json"))
        .unwrap();
    let source = ImportSource { prior: file, prior_weights: None, ..source() };
    let out = folder.path().join("out");
    let published = Published::open(&source).unwrap();
    published.write(&out, &ImportOptions::default(), &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert!(out.join("text-encoder.onnx").exists() && out.join("prior.onnx").exists());
    let alone =
        ImportSource { decoder: source.prior.clone(), decoder_weights: source.decoder_weights, ..source };
    let message = said(&alone);
    assert!(message.contains("no tokenizer") && message.contains("no text_encoder"), "{message}");
}
