//! Progress of a run on the terminal: node, step, time left. Nothing is drawn where stderr is no terminal.

use indicatif::{ProgressBar, ProgressStyle};
use wuerst::Watch;

/// Shows the progress of runs, and warnings as lines.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Which picture of how many; empty when there is one.
    which: String,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        let bar = ProgressBar::new(0);
        // A constant that a test reads; without style there would still be a bar.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress { bar, which: String::new() }
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

const TEMPLATE: &str = "{msg:20!} [{bar:30}] {pos}/{len}, {eta} left";

impl Watch for Progress {
    fn started(&mut self, node: &str) {
        self.bar.reset();
        self.bar.set_length(1);
        self.bar.set_message(format!("{}{node}", self.which));
    }

    fn progress(&mut self, _node: &str, done: usize, of: usize) {
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
    }

    fn warning(&mut self, node: &str, message: &str) {
        self.bar.suspend(|| eprintln!("warning: `{node}`: {message}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_is_well_formed() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
