//! Operations on single numbers, and reductions.

use anyhow::Result;
use wuerst_model::record::Op;
use wuerst_tests::numbers::assert_close;

use crate::plain;
use crate::recorded::Case;

const EXACT: f32 = 1e-6;

type Unary = fn(f32) -> f32;
type Binary = fn(f32, f32) -> f32;

#[test]
fn binary_operations_broadcast() -> Result<()> {
    for (op, want) in [
        (Op::Add, (|a, b| a + b) as Binary),
        (Op::Sub, |a, b| a - b),
        (Op::Mul, |a, b| a * b),
        (Op::Div, |a, b| a / b),
    ] {
        let mut case = Case::new();
        let a = case.input(&[2, 3, 4], &[5, 3, 7]);
        let b = case.input(&[3, 1], &[3, 1]);
        let wide = b.broadcast(a.shape()).unwrap().to_owned();
        let want = ndarray::Zip::from(&a).and(&wide).map_collect(|a, b| want(*a, *b));
        assert_close(&case.run(op)?.f32()?, &want, EXACT);
    }
    Ok(())
}

#[test]
fn unary_operations() -> Result<()> {
    let table: [(Op, Unary); 7] = [
        (Op::Abs, f32::abs),
        (Op::Sigmoid, |x| 1. / (1. + (-x).exp())),
        (Op::Relu, |x| x.max(0.)),
        (Op::LeakyRelu(0.2), |x| if x > 0. { x } else { 0.2 * x }),
        (Op::Clip { min: -0.25, max: 0.5 }, |x| x.clamp(-0.25, 0.5)),
        (Op::StopGradient, |x| x),
        (Op::Dropout(0.5), |x| x),
    ];
    for (op, want) in table {
        let mut case = Case::new();
        let x = case.input(&[2, 3], &[4, 5]);
        assert_close(&case.run(op)?.f32()?, &x.mapv(want), EXACT);
    }
    Ok(())
}

#[test]
fn gelu_is_exact_one() -> Result<()> {
    let mut case = Case::new();
    let x = case.input(&[2, 3], &[40, 50]);
    let y = case.run(Op::Gelu)?.f32()?;
    // Φ by Simpson's rule on the normal density: the tanh approximation is off by up to 5e-4.
    let gelu = |x: f32| {
        let (x, n) = (f64::from(x), 200);
        let density = |t: f64| (-t * t / 2.).exp() / std::f64::consts::TAU.sqrt();
        let weight = |i: usize| if i == 0 || i == n { 1. } else { 2. + 2. * (i % 2) as f64 };
        let area: f64 = (0..=n).map(|i| weight(i) * density(x * i as f64 / n as f64)).sum();
        (x * (0.5 + area * x / n as f64 / 3.)) as f32
    };
    assert_close(&y, &x.mapv(gelu), 1e-5);
    Ok(())
}

#[test]
fn reductions_keep_their_axes() -> Result<()> {
    let mut case = Case::new();
    let x = case.input(&[2, 3, 4, 5], &[1, 6, 3, 5]);
    let norm = plain::reduce(&x, &[1, 2], |v| v.iter().map(|v| v * v).sum::<f32>().sqrt());
    assert_close(&case.run(Op::ReduceL2(vec![1, 2]))?.f32()?, &norm, EXACT);

    let mut case = Case::new();
    let x = case.input(&[2, 3, 4], &[6, 5, 4]);
    let mean = plain::reduce(&x, &[2], |v| v.iter().sum::<f32>() / v.len() as f32);
    assert_close(&case.run(Op::ReduceMean(vec![2]))?.f32()?, &mean, EXACT);
    Ok(())
}

#[test]
fn least_element_is_found() -> Result<()> {
    let mut case = Case::new();
    let x = case.input(&[2, 3, 4], &[3, 5, 7]);
    let found = case.run(Op::ArgMin)?.i64()?;
    assert_eq!(found.shape(), [3, 5]);
    for (row, at) in x.rows().into_iter().zip(&found) {
        assert!(row.iter().all(|v| *v >= row[*at as usize]));
    }
    Ok(())
}
