//! Options in braces after a device: `{memory_limit=4GiB,arena=same-as-requested}`.

use std::collections::BTreeMap;

use wuerst_core::{Error, Result, did_you_mean};

/// Splits a text at `separator`, except inside braces.
pub(crate) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == separator && depth == 0
    })
}

/// Keys with their values, each taken once.
pub(super) struct Settings<'t> {
    device: &'t str,
    values: BTreeMap<&'t str, &'t str>,
}

impl<'t> Settings<'t> {
    /// Parses the text after the name of a device, including braces; an empty text has no settings.
    pub(super) fn read(device: &'t str, text: &'t str, known: &[&'static str]) -> Result<Settings<'t>> {
        Settings::read_all(device, text, Some(known))
    }

    /// As [`Settings::read`], for a device with arbitrary option names.
    pub(super) fn read_any(device: &'t str, text: &'t str) -> Result<Settings<'t>> {
        Settings::read_all(device, text, None)
    }

    fn read_all(device: &'t str, text: &'t str, known: Option<&[&'static str]>) -> Result<Settings<'t>> {
        let mut values = BTreeMap::new();
        let inside = match text.strip_prefix('{').map(|rest| rest.strip_suffix('}')) {
            None => "",
            Some(Some(inside)) if !inside.contains(['{', '}']) => inside,
            Some(_) => return Err(wrong(format!("`{device}{text}` wants one `{{` and one `}}` at the end"))),
        };
        for entry in inside.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
            let (key, value) = (key.trim(), value.trim());
            if key.is_empty() {
                return Err(wrong(format!("`{device}` has an option without a name: write `key=value`")));
            }
            if let Some(known) = known.filter(|known| !known.contains(&key)) {
                let hint = match did_you_mean(key, known.iter().copied()) {
                    hint if !hint.is_empty() => hint,
                    _ if known.is_empty() => "; it has none".to_owned(),
                    _ => format!("; it has {}", known.join(", ")),
                };
                return Err(wrong(format!("`{device}` has no option `{key}`{hint}")));
            }
            if value.is_empty() {
                return Err(wrong(format!("`{key}` of `{device}` wants a value, as `{key}=…`")));
            }
            if values.insert(key, value).is_some() {
                return Err(wrong(format!("`{key}` of `{device}` is given twice")));
            }
        }
        Ok(Settings { device, values })
    }

    /// All keys and values, as written.
    pub(super) fn into_texts(self) -> BTreeMap<String, String> {
        self.values.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The value of a key, as written.
    pub(super) fn text(&mut self, key: &str) -> Option<&'t str> {
        self.values.remove(key)
    }

    /// The parsed value of a key, or the default.
    pub(super) fn value<T>(
        &mut self,
        key: &str,
        default: T,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T> {
        let Some(text) = self.values.remove(key) else { return Ok(default) };
        read(text).map_err(|why| wrong(format!("`{text}` for `{key}` of `{}`: {why}", self.device)))
    }

    /// The value of a key with fixed choices; the first is the default.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Result<T> {
        self.value(key, choices[0].1, |text| {
            let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
            found.ok_or_else(|| {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                let hint = did_you_mean(text, names.iter().copied());
                format!("write one of {}{hint}", names.join(", "))
            })
        })
    }
}

fn wrong(message: String) -> Error {
    Error::invalid("device", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_hold_together() {
        let parts: Vec<&str> = split("a{x=1,y=2},b,c{}", ',').collect();
        assert_eq!(parts, ["a{x=1,y=2}", "b", "c{}"]);
    }

    #[test]
    fn keys_are_known_and_given_once() {
        let known = ["arena", "precision"];
        let mut read = Settings::read("cuda:0", "{ arena = b , }", &known).unwrap();
        assert_eq!(read.choice("arena", &[("a", 1), ("b", 2)]).unwrap(), 2);
        assert_eq!(read.choice("precision", &[("f32", 1), ("f16", 2)]).unwrap(), 1);
        let said = |text| Settings::read("cuda:0", text, &known).err().unwrap().to_string();
        for (text, part) in [
            ("{arenna=b}", "did you mean `arena`?"),
            ("{size=b}", "it has arena, precision"),
            ("{arena}", "wants a value"),
            ("{arena=a,arena=b}", "twice"),
            ("{arena=a", "`}`"),
            ("{{arena=a}}", "`}`"),
        ] {
            assert!(said(text).contains(part), "{text}: {}", said(text));
        }
        let mut read = Settings::read("cuda:0", "{arena=c}", &known).unwrap();
        let said = read.choice("arena", &[("a", 1), ("b", 2)]).unwrap_err().to_string();
        assert!(said.contains("`c` for `arena` of `cuda:0`") && said.contains("a, b"), "{said}");
    }
}
