//! Checks the EXIF length of a WebP file, and extracts its colour profile.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::LONGEST_EXIF;
use crate::image::colours::{LONGEST, Profile};

/// `RIFF`, a length, and `WEBP`.
const FIRST_CHUNK: u64 = 12;

/// The colour profile, from the first or second chunk. Leaves the source at its start.
///
/// # Errors
/// Errors of the file system.
pub(crate) fn profile<R: BufRead + Seek>(source: &mut R, file_length: u64) -> io::Result<Profile> {
    let mut at = FIRST_CHUNK;
    let mut profile = Profile::None;
    source.seek(SeekFrom::Start(at))?;
    for _ in 0..2 {
        let mut head = [0; 8];
        if at + 8 > file_length {
            break;
        }
        source.read_exact(&mut head)?;
        let [kind @ .., a, b, c, d] = head;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        if kind == *b"ICCP" {
            let mut icc = vec![];
            profile = match length {
                _ if length > LONGEST => Profile::too_long(),
                _ if source.by_ref().take(length).read_to_end(&mut icc)? as u64 == length => {
                    Profile::Icc(icc)
                }
                _ => Profile::damaged(),
            };
            break;
        }
        let step = length.next_multiple_of(2);
        at += 8 + step;
        source.seek_relative(step.try_into().unwrap_or(i64::MAX))?;
    }
    source.rewind()?;
    Ok(profile)
}

/// Whether the EXIF data, if any, is short and inside the file. Leaves the source at its start.
///
/// The decoder allocates the size that the chunk states before it checks the file's length.
///
/// # Errors
/// Errors of the file system.
pub(crate) fn has_short_exif<R: BufRead + Seek>(source: &mut R, file_length: u64) -> io::Result<bool> {
    let mut at = FIRST_CHUNK;
    source.seek(SeekFrom::Start(at))?;
    let mut short = true;
    while at + 8 <= file_length {
        let mut head = [0; 8];
        source.read_exact(&mut head)?;
        let [kind @ .., a, b, c, d] = head;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        if kind == *b"EXIF" {
            short &= length <= LONGEST_EXIF && at + 8 + length <= file_length;
        }
        // Chunks are padded to even lengths; a short seek keeps the buffer.
        let step = length.next_multiple_of(2);
        at += 8 + step;
        source.seek_relative(step.try_into().unwrap_or(i64::MAX))?;
    }
    source.rewind()?;
    Ok(short)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn short(chunks: &[(&[u8; 4], u32, &[u8])]) -> bool {
        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        for (kind, length, data) in chunks {
            file.extend_from_slice(*kind);
            file.extend(length.to_le_bytes());
            file.extend_from_slice(data);
        }
        let length = file.len() as u64;
        has_short_exif(&mut Cursor::new(file), length).unwrap()
    }

    #[test]
    fn long_exif_data_is_noticed() {
        assert!(short(&[]) && short(&[(b"VP8L", 3, &[0; 4]), (b"EXIF", 4, &[0; 4])]));
        assert!(!short(&[(b"VP8L", 3, &[0; 4]), (b"EXIF", 5, &[0; 4])]), "it ends early");
        assert!(!short(&[(b"EXIF", u32::MAX, &[0; 4])]) && !short(&[(b"EXIF", 70_000, &[0; 70_000])]));
        assert!(short(&[(b"XMP ", u32::MAX, &[0; 9])]), "another chunk is not read");
    }
}
