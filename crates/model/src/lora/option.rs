//! A LoRA as options name it: `prior=FILE{strength=0.8}`.

use std::path::PathBuf;

/// Largest strength, and smallest if negated; trainers and hosts use −2 to 2.
pub const MOST_STRENGTH: f32 = 100.;

/// A LoRA for a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraOption {
    /// Name of the stage or of its model.
    pub stage: String,
    /// The file.
    pub file: PathBuf,
    /// Factor for the change: 0 for none, 1 for the trained one.
    pub strength: f32,
}

impl LoraOption {
    /// Parses `STAGE=FILE` or `STAGE=FILE{strength=0.8}`.
    ///
    /// # Errors
    /// A sentence that names the wrong part and the expected form.
    pub fn parse(text: &str) -> Result<LoraOption, String> {
        let form = "a LoRA is given as STAGE=FILE{strength=0.8}";
        let (stage, rest) = text.split_once('=').ok_or_else(|| format!("`{text}` names no stage: {form}"))?;
        let (file, options) = match rest.strip_suffix('}').and_then(|rest| rest.rsplit_once('{')) {
            Some((file, options)) => (file, options),
            None => (rest, ""),
        };
        let (stage, file) = (stage.trim(), file.trim());
        if stage.is_empty() || file.is_empty() {
            return Err(format!("`{text}` names no stage or no file: {form}"));
        }
        let mut strength = 1.;
        for option in options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            match option.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("strength", value)) => strength = parse_strength(value)?,
                _ => return Err(format!("`{option}` is no option of a LoRA: {form}")),
            }
        }
        Ok(LoraOption { stage: stage.to_owned(), file: file.into(), strength })
    }
}

fn parse_strength(text: &str) -> Result<f32, String> {
    let number = text.parse().map_err(|_| format!("strength `{text}` is not a number"))?;
    check_strength(number).map(|()| number)
}

/// Refuses a strength that is not a number, or that is far beyond all in use.
///
/// # Errors
/// A sentence with the strength and its limits.
pub fn check_strength(strength: f32) -> Result<(), String> {
    if strength.abs() <= MOST_STRENGTH {
        return Ok(());
    }
    Err(format!("strength {strength} is not between -{MOST_STRENGTH} and {MOST_STRENGTH}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_parsed() {
        let parsed =
            |text: &str| LoraOption::parse(text).map(|o| (o.stage, o.file.display().to_string(), o.strength));
        let of = |file: &str, strength| Ok(("prior".to_owned(), file.to_owned(), strength));
        assert_eq!(parsed("prior=a.safetensors"), of("a.safetensors", 1.));
        assert_eq!(
            parsed(r"prior=C:\\x{1}\\a.safetensors{strength=-0.5}"),
            of(r"C:\\x{1}\\a.safetensors", -0.5)
        );
        assert_eq!(parsed("prior = a=b.safetensors{ strength = 0 }"), of("a=b.safetensors", 0.));
        for (text, said) in [
            ("a.safetensors", "names no stage"),
            ("prior=", "no file"),
            ("prior=a{strength=much}", "`much` is not a number"),
            ("prior=a{strength=inf}", "strength inf is not between"),
            ("prior=a{strength=NaN}", "strength NaN is not between"),
            ("prior=a{weight=1}", "`weight=1` is no option"),
        ] {
            let message = parsed(text).unwrap_err();
            assert!(message.contains(said), "{message}");
        }
    }
}
