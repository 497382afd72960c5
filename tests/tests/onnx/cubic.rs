//! Antialiased bicubic resizing against numbers computed by PyTorch 2.11
//! (`interpolate(mode="bicubic", antialias=True, align_corners=True)`).

use anyhow::Result;
use ndarray::ArrayD;
use wuerst_model::onnx::{self, ExportOptions};
use wuerst_model::record::{Axis, DType, NetworkGraph, Op};
use wuerst_tests::numbers::{assert_close, random_weights};
use wuerst_tests::runtime::Model;

/// From height and width, to height and width, and the result.
type Resized = ([usize; 2], [usize; 2], &'static [f32]);

/// Growing, shrinking (where the kernel widens), to one row, and from one row.
#[rustfmt::skip]
const PYTORCH: [Resized; 4] = [
    ([4, 3], [6, 7], &[-1.092989, -1.015094, -0.836474, -0.565809, -0.275094, 0.01562, 0.286285, -1.016701, -0.938806, -0.760185, -0.48952, -0.198806, 0.091908, 0.362574, -0.877895, -0.8, -0.621379, -0.350714, -0.06, 0.230714, 0.501379, -0.757895, -0.68, -0.506394, -0.241103, 0.06, 0.397463, 0.726698, -0.632225, -0.554331, -0.364192, -0.081187, 0.185669, 0.369021, 0.505175, -0.503459, -0.425564, -0.187239, 0.147395, 0.314436, 0.04862, -0.377978]),
    ([24, 9], [16, 3], &[-0.295751, 0.036629, 0.360731, 0.072329, -0.09473, -0.068269, 0.209723, -0.097943, 0.051353, 0.128514, -0.032176, -0.337772, -0.020047, 0.16925, -0.151337, -0.121408, 0.087754, -0.152288, -0.076702, 0.014139, 0.336348, -0.158881, -0.112318, -0.021463, 0.177789, -0.12633, 0.046874, 0.102147, 0.100354, -0.400744, 0.033386, 0.081561, -0.098939, -0.164156, 0.16412, 0.516583, -0.207141, 0.006375, 0.019693, 0.020249, -0.085169, 0.241518, 0.114753, -0.203238, -0.213823, 0.149123, -0.135059, 0.16438]),
    ([5, 4], [1, 4], &[-1.1175, -0.3775, 0.615, -0.9175]),
    ([1, 2], [3, 5], &[-1.082836, -1.038657, -0.936278, -0.741906, -0.518094, -1.082836, -1.038657, -0.936278, -0.741906, -0.518094, -1.082836, -1.038657, -0.936278, -0.741906, -0.518094]),
];

/// The picture that was given to PyTorch: (37·k mod 101) / 50 − 1.
fn picture([h, w]: [usize; 2]) -> ArrayD<f32> {
    let pixel = |k: usize| (37 * k % 101) as f32 / 50. - 1.;
    ArrayD::from_shape_vec(vec![1, 1, h, w], (0..h * w).map(pixel).collect()).unwrap()
}

/// One model serves every pair of sizes.
#[test]
fn resizing_equals_pytorch() -> Result<()> {
    let mut g = NetworkGraph::new();
    let axes = |h: &str, w: &str| [Axis::named("b", 1), Axis::fixed(1), Axis::named(h, 2), Axis::named(w, 3)];
    let x = g.input("x", DType::F32, &axes("h", "w"));
    let like = g.input("like", DType::F32, &axes("like_h", "like_w"));
    let y = g.push(Op::CubicResize, &[x, like]);
    g.output("y", y);
    let g = g.finish()?;
    let mut model = Model::from_bytes(&onnx::encode(&g, &random_weights(&g), &ExportOptions::default())?)?;
    for (from, to, want) in PYTORCH {
        let like = ArrayD::<f32>::zeros(vec![1, 1, to[0], to[1]]);
        let want = ArrayD::from_shape_vec(like.shape(), want.to_vec())?;
        let got = model.run(&[("x", picture(from).into()), ("like", like.into())])?.remove(0).f32()?;
        assert_close(&got, &want, 2e-6);
    }
    Ok(())
}
