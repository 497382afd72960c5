//! Attention with its masks.

use anyhow::Result;
use ndarray::{ArrayD, array};
use wuerst_model::record::Op;
use wuerst_tests::numbers::assert_close;

use crate::plain;
use crate::recorded::Case;

const CLOSE: f32 = 1e-5;

#[test]
fn queries_and_keys_may_differ_in_number() -> Result<()> {
    let mut case = Case::new();
    let q = case.input(&[1, 4, 6], &[2, 9, 6]);
    let k = case.input(&[1, 5, 6], &[2, 3, 6]);
    let v = case.input(&[1, 5, 6], &[2, 3, 6]);
    let want = plain::attention([&q, &k, &v], 3, |_, _, _| true);
    assert_close(&case.run(Op::Attention { heads: 3, causal: false })?.f32()?, &want, CLOSE);
    Ok(())
}

#[test]
fn masks_hide_keys() -> Result<()> {
    let mask: ArrayD<i64> = array![[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]].into_dyn();
    for causal in [false, true] {
        let mut case = Case::new();
        let [q, k, v] = [(); 3].map(|()| case.input(&[1, 4, 8], &[2, 5, 8]));
        case.ids(&[1, 4], mask.clone());
        let want = plain::attention([&q, &k, &v], 2, |b, i, j| mask[[b, j]] == 1 && (!causal || j <= i));
        assert_close(&case.run(Op::Attention { heads: 2, causal })?.f32()?, &want, CLOSE);
    }
    Ok(())
}

#[test]
fn causal_attention_of_any_length() -> Result<()> {
    for length in [1, 6, 11] {
        let mut case = Case::new();
        let [q, k, v] = [(); 3].map(|()| case.input(&[1, 6, 4], &[1, length, 4]));
        let want = plain::attention([&q, &k, &v], 1, |_, i, j| j <= i);
        assert_close(&case.run(Op::Attention { heads: 1, causal: true })?.f32()?, &want, CLOSE);
    }
    Ok(())
}

/// A row without visible keys (padding before a causal text) must not poison the rest with NaN.
#[test]
fn fully_masked_query_stays_finite() -> Result<()> {
    let mut case = Case::new();
    let [q, k, v] = [(); 3].map(|()| case.input(&[1, 3, 4], &[1, 3, 4]));
    case.ids(&[1, 3], array![[0, 1, 1]].into_dyn());
    let got = case.run(Op::Attention { heads: 1, causal: true })?.f32()?;
    assert!(got.iter().all(|v| v.is_finite()));
    let want = plain::attention([&q, &k, &v], 1, |_, i, j| j > 0 && j <= i);
    let rows = |x: &ArrayD<f32>| x.slice(ndarray::s![.., 1.., ..]).to_owned().into_dyn();
    assert_close(&rows(&got), &rows(&want), CLOSE);
    Ok(())
}
