//! Matrix products in eight bits, in ONNX Runtime.

use anyhow::Result;
use ndarray::{Array2, ArrayD, Axis as Along, s};
use wuerst_model::onnx::{self, BoxError, Operators, Options, Weight};
use wuerst_model::record::{Axis, DType, Graph, Init, Op};
use wuerst_tests::bundle::PLAIN;
use wuerst_tests::numbers::{Random, relative_error};
use wuerst_tests::runtime::Model;

/// `x·Wᵀ` of a picture `[b,h,w,in]`, or of a text `[b,l,in]`.
fn product(picture: bool, outputs: usize, inner: usize) -> Result<Graph> {
    let mut g = Graph::new();
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

fn run(graph: &Graph, weight: &ArrayD<f32>, operators: Operators, x: &ArrayD<f32>) -> Result<ArrayD<f32>> {
    let weights = |_: &str| -> Result<Weight, BoxError> {
        Ok(Weight { shape: weight.shape().to_vec(), data: weight.iter().copied().collect() })
    };
    let model = onnx::encode(graph, &weights, &Options { operators, ..Options::default() })?;
    Model::from_bytes(&model)?.run(&[("x", x.clone().into())])?.remove(0).f32()
}

/// Rows with a single 1 come through unrounded, and give back the weights: those that ONNX Runtime's own quantiser
/// makes, symmetric and one output at a time (`onnxruntime.quantization.quant_utils.quantize_data`).
#[test]
fn weights_are_rounded_as_onnx_runtimes_tools_do() -> Result<()> {
    let file = |name: &str| PLAIN.path(&format!("quantized/{name}.npy"));
    let weight: ArrayD<f32> = ndarray_npy::read_npy(file("weight"))?;
    let values: Array2<i8> = ndarray_npy::read_npy(file("values"))?;
    let scales: ndarray::Array1<f32> = ndarray_npy::read_npy(file("scales"))?;
    let (outputs, inner) = values.dim();
    let ones = Array2::<f32>::eye(inner).into_shape_with_order((1, 1, inner, inner))?.into_dyn();
    let got = run(&product(true, outputs, inner)?, &weight, Operators::Int8, &ones)?;
    for ((output, input), value) in values.indexed_iter() {
        let (got, want) = (got[[0, 0, input, output]], f32::from(*value) * scales[output]);
        assert!((got - want).abs() <= 1e-6 * want.abs(), "{output}, {input}: {got}, {want} wanted");
    }
    Ok(())
}

/// Two roundings to 1/127 of the largest number lose less than 2 % of the largest result, and something.
#[test]
fn products_of_pictures_are_near_and_those_of_texts_the_same() -> Result<()> {
    let mut random = Random::new(5);
    let weight = random.array(&[48, 100]);
    for (picture, shape) in [(true, vec![2, 3, 5, 100]), (false, vec![2, 7, 100])] {
        let (graph, x) = (product(picture, 48, 100)?, random.array(&shape));
        let [wide, narrow] =
            [Operators::OnnxRuntime, Operators::Int8].map(|operators| run(&graph, &weight, operators, &x));
        let error = relative_error(&narrow?, &wide?)?;
        println!("picture {picture}: {error:.1e}");
        assert!(if picture { error > 1e-4 && error < 2e-2 } else { error == 0. });
    }
    Ok(())
}

/// What else is in a batch, however large, changes no bit of a row; and rows of zeros are zeros.
#[test]
fn rows_are_rounded_each_by_itself() -> Result<()> {
    let mut random = Random::new(6);
    let (graph, weight) = (product(true, 32, 64)?, random.array(&[32, 64]));
    let mut x = random.array(&[3, 2, 2, 64]);
    x.slice_mut(s![1, .., .., ..]).mapv_inplace(|v| v * 1e4);
    x.slice_mut(s![2, .., .., ..]).fill(0.);
    let all = run(&graph, &weight, Operators::Int8, &x)?;
    let first = x.index_axis(Along(0), 0).insert_axis(Along(0)).to_owned();
    let alone = run(&graph, &weight, Operators::Int8, &first)?;
    assert_eq!(all.index_axis(Along(0), 0), alone.index_axis(Along(0), 0));
    assert!(all.index_axis(Along(0), 2).iter().all(|v| *v == 0.));
    Ok(())
}
