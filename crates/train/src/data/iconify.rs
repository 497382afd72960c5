//! Iconify's `icons.json`: many SVG bodies in one file, turned into stand-alone SVG documents.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A parsed `icons.json`.
#[derive(Debug, Deserialize)]
pub struct IconSet {
    prefix: String,
    icons: HashMap<String, Icon>,
    #[serde(default)]
    aliases: HashMap<String, Alias>,
    #[serde(flatten)]
    defaults: Frame,
}

#[derive(Debug, Deserialize)]
struct Icon {
    body: String,
    #[serde(flatten)]
    frame: Frame,
}

#[derive(Debug, Deserialize)]
struct Alias {
    parent: String,
    #[serde(flatten)]
    frame: Frame,
}

/// View box and mirroring; missing values come from the parent, then the set, then Iconify's defaults.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    left: Option<f32>,
    top: Option<f32>,
    width: Option<f32>,
    height: Option<f32>,
    #[serde(default)]
    h_flip: bool,
    #[serde(default)]
    v_flip: bool,
    #[serde(default)]
    rotate: u8,
    #[serde(default)]
    hidden: bool,
}

impl Frame {
    fn over(self, below: Frame) -> Frame {
        Frame {
            left: self.left.or(below.left),
            top: self.top.or(below.top),
            width: self.width.or(below.width),
            height: self.height.or(below.height),
            h_flip: self.h_flip != below.h_flip,
            v_flip: self.v_flip != below.v_flip,
            rotate: (self.rotate + below.rotate) % 4,
            hidden: self.hidden || below.hidden,
        }
    }
}

/// Maximum length of a chain of aliases; longer chains count as cycles.
const MAX_ALIAS_DEPTH: usize = 8;

impl IconSet {
    /// Parses an `icons.json`.
    ///
    /// # Errors
    /// JSON that is not in Iconify's format.
    pub fn parse(json: &[u8]) -> Result<IconSet> {
        serde_json::from_slice(json).context("not an Iconify icons.json")
    }

    /// The icon as an SVG document of `size` × `size` pixels, aliases resolved.
    ///
    /// # Errors
    /// An icon that is missing or hidden in the set, or one that Iconify would rotate.
    pub fn svg(&self, name: &str, size: u32) -> Result<String> {
        let mut frame = Frame::default();
        let mut target = name;
        let mut depth = 0;
        while let Some(alias) = self.aliases.get(target) {
            frame = frame.over(alias.frame);
            target = &alias.parent;
            depth += 1;
            if depth > MAX_ALIAS_DEPTH {
                bail!("icon {}:{name} is an alias of itself", self.prefix);
            }
        }
        let Some(icon) = self.icons.get(target) else {
            bail!("set {} has no icon {name}", self.prefix);
        };
        let frame = frame.over(icon.frame).over(self.defaults);
        if frame.hidden {
            bail!("icon {}:{name} is hidden in its set", self.prefix);
        }
        if frame.rotate != 0 {
            bail!("icon {}:{name} is stored rotated, which is not supported", self.prefix);
        }
        let (left, top) = (frame.left.unwrap_or(0.0), frame.top.unwrap_or(0.0));
        // 16 is Iconify's default for both sides.
        let (width, height) = (frame.width.unwrap_or(16.0), frame.height.unwrap_or(16.0));
        let (x_scale, x_shift) = if frame.h_flip { (-1, 2.0 * left + width) } else { (1, 0.0) };
        let (y_scale, y_shift) = if frame.v_flip { (-1, 2.0 * top + height) } else { (1, 0.0) };
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
             viewBox=\"{left} {top} {width} {height}\" width=\"{size}\" height=\"{size}\">\
             <g transform=\"matrix({x_scale} 0 0 {y_scale} {x_shift} {y_shift})\">{}</g></svg>",
            icon.body
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = r#"{"prefix":"t","width":32,"height":32,
        "icons":{"a":{"body":"<p/>"},"h":{"body":"<q/>","hidden":true},"w":{"body":"<r/>","width":40,"left":-4}},
        "aliases":{"b":{"parent":"a","hFlip":true},"x":{"parent":"y"},"y":{"parent":"x"}}}"#;

    #[test]
    fn frames_follow_icon_then_set() {
        let set = IconSet::parse(SET.as_bytes()).unwrap();
        assert!(set.svg("a", 64).unwrap().contains("viewBox=\"0 0 32 32\" width=\"64\""));
        assert!(set.svg("w", 64).unwrap().contains("viewBox=\"-4 0 40 32\""));
    }

    #[test]
    fn aliases_are_followed_and_mirrored() {
        let set = IconSet::parse(SET.as_bytes()).unwrap();
        assert!(set.svg("b", 64).unwrap().contains("matrix(-1 0 0 1 32 0)\"><p/>"));
        assert!(set.svg("x", 64).unwrap_err().to_string().contains("alias of itself"));
    }

    #[test]
    fn hidden_and_absent_icons_are_errors() {
        let set = IconSet::parse(SET.as_bytes()).unwrap();
        assert!(set.svg("h", 64).is_err());
        assert!(set.svg("none", 64).unwrap_err().to_string().contains("none"));
    }
}
