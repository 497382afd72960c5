//! Regular files, opened without blocking.
//!
//! Opening a pipe may block for ever, and opening a device may trigger an action. Neither holds data that a program reads
//! as a file.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::byte_order;

/// Treatment of a link in the last part of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Opens the link's target, if that is a regular file: caches of model hubs consist of such links.
    Followed,
    /// A link is an error.
    Refused,
}

/// Opens a regular file for reading.
///
/// # Errors
/// As [`open_with`].
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    open_with(path, links, OpenOptions::new().read(true))
}

/// Opens a regular file with the given options.
///
/// # Errors
/// Errors of the file system, and an error for a pipe, device, socket, folder, or refused link. Never blocks on them.
pub fn open_with(path: &Path, links: Links, options: &OpenOptions) -> io::Result<File> {
    let about = match links {
        Links::Followed => fs::metadata(path),
        Links::Refused => fs::symlink_metadata(path),
    };
    match about {
        Ok(about) => check(&about)?,
        // The options may create the file.
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let mut options = options.clone();
    set_flags(&mut options, links);
    #[expect(clippy::disallowed_methods, reason = "what it opened is looked at before it is read")]
    let file = options.open(path)?;
    // Checked again, because another file may have replaced it.
    check(&file.metadata()?)?;
    Ok(file)
}

/// Metadata of the regular file at a path, links resolved.
///
/// # Errors
/// As [`open`], without opening it.
pub fn about(path: &Path) -> io::Result<Metadata> {
    let about = fs::metadata(path)?;
    check(&about)?;
    Ok(about)
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open`], and if it is longer.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    // Reads one byte more than allowed, which shows that the file is too long.
    open(path, Links::Followed)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = match most >> 20 {
            0 => format!("has more than {most} bytes, the maximum for such a file"),
            mebibytes => format!("has more than {mebibytes} MiB, the maximum for such a file"),
        };
        return Err(io::Error::new(ErrorKind::InvalidData, message));
    }
    Ok(bytes)
}

/// Reads a text of at most `most` bytes from a regular file, without a leading byte order mark.
///
/// # Errors
/// As [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let not_text = |_| io::Error::new(ErrorKind::InvalidData, "is not UTF-8 text");
    let mut text = String::from_utf8(read(path, most)?).map_err(not_text)?;
    text.drain(..text.len() - byte_order::unmarked(&text).len());
    Ok(text)
}

/// Copies a regular file, with its mode, to a path where nothing exists yet.
///
/// # Errors
/// As [`open`], and errors of the file system while copying.
pub fn copy(from: &Path, to: &Path, links: Links) -> io::Result<()> {
    let mut from = open(from, links)?;
    let mut to = File::create_new(to)?;
    io::copy(&mut from, &mut to)?;
    to.set_permissions(from.metadata()?.permissions())
}

/// Checks that this is a regular file.
///
/// # Errors
/// Names the actual kind of file.
fn check(about: &Metadata) -> io::Result<()> {
    if about.is_symlink() {
        return Err(io::Error::other("is a link"));
    }
    if about.is_file() {
        return Ok(());
    }
    let message = format!("is {}, not a regular file", sort(about.file_type()));
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

/// Kind of a file that is not regular.
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
    use std::os::unix::fs::{PermissionsExt, symlink};
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
            assert_eq!(said, format!("is {what}, not a regular file"));
            for links in [Links::Followed, Links::Refused] {
                assert!(open(&at(name), links).is_err(), "{name}, {links:?}");
            }
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        assert!(open_with(&at("dangling"), Links::Refused, &options).is_err());
        assert!(!at("made").exists());
    }
    #[test]
    fn long_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "text\u{e9}").unwrap();
        assert_eq!(read_text(&path, 6).unwrap(), "text\u{e9}");
        let said = read(&path, 5).unwrap_err().to_string();
        assert_eq!(said, "has more than 5 bytes, the maximum for such a file");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path, 1 << 20).unwrap_err().to_string().contains("more than 1 MiB"));
        fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 5).unwrap_err().to_string().contains("UTF-8"));
        assert!(read(Path::new("/dev/zero"), u64::MAX).is_err());
    }

    #[test]
    fn copies_replace_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        fs::set_permissions(at("file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink(at("file"), at("link")).unwrap();
        copy(&at("file"), &at("copy"), Links::Refused).unwrap();
        assert_eq!(fs::read(at("copy")).unwrap(), b"text");
        assert_eq!(fs::metadata(at("copy")).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(copy(&at("file"), &at("copy"), Links::Refused).is_err());
        assert!(copy(&at("link"), &at("other"), Links::Refused).is_err());
        copy(&at("link"), &at("other"), Links::Followed).unwrap();
    }
}
