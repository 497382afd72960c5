//! Data settings of a run's YAML file.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::manifest::Entry;
use super::packages::{SETS, set_of_style};

/// The `data` part of a run's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Side of the pictures that the model makes, in pixels: 16 to 512.
    pub size: usize,
    /// Side of the same pictures for the semantic compressor, in pixels: 32 to 512.
    pub compressor_size: usize,
    /// Side of the cached sprites, in pixels: twice the model's is plenty.
    pub sprite_size: usize,
    /// Style words of the emoji sets to use.
    pub styles: Vec<String>,
    /// Whether to use the variants with a chosen skin tone, a quarter as often as others.
    pub tones: bool,
    /// Whether to use flags, a quarter as often as others.
    pub flags: bool,
    /// Emojibase's groups to use, 0 to 9; all if empty.
    pub groups: Vec<u8>,
    /// Pictures per sprite, 1 to 10,000: different backgrounds, places, and captions.
    pub variants_per_sprite: usize,
    /// Part of the training pictures that are scenes, 0 to 0.9.
    pub scenes: f32,
    /// Probability of a white background, 0 to 1.
    pub white: f32,
    /// Probability of mirroring where the label allows it, 0 to 1.
    pub mirror: f32,
    /// Amount of random scaling and shifting of a single sprite, 0 to 1; at 0 all are centred with equal size.
    pub scatter: f32,
    /// Seed of everything random in the pictures.
    pub seed: u64,
}

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig {
            size: 64,
            compressor_size: 128,
            sprite_size: 128,
            styles: ["twemoji", "noto", "fluent flat"].map(str::to_owned).to_vec(),
            tones: false,
            flags: false,
            groups: Vec::new(),
            variants_per_sprite: 16,
            scenes: 0.4,
            white: 0.5,
            mirror: 0.5,
            scatter: 1.0,
            seed: 1,
        }
    }
}

impl DataConfig {
    /// Whether an entry of the manifest belongs to the configured styles, groups and kinds.
    pub fn admits(&self, entry: &Entry) -> bool {
        self.styles.contains(&entry.style)
            && (self.tones || !entry.is_toned())
            && (self.flags || !entry.is_flag())
            && (self.groups.is_empty() || entry.group.is_some_and(|group| self.groups.contains(&group)))
    }

    /// Side of the canvas that pictures are composed on.
    pub(super) fn canvas_size(&self) -> usize {
        self.size.max(self.compressor_size)
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// The first field out of range, with its value and what is allowed.
    pub fn check(&self) -> Result<()> {
        let sides = [
            ("size", self.size, 16),
            ("compressor_size", self.compressor_size, 32),
            ("sprite_size", self.sprite_size, 16),
        ];
        for (name, side, least) in sides {
            if !(least..=512).contains(&side) {
                bail!("data.{name} is {side}; it must be {least} to 512 pixels");
            }
        }
        if self.styles.is_empty() {
            bail!("data.styles is empty; name at least one of: {}", known_styles());
        }
        for style in &self.styles {
            if set_of_style(style).is_none() {
                bail!("data.styles has `{style}`, which is not one of: {}", known_styles());
            }
        }
        if let Some(group) = self.groups.iter().find(|group| **group > 9) {
            bail!("data.groups has {group}; groups are 0 to 9");
        }
        if !(1..=10_000).contains(&self.variants_per_sprite) {
            bail!("data.variants_per_sprite is {}; it must be 1 to 10,000", self.variants_per_sprite);
        }
        if !(0.0..=0.9).contains(&self.scenes) {
            bail!("data.scenes is {}; it must be 0 to 0.9", self.scenes);
        }
        for (name, share) in [("white", self.white), ("mirror", self.mirror), ("scatter", self.scatter)] {
            if !(0.0..=1.0).contains(&share) {
                bail!("data.{name} is {share}; it must be 0 to 1");
            }
        }
        Ok(())
    }
}

fn known_styles() -> String {
    SETS.iter().map(|set| set.style).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_refuses_unknown_fields() {
        let config: DataConfig = serde_yaml::from_str("size: 128\nstyles: [blob]\n").unwrap();
        assert_eq!((config.size, config.compressor_size), (128, 128));
        assert!(config.check().is_ok());
        assert!(serde_yaml::from_str::<DataConfig>("sise: 128").is_err());
    }

    #[test]
    fn errors_name_field() {
        let wrong = DataConfig { styles: vec!["crayon".into()], ..DataConfig::default() };
        let message = wrong.check().unwrap_err().to_string();
        assert!(message.contains("crayon") && message.contains("fluent flat"), "{message}");
        let wrong = DataConfig { scenes: 1.0, ..DataConfig::default() };
        assert!(wrong.check().unwrap_err().to_string().contains("data.scenes"));
    }
}
