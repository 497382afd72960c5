use std::fs;
use std::path::Path;

use super::test_support::{self, edit, reference, said, shapes, zeros};
use super::*;
use crate::network::Network;
use crate::onnx::Precision;

/// A copy of the reference bundle, to be spoilt.
fn copy(to: &Path) -> ImportSource {
    test_support::copy(["reference/wuerstchen-prior", "reference/wuerstchen"], to)
}

#[test]
fn blocks_are_held_against_weights() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    edit(&source.prior.join("prior/config.json"), "\"depth\": 2", "\"depth\": 4000");
    let message = said(&source);
    assert!(
        message.contains("prior/config.json: names 4000 blocks, but the weights next to it are "),
        "{message}"
    );
    assert!(!message.contains("missing"), "recorded: {message}");
    edit(&source.prior.join("prior/config.json"), "\"depth\": 4000", "\"depth\": 1000000000");
    assert!(said(&source).contains("`depth` is 1000000000; at most 4096"));
}

#[test]
fn odd_weights_are_not_imported() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    let path = source.prior.join("prior/diffusion_pytorch_model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let out = folder.path().join("out");
    let written = Published::open(&source)
        .unwrap()
        .write(&out, &ImportOptions::default(), &mut |_, _| std::ops::ControlFlow::Continue(()));
    let message = written.unwrap_err().to_string();
    assert!(message.contains("holds NaN in `") && message.contains("model.safetensors"), "{message}");
    assert!(!out.exists(), "half an import");
}

/// File names and contents of a folder, in order.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut files: Vec<_> =
        entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn import_is_reproducible() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    let out = [folder.path().join("one"), folder.path().join("two")];
    let mut seen = vec![];
    for out in &out {
        let published = Published::open(&source).unwrap();
        let mut last = 0;
        let written = published
            .write(out, &ImportOptions::default(), &mut |stage, done| {
                assert!(done > last);
                last = done;
                seen.push(stage.to_owned());
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(last, published.parameters());
        assert!(written.iter().all(|stage| stage.bytes > 4 * stage.parameters));
        assert!(published.remarks().is_empty());
    }
    let files = contents(&out[0]);
    assert!(files == contents(&out[1]));
    let names: Vec<&str> = files.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(
        names,
        [
            "decoder.onnx",
            "graph.yaml",
            "prior.onnx",
            "text-encoder-decoder.onnx",
            "text-encoder-prior.onnx",
            "tokenizer-decoder.json",
            "tokenizer-prior.json",
            "vqgan-decoder.onnx",
            "vqgan-encoder.onnx"
        ]
    );
    seen.dedup();
    assert_eq!(seen[..3], ["text-encoder-prior", "text-encoder-decoder", "prior"]);
    let again = Published::open(&source)
        .unwrap()
        .write(&out[0], &ImportOptions::default(), &mut |_, _| ControlFlow::Continue(()));
    assert!(matches!(again, Err(ImportError::NotEmpty(_))));
}

#[test]
fn all_mistakes_are_reported_at_once_without_output() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    edit(&source.prior.join("prior/config.json"), "\"depth\": 2", "\"depth\": 3");
    edit(&source.decoder.join("vqgan/config.json"), "\"num_vq_embeddings\": 64", "\"num_vq_embeddings\": 65");
    edit(&source.decoder.join("scheduler/scheduler_config.json"), "DDPMWuerstchen", "Euler");
    fs::remove_file(source.decoder.join("text_encoder/model.safetensors")).unwrap();
    fs::remove_file(source.prior.join("tokenizer/merges.txt")).unwrap();
    let message = said(&source);
    for part in [
        "missing `blocks.6.depthwise.weight`",
        "`vquantizer.embedding.weight` is [64, 4], the network wants [65, 4]",
        "is of a EulerScheduler, where a DDPMWuerstchenScheduler is expected",
        "d/text_encoder: no weights in this folder",
        "tokenizer/merges.txt: ",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    edit(&source.prior.join("prior/config.json"), "\"depth\": 3", "\"depth\": 1");
    assert!(said(&source).contains("surplus `blocks.3.depthwise.weight`"));
    let swapped = ImportSource {
        prior: source.decoder.clone(),
        decoder: source.prior.clone(),
        ..ImportSource::default()
    };
    assert!(said(&swapped).contains("swapped"), "{}", said(&swapped));
    assert!(said(&ImportSource { prior: "/nowhere".into(), ..source }).contains("/nowhere: no such folder"));
}

#[test]
fn mismatched_parts_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    edit(&source.decoder.join("model_index.json"), "10.67", "-1.0");
    assert!(said(&source).contains("latent_dim_scale -1"), "{}", said(&source));
    // The decoder's text encoder has 32 features, the prior's 48.
    for part in ["text_encoder", "tokenizer"] {
        for entry in fs::read_dir(source.decoder.join(part)).unwrap().flatten() {
            fs::copy(entry.path(), source.prior.join(part).join(entry.file_name())).unwrap();
        }
    }
    assert!(
        said(&source).contains("c_cond is 48, but features of its text encoder: 32"),
        "{}",
        said(&source)
    );
}

/// diffusers refuses the class of the VQGAN that the published index names; here the configurations count.
#[test]
fn index_names_no_classes() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    let index = source.decoder.join("model_index.json");
    let mut text: serde_json::Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    text["vqgan"] = serde_json::json!(["wuerstchen", "PaellaVQModel"]);
    fs::write(&index, text.to_string()).unwrap();
    Published::open(&source).unwrap();
}

#[test]
fn failed_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    let published = Published::open(&source).unwrap();
    let out = folder.path().join("out");
    // Where the folder would be renamed to, something appears meanwhile.
    let result = published.write(&out, &ImportOptions::default(), &mut |stage, _| {
        if stage == "vqgan-encoder" {
            fs::create_dir_all(out.join("taken")).unwrap();
        }
        ControlFlow::Continue(())
    });
    assert!(result.is_err());
    let stopped =
        published.write(&folder.path().join("other"), &ImportOptions::default(), &mut |stage, _| {
            if stage == "prior" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    assert!(matches!(stopped, Err(ImportError::Stopped)));
    let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.file_name()).collect();
    left.sort();
    assert_eq!(left, ["d", "out", "p"]);
}

#[test]
fn compressor_is_imported_with_weights() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("effnet.safetensors");
    let sizes = crate::contract::Sizes { batch: 1, height: 64, width: 64, embedding: [1, 1], length: 1 };
    let config = crate::compressor::CompressorConfig::default();
    let mut graph = crate::compressor::graph(&config, &sizes).unwrap();
    zeros(&file, shapes(&graph));
    let source = ImportSource {
        prior: reference("reference/wuerstchen-prior"),
        decoder: reference("reference/wuerstchen"),
        compressor: Some(file.clone()),
        ..ImportSource::default()
    };
    let published = Published::open(&source).unwrap();
    let last = &published.stages()[6];
    assert_eq!((last.name, last.metadata.contract().name()), ("compressor", "compressor"));
    let out = folder.path().join("out");
    let written =
        published.write(&out, &ImportOptions::default(), &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(written[6].name, "compressor");
    // Large enough for external data.
    assert!(out.join("compressor.onnx.data").metadata().unwrap().len() > 60_000_000);
    graph.params.retain(|p| !p.name.starts_with("mapper."));
    zeros(&file, shapes(&graph));
    assert!(said(&source).contains("missing `mapper.0.weight`"));
}

#[test]
fn variants_and_other_precisions_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    let prior = source.prior.join("prior");
    let rename =
        |name: &str| fs::rename(prior.join("diffusion_pytorch_model.safetensors"), prior.join(name)).unwrap();
    rename("diffusion_pytorch_model.fp16.safetensors");
    let published = Published::open(&source).unwrap();
    let narrow = ImportOptions { precision: Precision::F16, ..ImportOptions::default() };
    let out = folder.path().join("out");
    let written = published.write(&out, &narrow, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let [prior, network] =
        [&written[2], &written[3]].map(|stage| stage.bytes as f64 / stage.parameters as f64);
    assert!(prior < 3. && network < 3.5, "{prior} {network}");
    let metadata = published.stages()[2].network.pair();
    let bytes = fs::read(out.join("prior.onnx")).unwrap();
    assert!(bytes.windows(metadata.1.len()).any(|part| part == metadata.1.as_bytes()));
    assert!(matches!(published.stages()[2].network, Network::Prior(_)));
}
