//! Options that pair a name with a path, which need not be UTF-8.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};

/// A name and a path.
pub(crate) type Named = (String, PathBuf);

/// Parses `NAME=VALUE`, where the value is a text or a path.
pub(crate) fn of_value() -> impl TypedValueParser<Value = (String, OsString)> {
    OsStringValueParser::new().try_map(|text| {
        let pair = split(&text).and_then(|(name, value)| Some((name.to_str()?.trim().to_owned(), value)));
        pair.filter(|(name, _)| !name.is_empty()).ok_or("write it as NAME=VALUE, as seed=7")
    })
}

/// Reads `OUTPUT=FILE`.
pub(crate) fn of_output() -> impl TypedValueParser<Value = Named> {
    OsStringValueParser::new()
        .try_map(|text| pair(&text).ok_or("write it as OUTPUT=FILE, as image=apple.png"))
}

/// Reads `NAME=FOLDER`.
pub(crate) fn of_column() -> impl TypedValueParser<Value = Named> {
    OsStringValueParser::new()
        .try_map(|text| pair(&text).ok_or("write it as NAME=FOLDER, as image=photographs"))
}

/// Reads `KIND=FILE`.
pub(crate) fn of_kind() -> impl TypedValueParser<Value = Named> {
    OsStringValueParser::new().try_map(|text| {
        let form =
            "write it as KIND=FILE, as my.row=row.yaml: a kind is a namespace of your own, a dot and a name";
        match pair(&text) {
            Some((kind, path)) if is_kind(&kind) => Ok((kind, path)),
            _ => Err(form),
        }
    })
}

fn is_kind(kind: &str) -> bool {
    let word = |word: &str| !word.is_empty() && !word.contains(['.', '/', '\\']);
    kind.split_once('.').is_some_and(|(space, name)| word(space) && word(name))
}

fn pair(text: &OsStr) -> Option<Named> {
    let (name, path) = split(text)?;
    let name = name.to_str()?.trim().to_owned();
    (!name.is_empty() && !path.is_empty()).then(|| (name, path.into()))
}

/// Splits at the first `=`.
#[cfg(unix)]
fn split(text: &OsStr) -> Option<(OsString, OsString)> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let part = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    Some((part(&bytes[..at]), part(&bytes[at + 1..])))
}

/// Splits at the first `=`.
#[cfg(windows)]
fn split(text: &OsStr) -> Option<(OsString, OsString)> {
    use std::os::windows::ffi::{OsStrExt, OsStringExt};
    let units: Vec<u16> = text.encode_wide().collect();
    let at = units.iter().position(|unit| *unit == u16::from(b'='))?;
    Some((OsString::from_wide(&units[..at]), OsString::from_wide(&units[at + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_split() {
        assert_eq!(pair(OsStr::new("image= a=b.png")), Some(("image".into(), " a=b.png".into())));
        assert_eq!(
            [pair(OsStr::new("image")), pair(OsStr::new("=a")), pair(OsStr::new("a="))],
            [const { None }; 3]
        );
    }

    #[test]
    fn kinds_have_dot() {
        assert_eq!(
            ["td.row", "row", "row.yaml.x", "./row.yaml", ".a"].map(is_kind),
            [true, false, false, false, false]
        );
    }

    #[test]
    #[cfg(unix)]
    fn paths_may_be_any_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let (name, path) = pair(OsStr::from_bytes(b"image=\xff.png")).unwrap();
        assert_eq!((name.as_str(), path.as_os_str().as_bytes()), ("image", &b"\xff.png"[..]));
        assert!(pair(OsStr::from_bytes(b"\xff=a.png")).is_none(), "a name is text");
    }
}
