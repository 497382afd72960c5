//! Reads members out of the packages' archives (`.tgz` and wheels) without unpacking them to disk.

use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use wuerst_read::regular::{self, Links};

/// Calls `visit` with the path and content of every member for which `wanted` holds.
///
/// # Errors
/// An archive that cannot be opened or read, or the first error of `visit`; each names the archive.
pub fn for_each_member(
    archive: &Path,
    wanted: impl Fn(&str) -> bool,
    mut visit: impl FnMut(&str, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let name = archive.display();
    let file =
        regular::open(archive, Links::Followed).with_context(|| format!("cannot open package {name}"))?;
    let reader = BufReader::new(file);
    match archive.extension().and_then(|extension| extension.to_str()) {
        Some("tgz") => {
            let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(reader));
            for entry in tar.entries().with_context(|| format!("{name} is not a tar archive"))? {
                let mut entry = entry.with_context(|| format!("{name} is damaged"))?;
                let path = entry.path()?.to_string_lossy().into_owned();
                if wanted(&path) {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes).with_context(|| format!("cannot read {path} in {name}"))?;
                    visit(&path, bytes)?;
                }
            }
        }
        Some("whl") => {
            let mut zip =
                zip::ZipArchive::new(reader).with_context(|| format!("{name} is not a zip archive"))?;
            for index in 0..zip.len() {
                let mut entry = zip.by_index(index).with_context(|| format!("{name} is damaged"))?;
                let path = entry.name().to_owned();
                if wanted(&path) {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes).with_context(|| format!("cannot read {path} in {name}"))?;
                    visit(&path, bytes)?;
                }
            }
        }
        _ => bail!("{name} is neither a .tgz nor a .whl file"),
    }
    Ok(())
}

/// Content of one member.
///
/// # Errors
/// As [`for_each_member`], and when the archive has no such member.
pub fn read_member(archive: &Path, member: &str) -> Result<Vec<u8>> {
    let mut found = None;
    for_each_member(
        archive,
        |path| path == member,
        |_, bytes| {
            found = Some(bytes);
            Ok(())
        },
    )?;
    found.with_context(|| format!("{} has no member {member}", archive.display()))
}
