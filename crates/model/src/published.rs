//! Compares the networks with the published models: numbers of parameters, names and shapes.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cascade::{self, CascadeConfig};
use crate::compressor::{self, Backbone, CompressorConfig};
use crate::contract::Sizes;
use crate::decoder::{self, DecoderConfig};
use crate::prior::{self, PriorConfig};
use crate::record::NetworkGraph;
use crate::text::bert::{self, BertConfig};
use crate::text::clip::{self, ClipConfig};
use crate::text::pooled::{self, PooledClipConfig};
use crate::vision::{self, VisionConfig};
use crate::vqgan::{self, VqganConfig};

const SIZES: Sizes = Sizes { batch: 2, height: 32, width: 48, embedding: [3, 5], length: 7 };

fn reference(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(path);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn config<T: serde::de::DeserializeOwned>(folder: &str) -> T {
    serde_json::from_slice(&reference(&format!("{folder}/config.json"))).unwrap()
}

/// Names and shapes of a recording; running statistics included.
fn declared(graphs: &[&NetworkGraph]) -> BTreeMap<String, Vec<usize>> {
    graphs.iter().flat_map(|g| &g.params).map(|p| (p.name.clone(), p.shape.clone())).collect()
}

/// Names and shapes of a checkpoint, without the counters that only PyTorch's momentum-free batch norm reads.
fn stored(file: &str) -> BTreeMap<String, Vec<usize>> {
    let bytes = reference(file);
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let all = tensors.iter().map(|(name, view)| (name.to_string(), view.shape().to_vec()));
    all.filter(|(name, _)| !name.ends_with("num_batches_tracked")).collect()
}

fn learned(graphs: &[&NetworkGraph]) -> usize {
    let mut sizes = BTreeMap::new();
    for p in graphs.iter().flat_map(|g| &g.params).filter(|p| p.trainable) {
        sizes.insert(&p.name, p.shape.iter().product::<usize>());
    }
    sizes.values().sum()
}

/// Encoder with quantiser, and decoder.
fn vqgan_graphs(config: &VqganConfig) -> [NetworkGraph; 2] {
    let mut g = NetworkGraph::new();
    let image = crate::contract::picture(&mut g, "image", &SIZES, config.in_channels);
    let latents = vqgan::encode(&mut g, config, image);
    assert_eq!(g.shape(latents), [2, config.latent_channels, 8, 12]);
    let (quantised, entries) = vqgan::quantise(&mut g, config, latents);
    assert_eq!(g.shape(quantised), g.shape(entries));
    [g.finish().unwrap(), vqgan::decoder_graph(config, &SIZES).unwrap()]
}

#[test]
fn published_vqgan() {
    let [encoder, decoder] = vqgan_graphs(&VqganConfig::default());
    assert_eq!(learned(&[&encoder, &decoder]), 18_406_894);
    assert_eq!(learned(&[&decoder]), 15_706_842);
    assert_eq!(decoder.shape(decoder.outputs[0].1), [2, 3, 128, 192]);
}

#[test]
fn published_decoder() {
    let g = decoder::graph(&DecoderConfig::default(), &SIZES).unwrap();
    assert_eq!(learned(&[&g]), 1_055_365_280);
    assert_eq!(g.shape(g.outputs[0].1), [2, 4, 32, 48]);
}

#[test]
fn published_prior() {
    let g = prior::graph(&PriorConfig::default(), &SIZES).unwrap();
    assert_eq!(learned(&[&g]), 993_636_896);
    assert_eq!(g.shape(g.outputs[0].1), [2, 16, 32, 48]);
}

#[test]
fn published_cascades() {
    let all = [
        (CascadeConfig::prior(), 3_589_103_632, 1550),
        (CascadeConfig::prior_lite(), 1_030_785_040, 782),
        (CascadeConfig::decoder(), 1_562_941_136, 1726),
        (CascadeConfig::decoder_lite(), 699_471_248, 970),
    ];
    for (config, count, tensors) in all {
        let g = cascade::graph(&config, &SIZES).unwrap();
        assert_eq!((learned(&[&g]), g.params.len()), (count, tensors));
        assert_eq!(g.shape(g.outputs[0].1), [2, config.in_channels, 32, 48]);
    }
    let g = pooled::graph(&PooledClipConfig::big_g(), &SIZES).unwrap();
    assert_eq!((learned(&[&g]), g.params.len()), (694_659_840, 517));
    assert_eq!(g.shape(g.outputs[1].1), [2, 1, 1280]);
    let g = vision::graph(&VisionConfig::l(), &SIZES).unwrap();
    assert_eq!(learned(&[&g]), 303_966_208);
    let config = CompressorConfig { affine: false, ..CompressorConfig::default() };
    let g = compressor::graph(&config, &Sizes { height: 768, width: 768, ..SIZES }).unwrap();
    assert_eq!(learned(&[&g]), 20_177_488 + 20_480);
}

#[test]
fn published_text_encoders() {
    for (config, count) in [(ClipConfig::big_g(), 693_021_440), (ClipConfig::h(), 352_984_064)] {
        let g = clip::graph(&config, &SIZES).unwrap();
        assert_eq!(learned(&[&g]), count);
        assert_eq!(g.shape(g.outputs[0].1), [2, 7, config.hidden_size]);
    }
    // 22,713,216 with the pooler's 384² + 384.
    let g = bert::graph(&BertConfig::minilm(), &SIZES).unwrap();
    assert_eq!(learned(&[&g]), 22_713_216 - 147_840);
    assert_eq!(g.shape(g.outputs[0].1), [2, 7, 384]);
}

#[test]
fn published_compressor() {
    let sizes = Sizes { height: 768, width: 1280, ..SIZES };
    let g = compressor::graph(&CompressorConfig::default(), &sizes).unwrap();
    // torchvision's 21,458,488 without the classifier, plus the projection with its batch norm.
    assert_eq!(learned(&[&g]), 21_458_488 - 1_281_000 + 16 * 1280 + 32);
    assert_eq!(g.shape(g.outputs[0].1), [2, 16, 24, 40]);
    let names = declared(&[&g]);
    for name in ["backbone.0.0.weight", "backbone.4.0.block.2.fc1.bias", "backbone.7.1.running_var"] {
        assert!(names.contains_key(name), "{name}");
    }
}

#[test]
fn lite_compressors_match_their_weights() {
    let files = [("lite0", Backbone::EfficientnetLite0), ("lite2", Backbone::EfficientnetLite2)];
    for (file, backbone) in files {
        let text = String::from_utf8(reference(&format!("efficientnet/{file}.txt"))).unwrap();
        let mut want = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with("_fc.")) {
            let (name, shape) = line.split_once(' ').unwrap();
            want.insert(
                name.to_string(),
                shape.split(' ').map(|n| n.parse().unwrap()).collect::<Vec<usize>>(),
            );
        }
        let sizes = Sizes { height: 96, width: 64, ..SIZES };
        let config = CompressorConfig { backbone, ..CompressorConfig::default() };
        let g = compressor::graph(&config, &sizes).unwrap();
        assert_eq!(g.shape(g.outputs[0].1), [2, 16, 3, 2]);
        let mut got = declared(&[&g]);
        got.retain(|name, _| !name.starts_with("mapper."));
        assert_eq!(got, want);
    }
}

#[test]
fn compressor_can_be_cut_anywhere() {
    let backbone = Backbone::EfficientnetLite0;
    let config = CompressorConfig { backbone, ..CompressorConfig::default() };
    let sizes = Sizes { height: 64, width: 64, ..SIZES };
    let whole = compressor::graph(&config, &sizes).unwrap();
    for cut in [0, 5, backbone.depth()] {
        let first = compressor::frozen_graph(backbone, cut, &sizes).unwrap();
        let mut last = NetworkGraph::new();
        let shape = first.shape(first.outputs[0].1);
        let axes: Vec<_> = shape.iter().map(|n| crate::record::Axis::fixed(*n)).collect();
        let x = last.input("features", crate::record::DType::F32, &axes);
        let embedding = compressor::tail(&mut last, &config, x, cut);
        assert_eq!(last.shape(embedding), [2, 16, 2, 2]);
        assert_eq!(declared(&[&first, &last]), declared(&[&whole]));
    }
    let odd = Sizes { height: 100, ..sizes };
    let error = compressor::graph(&config, &odd).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("multiples of 32"), "{error}");
    assert!(compressor::frozen_graph(backbone, 17, &sizes).is_err());
}

#[test]
fn names_and_shapes_are_checkpoints() {
    let [encoder, decoder] = vqgan_graphs(&config("wuerstchen/vqgan"));
    let file = "diffusion_pytorch_model.safetensors";
    assert_eq!(declared(&[&encoder, &decoder]), stored(&format!("wuerstchen/vqgan/{file}")));
    let g = decoder::graph(&config("wuerstchen/decoder"), &SIZES).unwrap();
    assert_eq!(declared(&[&g]), stored(&format!("wuerstchen/decoder/{file}")));
    let g = prior::graph(&config("wuerstchen-prior/prior"), &SIZES).unwrap();
    assert_eq!(declared(&[&g]), stored(&format!("wuerstchen-prior/prior/{file}")));
    for folder in ["wuerstchen/text_encoder", "wuerstchen-prior/text_encoder"] {
        let g = clip::graph(&config(folder), &SIZES).unwrap();
        assert_eq!(declared(&[&g]), stored(&format!("{folder}/model.safetensors")));
    }
}

#[test]
fn texts_may_not_be_too_long() {
    let sizes = Sizes { length: 78, ..SIZES };
    let error = clip::graph(&ClipConfig::h(), &sizes).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("78 positions wanted, 77 there"), "{error}");
}

#[test]
fn contradictory_configurations_are_refused() {
    let c = DecoderConfig { nhead: vec![1, 2], ..DecoderConfig::default() };
    let error = decoder::graph(&c, &SIZES).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("nhead has 2 entries, c_hidden has 4"), "{error}");
    let c = PriorConfig { nhead: 7, ..PriorConfig::default() };
    let error = prior::graph(&c, &SIZES).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("1536 features do not divide among 7 heads"), "{error}");
    let c = VqganConfig { embed_dim: 5, ..VqganConfig::default() };
    let error = vqgan::decoder_graph(&c, &SIZES).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("embed_dim 5 cannot be halved"), "{error}");
}
