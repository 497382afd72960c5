//! Values of settings: paths, sizes, counts and devices, parsed from text.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use wuerst_core::ByteSize;
use wuerst_stages::{Device, MOST_THREADS};

/// A value written as one text.
pub(super) trait Scalar: Sized {
    /// The value, for messages, with an article.
    const WHAT: &'static str;

    /// Parses the text.
    ///
    /// # Errors
    /// A sentence.
    fn read(text: &str) -> Result<Self, String>;
}

/// The version of the format: 1.
#[derive(Debug)]
pub(super) struct Version;

impl Scalar for Version {
    const WHAT: &'static str = "the version of the format, 1";

    fn read(text: &str) -> Result<Version, String> {
        match text {
            "1" => Ok(Version),
            _ => Err(format!("this engine reads version 1 of settings files, not `{text}`")),
        }
    }
}

impl Scalar for PathBuf {
    const WHAT: &'static str = "a path";

    fn read(text: &str) -> Result<PathBuf, String> {
        if text.is_empty() {
            return Err("a path is not empty".to_owned());
        }
        if text == "~" || text.starts_with("~/") {
            let remedy = "write the whole path, or one relative to the settings file";
            return Err(format!("`{text}`: `~` is not expanded; {remedy}"));
        }
        Ok(PathBuf::from(text))
    }
}

impl Scalar for ByteSize {
    const WHAT: &'static str = "a size as 500M or 2GiB";

    fn read(text: &str) -> Result<ByteSize, String> {
        let ByteSize(bytes) = text.parse().map_err(|message| format!("`{text}`: {message}"))?;
        if bytes > 0 { Ok(ByteSize(bytes)) } else { Err("a limit of 0 leaves no room".to_owned()) }
    }
}

impl Scalar for NonZeroU64 {
    const WHAT: &'static str = "a number from 1 on";

    fn read(text: &str) -> Result<NonZeroU64, String> {
        text.parse().map_err(|_| format!("wants {}, not `{text}`", Self::WHAT))
    }
}

/// A number of threads.
#[derive(Debug)]
pub(super) struct Threads(pub(super) usize);

impl Scalar for Threads {
    const WHAT: &'static str = "a number from 1 to 1024";

    fn read(text: &str) -> Result<Threads, String> {
        let count = text.parse().ok().filter(|count| (1..=MOST_THREADS).contains(count));
        count.map(Threads).ok_or_else(|| format!("wants {}, not `{text}`", Self::WHAT))
    }
}

/// Strength of a LoRA.
#[derive(Debug)]
pub(super) struct Strength(pub(super) f32);

impl Scalar for Strength {
    const WHAT: &'static str = "a strength as 0.8";

    fn read(text: &str) -> Result<Strength, String> {
        let strength = text.parse().map_err(|_| format!("wants {}, not `{text}`", Self::WHAT))?;
        wuerst_stages::check_strength(strength).map(|()| Strength(strength))
    }
}

/// Reads a [`Scalar`].
#[derive(Debug)]
pub(super) struct Plain<T>(pub(super) T);

impl<'de, T: Scalar> Deserialize<'de> for Plain<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PlainVisitor(PhantomData))
    }
}

struct PlainVisitor<T>(PhantomData<T>);

impl<T: Scalar> Visitor<'_> for PlainVisitor<T> {
    type Value = Plain<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Plain<T>, E> {
        T::read(text).map(Plain).map_err(E::custom)
    }
}

/// A value with a short form and a mapping form.
#[derive(Debug)]
pub(super) enum Short<S, L> {
    /// A text or a number.
    Short(S),
    /// A mapping.
    Long(L),
}

impl<'de, S: Deserialize<'de>, L: Deserialize<'de>> Deserialize<'de> for Short<S, L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortVisitor(PhantomData))
    }
}

struct ShortVisitor<S, L>(PhantomData<(S, L)>);

impl<'de, S: Deserialize<'de>, L: Deserialize<'de>> Visitor<'de> for ShortVisitor<S, L> {
    type Value = Short<S, L>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value, or a mapping")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        S::deserialize(text.into_deserializer()).map(Short::Short)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        L::deserialize(MapAccessDeserializer::new(map)).map(Short::Long)
    }
}

/// Devices in order of preference: a list, or one text in the form of the command line.
#[derive(Debug)]
pub(super) struct Devices(pub(super) Vec<Device>);

impl<'de> Deserialize<'de> for Devices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DevicesVisitor)
    }
}

struct DevicesVisitor;

impl<'de> Visitor<'de> for DevicesVisitor {
    type Value = Devices;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("devices as `[cuda:0, cpu]`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Devices, E> {
        Device::list(text).map(Devices).map_err(|error| E::custom(sentence(error)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Devices, A::Error> {
        let mut devices = vec![];
        while let Some(Plain(device)) = list.next_element()? {
            devices.push(device);
        }
        Ok(Devices(devices))
    }
}

impl Scalar for Device {
    const WHAT: &'static str = "a device as cuda:0";

    fn read(text: &str) -> Result<Device, String> {
        text.parse().map_err(sentence)
    }
}

/// The message of an error without the option's name, which the file already shows.
fn sentence(error: wuerst_core::Error) -> String {
    match error {
        wuerst_core::Error::Invalid { message, .. } => message,
        other => other.to_string(),
    }
}
