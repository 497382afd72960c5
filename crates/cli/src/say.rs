//! Lines for stdout and stderr. All of them are printable: what strangers have written never acts upon a terminal.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

use serde_json::Value as Json;
use wuerst::core::{printable, printable_json};

/// Writes a line to stdout. A reader that has seen enough, as `head`, is no error.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(stdout(), "{}", printable(&line.to_string()));
}

/// Writes JSON to stdout, in lines of its own.
pub(crate) fn say_json(json: &Json) {
    let _ = writeln!(stdout(), "{}", printable_json(&format!("{json:#}")));
}

/// Writes JSON to stdout, in one line.
pub(crate) fn say_json_line(json: &Json) {
    let _ = writeln!(stdout(), "{}", printable_json(&json.to_string()));
}

/// Writes a line to stderr. A terminal that is gone is no error.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(stderr(), "{}", printable(&line.to_string()));
}

/// Writes a warning to stderr.
pub(crate) fn warn(message: impl Display) {
    tell(format_args!("warning: {message}"));
}
