//! Mappings with known or free keys. Each key occurs once, and each mistake is reported at its place.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use wuerst_core::did_you_mean;

/// A mapping with known, optional keys.
pub(super) trait Section: Default {
    /// The keys.
    const KEYS: &'static [&'static str];
    /// Keys reserved for later versions.
    const LATER: &'static [&'static str];

    /// Reads the value of a key.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Declares a [`Section`]: a struct with an optional field for each key. A key that is not an identifier follows the
/// field's name.
macro_rules! section {
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    ($(#[doc = $about:literal])+
     $name:ident { $($field:ident $(= $key:literal)?: $ty:ty),* $(,)? } later { $($later:ident),* }) => {
        $(#[doc = $about])+
        #[derive(Debug, Default)]
        pub(super) struct $name { $($field: Option<$ty>),* }

        impl $crate::settings::fields::Section for $name {
            const KEYS: &'static [&'static str] = &[$(section!(@key $field $($key)?)),*];
            const LATER: &'static [&'static str] = &[$(stringify!($later)),*];

            fn take<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<(), A::Error> {
                $(if key == section!(@key $field $($key)?) {
                    self.$field = Some(map.next_value()?);
                    return Ok(());
                })*
                map.next_value::<serde::de::IgnoredAny>().map(|_| ())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::settings::fields::read(deserializer)
            }
        }
    };
}
pub(super) use section;

/// Reads a section.
pub(super) fn read<'de, S: Section, D: Deserializer<'de>>(deserializer: D) -> Result<S, D::Error> {
    deserializer.deserialize_map(SectionVisitor(PhantomData))
}

struct SectionVisitor<S>(PhantomData<S>);

impl<'de, S: Section> Visitor<'de> for SectionVisitor<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a mapping with some of {}", S::KEYS.join(", "))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S, A::Error> {
        let (mut section, mut seen) = (S::default(), vec![]);
        while let Some(key) = map.next_key_seed(Key { seen: &seen, known: Some((S::KEYS, S::LATER)) })? {
            section.take(&key, &mut map)?;
            seen.push(key);
        }
        Ok(section)
    }
}

/// A mapping with free names, in the order of the file.
#[derive(Debug)]
pub(super) struct Table<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor(PhantomData))
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = Table<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table<T>, A::Error> {
        let (mut entries, mut seen) = (vec![], vec![]);
        while let Some(key) = map.next_key_seed(Key { seen: &seen, known: None })? {
            entries.push((key.clone(), map.next_value()?));
            seen.push(key);
        }
        Ok(Table(entries))
    }
}

/// Reads one key. Unknown keys are refused here, where the deserializer knows their place.
struct Key<'a> {
    seen: &'a [String],
    /// Valid keys, and keys of a later version; `None` allows any.
    known: Option<(&'static [&'static str], &'static [&'static str])>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        if self.seen.iter().any(|seen| seen == key) {
            return Err(E::custom(format!("`{key}` is repeated")));
        }
        let Some((known, later)) = self.known.filter(|(known, _)| !known.contains(&key)) else {
            return Ok(key.to_owned());
        };
        if later.contains(&key) {
            return Err(E::custom(format!("`{key}` is not supported yet: leave it out")));
        }
        let hint = match did_you_mean(key, known.iter().copied()) {
            hint if hint.is_empty() => format!("; there are {}", known.join(", ")),
            hint => hint,
        };
        Err(E::custom(format!("no key `{key}` here{hint}")))
    }
}
