//! Doing something again whenever a file changes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use wuerst::core::regular;

use crate::say::tell;

/// Between two looks at the file.
const PACE: Duration = Duration::from_millis(200);

/// Longer than any graph may be, in bytes.
const LONGEST: u64 = 16 << 20;

/// Does `work`, and does it again whenever the file changes, until the process is ended. What goes wrong is said, and the
/// next change may put it right.
pub(crate) fn again(file: &Path, mut work: impl FnMut() -> Result<()>) -> Result<ExitCode> {
    let mut watched = Watched::new(file);
    loop {
        if let Err(error) = work() {
            tell(format_args!("error: {error}"));
        }
        tell(format_args!("{}: waiting for a change; Ctrl-C ends", file.display()));
        while !watched.changed() {
            sleep(PACE);
        }
    }
}

/// A file, by its content: times of files are too coarse for two changes in a row, and a graph is small.
struct Watched {
    file: PathBuf,
    /// What was worked on.
    seen: Option<Vec<u8>>,
    /// What the last look saw.
    last: Option<Vec<u8>>,
}

impl Watched {
    fn new(file: &Path) -> Watched {
        let seen = look(file);
        Watched { file: file.to_owned(), last: seen.clone(), seen }
    }

    /// Looks at the file: whether it is there with another content, and was the same at the look before, so that one that
    /// an editor is still writing is left alone.
    fn changed(&mut self) -> bool {
        let now = look(&self.file);
        let still = self.last == now;
        self.last = now;
        let changed = still && self.last.is_some() && self.last != self.seen;
        if changed {
            self.seen = self.last.clone();
        }
        changed
    }
}

/// What is in the file; nothing while it cannot be read, which is said where the work is done.
fn look(file: &Path) -> Option<Vec<u8>> {
    regular::read(file, LONGEST).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_counts_once_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("graph.yaml");
        fs::write(&file, "a").unwrap();
        let mut watched = Watched::new(&file);
        assert!(!watched.changed() && !watched.changed());
        fs::write(&file, "").unwrap();
        assert!(!watched.changed(), "may still be written");
        fs::write(&file, "b").unwrap();
        assert!(!watched.changed() && watched.changed());
        assert!(!watched.changed(), "is done");
        fs::remove_file(&file).unwrap();
        assert!(!watched.changed() && !watched.changed(), "an editor may be replacing it");
        fs::write(&file, "b").unwrap();
        assert!(!watched.changed() && !watched.changed(), "is as it was");
    }
}
