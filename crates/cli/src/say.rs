//! Output lines for stdout and stderr. Control characters from untrusted text are escaped, and failures of stdout are
//! reported.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::sync::OnceLock;

use anyhow::{Result, bail};
use serde_json::Value as Json;
use wuerst::core::{printable, printable_json};

/// The first error of writing to stdout.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Writes a line to stdout. [`all_written`] reports errors.
pub(crate) fn say(line: impl Display) {
    keep(writeln!(stdout(), "{}", printable(&line.to_string())));
}

/// Writes JSON to stdout, on several lines.
pub(crate) fn say_json(json: &Json) {
    keep(writeln!(stdout(), "{}", printable_json(&format!("{json:#}"))));
}

/// Writes JSON to stdout, on one line.
pub(crate) fn say_json_line(json: &Json) {
    keep(writeln!(stdout(), "{}", printable_json(&json.to_string())));
}

/// Writes a text of our own to stdout, byte for byte.
pub(crate) fn say_bytes(bytes: &[u8]) {
    keep(stdout().write_all(bytes));
}

/// Records why stdout cannot be written. A reader that stops early, such as `head`, is no error.
pub(crate) fn keep(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error);
    }
}

/// Reports an error if any output to stdout was lost.
pub(crate) fn all_written() -> Result<()> {
    keep(stdout().flush());
    match LOST.get() {
        Some(error) => bail!("stdout cannot be written: {error}"),
        None => Ok(()),
    }
}

/// Writes a line to stderr. A closed terminal is no error.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(stderr(), "{}", printable(&line.to_string()));
}

/// Writes a warning to stderr.
pub(crate) fn warn(message: impl Display) {
    tell(format_args!("warning: {message}"));
}
