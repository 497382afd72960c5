//! Where in a YAML file something stands.
//!
//! The deserializer knows positions but gives them out only with errors. So the file is read once more,
//! by a seed that follows the path and fails on purpose at its end: the error's location is the answer.
//! That happens only when there is a problem to report, and keeps positions out of every other type.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::problems::{Place, Spot};

/// The line and column of a place, both counted from 1; `None` when the text does not lead there.
pub(crate) fn locate(text: &str, place: &Place) -> Option<(u32, u32)> {
    let walk = Walk { keys: &place.keys, at_key: place.spot == Spot::Key };
    let error = walk.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    // Any other error means that the walk did not get there.
    if !error.to_string().contains(ARRIVED) {
        return None;
    }
    let location = error.location()?;
    let (line, column) = (location.line(), location.column());
    let offset = match place.spot {
        Spot::Within(offset) => offset + opening_quote(text, line, column),
        Spot::Key | Spot::Value => 0,
    };
    Some((u32::try_from(line).ok()?, u32::try_from(column + offset).ok()?))
}

/// What the walk fails with; nothing else says this.
const ARRIVED: &str = "\u{1}arrived\u{1}";

/// 1 when a quote stands there, which is no part of the text that it encloses.
fn opening_quote(text: &str, line: usize, column: usize) -> usize {
    let there = text.lines().nth(line - 1).and_then(|l| l.chars().nth(column - 1));
    usize::from(matches!(there, Some('"' | '\'')))
}

/// Follows the keys to the value behind the last one, or to that key itself.
struct Walk<'a> {
    keys: &'a [(String, usize)],
    at_key: bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Implements visits of what a path cannot lead through: the end of the path, or a dead end.
macro_rules! arrive {
    ($($visit:ident($ty:ty)),*) => {$(
        fn $visit<E: Error>(self, _: $ty) -> Result<(), E> {
            self.arrive()
        }
    )*};
}

impl Walk<'_> {
    fn arrive<E: Error>(&self) -> Result<(), E> {
        if self.keys.is_empty() { Err(E::custom(ARRIVED)) } else { Ok(()) }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    arrive!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.arrive()
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.arrive()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.arrive::<A::Error>()?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some(((wanted, nth), rest)) = self.keys.split_first() else {
            return self.arrive();
        };
        let mut seen = 0;
        loop {
            let stop = self.at_key && rest.is_empty();
            match entries.next_key_seed(Key { wanted, stop: stop.then_some(*nth), seen: &mut seen })? {
                None => return Ok(()),
                Some(true) if seen == nth + 1 => {
                    entries.next_value_seed(Walk { keys: rest, at_key: self.at_key })?;
                }
                Some(_) => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
    }
}

/// Reads a key, says whether it is the wanted one, and fails at the `stop`th of them.
struct Key<'a> {
    wanted: &'a str,
    stop: Option<usize>,
    seen: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        if key != self.wanted {
            return Ok(false);
        }
        if self.stop == Some(*self.seen) {
            return Err(E::custom(ARRIVED));
        }
        *self.seen += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
nodes:
  prior:
    use: wuerst.prior # another
    with: { model: prior,
            steps: 0 }
  prior:
    list: [1, 2]
    empty:
    quoted: \"int = x\"
";

    fn at(place: Place) -> Option<(u32, u32)> {
        locate(TEXT, &place)
    }

    #[test]
    fn values_keys_and_repeated_keys_are_found() {
        let prior = Place::root().key("nodes").key("prior");
        assert_eq!(at(prior.key("use")), Some((4, 10)));
        assert_eq!(at(prior.key("use").name()), Some((4, 5)));
        assert_eq!(at(prior.key("with").key("steps")), Some((6, 20)));
        assert_eq!(at(prior.key("with").key("steps").name()), Some((6, 13)));
        assert_eq!(at(prior.clone().name()), Some((3, 3)));
        let second = Place::root().key("nodes").repeated("prior", 1);
        assert_eq!(at(second.clone().name()), Some((7, 3)));
        assert_eq!(at(second.key("list")), Some((8, 11)));
        assert_eq!(at(second.key("quoted").within(6)), Some((10, 20)));
        assert!(at(second.key("empty")).is_some());
    }

    #[test]
    fn what_is_not_there_has_no_place() {
        assert_eq!(at(Place::root().key("nodes").key("decoder")), None);
        assert_eq!(at(Place::root().key("nodes").key("prior").key("use").key("deeper")), None);
        assert_eq!(locate("a: [", &Place::root().key("a").key("b")), None);
    }
}
