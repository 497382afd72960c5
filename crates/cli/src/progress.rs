//! Progress of a run on the terminal: node, step, time left, previews. Nothing is drawn if stderr is not a terminal.

use std::collections::BTreeMap;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wuerst::{Observer, Tensor, Value};

use crate::previews::Previews;
use crate::say;
use crate::terminal::Screen;

/// The bar is the whole run, of a thousand parts.
const PARTS: f64 = 1000.;
const STYLE: &str = "{msg:28!} [{bar:30}] {percent:>3} %, {eta} left";

/// Called for each finished picture of a list: the output's name, the index, and the picture.
pub(crate) type OnPart<'a> = Box<dyn FnMut(&str, usize, &Value) -> Result<()> + 'a>;

/// Shows the progress of runs, and warnings as lines.
pub(crate) struct Progress<'a> {
    bar: ProgressBar,
    /// Number of the picture and of all pictures; empty for a single one.
    which: String,
    /// The last preview of each node, if wanted.
    kept: Option<BTreeMap<String, Tensor>>,
    /// Number of the picture in file names.
    number: String,
    previews: Option<Previews>,
    on_part: Option<OnPart<'a>>,
    /// Steps that the node has done.
    step: usize,
}

impl<'a> Progress<'a> {
    /// Shows nothing until a run begins.
    pub(crate) fn new(previews: Option<Previews>) -> Progress<'a> {
        let bar = ProgressBar::with_draw_target(Some(PARTS as u64), ProgressDrawTarget::hidden());
        // The template is a constant, which a test parses; without a style there would still be a line.
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style.progress_chars("=> "));
        }
        let (which, number) = Default::default();
        Progress { bar, which, number, kept: None, previews, on_part: None, step: 0 }
    }

    /// Keeps the previews of nodes if `wanted`; otherwise there is no cost.
    pub(crate) fn keeping_previews(mut self, wanted: bool) -> Progress<'a> {
        self.kept = wanted.then(BTreeMap::new);
        self
    }

    /// The last preview of each node that showed one.
    pub(crate) fn previews(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.kept.iter().flatten().map(|(node, preview)| (node.as_str(), preview))
    }

    /// Calls a function with each picture of a list as soon as it is finished.
    pub(crate) fn on_part(mut self, on_part: OnPart<'a>) -> Progress<'a> {
        self.on_part = Some(on_part);
        self
    }

    /// Announces the next picture, by number.
    pub(crate) fn picture(&mut self, number: usize, of: usize) {
        if of > 1 {
            (self.which, self.number) = (format!("{number}/{of} "), format!("{number:04}-"));
        }
    }

    /// Reports an error of a preview file; the run continues.
    fn failed(&mut self, error: &anyhow::Error) {
        self.warn(&format!("{error:#}"));
    }

    fn warn(&mut self, message: &str) {
        self.bar.suspend(|| say::warn(message));
        if let Some(screen) = self.screen() {
            screen.leave();
        }
    }

    fn screen(&mut self) -> Option<&mut Screen> {
        self.previews.as_mut()?.screen.as_mut()
    }

    /// Clears the line, and the preview above it.
    pub(crate) fn done(&mut self) {
        self.bar.finish_and_clear();
        // If the terminal is closed, output is lost, here and below.
        let _ = self.screen().map(Screen::clear);
    }
}

impl Observer for Progress<'_> {
    fn planned(&mut self, _nodes: &[&str]) {
        self.bar.reset();
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
    }

    fn started(&mut self, node: &str) {
        self.bar.set_message(format!("{}{node}", self.which));
    }

    fn progress(&mut self, node: &str, done: usize, of: usize) {
        self.step = done;
        let step = if of > 1 { format!(" {done}/{of}") } else { String::new() };
        self.bar.set_message(format!("{}{node}{step}", self.which));
    }

    fn overall(&mut self, _node: &str, fraction: f64) {
        self.bar.set_position((fraction * PARTS) as u64);
    }

    fn wants_preview(&self) -> bool {
        self.previews.is_some() || self.kept.is_some()
    }

    fn preview_every(&self) -> usize {
        self.previews.as_ref().map_or(1, |previews| previews.every)
    }

    fn preview(&mut self, node: &str, rgb: &Tensor) {
        if let Some(kept) = &mut self.kept {
            kept.insert(node.to_owned(), rgb.clone());
        }
        // The preview belongs to the current step.
        let written = self.previews.as_ref().map(|p| p.write(&self.number, node, self.step + 1, rgb));
        if let Some(Err(error)) = written {
            self.failed(&error);
            // Reported once, since later files would most likely fail too.
            self.previews = None;
        }
        let bar = self.bar.clone();
        if let Some(screen) = self.screen() {
            let _ = bar.suspend(|| screen.show(rgb));
        }
    }

    fn part(&mut self, output: &str, index: usize, _of: usize, value: &Value) {
        if let Some(Err(error)) = self.on_part.as_mut().map(|on_part| on_part(output, index, value)) {
            self.failed(&error);
        }
    }

    fn warning(&mut self, node: &str, message: &str) {
        self.warn(&format!("`{node}`: {message}"));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.done();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_is_well_formed() {
        assert!(ProgressStyle::with_template(STYLE).is_ok());
    }

    #[test]
    fn bar_shows_run_and_node() {
        let mut progress = Progress::new(None);
        progress.picture(2, 3);
        progress.started("prior");
        assert_eq!(progress.bar.message(), "2/3 prior");
        progress.progress("prior", 4, 20);
        progress.overall("prior", 0.25);
        assert_eq!((progress.bar.message().as_str(), progress.bar.position()), ("2/3 prior 4/20", 250));
        progress.progress("vqgan", 0, 1);
        assert_eq!(progress.bar.message(), "2/3 vqgan");
    }
}
