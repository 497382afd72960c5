//! Previews as files and in the terminal.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use wuerst::core::Origin;
use wuerst::{Tensor, Value};

use crate::target::Target;
use crate::terminal::Screen;
use wuerst::save::picture;

#[derive(clap::Args)]
pub(crate) struct PreviewArgs {
    /// Writes preview pictures: into a folder, named by node and step, or into a .png file, which each one replaces. They
    /// have the size of the embedding or the latents
    #[arg(long, value_name = "PATH")]
    preview: Option<PathBuf>,
    /// Interval of previews in steps; the last step has one too
    #[arg(long, value_name = "STEPS", default_value_t = 1, requires = "preview",
          value_parser = clap::value_parser!(u32).range(1..))]
    preview_every: u32,
    /// Shows no previews in the terminal; otherwise they are shown if the terminal supports pictures (kitty's protocol or
    /// sixel)
    #[arg(long)]
    no_terminal_preview: bool,
}

impl PreviewArgs {
    /// Opens the destinations of previews, if any. `marked` states in the files that a model made them.
    pub(crate) fn open(&self, marked: bool) -> Result<Option<Previews>> {
        let files = self.preview.as_deref().map(place).transpose()?;
        let screen = if self.no_terminal_preview { None } else { Screen::detected() };
        let every = self.preview_every as usize;
        Ok((files.is_some() || screen.is_some()).then_some(Previews { files, screen, every, marked }))
    }
}

fn place(path: &Path) -> Result<Place> {
    match path.extension() {
        Some(end) if end.eq_ignore_ascii_case("png") && !path.is_dir() => Ok(Place::File(Target::new(path)?)),
        _ if path.is_dir() => Ok(Place::Folder(path.to_owned())),
        _ => bail!("{}: previews go into a folder, which must be there, or a .png file", path.display()),
    }
}

/// Destinations of previews.
pub(crate) struct Previews {
    files: Option<Place>,
    /// The terminal, if it can show pictures.
    pub(crate) screen: Option<Screen>,
    /// Interval in steps.
    pub(crate) every: usize,
    marked: bool,
}

enum Place {
    Folder(PathBuf),
    File(Target),
}

impl Previews {
    /// Writes a preview of a node's `step`, if files are wanted; `which` is the number of the picture, empty for a single
    /// one.
    pub(crate) fn write(&self, which: &str, node: &str, step: usize, rgb: &Tensor) -> Result<()> {
        let Some(place) = &self.files else { return Ok(()) };
        let mark = picture::mark(Some(Origin::Trained), self.marked);
        let file = picture::encode(node, &Value::from(rgb.clone()), mark.as_slice())?;
        match place {
            Place::File(target) => target.write(&file),
            Place::Folder(folder) => Target::new(&folder.join(name(which, node, step)))?.write(&file),
        }
    }
}

/// File name, such as `prior-0007.png`; for a node within another, or one of several pictures, `0002-outer-prior-0007.png`.
fn name(which: &str, node: &str, step: usize) -> PathBuf {
    Path::new(&format!("{which}{}-{step:04}.png", node.replace('/', "-"))).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_named_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let args =
            |path: PathBuf| PreviewArgs { preview: Some(path), preview_every: 3, no_terminal_preview: true };
        let rgb = |colour: u8| Tensor::from_vec(&[1, 1, 3], vec![colour; 3]).unwrap();
        let previews = args(folder.path().to_owned()).open(true).unwrap().unwrap();
        previews.write("0002-", "outer/prior", 7, &rgb(1)).unwrap();
        assert!(folder.path().join("0002-outer-prior-0007.png").exists() && previews.every == 3);
        let file = folder.path().join("a.png");
        let previews = args(file.clone()).open(true).unwrap().unwrap();
        let written = [1, 2].map(|colour| {
            previews.write("", "prior", 7, &rgb(colour)).unwrap();
            std::fs::read(&file).unwrap()
        });
        assert_ne!(written[0], written[1]);
        assert!(args(folder.path().join("none")).open(true).is_err());
    }
}
