//! Checks that ONNX Runtime has mapped all weights of a prepared model.
//!
//! If a part cannot be mapped, for example because memory or file handles run out, ONNX Runtime silently reads it into
//! the heap. Packed weights are less aligned there than its kernels require, and the process ends in the first
//! evaluation. So the process's list of mappings is checked, and an incompletely mapped session is not used.

use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use wuerst_core::CancellationToken;
use wuerst_core::regular::{self, Links};
use wuerst_model::onnx::outside;

use super::entry::{MODEL, WEIGHTS};
use crate::recent::Keyed;

/// Parts of a file are mapped in whole pages; this is the smallest page size.
const PAGE: u64 = 4096;

/// Weights that are about to be mapped.
struct Expected {
    /// Path as shown by the system.
    path: PathBuf,
    /// Parts of the file that were already mapped, in pages.
    before: Vec<Range<u64>>,
    /// Parts that must be mapped.
    wanted: Vec<Range<u64>>,
}

/// Reason why a prepared model has no session.
pub(crate) enum Unmade {
    /// `make` failed.
    Refused,
    /// Its weights could not be mapped completely.
    Unmapped(io::Error),
}

impl From<io::Error> for Unmade {
    fn from(error: io::Error) -> Unmade {
        Unmade::Unmapped(error)
    }
}

/// A session made by `make` for the model in a folder, with all of its weights mapped.
///
/// # Errors
/// [`Unmade`].
pub(super) fn mapped_by<T>(
    folder: &Path,
    cancel: &CancellationToken,
    make: impl FnOnce() -> Result<T, String>,
) -> Result<T, Unmade> {
    // Two sessions created at once from the same weights would count each other's mappings.
    static MAPPING: LazyLock<Keyed<PathBuf>> = LazyLock::new(Keyed::default);
    let path = fs::canonicalize(folder.join(WEIGHTS))?;
    MAPPING.hold(&path, |mutex| {
        let _guard = mutex.lock(cancel).map_err(io::Error::other)?;
        let expected = Expected::of(folder, path.clone())?;
        let session = make().map_err(|_| Unmade::Refused)?;
        if expected.is_there()? {
            return Ok(session);
        }
        let why = format!("not all of {} could be mapped: memory or open files run out", path.display());
        Err(io::Error::other(why).into())
    })
}

impl Expected {
    fn of(folder: &Path, path: PathBuf) -> io::Result<Expected> {
        let model = folder.join(MODEL);
        let damaged = || io::Error::other(format!("{} is damaged", model.display()));
        let parts = outside(&content(&model)?).ok_or_else(damaged)?;
        let wanted = parts.into_iter().map(|[offset, length]| pages(offset, length)).collect();
        Ok(Expected { before: mapped(&path)?, path, wanted })
    }

    fn is_there(&self) -> io::Result<bool> {
        Ok(has_all(&self.wanted, &self.before, &mapped(&self.path)?))
    }
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    regular::open(path, Links::Refused)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The pages that contain a part of a file.
fn pages(offset: u64, length: u64) -> Range<u64> {
    offset / PAGE..offset.saturating_add(length).div_ceil(PAGE)
}

/// Whether each page is mapped as often as wanted, in addition to earlier mappings. Neighbouring parts share pages, and
/// the system merges adjacent mappings.
fn has_all(wanted: &[Range<u64>], before: &[Range<u64>], now: &[Range<u64>]) -> bool {
    let steps = |ranges: &[Range<u64>], by: i64| {
        ranges.iter().flat_map(|pages| [(pages.start, by), (pages.end, -by)]).collect::<Vec<_>>()
    };
    let mut steps = [steps(wanted, 1), steps(before, 1), steps(now, -1)].concat();
    steps.sort_unstable();
    let mut missing = 0;
    steps.chunk_by(|one, other| one.0 == other.0).all(|at| {
        missing += at.iter().map(|(_, by)| by).sum::<i64>();
        missing <= 0
    })
}

/// The parts of a file that the process has mapped, in pages.
fn mapped(path: &Path) -> io::Result<Vec<Range<u64>>> {
    Ok(listed(&content(Path::new("/proc/self/maps"))?, path.as_os_str().as_encoded_bytes()))
}

/// Parses such a list, in which each line has addresses, access, offset, device, inode and path.
fn listed(maps: &[u8], path: &[u8]) -> Vec<Range<u64>> {
    let part = |line: &[u8]| {
        let mut words = line.splitn(6, |byte| *byte == b' ');
        let mut text = |skipped| std::str::from_utf8(words.nth(skipped)?).ok();
        let ((from, to), offset) = (text(0)?.split_once('-')?, text(1)?);
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        let length = number(to)?.checked_sub(number(from)?)?;
        let shown = words.nth(2)?.trim_ascii_start();
        (shown == path).then_some(pages(number(offset)?, length))
    };
    maps.split(|byte| *byte == b'\n').filter_map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_mappings_of_one_file() {
        let maps = b"7f0000000000-7f0000002000 rw-p 00001000 fe:00 42                        /tmp/a b/model.onnx.data\n\
                     7f0000002000-7f0000003000 rw-p 00000000 00:00 0 \n\
                     7f0000003000-7f0000004000 rw-p 00004000 fe:00 42                        /tmp/a b/model.onnx.data\n\
                     7f0000005000-7f0000006000 rw-p 00000000 fe:00 7              /tmp/a b/model.onnx.data (deleted)\n\
                     ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
        assert_eq!(listed(maps, b"/tmp/a b/model.onnx.data"), [1..3, 4..5]);
        assert_eq!(listed(maps, b"b/model.onnx.data"), []);
    }

    #[test]
    fn each_page_counts() {
        let wanted = [pages(64, 4096), pages(4160, 4096), pages(8256, 100)];
        assert_eq!(wanted, [0..2, 1..3, 2..3]);
        let has = |before: &[Range<u64>], now: &[Range<u64>]| has_all(&wanted, before, now);
        assert!(has(&[], &[2..3, 0..2, 1..3]) && has(&[], &[0..3, 1..3]) && has(&[], &[0..9, 0..9]));
        for missing in 0..3 {
            let mut now = wanted.to_vec();
            now.remove(missing);
            assert!(!has(&[], &now), "{missing}");
            // Another session has mapped the same.
            now.extend(wanted.iter().cloned());
            assert!(!has(&wanted, &now), "{missing}");
        }
        assert!(has(&wanted, &[wanted.clone(), wanted.clone()].concat()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn finds_program_itself() {
        let program = fs::canonicalize(std::env::current_exe().unwrap()).unwrap();
        assert!(!mapped(&program).unwrap().is_empty());
        assert_eq!(mapped(Path::new("/no/such/file")).unwrap(), []);
    }
}
