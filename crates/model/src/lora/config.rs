//! Settings of the training that diffusers stores in a file's header.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Key of the settings in the header.
const KEY: &str = "lora_adapter_metadata";

/// Settings of PEFT's adapters, by component of the pipeline, such as `prior`.
#[derive(Debug, Default)]
pub struct AdapterConfig(BTreeMap<String, Component>);

#[derive(Debug, Default)]
struct Component {
    alpha: Option<f32>,
    /// Ends of layers' names, and their α.
    patterns: Vec<(String, f32)>,
    /// Whether the factor is α/√r.
    root: bool,
}

impl AdapterConfig {
    /// Reads the settings from the properties of a file; a file without settings has none.
    ///
    /// # Errors
    /// A sentence, if the settings have another form or depend on regular expressions.
    pub fn read(properties: &BTreeMap<String, String>) -> Result<AdapterConfig, String> {
        let Some(text) = properties.get(KEY) else { return Ok(AdapterConfig::default()) };
        let wrong = |what: &str| format!("has `{KEY}` in its header that {what}");
        let all: Map<String, Value> =
            serde_json::from_str(text).map_err(|e| wrong(&format!("is not a JSON object ({e})")))?;
        let mut components: BTreeMap<String, Component> = BTreeMap::new();
        for (key, value) in &all {
            let (name, key) = key.rsplit_once('.').unwrap_or(("", key));
            let component = components.entry(name.to_owned()).or_default();
            match key {
                "lora_alpha" => {
                    component.alpha =
                        Some(number(value).ok_or_else(|| wrong("has a lora_alpha that is no number"))?);
                }
                "use_rslora" => component.root = value.as_bool().unwrap_or(false),
                "alpha_pattern" => {
                    for (layer, value) in value.as_object().into_iter().flatten() {
                        let plain = layer.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c));
                        let alpha = number(value).filter(|_| plain);
                        let alpha =
                            alpha.ok_or_else(|| wrong("has an alpha_pattern that is not a plain name"))?;
                        component.patterns.push((layer.clone(), alpha));
                    }
                }
                // Shapes state the rank, and names the layers.
                _ => {}
            }
        }
        Ok(AdapterConfig(components))
    }

    /// The factor α/r of a layer without an α of its own.
    pub fn scale(&self, layer: &str, rank: usize) -> f32 {
        let rank = rank as f32;
        let named = self.0.iter().find(|(name, _)| {
            layer.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.') || name.is_empty())
        });
        let only = self.0.iter().next().filter(|_| self.0.len() == 1);
        let Some((_, component)) = named.or(only) else { return 1. };
        let ends =
            |end: &str| layer.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let pattern = component.patterns.iter().find(|(end, _)| ends(end)).map(|(_, alpha)| *alpha);
        let alpha = pattern.or(component.alpha).unwrap_or(rank);
        alpha / if component.root { rank.sqrt() } else { rank }
    }
}

fn number(value: &Value) -> Option<f32> {
    value.as_f64().map(|number| number as f32).filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<AdapterConfig, String> {
        AdapterConfig::read(&BTreeMap::from([(KEY.to_owned(), text.to_owned())]))
    }

    #[test]
    fn settings_give_factors() {
        let read = config(
            r#"{"prior.r": 4, "prior.lora_alpha": 8, "prior.alpha_pattern": {"blocks.2.attention.to_q": 2},
                "text_encoder.lora_alpha": 4, "text_encoder.use_rslora": true}"#,
        );
        let read = read.unwrap();
        assert_eq!(read.scale("prior.blocks.5.attention.to_q", 4), 2.);
        assert_eq!(read.scale("prior.blocks.2.attention.to_q", 4), 0.5);
        assert_eq!(read.scale("prior.blocks.12.attention.to_q", 4), 2.);
        assert_eq!(read.scale("text_encoder.fc1", 4), 2.);
        assert_eq!(read.scale("other.fc1", 4), 1.);
        let one = config(r#"{"transformer.lora_alpha": 8}"#).unwrap();
        assert_eq!(one.scale("prior.blocks.5.attention.to_q", 4), 2.);
        assert_eq!(AdapterConfig::default().scale("a", 4), 1.);
        for (text, said) in [
            ("[]", "not a JSON object"),
            (r#"{"a.lora_alpha": "8"}"#, "no number"),
            (r#"{"a.alpha_pattern": {"to_[qk]": 8}}"#, "not a plain name"),
        ] {
            let message = config(text).unwrap_err();
            assert!(message.contains(said), "{message}");
        }
    }
}
