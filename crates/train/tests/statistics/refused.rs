//! Files that are refused, with the reason.

use crate::ballots::{Taste, ballot, by_strength, key, sealed, write};
use serde_json::{Value, json};
use std::path::PathBuf;
use wuerst_train::study::key::Key;
use wuerst_train::study::{self, StudyArgs};
use wuerst_train::votes;

fn one(key: &Key, number: u64) -> Value {
    let taste = by_strength(vec![0., 0.], 0.);
    ballot(key, number, &taste as &Taste<'_>)
}

#[track_caller]
fn refused(key: &Key, ballots: &[Value], reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let error = votes::results(key, &write(folder.path(), ballots)).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains(reason) && error.contains("json"), "{error}");
}

#[test]
fn votes_of_another_study() {
    let key = key(&["one", "other"], 10);
    refused(
        &key,
        &[one(&key, 1), one(&crate::ballots::key(&["one", "other"], 10), 2)],
        "these are votes of the study",
    );
}

#[test]
fn same_voter_twice() {
    let key = key(&["one", "other"], 10);
    refused(&key, &[one(&key, 1), one(&key, 2), one(&key, 1)], "are of the same voter 0000000000000001");
}

#[test]
fn edited_file() {
    let key = key(&["one", "other"], 10);
    let edited = "was edited or is not whole";
    let with = |path: &str, value: Value| {
        let mut ballot = one(&key, 1);
        *ballot.pointer_mut(path).unwrap() = value;
        ballot
    };
    refused(&key, &[with("/votes/3/ms", json!(9999))], edited);
    refused(&key, &[with("/voter", json!("0000000000000007"))], edited);
    // With a right checksum, too: sides follow from the voter's name, pairs occur once.
    refused(&key, &[sealed(with("/voter", json!("0000000000000002")))], edited);
    let first = one(&key, 1)["votes"][0].clone();
    refused(&key, &[sealed(with("/votes/1", first))], edited);
    refused(&key, &[sealed(with("/votes/0/pair", json!("x")))], edited);
    refused(&key, &[sealed(with("/votes/0/repeat", json!(true)))], edited);
    refused(&key, &[with("/votes/3/choice", json!("both"))], "is not a file of votes");
    refused(&key, &[sealed(with("/votes", json!([])))], "it has no votes");
}

#[test]
fn no_vote_on_a_pair_of_models() {
    let key = key(&["one", "other"], 10);
    let mut ballot = one(&key, 1);
    let check =
        |vote: &Value| key.pairs.iter().any(|pair| pair.models().is_none() && vote["pair"] == json!(pair.id));
    let checks: Vec<Value> =
        ballot["votes"].as_array().unwrap().iter().filter(|vote| check(vote)).cloned().collect();
    ballot["votes"] = checks.into();
    let folder = tempfile::tempdir().unwrap();
    let error = votes::results(&key, &write(folder.path(), &[sealed(ballot)])).unwrap_err().to_string();
    assert!(error.contains("no vote on a pair of two models"), "{error}");
}

#[test]
fn damaged_key() {
    let folder = tempfile::tempdir().unwrap();
    let told = |change: &dyn Fn(&mut Key)| {
        let mut key = key(&["one", "other"], 5);
        change(&mut key);
        let path = folder.path().join("key.json");
        std::fs::write(&path, serde_json::to_vec(&key).unwrap()).unwrap();
        format!("{:#}", Key::read(&path).unwrap_err())
    };
    assert!(told(&|key| key.pairs[0].prompt = 99).contains("has no prompt"));
    assert!(told(&|key| key.pairs[0].pictures[0].model = Some(7)).contains("are wrong"));
    assert!(told(&|key| key.key = 2).contains("its format is 2"));
    assert!(told(&|key| key.pairs[1].id = key.pairs[0].id.clone()).contains("occurs twice"));
}

#[test]
fn folders_without_common_prompts() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let picture = |path: PathBuf, colour: [u8; 3]| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(4, 4, image::Rgb(colour)).save(path).unwrap();
    };
    std::fs::write(at("prompts.txt"), "a\nb\nc\n").unwrap();
    picture(at("one/0001.png"), [255, 0, 0]);
    picture(at("other/0002.png"), [0, 0, 255]);
    let args = |out: &str| StudyArgs {
        models: vec![at("one"), at("other")],
        prompts: at("prompts.txt"),
        out: at(out),
        n: None,
        pairs: 100,
        seed: 1,
    };
    let error = study::run(&args("study")).unwrap_err().to_string();
    assert!(error.contains("the models have no common prompts"), "{error}");
    assert!(!at("study").exists());

    picture(at("other/1.png"), [0, 0, 255]);
    study::run(&args("study")).unwrap();
    let key = Key::read(&at("study/key.json")).unwrap();
    assert_eq!((key.prompts.len(), key.pairs.len()), (1, 2));
    let page = std::fs::read_to_string(at("study/study.html")).unwrap();
    let names = ["one", "other"].map(|name| at(name).display().to_string());
    assert!(
        page.contains(&key.study) && names.iter().all(|name| !page.contains(name)),
        "the page names a model"
    );
    let error = study::run(&args("study")).unwrap_err().to_string();
    assert!(error.contains("is the key of another study"), "{error}");

    picture(at("other/01.png"), [0, 0, 255]);
    let error = study::run(&args("new")).unwrap_err().to_string();
    assert!(error.contains("has two pictures of prompt 1"), "{error}");
    std::fs::write(at("other/0002.png"), "no picture").unwrap();
    std::fs::remove_file(at("other/01.png")).unwrap();
    let error = study::run(&args("new")).unwrap_err().to_string();
    assert!(error.contains("cannot read the picture") && error.contains("0002.png"), "{error}");
}
