//! Repeats work whenever a file changes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use wuerst::core::regular;

use crate::say::tell;

/// Between two looks at the file.
const PACE: Duration = Duration::from_millis(200);

/// Maximum length read, in bytes; longer than any graph may be.
const LONGEST: u64 = 16 << 20;

/// Does `work`, and repeats it whenever the file changes, until the process ends. Errors are printed, and a later change
/// may fix them.
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

/// Content of a watched file. Modification times are too coarse for two quick changes, and graphs are small.
struct Watched {
    file: PathBuf,
    /// Content that was last processed.
    seen: Option<Vec<u8>>,
    /// Content at the last look.
    last: Option<Vec<u8>>,
}

impl Watched {
    fn new(file: &Path) -> Watched {
        let seen = look(file);
        Watched { file: file.to_owned(), last: seen.clone(), seen }
    }

    /// Whether the file has new content that is equal to that of the previous look, so that a file still being written is
    /// ignored.
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

/// Content of the file; `None` if it cannot be read, which the work itself reports.
fn look(file: &Path) -> Option<Vec<u8>> {
    regular::read(file, LONGEST).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn change_counts_once_it_is_complete() {
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
