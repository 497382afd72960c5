//! Streams a PNG file without its texts and profiles, and extracts its colour profile.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use flate2::read::ZlibDecoder;

use super::LONGEST_EXIF;
use crate::image::colours::{LONGEST, Profile};

/// Length of the PNG signature.
const SIGNATURE: u64 = 8;

/// Length and kind of a chunk.
const HEAD: usize = 8;

/// The checksum behind a chunk.
const CHECKSUM: u64 = 4;

/// Chunks that a decoder keeps without limits.
const KEPT_IN_FULL: [&[u8; 4]; 4] = [b"tEXt", b"zTXt", b"iTXt", b"iCCP"];

/// Colour information of a PNG file from before its pixels. Leaves the source at its start.
///
/// # Errors
/// Errors of the file system.
pub(crate) fn profile<R: BufRead + Seek>(source: &mut R) -> io::Result<Profile> {
    source.seek(SeekFrom::Start(SIGNATURE))?;
    let mut profile = Profile::None;
    let mut head = [0; HEAD];
    // The decoder reports a truncated file.
    while source.read_exact(&mut head).is_ok() {
        let [a, b, c, d, kind @ ..] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        match &kind {
            b"IDAT" | b"IEND" => break,
            b"iCCP" if length > LONGEST => profile = Profile::too_long(),
            b"iCCP" => {
                let mut data = vec![];
                source.by_ref().take(length).read_to_end(&mut data)?;
                source.seek_relative(CHECKSUM as i64)?;
                profile = unpacked(&data);
                break;
            }
            // Codes of primaries and transfer function; only BT.709 and sRGB are supported.
            b"cICP" if length == 4 => {
                let mut numbers = [0; 4];
                source.read_exact(&mut numbers)?;
                source.seek_relative(CHECKSUM as i64)?;
                if numbers[..2] != [1, 13] {
                    profile = Profile::Unknown("its colours (cICP) are others than those of sRGB".into());
                    break;
                }
                continue;
            }
            _ => {}
        }
        source.seek_relative((length + CHECKSUM).try_into().unwrap_or(i64::MAX))?;
    }
    source.rewind()?;
    Ok(profile)
}

/// The profile in a chunk, after its name and compression method.
fn unpacked(data: &[u8]) -> Profile {
    let packed = data.iter().position(|byte| *byte == 0).and_then(|end| data.get(end + 1..)?.split_first());
    let Some((0, packed)) = packed else { return Profile::damaged() };
    let mut icc = vec![];
    match ZlibDecoder::new(packed).take(LONGEST + 1).read_to_end(&mut icc) {
        Ok(length) if length as u64 > LONGEST => Profile::too_long(),
        Ok(_) => Profile::Icc(icc),
        Err(_) => Profile::damaged(),
    }
}

/// Skips chunks of a PNG file while reading.
pub(crate) struct Stripped<R> {
    source: R,
    /// Unread part of the current chunk's header.
    head: [u8; HEAD],
    given: usize,
    filled: usize,
    /// Bytes to pass on before the next chunk.
    left: u64,
}

impl<R: BufRead> Stripped<R> {
    /// Reads a file from its start.
    pub(crate) fn new(source: R) -> Stripped<R> {
        Stripped { source, head: [0; HEAD], given: 0, filled: 0, left: SIGNATURE }
    }

    /// Reads headers up to a chunk that is passed on, or the end of the file.
    fn next_chunk(&mut self) -> io::Result<()> {
        loop {
            (self.given, self.filled) = (0, 0);
            while self.filled < HEAD {
                match self.source.read(&mut self.head[self.filled..]) {
                    // A truncated header is passed on, so that the decoder reports it.
                    Ok(0) => return Ok(()),
                    Ok(count) => self.filled += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            let [a, b, c, d, kind @ ..] = self.head;
            let length = u64::from(u32::from_be_bytes([a, b, c, d]));
            if KEPT_IN_FULL.contains(&&kind) || (kind == *b"eXIf" && length > LONGEST_EXIF) {
                io::copy(&mut self.source.by_ref().take(length + CHECKSUM), &mut io::sink())?;
                continue;
            }
            self.left = length + CHECKSUM;
            return Ok(());
        }
    }
}

impl<R: BufRead> BufRead for Stripped<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.given == self.filled && self.left == 0 {
            self.next_chunk()?;
        }
        if self.given < self.filled {
            return Ok(&self.head[self.given..self.filled]);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let buffer = self.source.fill_buf()?;
        Ok(&buffer[..buffer.len().min(most)])
    }

    fn consume(&mut self, count: usize) {
        if self.given < self.filled {
            self.given += count;
        } else {
            self.left = self.left.saturating_sub(count as u64);
            self.source.consume(count);
        }
    }
}

impl<R: BufRead> Read for Stripped<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

/// Required by the decoder's type; the decoder reads sequentially and never calls it.
impl<R> Seek for Stripped<R> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length, &kind[..], data, &[1, 2, 3, 4]].concat()
    }

    fn stripped(file: &[u8]) -> Vec<u8> {
        // Buffers of every small size end in every place of a chunk.
        let all = (1..40).map(|size| {
            let mut left = vec![];
            Stripped::new(BufReader::with_capacity(size, file)).read_to_end(&mut left).unwrap();
            left
        });
        all.reduce(|one, other| {
            assert_eq!(one, other);
            one
        })
        .unwrap()
    }

    #[test]
    fn texts_and_profiles_are_left_out() {
        let start = b"\x89PNG\r\n\x1a\n".to_vec();
        let (header, data, end) = (chunk(b"IHDR", &[7; 13]), chunk(b"IDAT", &[8; 50]), chunk(b"IEND", &[]));
        let exif = chunk(b"eXIf", &[9; 30]);
        let surplus = [b"tEXt", b"zTXt", b"iTXt", b"iCCP"].map(|kind| chunk(kind, &[5; 99])).concat();
        let long = chunk(b"eXIf", &vec![0; 70_000]);
        let file =
            [&start, &header, &surplus, &exif, &long, &data, &surplus, &end].map(Vec::as_slice).concat();
        let kept = [&start, &header, &exif, &data, &end].map(Vec::as_slice).concat();
        assert_eq!(stripped(&file), kept);
        // Cut off within a kept chunk, within a head, and within one that is left out.
        assert_eq!(stripped(&kept[..60]), kept[..60]);
        assert_eq!(stripped(&kept[..kept.len() - 9]), kept[..kept.len() - 9]);
        assert_eq!(stripped(&file[..start.len() + header.len() + 40]), [start, header].concat());
    }
}
