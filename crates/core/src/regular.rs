//! Regular files, opened without waiting.
//!
//! A pipe would be waited for without end, and a device may act when it is opened; neither holds what a program of
//! files wants to read.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// What happens when the last part of a path is a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// The file that it leads to is opened, if that is a regular one: the caches of model hubs consist of such links.
    Followed,
    /// It is an error.
    Refused,
}

/// Opens a regular file to read it.
///
/// # Errors
/// As [`open_with`].
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    open_with(path, links, OpenOptions::new().read(true))
}

/// Opens a regular file with these options.
///
/// # Errors
/// What the file system says, and when it is a pipe, a device, a socket, a folder, or a link that is refused. None of
/// them is waited for.
pub fn open_with(path: &Path, links: Links, options: &OpenOptions) -> io::Result<File> {
    let about = match links {
        Links::Followed => fs::metadata(path),
        Links::Refused => fs::symlink_metadata(path),
    };
    match about {
        Ok(about) => check(&about)?,
        // The options may make it.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let mut options = options.clone();
    set_flags(&mut options, links);
    let file = options.open(path)?;
    // Another may have come into its place since.
    check(&file.metadata()?)?;
    Ok(file)
}

/// Whether that is a regular file; if not, an error that says what it is.
pub(crate) fn check(about: &Metadata) -> io::Result<()> {
    if about.is_symlink() {
        return Err(io::Error::other("is a link"));
    }
    if about.is_file() {
        return Ok(());
    }
    let message = format!("is {}, no regular file", sort(about.file_type()));
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// What something is that is no regular file.
fn sort(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        } else if kind.is_socket() {
            return "a socket";
        } else if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() { "a folder" } else { "something else" }
}

#[cfg(unix)]
fn set_flags(options: &mut OpenOptions, links: Links) {
    use rustix::fs::OFlags;
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    if links == Links::Refused {
        flags |= OFlags::NOFOLLOW;
    }
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
}

#[cfg(windows)]
fn set_flags(options: &mut OpenOptions, links: Links) {
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    if links == Links::Refused {
        std::os::windows::fs::OpenOptionsExt::custom_flags(options, FILE_FLAG_OPEN_REPARSE_POINT);
    }
}

#[cfg(not(any(unix, windows)))]
fn set_flags(_: &mut OpenOptions, _: Links) {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        symlink(at("file"), at("link")).unwrap();
        for (name, links) in [("file", Links::Refused), ("file", Links::Followed), ("link", Links::Followed)]
        {
            let mut text = String::new();
            open(&at(name), links).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "text", "{name}");
        }
        let said = open(&at("link"), Links::Refused).unwrap_err().to_string();
        assert!(said.contains("is a link"), "{said}");
        assert_eq!(open(&at("none"), Links::Refused).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn other_things_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let pipe = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), pipe, rustix::fs::Mode::RWXU, 0).unwrap();
        fs::create_dir(at("folder")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        symlink("/dev/zero", at("device")).unwrap();
        symlink(at("pipe"), at("link")).unwrap();
        symlink(at("made"), at("dangling")).unwrap();
        for (name, what) in [
            ("pipe", "a pipe"),
            ("folder", "a folder"),
            ("socket", "a socket"),
            ("device", "a device"),
            ("link", "a pipe"),
        ] {
            let said = open(&at(name), Links::Followed).unwrap_err().to_string();
            assert_eq!(said, format!("is {what}, no regular file"));
            for links in [Links::Followed, Links::Refused] {
                assert!(open(&at(name), links).is_err(), "{name}, {links:?}");
            }
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        assert!(open_with(&at("dangling"), Links::Refused, &options).is_err());
        assert!(!at("made").exists());
    }
}
