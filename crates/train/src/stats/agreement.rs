//! Krippendorff's α for nominal values.

/// α of units, each with the number of raters that chose each value. `weights` counts a unit several times, or not at all.
///
/// 1 is full agreement, 0 that of chance. Units with fewer than two raters say nothing about agreement. NaN if there is
/// no pair of values, or only one value was ever chosen.
pub fn alpha<const N: usize>(units: &[[f64; N]], weights: &[f64]) -> f64 {
    let (mut values, mut agreed) = ([0.; N], 0.);
    for (unit, weight) in units.iter().zip(weights) {
        let raters: f64 = unit.iter().sum();
        if raters < 2. {
            continue;
        }
        for (total, count) in values.iter_mut().zip(unit) {
            *total += weight * count;
            agreed += weight * count * (count - 1.) / (raters - 1.);
        }
    }
    let n: f64 = values.iter().sum();
    let expected: f64 = values.iter().map(|count| count * (count - 1.)).sum();
    1. - (n - 1.) * (n - agreed) / (n * (n - 1.) - expected)
}
