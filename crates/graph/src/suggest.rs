//! Suggestions for misspelt names.

use strsim::damerau_levenshtein;

/// The end of a message about an unknown name: `; did you mean …?` with the nearest of the names that
/// are known, or nothing when none is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    // A third of the letters may be wrong: "stepz" is near "steps", "x" is near nothing.
    let allowed = name.chars().count().max(3) / 3;
    let distance = |other: &str| damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    known
        .into_iter()
        .map(|other| (distance(other), other))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map_or_else(String::new, |(_, other)| format!("; did you mean `{other}`?"))
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
