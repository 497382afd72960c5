//! Matrix products in int8, in ONNX Runtime.

use anyhow::Result;
use ndarray::{Array2, ArrayD, Axis as Along, s};
use wuerst_model::contract::Sizes;
use wuerst_model::decoder::{self, DecoderConfig};
use wuerst_model::onnx::{self, BoxError, ExportOptions, Operators, Weight};
use wuerst_model::prior::{self, PriorConfig};
use wuerst_model::record::{Axis, DType, Init, NetworkGraph, Op};
use wuerst_model::vqgan::{self, VqganConfig};
use wuerst_tests::bundle::PLAIN;
use wuerst_tests::numbers::{Random, calm_weights, relative_error};
use wuerst_tests::runtime::{Array, Model};

/// `x·Wᵀ` of a picture `[b,h,w,in]`, or of a text `[b,l,in]`.
fn product(picture: bool, outputs: usize, inner: usize) -> Result<NetworkGraph> {
    let mut g = NetworkGraph::new();
    let mut axes = vec![Axis::named("b", 1), Axis::named("h", 2), Axis::named("w", 2), Axis::fixed(inner)];
    if !picture {
        axes.remove(2);
    }
    let x = g.input("x", DType::F32, &axes);
    let w = g.param("layer.weight", &[outputs, inner], Init::Constant(0.));
    let y = g.push(Op::Linear, &[x, w]);
    g.output("y", y);
    Ok(g.finish()?)
}

fn run(
    graph: &NetworkGraph,
    weight: &ArrayD<f32>,
    operators: Operators,
    x: &ArrayD<f32>,
) -> Result<ArrayD<f32>> {
    let weights = |_: &str| -> Result<Weight, BoxError> {
        Ok(Weight { shape: weight.shape().to_vec(), data: weight.iter().copied().collect() })
    };
    let model = onnx::encode(graph, &weights, &ExportOptions { operators, ..ExportOptions::default() })?;
    Model::from_bytes(&model)?.run(&[("x", x.clone().into())])?.remove(0).f32()
}

/// Rows with a single 1 come through unrounded, and give back the weights: those that ONNX Runtime's own quantiser
/// makes, symmetric and one output at a time (`onnxruntime.quantization.quant_utils.quantize_data`).
#[test]
fn weights_round_as_in_onnx_runtime() -> Result<()> {
    let file = |name: &str| PLAIN.path(&format!("quantized/{name}.npy"));
    let weight: ArrayD<f32> = ndarray_npy::read_npy(file("weight"))?;
    let values: Array2<i8> = ndarray_npy::read_npy(file("values"))?;
    let scales: ndarray::Array1<f32> = ndarray_npy::read_npy(file("scales"))?;
    // Tenfold in both directions, as only large matrices are rounded; that changes no row's largest number.
    let (outputs, inner) = (10 * values.nrows(), 10 * values.ncols());
    let weight = ArrayD::from_shape_fn(vec![outputs, inner], |at| weight[[at[0] % 24, at[1] % 40]]);
    let ones = Array2::<f32>::eye(inner).into_shape_with_order((1, 1, inner, inner))?.into_dyn();
    let got = run(&product(true, outputs, inner)?, &weight, Operators::Int8, &ones)?;
    for (output, input) in (0..outputs).flat_map(|output| (0..inner).map(move |input| (output, input))) {
        let (row, value) = (output % 24, values[[output % 24, input % 40]]);
        let (got, want) = (got[[0, 0, input, output]], f32::from(value) * scales[row]);
        assert!((got - want).abs() <= 1e-6 * want.abs(), "{output}, {input}: {got}, {want} wanted");
    }
    Ok(())
}

/// Two roundings to 1/127 of the largest number lose less than 2 % of the largest result, and something.
#[test]
fn int8_affects_only_picture_products() -> Result<()> {
    let mut random = Random::new(5);
    let weight = random.array(&[200, 300]);
    for (picture, shape) in [(true, vec![2, 3, 5, 300]), (false, vec![2, 7, 300])] {
        let (graph, x) = (product(picture, 200, 300)?, random.array(&shape));
        let [wide, narrow] =
            [Operators::OnnxRuntime, Operators::Int8].map(|operators| run(&graph, &weight, operators, &x));
        let error = relative_error(&narrow?, &wide?)?;
        println!("picture {picture}: {error:.1e}");
        assert!(if picture { error > 1e-4 && error < 2e-2 } else { error == 0. });
    }
    Ok(())
}

/// Other rows of a batch, however large, change no bit of a row; rows of zeros stay zeros.
#[test]
fn rows_are_rounded_each_by_itself() -> Result<()> {
    let mut random = Random::new(6);
    let (graph, weight) = (product(true, 192, 200)?, random.array(&[192, 200]));
    let mut x = random.array(&[3, 2, 2, 200]);
    x.slice_mut(s![1, .., .., ..]).mapv_inplace(|v| v * 1e4);
    x.slice_mut(s![2, .., .., ..]).fill(0.);
    let all = run(&graph, &weight, Operators::Int8, &x)?;
    let first = x.index_axis(Along(0), 0).insert_axis(Along(0)).to_owned();
    let alone = run(&graph, &weight, Operators::Int8, &first)?;
    assert_eq!(all.index_axis(Along(0), 0), alone.index_axis(Along(0), 0));
    assert!(all.index_axis(Along(0), 2).iter().all(|v| *v == 0.));
    Ok(())
}

/// Whole networks with random weights, each against itself in f32.
#[test]
fn networks_in_eight_bits_are_near() -> Result<()> {
    let sizes = Sizes { batch: 1, height: 16, width: 16, embedding: [2, 2], length: 5 };
    let prior = PriorConfig { c: 256, c_cond: 64, depth: 3, nhead: 4, ..PriorConfig::default() };
    let decoder = DecoderConfig {
        c_hidden: vec![128, 256],
        nhead: vec![-1, 4],
        blocks: vec![1, 2],
        level_config: vec!["CT".into(), "CTA".into()],
        inject_effnet: vec![false, true],
        clip_embd: 64,
        c_cond: 128,
        ..DecoderConfig::default()
    };
    let vqgan = VqganConfig { embed_dim: 256, bottleneck_blocks: 3, ..VqganConfig::default() };
    let mut random = Random::new(7);
    let mut array = |shape: &[usize]| Array::from(random.array(shape));
    let picture = |channels, array: &mut dyn FnMut(&[usize]) -> Array| array(&[2, channels, 8, 12]);
    let conditions = |channels, array: &mut dyn FnMut(&[usize]) -> Array| {
        vec![
            ("latents", picture(channels, array)),
            ("time_embedding", array(&[2, 64])),
            ("text", array(&[2, 7, 64])),
            ("embedding", array(&[2, 16, 2, 3])),
        ]
    };
    let cases = [
        ("prior", prior::graph(&prior, &sizes)?, conditions(16, &mut array)),
        ("decoder", decoder::graph(&decoder, &sizes)?, conditions(4, &mut array)),
        ("vqgan", vqgan::decoder_graph(&vqgan, &sizes)?, conditions(4, &mut array)),
    ];
    for (name, graph, feeds) in cases {
        let wanted = |name: &str| graph.inputs.iter().any(|input| input.name == name);
        let feeds: Vec<_> = feeds.into_iter().filter(|(name, _)| wanted(name)).collect();
        let weights = calm_weights(&graph);
        let [wide, narrow] = [Operators::Standard, Operators::Int8].map(|operators| {
            let options = ExportOptions { operators, ..ExportOptions::default() };
            let model = onnx::encode(&graph, &weights, &options)?;
            Ok::<_, anyhow::Error>((model.len(), Model::from_bytes(&model)?.run(&feeds)?.remove(0).f32()?))
        });
        let ((whole, want), (part, got)) = (wide?, narrow?);
        let error = relative_error(&got, &want)?;
        println!("{name}: {part} of {whole} bytes, relative error {error:.1e}");
        assert!(part * 10 < whole * 6 && error > 1e-5 && error < 3e-2, "{name}: {error}");
    }
    Ok(())
}
