//! Files of votes as the page writes them, by voters with known preferences.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use wuerst_train::study::key::{Key, Pair};
use wuerst_train::study::prompts::Prompt;

/// A study of models on `prompts` prompts in three categories.
pub fn key(models: &[&str], prompts: usize) -> Key {
    let prompt = |number: usize| Prompt {
        number,
        text: format!("prompt {number}"),
        category: ["Animals", "Arts", "Vehicles"][number % 3].into(),
        challenge: "Basic".into(),
    };
    let models: Vec<String> = models.iter().map(|name| name.to_string()).collect();
    Key::new(&models, (1..=prompts).map(prompt).collect(), 1)
}

/// A pair as a voter sees it: the models on the left and right (`None` for noise), and the category.
pub struct Trial<'a> {
    pub models: [Option<usize>; 2],
    pub category: &'a str,
}

/// A voter's choice: `left`, `right` or `neither`.
pub type Taste<'a> = dyn Fn(&Trial<'_>, &mut ChaCha8Rng) -> &'static str + 'a;

/// Prefers the model of the larger strength with a probability of Davidson's model, and sees noise.
pub fn by_strength(strengths: Vec<f64>, tie: f64) -> impl Fn(&Trial<'_>, &mut ChaCha8Rng) -> &'static str {
    move |trial, rng| match trial.models {
        [Some(left), Some(right)] => {
            let (a, b) = (strengths[left], strengths[right]);
            let parts = [a.exp(), (tie + (a + b) / 2.).exp(), b.exp()];
            let at = rng.random_range(0. ..parts.iter().sum::<f64>());
            if at < parts[0] {
                "left"
            } else if at < parts[0] + parts[1] {
                "neither"
            } else {
                "right"
            }
        }
        [Some(_), None] => "left",
        _ => "right",
    }
}

/// A ballot of all pairs, with every eighth one repeated at the end.
pub fn ballot(key: &Key, number: u64, taste: &Taste<'_>) -> Value {
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let voter = format!("{number:016x}");
    let trials = key.pairs.iter().map(|pair| (pair, false));
    let again = key.pairs.iter().filter(|pair| pair.models().is_some()).step_by(8).map(|pair| (pair, true));
    let mut vote = |(pair, repeat): (&Pair, bool)| {
        let left = usize::from((number % 2 == 1) != repeat);
        let category = &key.prompts[pair.prompt - 1].category;
        let models = [left, 1 - left].map(|at| pair.pictures[at].model);
        let choice = taste(&Trial { models, category }, &mut rng);
        let ms = rng.random_range(600..4000);
        json!({
            "pair": pair.id, "prompt": pair.prompt, "left": pair.pictures[left].id, "choice": choice,
            "ms": ms, "at": "2026-12-01T00:00:00.000Z", "repeat": repeat,
        })
    };
    let votes: Vec<Value> = trials.chain(again).map(&mut vote).collect();
    sealed(json!({ "ballot": 1, "study": key.study, "voter": voter, "votes": votes }))
}

/// Computes the seal of a ballot, as the page does.
pub fn sealed(mut ballot: Value) -> Value {
    let cell = |vote: &Value, name: &str| match &vote[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut text = format!("{}\n{}", ballot["study"].as_str().unwrap(), ballot["voter"].as_str().unwrap());
    for vote in ballot["votes"].as_array().unwrap() {
        let names = ["pair", "prompt", "left", "choice", "ms", "at", "repeat"];
        text += &format!("\n{}", names.map(|name| cell(vote, name)).join(" "));
    }
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    ballot["seal"] = format!("{:08x}", crc.sum()).into();
    ballot
}

/// Writes ballots into a folder.
pub fn write(folder: &Path, ballots: &[Value]) -> Vec<PathBuf> {
    let file = |(at, ballot): (usize, &Value)| {
        let path = folder.join(format!("{at}.json"));
        std::fs::write(&path, ballot.to_string()).unwrap();
        path
    };
    ballots.iter().enumerate().map(file).collect()
}
