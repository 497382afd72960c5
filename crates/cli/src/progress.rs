//! Progress of a run on the terminal: node, step, time left. Nothing is drawn where stderr is no terminal.

use std::collections::BTreeMap;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wuerst::{Tensor, Watch};

/// The bar is the whole run, of a thousand parts.
const PARTS: f64 = 1000.;
const STYLE: &str = "{msg:28!} [{bar:30}] {percent:>3} %, {eta} left";

/// Shows the progress of runs, and warnings as lines.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Which picture of how many; empty when there is one.
    which: String,
    /// The last preview of each node, where they are wanted.
    previews: Option<BTreeMap<String, Tensor>>,
}

impl Progress {
    /// Shows nothing until a run begins.
    pub(crate) fn new() -> Progress {
        let bar = ProgressBar::with_draw_target(Some(PARTS as u64), ProgressDrawTarget::hidden());
        // The template is a constant, which a test reads; without a style there would still be a line.
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress { bar, which: String::new(), previews: None }
    }

    /// Keeps what nodes show of their work, if that is `wanted`; else it costs nothing.
    pub(crate) fn keeping_previews(mut self, wanted: bool) -> Progress {
        self.previews = wanted.then(BTreeMap::new);
        self
    }

    /// The last preview of each node that showed one.
    pub(crate) fn previews(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.previews.iter().flatten().map(|(node, preview)| (node.as_str(), preview))
    }

    /// Says which picture of how many comes next.
    pub(crate) fn picture(&mut self, number: usize, of: usize) {
        self.which = if of > 1 { format!("{number}/{of} ") } else { String::new() };
    }

    /// Clears the line.
    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Progress {
    fn planned(&mut self, _nodes: &[&str]) {
        self.bar.reset();
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
    }

    fn started(&mut self, node: &str) {
        self.bar.set_message(format!("{}{node}", self.which));
    }

    fn progress(&mut self, node: &str, done: usize, of: usize) {
        let step = if of > 1 { format!(" {done}/{of}") } else { String::new() };
        self.bar.set_message(format!("{}{node}{step}", self.which));
    }

    fn overall(&mut self, _node: &str, fraction: f64) {
        self.bar.set_position((fraction * PARTS) as u64);
    }

    fn wants_preview(&self) -> bool {
        self.previews.is_some()
    }

    fn preview(&mut self, node: &str, rgb: &Tensor) {
        if let Some(previews) = &mut self.previews {
            previews.insert(node.to_owned(), rgb.clone());
        }
    }

    fn warning(&mut self, node: &str, message: &str) {
        self.bar.suspend(|| eprintln!("warning: `{node}`: {message}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_is_well_formed() {
        assert!(ProgressStyle::with_template(STYLE).is_ok());
    }

    #[test]
    fn the_bar_is_the_run_and_the_message_the_node() {
        let mut progress = Progress::new();
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
