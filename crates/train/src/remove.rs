//! Removes files that training has written, and no others.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

/// Removes the files of a folder whose names satisfy `own`, and the folder if it is then empty.
///
/// A link in place of the folder stays, and so do other files, with the folder.
///
/// # Errors
/// A folder that cannot be read, or a file that cannot be removed.
pub fn own_files(folder: &Path, own: impl Fn(&str) -> bool) -> Result<(), Error> {
    if !folder.symlink_metadata()?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && entry.file_name().to_str().is_some_and(&own) {
            match fs::remove_file(entry.path()) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
    }
    let _ = fs::remove_dir(folder);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_others_stay() -> Result<(), Error> {
        let home = tempfile::tempdir()?;
        let (ours, mixed) = (home.path().join("ours"), home.path().join("mixed"));
        for (folder, file) in [(&ours, "a.own"), (&mixed, "a.own"), (&mixed, "notes.txt")] {
            fs::create_dir_all(folder)?;
            fs::write(folder.join(file), "")?;
        }
        for folder in [&ours, &mixed] {
            own_files(folder, |name| name.ends_with(".own"))?;
        }
        assert!(!ours.exists() && mixed.join("notes.txt").exists() && !mixed.join("a.own").exists());
        Ok(())
    }
}
