//! Distances between sets of features against SciPy and scikit-learn (`tests/reference/distances`).

use anyhow::Result;
use serde::Deserialize;
use std::path::Path;
use tch::Tensor;
use wuerst_train::report::resample::{Estimate, Groups};
use wuerst_train::report::{frechet, mmd};

#[derive(Deserialize)]
struct Measured {
    value: f64,
    error: f64,
    /// The first sample's distance to itself.
    same: f64,
}

#[derive(Deserialize)]
struct Expected {
    one_groups: Vec<usize>,
    other_groups: Vec<usize>,
    mmd2: Measured,
    frechet: Measured,
}

#[track_caller]
fn agrees(got: Estimate, same: Estimate, want: &Measured) {
    for (got, want) in [(got.value, want.value), (got.error, want.error), (same.value, want.same)] {
        assert!((got - want).abs() < 1e-9 * want.abs().max(1.), "{got} is not {want}");
    }
}

#[test]
fn distances_match_scipy() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/distances");
    let expected: Expected = serde_json::from_slice(&std::fs::read(folder.join("expected.json"))?)?;
    let [one, other] = ["one", "other"].map(|name| Tensor::read_npy(folder.join(format!("{name}.npy"))));
    let (one, other) = (one?, other?);
    let groups = |of: &[usize]| Groups { of: of.to_vec(), count: 12 };
    let (a, b) = (groups(&expected.one_groups), groups(&expected.other_groups));
    agrees(mmd::squared(&one, &other, (&a, &b))?, mmd::squared(&one, &one, (&a, &a))?, &expected.mmd2);
    let distance = frechet::estimate(&one, &other, (&a, &b))?;
    agrees(distance, frechet::estimate(&one, &one, (&a, &a))?, &expected.frechet);
    Ok(())
}

#[test]
fn chunks_do_not_change_discrepancy() -> Result<()> {
    let floats = (tch::Kind::Double, tch::Device::Cpu);
    let x = Tensor::arange(2400, floats).sin().reshape([1200, 2]);
    let y = Tensor::arange(2400, floats).cos().reshape([1200, 2]);
    let groups = Groups { of: (0..1200).map(|row| row % 7).collect(), count: 7 };
    let got = mmd::squared(&x, &y, (&groups, &groups))?.value;
    let kernel = |a: &Tensor, b: &Tensor| (a.matmul(&b.tr()) / 2. + 1.).pow_tensor_scalar(3);
    let total = |x: Tensor| x.sum(tch::Kind::Double).double_value(&[]);
    let within = |a: &Tensor| total(kernel(a, a)) - kernel(a, a).trace().double_value(&[]);
    let (m, pairs) = (1200., 1200. * 1199.);
    let want = (within(&x) + within(&y)) / pairs - 2. * total(kernel(&x, &y)) / (m * m);
    assert!((got - want).abs() < 1e-10, "{got} is not {want}");
    Ok(())
}
