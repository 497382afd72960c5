use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::contract::Sizes;
use crate::network::Network;
use crate::onnx::Weight;

fn reference(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference-cascade").join(path)
}

fn prior() -> Checkpoint {
    Checkpoint::open(reference("stable-cascade-prior/prior")).unwrap()
}

fn encoder() -> Checkpoint {
    Checkpoint::open(reference("stable-cascade-prior/text_encoder")).unwrap().renamed("text_model.", "")
}

/// A tensor's key, extents and numbers.
type Tensor = (String, Vec<usize>, Vec<f32>);

/// The tensors of a fixture.
fn tensors(file: &str) -> Vec<Tensor> {
    let file = Checkpoint::open(reference("lora").join(file)).unwrap();
    let read =
        |(key, shape): (&str, &[usize])| (key.to_owned(), shape.to_vec(), file.tensor(key).unwrap().data);
    file.tensors().map(read).collect()
}

/// Writes a safetensors file.
fn write(folder: &TempDir, tensors: &[Tensor]) -> PathBuf {
    let (mut header, mut data) = (serde_json::Map::new(), vec![]);
    for (key, shape, numbers) in tensors {
        let start = data.len();
        numbers.iter().for_each(|number| data.extend(number.to_le_bytes()));
        header.insert(
            key.clone(),
            json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] }),
        );
    }
    let header = serde_json::Value::Object(header).to_string();
    let path = folder.path().join("style.safetensors");
    fs::write(&path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()).unwrap();
    path
}

fn placed(path: &Path, strength: f32, base: &Checkpoint) -> Result<(Adapters, Placed), String> {
    let mut adapters = Adapters::default();
    let lora = Lora::open(path).map_err(|e| e.to_string())?;
    let placed = adapters.add(&lora, strength, "prior.onnx", base.tensors()).map_err(|e| e.to_string())?;
    Ok((adapters, placed))
}

fn merged(path: &Path, base: &Checkpoint) -> Vec<(String, Weight)> {
    let (adapters, _) = placed(path, 1., base).unwrap();
    let weight = |(name, _): (&str, &[usize])| {
        (name.to_owned(), crate::onnx::Weights::weight(&adapters.over(base), name).unwrap())
    };
    base.tensors().map(weight).collect()
}

fn said(tensors: &[Tensor], base: &Checkpoint) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, tensors);
    let said = placed(&path, 1., base).unwrap_err();
    assert!(said.contains("style.safetensors") && !said.contains('\n'), "{said}");
    said
}

#[test]
fn namings_mean_the_same() {
    let base = prior();
    let first = merged(&reference("lora/comfyui_names.safetensors"), &base);
    let changed = first.iter().filter(|(name, weight)| *weight != base.tensor(name).unwrap()).count();
    assert_eq!(changed, 16);
    assert_eq!(merged(&reference("lora/onetrainer_diffusers_names.safetensors"), &base), first);
    let folder = tempfile::tempdir().unwrap();
    let rename = |from: &str, to: &str| -> Vec<(String, Weight)> {
        let renamed = tensors("comfyui_names.safetensors").into_iter();
        let renamed = renamed.map(|(key, shape, numbers)| (key.replace(from, to), shape, numbers));
        merged(&write(&folder, &renamed.collect::<Vec<_>>()), &base)
    };
    assert_eq!(rename("lora_prior_unet_", "lora_prior_prior_"), first);
    assert_eq!(rename("lora_prior_unet_", "lora_unet_"), first);
    let parts =
        [("to_q", "in_proj.0"), ("to_k", "in_proj.1"), ("to_v", "in_proj.2"), ("to_out_0", "out_proj")];
    let blocks = ["down_blocks.0.2", "down_blocks.1.2", "up_blocks.0.2", "up_blocks.1.2"];
    let dotted =
        tensors("onetrainer_diffusers_names.safetensors").into_iter().map(|(key, shape, numbers)| {
            let (layer, end) = key.split_once('.').unwrap();
            let block = blocks.iter().find(|block| layer.contains(&block.replace('.', "_"))).unwrap();
            let (_, part) = parts.iter().find(|(part, _)| layer.ends_with(part)).unwrap();
            (format!("unet.{block}.attention.attn.{part}.{end}"), shape, numbers)
        });
    assert_eq!(merged(&write(&folder, &dotted.collect::<Vec<_>>()), &base), first);
}

/// PEFT scales by α/r too, and rounds otherwise.
#[test]
fn dora_is_merged_as_peft_does() {
    let base = prior();
    let got = merged(&reference("lora/dora.safetensors"), &base);
    let bytes = fs::read(reference("lora/dora_merged.safetensors")).unwrap();
    let want = SafeTensors::deserialize(&bytes).unwrap();
    let mut norms = tensors("dora.safetensors");
    let near = |got: &[(String, Weight)]| {
        for (name, view) in want.iter() {
            let (_, weight) = got.iter().find(|(own, _)| own == name).unwrap();
            let numbers = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
            for (got, want) in weight.data.iter().zip(numbers) {
                assert!((got - want).abs() < 1e-6, "{name}: {got} {want}");
            }
            assert_ne!(*weight, base.tensor(name).unwrap());
        }
    };
    near(&got);
    assert_eq!(want.len(), 2);
    // As other trainers name the norms, with an α for each layer in place of the header.
    let folder = tempfile::tempdir().unwrap();
    for (key, shape, _) in &mut norms {
        if let Some(layer) = key.strip_suffix(".lora_magnitude_vector").map(str::to_owned) {
            *key = format!("{layer}.dora_scale");
            *shape = vec![40, 1];
        }
    }
    let layers = ["prior.down_blocks.0.2.attention.to_q", "prior.embedding.1"];
    norms.extend(layers.map(|layer| (format!("{layer}.alpha"), vec![], vec![2.])));
    near(&merged(&write(&folder, &norms), &base));
}

#[test]
fn authors_rows_are_added_to_the_token_table() {
    let (path, base) = (reference("lora/authors.safetensors"), encoder());
    let (adapters, placed) = self::placed(&path, 0.5, &base).unwrap();
    assert_eq!((adapters.changed().collect::<Vec<_>>(), placed.elsewhere), (vec![TABLE], 8));
    let (own, mut weight) = (base.tensor(TABLE).unwrap(), base.tensor(TABLE).unwrap());
    adapters.apply(TABLE, &mut weight).unwrap();
    let file = Checkpoint::open(&path).unwrap();
    let (row, id) =
        (file.tensor("embeddings.embeddings").unwrap().data, file.integers("embeddings.indices").unwrap());
    let first = usize::try_from(id[0]).unwrap() * 40;
    for (at, (new, old)) in weight.data.iter().zip(&own.data).enumerate() {
        let more = if (first..first + 40).contains(&at) { 0.5 * row[at - first] } else { 0. };
        assert_eq!(*new, old + more);
    }
    let (_, of_prior) = self::placed(&path, 1., &prior()).unwrap();
    assert_eq!((of_prior.changed, of_prior.elsewhere), (16, 1));
}

const TABLE: &str = "embeddings.token_embedding.weight";

#[test]
fn several_add_up_and_none_changes_nothing() {
    let (base, path) = (prior(), reference("lora/peft.safetensors"));
    let name = "down_blocks.0.2.attention.to_q.weight";
    let mut adapters = Adapters::default();
    let lora = Lora::open(&path).unwrap();
    adapters.add(&lora, 0., "prior", base.tensors()).unwrap();
    assert!(adapters.is_empty() && adapters.labels().is_empty());
    adapters.add(&lora, 0.75, "prior", base.tensors()).unwrap();
    adapters.add(&lora, 0.25, "prior", base.tensors()).unwrap();
    assert_eq!(adapters.labels(), ["peft.safetensors{strength=0.75}", "peft.safetensors{strength=0.25}"]);
    let mut sum = base.tensor(name).unwrap();
    adapters.apply(name, &mut sum).unwrap();
    let (_, whole) = merged(&path, &base).into_iter().find(|(own, _)| own == name).unwrap();
    assert!(sum.data.iter().zip(&whole.data).all(|(a, b)| (a - b).abs() < 1e-6));
    for strength in [f32::NAN, f32::INFINITY, 1e9] {
        let said = adapters.add(&lora, strength, "prior", base.tensors()).unwrap_err().to_string();
        assert!(said.contains("is not between"), "{said}");
    }
}

#[test]
fn bad_files_are_refused_with_a_reason() {
    let base = prior();
    let good = || tensors("peft.safetensors");
    let first = || good().remove(0).0;
    assert!(said(&[], &base).contains("is no LoRA"));
    let weights: Vec<Tensor> = vec![("down_blocks.0.weight".into(), vec![1], vec![0.])];
    assert!(said(&weights, &base).contains("is no LoRA: no tensor"));
    let mut nan = good();
    nan[0].2[3] = f32::NAN;
    assert!(said(&nan, &base).contains(&format!("holds NaN in `{}`", first())));
    let mut half = good();
    half.remove(1);
    let message = said(&half, &base);
    assert!(message.contains("without its"), "{message}");
    let mut wide = good();
    wide[0] = (first(), vec![3, 41], vec![0.; 123]);
    assert!(said(&wide, &base).contains("whose product is not 40 by [40]"));
    let mut huge = good();
    (huge[0].1, huge[0].2) = (vec![3000, 40], vec![0.; 120_000]);
    (huge[1].1, huge[1].2) = (vec![40, 3000], vec![0.; 120_000]);
    assert!(said(&huge, &base).contains("rank 3000"));
    let mut more = good();
    more.push(("prior.down_blocks.9.2.attention.to_q.lora_A.weight".into(), vec![3, 40], vec![0.; 120]));
    let message = said(&more, &base);
    assert!(message.contains("1 of its 17 layers have no place in prior.onnx"), "{message}");
    assert!(message.ends_with("`prior.down_blocks.9.2.attention.to_q`"), "{message}");
    for (key, method) in
        [("a.hada_w1_a", "LoHa"), ("a.lokr_w1", "LoKr"), ("bundle_emb.x.clip_g", "bundle_emb")]
    {
        let mut other = good();
        other.push((key.into(), vec![1], vec![0.]));
        let message = said(&other, &base);
        assert!(message.contains(method) && message.contains("not supported"), "{message}");
    }
    let bytes = fs::read(reference("lora/peft.safetensors")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for length in [0, 7, 100, bytes.len() - 1] {
        let path = folder.path().join("cut.safetensors");
        fs::write(&path, &bytes[..length]).unwrap();
        let message = placed(&path, 1., &base).unwrap_err();
        assert!(message.contains("cut.safetensors") && !message.contains('\n'), "{message}");
    }
}

/// Zeros of the published sizes, with a rank of 1.
#[test]
fn misplaced_files_name_their_network() {
    let folder = tempfile::tempdir().unwrap();
    let pair = |layer: &str, width: usize| -> [Tensor; 2] {
        [
            (format!("{layer}.lora_down.weight"), vec![1, width], vec![0.; width]),
            (format!("{layer}.lora_up.weight"), vec![width, 1], vec![0.; width]),
        ]
    };
    let sizes = Sizes { batch: 1, height: 32, width: 32, embedding: [1, 1], length: 1 };
    let v2 = Network::Prior(crate::prior::PriorConfig::default()).graph(&sizes).unwrap();
    let v2 = v2.params.iter().map(|param| (&param.name[..], &param.shape[..]));
    for (layer, width, network) in [
        ("lora_prior_unet_down_blocks_1_68_attention_attn_to_q", 2048, "Stable Cascade's large prior"),
        ("unet.down_blocks.1.2.attention.to_q", 1536, "Stable Cascade's small prior (prior_lite)"),
        ("unet.up_blocks.1.2.attention.to_q", 1280, "Stable Cascade's large decoder"),
        ("lora_te_text_model_encoder_layers_31_mlp_fc1", 1280, "Stable Cascade's text encoder"),
        (
            "unet.down_blocks.1.2.attention.to_q",
            40,
            "like Stable Cascade's large prior with matrices of 40 inputs",
        ),
    ] {
        let path = write(&folder, &pair(layer, width));
        let lora = Lora::open(&path).unwrap();
        let said = Adapters::default().add(&lora, 1., "the model", v2.clone()).unwrap_err().to_string();
        assert!(said.contains(network) && said.contains(layer), "{said}");
    }
    let path = write(&folder, &pair("prior.blocks.2.attention.to_q", 1536));
    let lora = Lora::open(&path).unwrap();
    let of_v2 = Adapters::default().add(&lora, 1., "the model", v2).unwrap();
    assert_eq!((lora.changed(), of_v2.changed), (Some((1, of_v2.of)), 1));
    assert_eq!((lora.network().as_str(), lora.ranks().into_iter().max()), ("Würstchen v2's prior", Some(1)));
    let said = placed(&path, 1., &prior()).unwrap_err();
    assert!(said.contains("the file is for Würstchen v2's prior"), "{said}");
}
