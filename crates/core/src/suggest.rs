//! Suggestions for misspelt names.

use strsim::damerau_levenshtein;

/// Longer names get no suggestion, because comparing them takes long.
const LONGEST: usize = 64;

/// The end of a message about an unknown name: `; did you mean …?` with the nearest known name; empty if none is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    if name.len() > LONGEST {
        return String::new();
    }
    // A third of the letters may differ: "stepz" is near "steps", "x" is near nothing.
    let allowed = name.chars().count().max(3) / 3;
    let (lower, letters) = (name.to_lowercase(), letters(name));
    let may_be_near = |other: &&str| {
        let differing = (letters ^ self::letters(other)).count_ones() as usize;
        other.len().abs_diff(name.len()) <= 2 * allowed && differing <= 2 * allowed
    };
    known
        .into_iter()
        .filter(may_be_near)
        .map(|other| (damerau_levenshtein(&lower, &other.to_lowercase()), other))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map_or_else(String::new, |(_, other)| format!("; did you mean `{other}`?"))
}

/// Set of the bytes in a name. One mistake changes at most two bytes, so sets rule out most names of a graph with tens of
/// thousands of nodes without a full comparison.
fn letters(name: &str) -> u64 {
    name.bytes().fold(0, |set, byte| set | 1 << (byte.to_ascii_lowercase() % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["clip.tokenize", "clip.encode", "steps", "seed"];
        assert_eq!(did_you_mean("clip.tokenise", known), "; did you mean `clip.tokenize`?");
        assert_eq!(did_you_mean("Stpes", known), "; did you mean `steps`?");
        assert_eq!(did_you_mean("guidance", known), "");
        assert_eq!(did_you_mean("x", ["y"]), "; did you mean `y`?");
    }
}
