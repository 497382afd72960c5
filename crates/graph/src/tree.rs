//! A YAML file as it was written: order kept, repeated keys kept, nothing interpreted yet.
//!
//! `serde_yaml::Value` would not do: it refuses a file at the first repeated key, where we want to
//! report every problem at once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

/// Any YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// What it is, in the words of a message.
    pub(crate) fn sort(&self) -> &'static str {
        match self {
            Tree::Null => "empty",
            Tree::Bool(_) => "a bool",
            Tree::Int(_) | Tree::Float(_) => "a number",
            Tree::Text(_) => "text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a mapping",
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, x: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(x))
    }

    fn visit_i64<E: Error>(self, x: i64) -> Result<Tree, E> {
        Ok(Tree::Int(x))
    }

    fn visit_u64<E: Error>(self, x: u64) -> Result<Tree, E> {
        i64::try_from(x)
            .map(Tree::Int)
            .map_err(|_| E::custom(format!("{x} is too large: an int has 64 bits")))
    }

    fn visit_f64<E: Error>(self, x: f64) -> Result<Tree, E> {
        Ok(Tree::Float(x))
    }

    fn visit_str<E: Error>(self, x: &str) -> Result<Tree, E> {
        Ok(Tree::Text(x.to_owned()))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Tree, A::Error> {
        Err(A::Error::custom("a tag (`!…`) has no meaning here; write a text that starts with `!` in quotes"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Tree::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_and_order_survive() {
        let tree: Tree = serde_yaml::from_str("b: 1\na: [x, 2.5, true, ~]\nb: {}\n").unwrap();
        let list = vec![Tree::Text("x".into()), Tree::Float(2.5), Tree::Bool(true), Tree::Null];
        let map = vec![("b", Tree::Int(1)), ("a", Tree::List(list)), ("b", Tree::Map(Vec::new()))];
        assert_eq!(tree, Tree::Map(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()));
    }

    #[test]
    fn numbers_beyond_64_bits_and_tags_are_refused() {
        for yaml in ["x: 9223372036854775808", "x: !tag 1"] {
            let error = serde_yaml::from_str::<Tree>(yaml).unwrap_err();
            assert_eq!(error.location().map(|l| (l.line(), l.column())), Some((1, 4)), "{error}");
        }
    }
}
