//! Shares of independent events: the sign test and Wilson's interval.

/// Normal quantile of a two-sided interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Two-sided p value of the sign test: the probability, if both outcomes are equally likely, of a split at least as
/// uneven as `first` to `second`. 1 if there are no outcomes.
pub fn sign_test(first: u64, second: u64) -> f64 {
    let (n, fewer) = (first + second, first.min(second));
    // Terms of the binomial distribution at 1/2 in logarithms, because 2^-n underflows.
    let mut term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = term.exp();
    for k in 0..fewer {
        term += ((n - k) as f64 / (k + 1) as f64).ln();
        tail += term.exp();
    }
    (2. * tail).min(1.)
}

/// Wilson's 95 % interval of a share, for independent events; 0 to 1 if there are none.
pub fn wilson(hits: f64, n: f64) -> [f64; 2] {
    if n <= 0. {
        return [0., 1.];
    }
    let (share, z) = (hits / n, Z * Z / n);
    let middle = (share + z / 2.) / (1. + z);
    let half = Z * (share * (1. - share) / n + z / (4. * n)).sqrt() / (1. + z);
    [(middle - half).max(0.), (middle + half).min(1.)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_test_is_binomial_tail() {
        // 1 and 5 of 6: 2·(1 + 6)/64.
        assert!((sign_test(1, 5) - 14. / 64.).abs() < 1e-12);
        assert_eq!((sign_test(3, 3), sign_test(0, 0)), (1., 1.));
        assert!(sign_test(10_000, 20_000) < 1e-300 && sign_test(10_000, 10_100) > 0.4);
    }

    #[test]
    fn wilson_stays_within_shares() {
        let [low, high] = wilson(0., 10.);
        assert!(low == 0. && (high - 0.2775).abs() < 1e-4, "{low} {high}");
        assert_eq!(wilson(0., 0.), [0., 1.]);
    }
}
