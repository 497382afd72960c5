//! Lines for stdout.

use std::fmt::Display;
use std::io::{Write, stdout};

/// Writes a line to stdout. A reader that has seen enough, as `head`, is no error.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(stdout(), "{line}");
}
