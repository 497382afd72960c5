//! The report of a table's run: the outcome of each row.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value as Json, json};

use crate::target::Target;

/// Between two writings of the report while rows are made: it is rewritten as a whole.
const PACE: Duration = Duration::from_secs(10);

/// Outcomes so far, and the file to write them to.
pub(crate) struct Report<'a> {
    target: Option<&'a Target>,
    table: Option<String>,
    rows: Vec<Json>,
    written: Instant,
    pub(crate) made: usize,
    pub(crate) skipped: usize,
    pub(crate) failed: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(target: Option<&'a Target>, table: Option<String>) -> Report<'a> {
        Report { target, table, rows: vec![], written: Instant::now(), made: 0, skipped: 0, failed: 0 }
    }

    /// Notes files that were made.
    ///
    /// # Errors
    /// The report cannot be written.
    pub(crate) fn made(&mut self, row: usize, files: &[PathBuf], time: Duration) -> Result<()> {
        self.made += 1;
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        self.add(json!({"row": row, "state": "made", "files": files, "seconds": time.as_secs_f64()}))
    }

    /// Notes a row whose files are there.
    ///
    /// # Errors
    /// As [`Report::made`].
    pub(crate) fn skipped(&mut self, row: usize) -> Result<()> {
        self.skipped += 1;
        self.add(json!({"row": row, "state": "skipped"}))
    }

    /// Notes a row that failed.
    ///
    /// # Errors
    /// As [`Report::made`].
    pub(crate) fn failed(&mut self, row: usize, line: u64, error: &anyhow::Error) -> Result<()> {
        self.failed += 1;
        self.add(json!({"row": row, "line": line, "state": "failed", "error": error.to_string()}))
    }

    fn add(&mut self, row: Json) -> Result<()> {
        if self.target.is_some() {
            self.rows.push(row);
        }
        if self.written.elapsed() < PACE { Ok(()) } else { self.write(None) }
    }

    /// Writes the report; `stopped` is the error that ended the run early.
    ///
    /// # Errors
    /// The report cannot be written.
    pub(crate) fn write(&mut self, stopped: Option<&anyhow::Error>) -> Result<()> {
        let Some(target) = self.target else { return Ok(()) };
        let report = json!({
            "table": self.table,
            "made": self.made,
            "skipped": self.skipped,
            "failed": self.failed,
            "stopped": stopped.map(ToString::to_string),
            "rows": self.rows,
        });
        target.write(format!("{report:#}\n").as_bytes())?;
        self.written = Instant::now();
        Ok(())
    }
}
