//! Scripted voters, whose preferences the statistics recover.

use crate::ballots::{Taste, ballot, by_strength, key, write};
use std::path::PathBuf;
use wuerst_train::report::resample::Interval;
use wuerst_train::study::key::Key;
use wuerst_train::votes::{self, Results};

/// Results of voters, all with the same taste.
fn results(key: &Key, tastes: &[&Taste<'_>]) -> Results {
    let folder = tempfile::tempdir().unwrap();
    let ballots: Vec<_> = tastes.iter().zip(16..).map(|(taste, number)| ballot(key, number, taste)).collect();
    votes::results(key, &write(folder.path(), &ballots)).unwrap()
}

fn holds(interval: Interval, value: f64) -> bool {
    interval.low <= value && value <= interval.high
}

#[test]
fn preference_is_recovered() {
    let key = key(&["one", "other"], 90);
    // 60 : 25 : 15 of first, neither, second.
    let taste = by_strength(vec![2f64.ln(), -(2f64.ln())], 0.25f64.ln() - (0.6f64 * 0.15).sqrt().ln());
    let taste = by_strength_checked(taste, [0.6, 0.25, 0.15]);
    let all = results(&key, &[&taste as &Taste<'_>; 12]).all;
    let [pair] = all.pairs.as_slice() else { panic!("{:?}", all.pairs) };
    assert_eq!((pair.votes, all.votes, all.voters), (90 * 12, 90 * 12, 12));
    for (share, want) in pair.shares.iter().zip([0.6, 0.25, 0.15]) {
        assert!(holds(*share, want) && share.high - share.low < 0.2, "{share:?}, expected {want}");
    }
    assert!(holds(pair.decided, 0.8) && pair.sign_test < 1e-6 && pair.sign_test_people < 0.001);
    assert_eq!(pair.people, [12, 0, 0]);
    let difference = all.strengths[0].value - all.strengths[1].value;
    assert!((difference - 4f64.ln()).abs() < 0.3, "{difference}");
    assert!(holds(all.left, 0.5), "{:?}", all.left);
    // Voters choose anew each time: they agree with themselves in 0.6² + 0.25² + 0.15² of the cases.
    assert!(holds(all.self_agreement.unwrap(), 0.445), "{:?}", all.self_agreement);
    assert_eq!(all.categories.keys().collect::<Vec<_>>(), ["Animals", "Arts", "Vehicles"]);
}

/// The taste, after a check that it has the shares that a test expects of it.
fn by_strength_checked<T: Fn(&crate::ballots::Trial<'_>, &mut rand_chacha::ChaCha8Rng) -> &'static str>(
    taste: T,
    shares: [f64; 3],
) -> T {
    let mut rng = rand::SeedableRng::seed_from_u64(1);
    let trial = crate::ballots::Trial { models: [Some(0), Some(1)], category: "" };
    let mut counts = [0.; 3];
    for _ in 0..20_000 {
        let chosen = taste(&trial, &mut rng);
        let at = ["left", "neither", "right"].iter().position(|choice| *choice == chosen).unwrap();
        counts[at] += 1. / 20_000.;
    }
    assert!(counts.iter().zip(shares).all(|(got, want)| (got - want).abs() < 0.02), "{counts:?}");
    taste
}

#[test]
fn chance_gives_one_half() {
    let key = key(&["one", "other"], 60);
    let taste = by_strength(vec![0., 0.], -0.5);
    let results = results(&key, &[&taste as &Taste<'_>; 10]);
    let pair = &results.all.pairs[0];
    assert!(holds(pair.decided, 0.5) && pair.sign_test > 0.01, "{pair:?}");
    assert!(results.all.alpha.unwrap().value.abs() < 0.1, "{:?}", results.all.alpha);
    assert!(results.people.iter().all(|person| !person.one_sided && !person.careless));
}

#[test]
fn agreeing_voters_have_high_alpha() {
    let key = key(&["one", "other"], 60);
    // All like the first model's animals, and the second one's others.
    let taste = |trial: &crate::ballots::Trial<'_>, _: &mut rand_chacha::ChaCha8Rng| match trial.models {
        [Some(left), Some(_)] if (left == 0) == (trial.category == "Animals") => "left",
        [Some(_), None] => "left",
        _ => "right",
    };
    let all = results(&key, &[&taste as &Taste<'_>; 5]).all;
    assert!((all.alpha.unwrap().value - 1.).abs() < 1e-9, "{:?}", all.alpha);
    assert!((all.self_agreement.unwrap().value - 1.).abs() < 1e-9);
    let of = |category: &str| all.categories[category][0].decided.value;
    assert_eq!((of("Animals"), of("Arts")), (1., 0.));
}

#[test]
fn one_sided_voter_is_found() {
    let key = key(&["one", "other"], 60);
    let fair = by_strength(vec![0.3, -0.3], -0.5);
    let left = |_: &crate::ballots::Trial<'_>, _: &mut rand_chacha::ChaCha8Rng| "left";
    let results = results(&key, &[&fair, &fair, &left, &fair, &fair, &fair]);
    let found: Vec<bool> = results.people.iter().map(|person| person.one_sided).collect();
    assert_eq!(found, [false, false, true, false, false, false]);
    let person = &results.people[2];
    assert_eq!((person.sides[1], person.agreed), (0, 0), "{person:?}");
    // Half of the checks have the noise on the left.
    assert!(person.careless && results.careful.as_ref().unwrap().voters == 5, "{person:?}");
    let page = votes::write::markdown(&results);
    assert!(page.contains("careless, one-sided |") && page.contains("## Without careless voters"), "{page}");
}

#[test]
fn three_models_are_ranked() {
    let key = key(&["one", "two", "three"], 40);
    let taste = by_strength(vec![1., 0., -1.], -0.7);
    let all = results(&key, &[&taste as &Taste<'_>; 8]).all;
    assert_eq!(all.pairs.iter().map(|pair| pair.models).collect::<Vec<_>>(), [[0, 1], [0, 2], [1, 2]]);
    for (got, want) in all.strengths.iter().zip([1., 0., -1.]) {
        assert!(holds(*got, want) && got.high - got.low < 1.2, "{got:?}, expected {want}");
    }
}

#[test]
fn ballot_of_chromium_is_read() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/statistics/chromium");
    let key = Key::read(&folder.join("key.json")).unwrap();
    let results = votes::results(&key, &[folder.join("votes.json")]).unwrap();
    let person = &results.people[0];
    assert_eq!((person.votes, person.missed, person.careless), (20, 0, false), "{person:?}");
    assert!(person.checks > 0 && person.repeats > 0 && person.agreed == person.repeats, "{person:?}");
    assert_eq!(results.all.pairs[0].shares[0].value, 1., "the script chose every red picture");
}
