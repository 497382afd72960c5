//! The key of a study: which model drew which picture. Voters do not get it.

use super::prompts::Prompt;
use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use wuerst_read::regular;

/// Version of the format of keys and ballots.
pub const FORMAT: u32 = 1;

/// Maximum length of a key, in bytes.
const LONGEST: u64 = 256 << 20;

/// Fraction of a voter's trials that are attention checks, and again that are repeats.
pub const EXTRA: f64 = 0.05;

/// A study: prompts, pairs and the model of each picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// [`FORMAT`].
    pub key: u32,
    /// Name of the study, which its page and ballots bear.
    pub study: String,
    /// Models, as named on the command line.
    pub models: Vec<String>,
    /// Seed of the first prompt's pictures; prompt `n` has the seed `seed + n − 1` for every model.
    pub seed: i64,
    /// The prompts of the pairs.
    pub prompts: Vec<Prompt>,
    /// All pairs, attention checks among them.
    pub pairs: Vec<Pair>,
}

/// Two pictures that a voter compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Name on the page, which reveals nothing.
    pub id: String,
    /// Number of the prompt.
    pub prompt: usize,
    /// The pictures. Voters whose name ends in an even digit see the first one on the left, others on the right.
    pub pictures: [Shown; 2],
}

/// A picture of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Name on the page, which reveals nothing.
    pub id: String,
    /// Number of the model; `None` for the noise of an attention check.
    pub model: Option<usize>,
}

impl Pair {
    /// The models of a pair that compares two.
    pub fn models(&self) -> Option<[usize; 2]> {
        match self.pictures.each_ref().map(|p| p.model) {
            [Some(a), Some(b)] => Some([a, b]),
            _ => None,
        }
    }
}

impl Key {
    /// Pairs of all models for each prompt, and attention checks. Names and sides are drawn at random.
    pub fn new(models: &[String], prompts: Vec<Prompt>, seed: i64) -> Key {
        // The standard library's hasher has keys from the operating system: a voter cannot guess the names.
        let secret = [0u8, 1].map(|part| RandomState::new().hash_one(part));
        let name = |of: &str, length: usize| {
            let text = format!("{:016x}{:016x} {of}", secret[0], secret[1]);
            blake3::hash(text.as_bytes()).to_hex()[..length].to_owned()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(secret[0] ^ secret[1].rotate_left(32));
        let picture = |what: &str, prompt: usize, model: Option<usize>| {
            let model_name = model.map_or("noise".into(), |model| model.to_string());
            Shown { id: name(&format!("picture {what} {prompt} {model_name}"), 12), model }
        };
        let mut pairs = vec![];
        let count = models.len();
        for (one, other) in (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other))) {
            for (at, swapped) in balanced(prompts.len(), &mut rng).into_iter().enumerate() {
                let number = prompts[at].number;
                let mut pictures = [one, other].map(|model| picture("of", number, Some(model)));
                if swapped {
                    pictures.swap(0, 1);
                }
                pairs.push(Pair {
                    id: name(&format!("pair {number} {one} {other}"), 12),
                    prompt: number,
                    pictures,
                });
            }
        }
        let checks = (pairs.len() as f64 * EXTRA).ceil() as usize;
        let mut chosen: Vec<usize> = (0..prompts.len()).collect();
        chosen.shuffle(&mut rng);
        for (at, swapped) in balanced(checks.min(chosen.len()), &mut rng).into_iter().enumerate() {
            let number = prompts[chosen[at]].number;
            let mut pictures = [picture("of", number, Some(at % count)), picture("check", number, None)];
            if swapped {
                pictures.swap(0, 1);
            }
            pairs.push(Pair { id: name(&format!("check {number}"), 12), prompt: number, pictures });
        }
        pairs.shuffle(&mut rng);
        Key { key: FORMAT, study: name("study", 16), models: models.to_vec(), seed, prompts, pairs }
    }

    /// Reads and checks a key.
    ///
    /// # Errors
    /// A file that is no key, or not whole.
    pub fn read(path: &Path) -> Result<Key> {
        let named = || format!("{} is not a key that `wuerst-train study` wrote", path.display());
        let bytes =
            regular::read(path, LONGEST).with_context(|| format!("cannot read {}", path.display()))?;
        let key: Key = serde_json::from_slice(&bytes).with_context(named)?;
        key.check().with_context(named)?;
        Ok(key)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.key == FORMAT, "its format is {}, this program reads {FORMAT}", self.key);
        ensure!(self.models.len() >= 2, "it has fewer than two models");
        let prompts: BTreeSet<usize> = self.prompts.iter().map(|p| p.number).collect();
        let mut ids = BTreeSet::new();
        for pair in &self.pairs {
            ensure!(ids.insert(&pair.id), "the pair {} occurs twice", pair.id);
            ensure!(prompts.contains(&pair.prompt), "the pair {} has no prompt", pair.id);
            let models = pair.pictures.each_ref().map(|p| p.model);
            let known = models.iter().flatten().all(|model| *model < self.models.len());
            ensure!(known && models[0] != models[1], "the models of the pair {} are wrong", pair.id);
            ensure!(pair.pictures[0].id != pair.pictures[1].id, "the pair {} has one picture twice", pair.id);
        }
        Ok(())
    }

    /// The prompts by number.
    pub fn by_number(&self) -> BTreeMap<usize, &Prompt> {
        self.prompts.iter().map(|prompt| (prompt.number, prompt)).collect()
    }
}

/// `n` booleans in random order, half of which hold.
fn balanced(n: usize, rng: &mut ChaCha8Rng) -> Vec<bool> {
    let mut sides: Vec<bool> = (0..n).map(|at| at % 2 == 0).collect();
    sides.shuffle(rng);
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_balanced() {
        let prompt =
            |number| Prompt { number, text: "x".into(), category: "c".into(), challenge: "d".into() };
        let key = Key::new(&["a", "b", "c"].map(String::from), (1..=40).map(prompt).collect(), 1);
        key.check().unwrap();
        for models in [[0, 1], [0, 2], [1, 2]] {
            let of = |order: [usize; 2]| key.pairs.iter().filter(|p| p.models() == Some(order)).count();
            assert_eq!((of(models), of([models[1], models[0]])), (20, 20), "{models:?}");
        }
        let checks: Vec<&Pair> = key.pairs.iter().filter(|p| p.models().is_none()).collect();
        assert_eq!(checks.iter().filter(|p| p.pictures[0].model.is_none()).count(), 3, "of {}", checks.len());
        assert_ne!(key.study, Key::new(&key.models, key.prompts.clone(), 1).study, "names can be guessed");
    }
}
