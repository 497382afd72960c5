//! Sine and cosine features of the time of a diffusion step, which prior and decoder read in place of the time itself.
//!
//! diffusers computes them inside the networks (`gen_r_embedding`), where half precision ruins them: of 10⁴ positions,
//! neighbouring numbers are 64 apart in bf16 and 8 apart in f16. The host computes them in full precision, once per step.

/// Number of positions for the times from 0 to 1.
const POSITIONS: f32 = 10_000.;

/// Features of the `times` `[b]` in 0..1, where 1 is noise: `[b, features · embeddings]`, row by row.
///
/// A row has `embeddings` parts of equal length. The first encodes the time; the others encode a condition of 0, the
/// default of Stable Cascade's conditions. Each part has sines, cosines, and a 0 if `features` is odd. `features` is at
/// least 4.
///
/// Angles are rounded to f32 as in diffusers, with which the published weights were trained; sines and cosines are
/// computed in f64.
pub fn embedding(times: &[f32], features: usize, embeddings: usize) -> Vec<f32> {
    let half = features / 2;
    let apart = f64::from(POSITIONS).ln() / (half.max(2) - 1) as f64;
    let frequencies: Vec<f32> = (0..half).map(|i| (-(i as f64) * apart).exp() as f32).collect();
    let mut rows = Vec::with_capacity(times.len() * features * embeddings);
    for time in times {
        for part in 0..embeddings {
            let position = if part == 0 { time * POSITIONS } else { 0. };
            let angles = || frequencies.iter().map(|frequency| f64::from(position * frequency));
            rows.extend(angles().map(|angle| angle.sin() as f32));
            rows.extend(angles().map(|angle| angle.cos() as f32));
            rows.extend((features % 2 == 1).then_some(0.));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_follow_formula() {
        // Angles at 4 frequencies: 10⁴ to the power of 0, −1/3, −2/3, −1.
        let row = embedding(&[0.5], 8, 1);
        for (i, (sin, cos)) in row[..4].iter().zip(&row[4..]).enumerate() {
            let angle = 5000. * 10_000f64.powf(-(i as f64) / 3.);
            assert!((f64::from(*sin) - angle.sin()).abs() < 1e-3, "{i}: {sin}");
            assert!((f64::from(*cos) - angle.cos()).abs() < 1e-3, "{i}: {cos}");
        }
    }

    #[test]
    fn rows_have_parts_and_padding() {
        let rows = embedding(&[1., 0.], 5, 2);
        assert_eq!(rows.len(), 20);
        let at_zero = [0., 0., 1., 1., 0.];
        assert_eq!(rows[5..10], at_zero, "the second part is of a condition of 0");
        assert_eq!(rows[10..15], at_zero);
        assert_ne!(rows[..5], at_zero);
    }
}
