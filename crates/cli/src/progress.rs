//! Progress of a run on the terminal: node, step, time left. Nothing is drawn where stderr is no terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wuerst::Watch;

/// While a node has not said how many steps it takes.
const WAITING: &str = "{msg}";
const STEPS: &str = "{msg:20!} [{bar:30}] {pos}/{len}, {eta} left";

/// Shows the progress of runs, and warnings as lines.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Which picture of how many; empty when there is one.
    which: String,
}

impl Progress {
    /// Shows nothing until a run begins.
    pub(crate) fn new() -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
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

    fn style(&self, template: &str) {
        // The templates are constants, which a test reads; with the style before there would still be a line.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
    }
}

impl Watch for Progress {
    fn planned(&mut self, _nodes: &[&str]) {
        self.style(WAITING);
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
    }

    fn started(&mut self, node: &str) {
        self.style(WAITING);
        self.bar.unset_length();
        self.bar.reset();
        self.bar.set_message(format!("{}{node}", self.which));
    }

    fn progress(&mut self, _node: &str, done: usize, of: usize) {
        if self.bar.length().is_none() {
            self.style(STEPS);
            self.bar.set_length(of as u64);
        }
        self.bar.set_position(done as u64);
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
    fn the_styles_are_well_formed() {
        for template in [WAITING, STEPS] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_node_begins_without_steps_and_then_counts_them() {
        let mut progress = Progress::new();
        progress.picture(2, 3);
        progress.started("prior");
        assert_eq!((progress.bar.message().as_str(), progress.bar.length()), ("2/3 prior", None));
        progress.progress("prior", 4, 20);
        assert_eq!((progress.bar.position(), progress.bar.length()), (4, Some(20)));
        progress.started("decoder");
        assert_eq!((progress.bar.position(), progress.bar.length()), (0, None));
    }
}
