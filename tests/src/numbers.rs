//! Arrays to test with: random ones, and how far two of them are apart.

use anyhow::{Result, ensure};
use ndarray::{ArrayD, IxDyn};
use wuerst_model::onnx::{BoxError, Weight};
use wuerst_model::record::NetworkGraph;

/// Numbers that look random, uniform in ±1, the same on every run.
pub struct Random(u64);

impl Random {
    /// Starts the sequence with this number.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number (a step of the splitmix64 generator).
    pub fn number(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.
    }

    /// An array of the next numbers.
    pub fn array(&mut self, shape: &[usize]) -> ArrayD<f32> {
        ArrayD::from_shape_simple_fn(IxDyn(shape), || self.number())
    }
}

/// Random weights for every parameter of a graph, different for each name, the same on every run.
pub fn random_weights(graph: &NetworkGraph) -> impl Fn(&str) -> Result<Weight, BoxError> {
    move |name| {
        let param = graph.params.iter().find(|p| p.name == name).ok_or("no such parameter")?;
        let data = random_weight(name, &param.shape).into_raw_vec_and_offset().0;
        Ok(Weight { shape: param.shape.clone(), data })
    }
}

/// [`random_weights`] with a small last layer in a prior, which divides by what that makes: it stays away from 0, as in trained
/// networks.
pub fn calm_weights(graph: &NetworkGraph) -> impl Fn(&str) -> Result<Weight, BoxError> {
    let random = random_weights(graph);
    move |name| {
        let mut weight = random(name)?;
        let share = if name.starts_with("out.1.") { 0.1 } else { 1. };
        weight.data.iter_mut().for_each(|v| *v *= share);
        Ok(weight)
    }
}

/// The parameter of this name among [`random_weights`]. Matrices keep the size of what they multiply, and running
/// variances are positive.
pub fn random_weight(name: &str, shape: &[usize]) -> ArrayD<f32> {
    let seed = name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte));
    let fan_in: usize = shape.iter().skip(1).product();
    let scale = 1. / (fan_in.max(1) as f32).sqrt();
    let array = Random::new(seed).array(shape) * scale;
    if name.ends_with("running_var") { array.abs() + 0.1 } else { array }
}

/// Largest difference over largest magnitude of what is wanted.
///
/// # Errors
/// When the shapes differ or a number is not finite.
pub fn relative_error(got: &ArrayD<f32>, want: &ArrayD<f32>) -> Result<f32> {
    ensure!(got.shape() == want.shape(), "got {:?}, want {:?}", got.shape(), want.shape());
    ensure!(got.iter().all(|v| v.is_finite()), "a result is not finite");
    let largest = want.iter().fold(0f32, |a, v| a.max(v.abs()));
    let apart = got.iter().zip(want).fold(0f32, |a, (g, w)| a.max((g - w).abs()));
    Ok(if apart == 0. { 0. } else { apart / largest })
}

/// Asserts that [`relative_error`] is at most this.
#[track_caller]
pub fn assert_close(got: &ArrayD<f32>, want: &ArrayD<f32>, tolerance: f32) {
    match relative_error(got, want) {
        Ok(error) => assert!(error <= tolerance, "off by {error:e}, {tolerance:e} allowed"),
        Err(error) => panic!("{error}"),
    }
}
