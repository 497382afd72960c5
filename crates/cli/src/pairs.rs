//! Names and values as the command line pairs them.

use std::collections::BTreeMap;

/// Names and values as the command line writes them.
pub(crate) type Texts = BTreeMap<String, String>;

/// Reads `name=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    match name.trim() {
        "" => Err("write it as name=value".to_owned()),
        name => Ok((name.to_owned(), value.to_owned())),
    }
}

/// Names and values, borrowed.
pub(crate) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Parts what changes the graph (a node's kind, by its name, and arguments, as `node.port`) from what sets inputs.
pub(crate) fn split<'a>(
    sets: &'a [(String, String)],
    kinds: &'a [(String, String)],
) -> (Pairs<'a>, Pairs<'a>) {
    let pairs =
        |pairs: &'a [(String, String)]| pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let (arguments, inputs): (Pairs<'a>, _) = pairs(sets).partition(|(name, _)| name.contains('.'));
    (pairs(kinds).chain(arguments).collect(), inputs)
}

/// Pairs as a recipe keeps them.
pub(crate) fn texts(pairs: &[(&str, &str)]) -> Texts {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_at_the_first_sign() {
        assert_eq!(pair("prompt=a=b"), Ok(("prompt".into(), "a=b".into())));
        assert!(pair("prompt").is_err() && pair("=b").is_err());
        let sets = [("seed".into(), "1".into()), ("prior.steps".into(), "2".into())];
        let kinds = [("prior".into(), "acme.prior".into())];
        let changes = vec![("prior", "acme.prior"), ("prior.steps", "2")];
        assert_eq!(split(&sets, &kinds), (changes, vec![("seed", "1")]));
    }
}
