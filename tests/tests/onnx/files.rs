//! Written models: their files, names, sizes and metadata.

use std::fs;

use anyhow::Result;
use ort::value::ValueType;
use wuerst_model::contract::Sizes;
use wuerst_model::onnx::{self, BoxError, ExportError, ExportOptions, Precision, Weight};
use wuerst_model::prior::{self, PriorConfig};
use wuerst_model::record::{Axis, DType, Init, NetworkGraph, Op};
use wuerst_tests::numbers::{Random, random_weights};
use wuerst_tests::runtime::{Array, Model};

const SIZES: Sizes = Sizes { batch: 1, height: 4, width: 4, embedding: [1, 1], length: 3 };

/// A prior whose matrices are large enough for a data file.
fn network() -> NetworkGraph {
    let config = PriorConfig { c: 128, c_cond: 64, depth: 2, nhead: 2, ..PriorConfig::default() };
    prior::graph(&config, &SIZES).unwrap()
}

fn feeds() -> Vec<(&'static str, Array)> {
    let mut random = Random::new(3);
    let mut array = |shape: &[usize]| Array::from(random.array(shape));
    vec![
        ("latents", array(&[2, 16, 3, 5])),
        ("time_embedding", array(&[2, 64])),
        ("text", array(&[2, 7, 64])),
    ]
}

#[test]
fn data_file_changes_nothing() -> Result<()> {
    let (graph, folder) = (network(), tempfile::tempdir()?);
    let weights = random_weights(&graph);
    for precision in [Precision::F32, Precision::F16] {
        let options = ExportOptions { precision, ..ExportOptions::default() };
        let inline = onnx::encode(&graph, &weights, &options)?;
        let path = folder.path().join(format!("prior-{precision:?}.onnx"));
        onnx::write(&path, &graph, &weights, &ExportOptions { inline_bytes: 0, ..options.clone() })?;
        let data = path.with_extension("onnx.data");
        let (model_bytes, data_bytes) = (fs::metadata(&path)?.len(), fs::metadata(&data)?.len());
        assert!(data_bytes > 1 << 18 && model_bytes + (1 << 18) < inline.len() as u64);
        let want = Model::from_bytes(&inline)?.run(&feeds())?;
        assert_eq!(Model::from_file(&path)?.run(&feeds())?, want);

        // Few weights stay inside, and the bytes are the same each time.
        let path = folder.path().join("inline.onnx");
        onnx::write(&path, &graph, &weights, &options)?;
        assert_eq!(fs::read(&path)?, inline);
        assert!(!path.with_extension("onnx.data").exists());
    }
    Ok(())
}

/// 70,000 is beyond f16: such a tensor stays f32 instead of becoming infinite.
#[test]
fn weights_beyond_f16_stay_wide() -> Result<()> {
    let mut g = NetworkGraph::new();
    let x = g.input("x", DType::F32, &[Axis::named("b", 1), Axis::fixed(32)]);
    let w = g.param("w", &[32, 32], Init::Constant(0.));
    let y = g.push(Op::Linear, &[x, w]);
    g.output("y", y);
    let graph = g.finish()?;
    let weights = |_: &str| -> Result<Weight, BoxError> {
        Ok(Weight { shape: vec![32, 32], data: vec![70_000.; 1024] })
    };
    let model = onnx::encode(
        &graph,
        &weights,
        &ExportOptions { precision: Precision::F16, ..ExportOptions::default() },
    )?;
    let x = ndarray::ArrayD::<f32>::ones(vec![1, 32]);
    let y = Model::from_bytes(&model)?.run(&[("x", x.into())])?.remove(0).f32()?;
    assert!(y.iter().all(|v| *v == 32. * 70_000.));
    Ok(())
}

#[test]
fn names_sizes_and_metadata_are_readable() -> Result<()> {
    let graph = network();
    let metadata = vec![("wuerst.contract".to_string(), "prior".to_string())];
    let options = ExportOptions { name: "prior".into(), metadata, ..ExportOptions::default() };
    let model = Model::from_bytes(&onnx::encode(&graph, &random_weights(&graph), &options)?)?;
    let text = |outlet: &ort::value::Outlet| {
        let ValueType::Tensor { ty, dimension_symbols, shape } = outlet.dtype() else { return String::new() };
        let extents = shape.iter().zip(dimension_symbols.iter());
        let extents = extents.map(|(n, name)| if *n < 0 { name.clone() } else { n.to_string() });
        format!("{}: {ty}[{}]", outlet.name(), extents.collect::<Vec<_>>().join(","))
    };
    let session = &model.0;
    let inputs: Vec<String> = session.inputs().iter().map(text).collect();
    let outputs: Vec<String> = session.outputs().iter().map(text).collect();
    assert_eq!(
        inputs,
        [
            "latents: f32[batch,16,height,width]",
            "time_embedding: f32[batch,64]",
            "text: f32[batch,length,64]"
        ]
    );
    assert_eq!(outputs, ["noise: f32[batch,16,height,width]"]);
    assert_eq!(session.metadata()?.custom("wuerst.contract").as_deref(), Some("prior"));
    assert_eq!(session.metadata()?.name().as_deref(), Some("prior"));
    Ok(())
}

#[test]
fn outputs_may_be_any_value() -> Result<()> {
    let mut g = NetworkGraph::new();
    let x = g.input("x", DType::F32, &[Axis::named("n", 2)]);
    let w = g.param("w", &[3], Init::Constant(0.));
    let y = g.push(Op::Abs, &[x]);
    let z = g.push(Op::StopGradient, &[y]);
    for (name, id) in [("same", x), ("weight", w), ("y", y), ("again", y), ("stopped", z)] {
        g.output(name, id);
    }
    let graph = g.finish()?;
    let model = onnx::encode(&graph, &random_weights(&graph), &ExportOptions::default())?;
    let x = Random::new(5).array(&[4]);
    let got = Model::from_bytes(&model)?.run(&[("x", x.clone().into())])?;
    let got = got.into_iter().map(Array::f32).collect::<Result<Vec<_>>>()?;
    assert_eq!(got[0], x);
    assert_eq!(got[1], wuerst_tests::numbers::random_weight("w", &[3]));
    got[2..].iter().for_each(|y| assert_eq!(*y, x.mapv(f32::abs)));
    Ok(())
}

#[test]
fn failed_import_names_mistakes() -> Result<()> {
    let (graph, folder) = (network(), tempfile::tempdir()?);
    let path = folder.path().join("prior.onnx");
    let options = ExportOptions { inline_bytes: 0, ..ExportOptions::default() };
    let broken = "blocks.1.mapper.weight";

    let missing = |name: &str| -> Result<Weight, BoxError> {
        if name == broken { Err("not in the file".into()) } else { random_weights(&graph)(name) }
    };
    let error = onnx::write(&path, &graph, &missing, &options).unwrap_err();
    assert_eq!(error.to_string(), format!("weight `{broken}`: not in the file"));

    let other = |name: &str| -> Result<Weight, BoxError> {
        let weight = random_weights(&graph)(name)?;
        Ok(if name == broken { Weight { shape: vec![3], data: vec![0.; 3] } } else { weight })
    };
    let error = onnx::write(&path, &graph, &other, &options).unwrap_err();
    assert!(matches!(&error, ExportError::Shape { name, .. } if name == broken), "{error}");
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);

    let nowhere = folder.path().join("no/such/folder/prior.onnx");
    let error = onnx::write(&nowhere, &graph, &random_weights(&graph), &options).unwrap_err();
    assert!(error.to_string().contains("no/such/folder"), "{error}");
    Ok(())
}
