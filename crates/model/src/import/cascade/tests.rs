use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::super::test_support::{self, edit, said};
use super::super::{ImportOptions, ImportSource, Published};
use crate::metadata::Metadata;

fn copy(to: &Path) -> ImportSource {
    let bundle = ["reference-cascade/stable-cascade-prior", "reference-cascade/stable-cascade"];
    test_support::copy(bundle, to)
}

fn written(source: &ImportSource, out: &Path) -> Vec<String> {
    let published = Published::open(source).unwrap();
    published.write(out, &ImportOptions::default(), &mut |_, _| ControlFlow::Continue(())).unwrap();
    let mut names: Vec<String> =
        fs::read_dir(out).unwrap().flatten().map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn equal_text_encoders_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    let names = written(&source, &folder.path().join("one"));
    let models = ["decoder.onnx", "image-encoder.onnx", "prior.onnx", "text-encoder.onnx"];
    let rest = ["tokenizer.json", "vqgan-decoder.onnx", "vqgan-encoder.onnx"];
    let wanted =
        [&models[..1], &["graph.yaml", "image-encoder.onnx", "image-variation.yaml"], &models[2..], &rest];
    assert_eq!(names, wanted.concat());
    let graph = fs::read_to_string(folder.path().join("one/graph.yaml")).unwrap();
    assert!(graph.contains("model: text-encoder }") && !graph.contains("text-encoder-"));

    let weights = source.decoder.join("text_encoder/model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let last = bytes.len() - 4;
    bytes[last] ^= 1;
    fs::write(&weights, bytes).unwrap();
    let names = written(&source, &folder.path().join("two"));
    assert!(
        names.contains(&"text-encoder-prior.onnx".into()) && names.contains(&"tokenizer-decoder.json".into())
    );
    let graph = fs::read_to_string(folder.path().join("two/graph.yaml")).unwrap();
    assert!(graph.contains("text-encoder-decoder"));
}

#[test]
fn licence_is_reported_and_stored() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    assert!(Published::open(&source).unwrap().remarks()[0].contains("no commercial use"));
    written(&source, &folder.path().join("out"));
    for (model, keeps) in [("prior", true), ("text-encoder", false)] {
        let bytes = fs::read(folder.path().join(format!("out/{model}.onnx"))).unwrap();
        assert_eq!(bytes.windows(17).any(|part| part == b"no commercial use"), keeps, "{model}");
    }
}

#[test]
fn small_networks_are_used_on_request_or_alone() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    fs::rename(source.prior.join("prior"), source.prior.join("prior_lite")).unwrap();
    Published::open(&source).unwrap();
    fs::create_dir(source.prior.join("prior")).unwrap();
    assert!(said(&source).contains("p/prior/config.json"), "{}", said(&source));
    fs::rename(source.decoder.join("decoder"), source.decoder.join("decoder_lite")).unwrap();
    Published::open(&ImportSource { lite: true, ..source }).unwrap();
}

#[test]
fn old_spellings_are_read_and_unknown_keys_named() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    let config = source.prior.join("prior/config.json");
    edit(&config, "\"in_channels\"", "\"c_in\"");
    edit(&config, "StableCascadeUNet", "StableCascadeUnet");
    fs::remove_file(source.prior.join("tokenizer/tokenizer_config.json")).unwrap();
    let published = Published::open(&source).unwrap();
    let prior = published.stages().iter().find(|stage| stage.name == "prior").unwrap();
    let Metadata::Prior(metadata) = &prior.metadata else { panic!("{:?}", prior.metadata) };
    assert_eq!((metadata.embedding_scale, metadata.sampling.time_embeddings), (1., 3));
    edit(&config, "\"clip_seq\"", "\"clip_sequence\"");
    let message = said(&source);
    assert!(
        message.contains("p/prior/config.json: has keys that are unknown here: clip_sequence"),
        "{message}"
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    edit(&source.prior.join("prior/config.json"), "\"conditioning_dim\": 40", "\"conditioning_dim\": 41");
    edit(&source.decoder.join("decoder/config.json"), "\"clip_seq\": 4", "\"clip_seq\": 400");
    edit(&source.decoder.join("vqgan/config.json"), "\"num_vq_embeddings\": 64", "\"num_vq_embeddings\": 65");
    edit(&source.decoder.join("text_encoder/config.json"), "\"eos_token_id\": 843", "\"eos_token_id\": 844");
    fs::remove_file(source.prior.join("image_encoder/model.safetensors")).unwrap();
    let message = said(&source);
    for part in [
        "`clip_txt_mapper.bias` is [40], the network wants [41]",
        "`clip_seq` is 400; at most 64 is recorded",
        "`vquantizer.embedding.weight` is [64, 4], the network wants [65, 4]",
        "eos_token_id is 844, but vocab_size is 844",
        "p/image_encoder: no weights in this folder",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
}

#[test]
fn folders_in_the_wrong_order_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    let swapped = ImportSource {
        prior: source.decoder.clone(),
        decoder: source.prior.clone(),
        ..ImportSource::default()
    };
    assert!(said(&swapped).contains("swapped"), "{}", said(&swapped));
}

#[test]
fn adapters_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = copy(folder.path());
    let weights = source.prior.join("prior/diffusion_pytorch_model.safetensors");
    for (name, kind) in
        [("unet.a.lora_A.weight", "is a LoRA"), ("controlnet_blocks.0.weight", "is a ControlNet")]
    {
        let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
        fs::write(&weights, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat())
            .unwrap();
        assert!(said(&source).contains(kind), "{}", said(&source));
    }
}
