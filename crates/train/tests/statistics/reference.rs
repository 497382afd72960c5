//! Statistics against the numbers of krippendorff, choix and statsmodels (`reference.py`).

use serde::Deserialize;
use wuerst_train::stats::agreement::alpha;
use wuerst_train::stats::davidson::{Outcomes, fit};

#[derive(Deserialize)]
struct Reference {
    alpha: Vec<Alpha>,
    davidson: Vec<Davidson>,
}

#[derive(Deserialize)]
struct Alpha {
    units: Vec<[f64; 3]>,
    alpha: f64,
}

#[derive(Deserialize)]
struct Davidson {
    outcomes: Vec<(usize, usize, f64, f64, f64)>,
    strengths: Vec<f64>,
    tie: Option<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

#[test]
fn alpha_is_that_of_krippendorff() {
    for case in reference().alpha {
        let got = alpha(&case.units, &vec![1.; case.units.len()]);
        assert!((got - case.alpha).abs() < 1e-9, "{got}, expected {}", case.alpha);
    }
}

#[test]
fn strengths_are_those_of_other_programs() {
    for case in reference().davidson {
        let outcomes = |&(i, j, win, tie, loss): &(usize, usize, f64, f64, f64)| Outcomes {
            models: [i, j],
            counts: [win, tie, loss],
        };
        let fit = fit(4, &case.outcomes.iter().map(outcomes).collect::<Vec<_>>());
        assert_eq!(fit.tie.is_some(), case.tie.is_some());
        let pairs = fit.strengths.iter().zip(&case.strengths).chain(fit.tie.iter().zip(&case.tie));
        for (got, want) in pairs {
            assert!((got - want).abs() < 1e-4, "{fit:?}, expected {:?} {:?}", case.strengths, case.tie);
        }
    }
}
