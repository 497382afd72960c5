use std::path::PathBuf;

use super::*;
use crate::contract::Sizes;
use crate::record::NetworkGraph;
use crate::vqgan;

fn reference(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(path)
}

fn vqgan_decoder() -> NetworkGraph {
    let config = std::fs::read(reference("wuerstchen/vqgan/config.json")).unwrap();
    let sizes = Sizes { batch: 1, height: 4, width: 4, embedding: [1, 1], length: 1 };
    vqgan::decoder_graph(&serde_json::from_slice(&config).unwrap(), &sizes).unwrap()
}

/// A temporary file of these bytes.
fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn folder_s_weights_fit_their_network() {
    let checkpoint = Checkpoint::open(reference("wuerstchen/vqgan")).unwrap();
    checkpoint.fits(&[&vqgan_decoder()], &["in_block.", "down_blocks.", "vquantizer."]).unwrap();
    let gammas = checkpoint.tensor("up_blocks.1.gammas").unwrap();
    assert_eq!(gammas.shape, [6]);
    assert!(gammas.data.iter().all(|x| x.is_finite() && *x != 0.));
    let error = checkpoint.tensor("down_blocks.3.1.num_batches_tracked").unwrap_err().to_string();
    assert!(error.ends_with("`down_blocks.3.1.num_batches_tracked` holds integers"), "{error}");
}

#[test]
fn every_misfit_is_named() {
    let checkpoint = Checkpoint::open(reference("wuerstchen/vqgan")).unwrap();
    let checkpoint = checkpoint.renamed("up_blocks.1.gammas", "up_blocks.1.deltas");
    let mut g = vqgan_decoder();
    let at = g.params.iter().position(|p| p.name == "out_block.0.bias").unwrap();
    g.params[at].shape = vec![13];
    let error = checkpoint.fits(&[&g], &["in_block.", "down_blocks.", "vquantizer."]).unwrap_err();
    let CheckpointError::Misfit { misfit, .. } = &error else { panic!("{error}") };
    assert_eq!(misfit.missing, ["up_blocks.1.gammas"]);
    assert_eq!(misfit.surplus, ["up_blocks.1.deltas"]);
    assert_eq!(misfit.shapes, [("out_block.0.bias".to_string(), vec![13], vec![12])]);
    let text = error.to_string();
    assert!(
        text.contains("1 missing, 1 surplus, 1 misshapen tensors\n  missing `up_blocks.1.gammas`"),
        "{text}"
    );
    assert!(text.contains("`out_block.0.bias` is [12], the network wants [13]"), "{text}");
}

#[test]
fn odd_numbers_are_refused() {
    let said = |dtype: &str, bytes: &[u8]| {
        let header =
            format!(r#"{{"w":{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,{}]}}}}"#, bytes.len());
        let length = (header.len() as u64).to_le_bytes();
        let file = file(&[&length, header.as_bytes(), bytes].concat());
        let read = Checkpoint::open(file.path()).unwrap().tensor("w");
        (file.path().display().to_string(), read.map(|weight| weight.data).map_err(|e| e.to_string()))
    };
    let of = |numbers: [f64; 2]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(said("F64", &of([1., -2.])).1, Ok(vec![1., -2.]));
    let (path, refused) = said("F64", &of([1., 1e300]));
    let refused = refused.unwrap_err();
    let want = format!("{path}: holds inf as f32 in `w`; 1 of its 2 numbers are not finite");
    assert!(refused.starts_with(&want), "{refused}");
    let nan: Vec<u8> = [f32::NAN; 2].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert!(said("F32", &nan).1.unwrap_err().contains("holds NaN in `w`; 2 of its 2"));
    // Infinities of f16 and bf16.
    assert!(said("F16", &[0, 0x7c, 0, 0]).1.unwrap_err().contains("holds inf in `w`"));
    assert!(said("BF16", &[0x80, 0xff, 0, 0]).1.unwrap_err().contains("holds -inf in `w`"));
}

#[test]
fn long_misfits_are_cut() {
    let missing: Vec<String> = (0..5000).map(|n| format!("blocks.{n}.weight")).collect();
    let said = Misfit { missing, ..Misfit::default() }.to_string();
    assert!(said.starts_with("5000 missing tensors\n  missing `blocks.0.weight`\n"), "{said}");
    assert!(said.ends_with("\n  and 4960 more such") && said.lines().count() == 42, "{said}");
}

#[test]
fn old_pickles_share_storages() {
    let checkpoint = Checkpoint::open(reference("checkpoint/legacy.pth")).unwrap();
    let turned = checkpoint.tensor("turned").unwrap();
    assert_eq!((turned.shape, turned.data), (vec![2, 3], vec![1., 3., 5., 2., 4., 6.]));
    assert_eq!(checkpoint.tensor("plain").unwrap().data, [0., 1.]);
    assert_eq!(checkpoint.tensor("half").unwrap().data, [1.5, -2.]);
    assert!(checkpoint.tensor("steps").is_err());
    assert_eq!(
        checkpoint.tensors().map(|(name, _)| name).collect::<Vec<_>>(),
        ["half", "plain", "steps", "turned"]
    );
}

#[test]
fn damaged_files_are_refused() {
    let bytes = std::fs::read(reference("checkpoint/legacy.pth")).unwrap();
    for end in 1..bytes.len() {
        assert!(Checkpoint::open(file(&bytes[..end])).is_err(), "cut at {end}");
    }
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 0x55;
        // Some changes only change names and numbers; none may panic.
        if let Ok(checkpoint) = Checkpoint::open(file(&bent)) {
            checkpoint.tensors().for_each(|(name, _)| drop(checkpoint.tensor(name)));
        }
    }
    let error = Checkpoint::open(file(b"PK\x03\x04")).unwrap_err().to_string();
    assert!(error.ends_with("is in PyTorch's zip format; save it as safetensors"), "{error}");
    let error = Checkpoint::open(file(b"nonsense")).unwrap_err().to_string();
    assert!(error.contains("is not a readable safetensors file"), "{error}");
    let error = Checkpoint::open(reference("expected")).unwrap_err().to_string();
    assert!(
        error.contains("no weights in this folder; looked for diffusion_pytorch_model.safetensors"),
        "{error}"
    );
}

#[test]
fn shards_and_narrow_numbers_are_joined() {
    use safetensors::tensor::{Dtype, TensorView, serialize};
    let folder = tempfile::tempdir().unwrap();
    let halves: Vec<u8> = [0.5f32, -3.].iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect();
    let brains: Vec<u8> = [2f32].iter().flat_map(|x| half::bf16::from_f32(*x).to_le_bytes()).collect();
    let parts = [("a", Dtype::F16, vec![2], halves), ("b", Dtype::BF16, vec![1], brains)];
    for (name, dtype, shape, data) in &parts {
        let view = TensorView::new(*dtype, shape.clone(), data).unwrap();
        let bytes = serialize([(name.to_string(), view)], None).unwrap();
        std::fs::write(folder.path().join(format!("{name}.safetensors")), bytes).unwrap();
    }
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, r#"{"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}"#).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.tensor("a").unwrap().data, [0.5, -3.]);
    assert_eq!(checkpoint.tensor("b").unwrap().data, [2.]);
    std::fs::write(&index, r#"{"weight_map": {"a": "../a.safetensors"}}"#).unwrap();
    let error = Checkpoint::open(&index).unwrap_err().to_string();
    assert!(error.contains("`../a.safetensors`, which is not in its folder"), "{error}");
}

/// The first byte of PyTorch's old files.
#[test]
fn header_of_128_bytes_is_no_pickle() {
    let mut header = r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.to_owned();
    header += &" ".repeat(0x80 - header.len());
    let bytes = [&0x80u64.to_le_bytes(), header.as_bytes(), &2f32.to_le_bytes()].concat();
    assert_eq!(Checkpoint::open(file(&bytes).path()).unwrap().tensor("x").unwrap().data, [2.]);
}
