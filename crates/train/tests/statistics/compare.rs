//! Comparisons of two reports.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use wuerst_train::report::compare::compare;

/// Writes a report of pictures on 300 prompts, with 40 in hidden styles; `better` adds to the mean alignment.
fn report(folder: &Path, name: &str, better: f64, change: impl Fn(&mut Value)) -> PathBuf {
    let mut shared = ChaCha8Rng::seed_from_u64(1);
    let mut own = ChaCha8Rng::seed_from_u64(name.len() as u64);
    let mut picture = |number: usize, set: &str| {
        // Prompts differ more than models do.
        let hard: f64 = shared.random_range(0. ..0.6);
        let alignment = hard + better + own.random_range(-0.1..0.1);
        let top1 = f64::from(u8::from(own.random_bool(0.4)));
        json!({
            "set": set, "prompt": format!("{set} {number}"), "seed": number, "alignment": alignment, "top1": top1,
            "top5": 1.0, "style": 0.0, "background": 1.0, "realness": 0.5 + better,
        })
    };
    let mut pictures: Vec<Value> = (0..300).map(|n| picture(n, "seen concepts")).collect();
    pictures.extend((0..40).map(|n| picture(n, "hidden styles")));
    let mut table = json!({ "scores": 1, "corpus": "data", "model": name, "pictures": pictures });
    change(&mut table);
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("scores.json"), table.to_string()).unwrap();
    folder
}

#[test]
fn difference_is_recovered() {
    let home = tempfile::tempdir().unwrap();
    let (one, other) = (report(home.path(), "one", 0.05, |_| ()), report(home.path(), "other", 0., |_| ()));
    let comparison = compare(&one, &other).unwrap();
    assert_eq!(
        comparison.sets.iter().map(|s| (s.set.as_str(), s.pairs)).collect::<Vec<_>>(),
        [("seen concepts", 300), ("hidden styles", 40)]
    );
    let seen = &comparison.sets[0];
    let alignment = &seen.measures[0];
    let interval = alignment.difference;
    assert!(interval.low <= 0.05 && 0.05 <= interval.high && interval.low > 0., "{alignment:?}");
    // The difference of two uniform values of ±0.1 has a deviation of 0.082; unpaired, prompts would add 0.17 each.
    let width = interval.high - interval.low;
    assert!((width / (2. * 1.96 * 0.0816 / 300f64.sqrt()) - 1.).abs() < 0.2, "{width}");
    assert!(alignment.sign_test < 1e-6 && alignment.better[0] > 200, "{alignment:?}");
    // Every picture of the first model is more real by one deviation, which decides most pairs.
    assert!(seen.win_rate.low > 0.8 && seen.sign_test < 1e-9, "{seen:?}");
    let style = seen.measures.iter().find(|m| m.measure == "style").unwrap();
    assert_eq!((style.better, style.sign_test, style.difference.value), ([0, 300, 0], 1., 0.));
    let top1 = seen.measures.iter().find(|m| m.measure == "top 1").unwrap();
    assert!(top1.difference.low < 0. && top1.difference.high > 0., "{top1:?}");
}

#[test]
fn equal_models_win_half() {
    let home = tempfile::tempdir().unwrap();
    let (one, same) = (report(home.path(), "one", 0., |_| ()), report(home.path(), "two", 0., |_| ()));
    let seen = &compare(&one, &same).unwrap().sets[0];
    assert_eq!((seen.win_rate.value, seen.wins), (0.5, [0, 300, 0]), "both have the same chance");
    let other = report(home.path(), "another", 0., |_| ());
    let seen = &compare(&one, &other).unwrap().sets[0];
    assert!(seen.win_rate.low <= 0.5 && 0.5 <= seen.win_rate.high && seen.sign_test > 0.01, "{seen:?}");
}

#[test]
fn reports_that_do_not_fit_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let one = report(home.path(), "one", 0., |_| ());
    let told = |other: PathBuf| format!("{:#}", compare(&one, &other).unwrap_err());
    let other = report(home.path(), "corpus", 0., |table| table["corpus"] = "other".into());
    assert!(told(other).contains("are reports on other data (corpora data and other)"));
    let reseeded = |table: &mut Value| {
        table["pictures"].as_array_mut().unwrap().iter_mut().for_each(|row| row["seed"] = 5000.into());
    };
    assert!(told(report(home.path(), "seeds", 0., reseeded)).contains("no common prompts and seeds"));
    let twice = |table: &mut Value| table["pictures"][1] = table["pictures"][0].clone();
    assert!(told(report(home.path(), "twice", 0., twice)).contains("`seen concepts 0` with seed 0 twice"));
    assert!(
        told(report(home.path(), "version", 0., |table| table["scores"] = 9.into()))
            .contains("is of version 9")
    );
    assert!(told(report(home.path(), "damaged", 0., |table| *table = json!([]))).contains("is damaged"));
    assert!(told(home.path().join("nowhere")).contains("`wuerst-train report` writes it"));
}
