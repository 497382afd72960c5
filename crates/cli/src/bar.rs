//! Progress bar of written stages.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use wuerst_model::import::{ImportError, Written};

use crate::say::say;
use crate::size::bytes;

/// Set by Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

const TEMPLATE: &str = "{msg:22} [{bar:30}] {percent:>3} %, {eta} left";

/// Receives the current stage and the number of parameters done; returns whether to continue.
type Progress<'a> = &'a mut dyn FnMut(&str, u64) -> ControlFlow<()>;

/// Shows a progress bar while stages are written, then a line for each. Ctrl-C stops the writer, which removes
/// half-written files.
pub(crate) fn shown(
    parameters: u64,
    write: impl FnOnce(Progress<'_>) -> Result<Vec<Written>, ImportError>,
) -> Result<()> {
    let bar = ProgressBar::new(parameters);
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style.progress_chars("=> "));
    }
    ctrlc::set_handler(|| STOP.store(true, Ordering::SeqCst))?;
    let written = write(&mut |stage, done| {
        // A stage has thousands of tensors; its name is drawn once.
        if bar.message() != stage {
            bar.set_message(stage.to_owned());
        }
        bar.set_position(done);
        if STOP.load(Ordering::SeqCst) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    for stage in written? {
        let size = bytes(stage.bytes);
        say(format_args!("{:22} {:>15} parameters {size:>10}", stage.name, stage.parameters));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_is_well_formed() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
