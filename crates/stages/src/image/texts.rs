//! Reads the texts in a PNG file, within limits for untrusted files.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::Crc;
use flate2::read::ZlibDecoder;

/// Maximum total length of texts, unpacked.
const MOST_TEXT: u64 = 16 << 20;

/// Limits on the number and total size of chunks read before the pixels.
const MOST_CHUNKS: usize = 10_000;
const MOST_BYTES: u64 = 128 << 20;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Why a file's texts cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum PngTextsError {
    /// The file does not begin with the PNG signature.
    NotPng,
    /// The file violates the format; a sentence about the file that begins with `its` or `it`.
    Damaged(String),
    /// The texts exceed the limit.
    TooLong,
    /// Error of reading.
    Io(io::Error),
}

impl std::error::Error for PngTextsError {}

impl fmt::Display for PngTextsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PngTextsError::NotPng => f.write_str("is not a PNG picture"),
            PngTextsError::Damaged(why) => write!(f, "is a damaged PNG picture: {why}"),
            PngTextsError::TooLong => {
                let most = MOST_TEXT >> 20;
                write!(
                    f,
                    "holds more text before its pixels than is read: the maximum is {most} MiB, unpacked"
                )
            }
            PngTextsError::Io(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

/// The texts of a PNG file with one of the given keywords: UTF-8 texts (`iTXt`) before the pixels, the first for each
/// keyword. Packed texts are unpacked, up to 16 MiB in total.
///
/// # Errors
/// [`PngTextsError`].
pub fn png_texts(file: impl BufRead, keywords: &[&str]) -> Result<BTreeMap<String, String>, PngTextsError> {
    let mut chunks = Chunks(file.take(MOST_BYTES));
    let mut signature = [0; SIGNATURE.len()];
    match chunks.0.read_exact(&mut signature) {
        Ok(()) if signature == SIGNATURE => {}
        Ok(()) => return Err(PngTextsError::NotPng),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(PngTextsError::NotPng),
        Err(error) => return Err(PngTextsError::Io(error)),
    }
    let mut texts = BTreeMap::new();
    let mut room = MOST_TEXT;
    for index in 0..MOST_CHUNKS {
        let (kind, length) = chunks.head()?;
        match &kind {
            b"IHDR" if index == 0 => chunks.skip(length)?,
            _ if index == 0 => return Err(damaged("it does not begin with its size")),
            b"IDAT" | b"IEND" => return Ok(texts),
            b"iTXt" => {
                let data = chunks.data(&kind, length)?;
                let Some((keyword, text)) = parts(&data) else { continue };
                if keywords.contains(&keyword) && !texts.contains_key(keyword) {
                    let text = text.unpacked(room)?;
                    room -= text.len() as u64;
                    texts.insert(keyword.to_owned(), text);
                }
            }
            // Latin-1 texts, as written by ComfyUI.
            b"tEXt" => {
                let data = chunks.data(&kind, length)?;
                let Some((keyword, text)) = split(&data) else { continue };
                let Ok(keyword) = std::str::from_utf8(keyword) else { continue };
                if keywords.contains(&keyword) && !texts.contains_key(keyword) {
                    let text: String = text.iter().map(|byte| char::from(*byte)).collect();
                    let left = room.checked_sub(text.len() as u64);
                    room = left.ok_or(PngTextsError::TooLong)?;
                    texts.insert(keyword.to_owned(), text);
                }
            }
            _ => chunks.skip(length)?,
        }
    }
    Err(damaged(format!("it has more than {MOST_CHUNKS} parts before its pixels")))
}

fn damaged(why: impl Into<String>) -> PngTextsError {
    PngTextsError::Damaged(why.into())
}

/// Iterates over a file's chunks.
struct Chunks<R>(R);

impl<R: Read> Chunks<R> {
    fn exactly<const N: usize>(&mut self) -> Result<[u8; N], PngTextsError> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).map_err(ended)?;
        Ok(bytes)
    }

    /// Type and length of the next chunk.
    fn head(&mut self) -> Result<([u8; 4], u64), PngTextsError> {
        let length = u32::from_be_bytes(self.exactly()?);
        let kind: [u8; 4] = self.exactly()?;
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(damaged("one of its parts has an invalid name"));
        }
        Ok((kind, u64::from(length)))
    }

    fn skip(&mut self, length: u64) -> Result<(), PngTextsError> {
        let whole = length + 4;
        match io::copy(&mut self.0.by_ref().take(whole), &mut io::sink()) {
            Ok(skipped) if skipped == whole => Ok(()),
            Ok(_) => Err(ended(io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(PngTextsError::Io(error)),
        }
    }

    /// Data of the chunk, verified by its checksum.
    fn data(&mut self, kind: &[u8; 4], length: u64) -> Result<Vec<u8>, PngTextsError> {
        if length > MOST_TEXT {
            return Err(PngTextsError::TooLong);
        }
        let mut data = vec![];
        let read = self.0.by_ref().take(length).read_to_end(&mut data).map_err(PngTextsError::Io)?;
        if read as u64 != length {
            return Err(ended(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut sum = Crc::new();
        sum.update(kind);
        sum.update(&data);
        if sum.sum() != u32::from_be_bytes(self.exactly()?) {
            return Err(damaged("the checksum of one of its texts is wrong"));
        }
        Ok(data)
    }
}

fn ended(error: io::Error) -> PngTextsError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends before its pixels"),
        _ => PngTextsError::Io(error),
    }
}

/// A text as stored.
struct Text<'a> {
    packed: bool,
    bytes: &'a [u8],
}

/// Keyword and text of an `iTXt` chunk; a language and a translated keyword stand between them.
fn parts(data: &[u8]) -> Option<(&str, Text<'_>)> {
    let (keyword, rest) = split(data)?;
    let keyword = std::str::from_utf8(keyword).ok()?;
    let (&[packed, method], rest) = rest.split_first_chunk()?;
    if packed > 1 || (packed == 1 && method != 0) {
        return None;
    }
    let (_, rest) = split(rest)?;
    let (_, bytes) = split(rest)?;
    Some((keyword, Text { packed: packed == 1, bytes }))
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

impl Text<'_> {
    /// The unpacked text, of at most `most` bytes.
    fn unpacked(&self, most: u64) -> Result<String, PngTextsError> {
        let mut bytes = vec![];
        let read = if self.packed {
            ZlibDecoder::new(self.bytes).take(most + 1).read_to_end(&mut bytes)
        } else {
            self.bytes.take(most + 1).read_to_end(&mut bytes)
        };
        read.map_err(|_| damaged("one of its texts cannot be unpacked"))?;
        if bytes.len() as u64 > most {
            return Err(PngTextsError::TooLong);
        }
        String::from_utf8(bytes).map_err(|_| damaged("one of its texts is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    use super::*;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut sum = Crc::new();
        sum.update(kind);
        sum.update(data);
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length, &kind[..], data, &sum.sum().to_be_bytes()].concat()
    }

    fn text(keyword: &str, flag: u8, text: &[u8]) -> Vec<u8> {
        chunk(b"iTXt", &[keyword.as_bytes(), &[0, flag, 0], b"en\0key\0", text].concat())
    }

    fn packed(length: usize) -> Vec<u8> {
        let mut packed = ZlibEncoder::new(vec![], Compression::best());
        packed.write_all(&vec![b' '; length]).unwrap();
        packed.finish().unwrap()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        let start = [&SIGNATURE[..], &chunk(b"IHDR", &[0; 13])].concat();
        [start, chunks.concat(), chunk(b"IDAT", &[])].concat()
    }

    fn read(chunks: &[Vec<u8>]) -> Result<BTreeMap<String, String>, PngTextsError> {
        png_texts(&file(chunks)[..], &["graph", "inputs"])
    }

    #[test]
    fn texts_are_read_and_unpacked() {
        let chunks = [
            text("other", 0, b"no"),
            text("graph", 1, &packed(3)),
            text("graph", 0, b"the second"),
            chunk(b"tEXt", b"inputs\0lat\xefn"),
            text("inputs", 0, "ü".as_bytes()),
        ];
        let texts = read(&chunks).unwrap();
        assert_eq!(texts, [("graph", "   "), ("inputs", "latïn")].map(|(k, v)| (k.into(), v.into())).into());
    }

    #[test]
    fn bombs_are_refused() {
        let bomb = packed(64 << 20);
        assert!(bomb.len() < 100_000);
        assert!(matches!(read(&[text("graph", 1, &bomb)]), Err(PngTextsError::TooLong)));
        assert!(read(&[text("other", 1, &bomb)]).unwrap().is_empty(), "another text stays packed");
        let half = packed(10 << 20);
        let both = [text("graph", 1, &half), text("inputs", 1, &half)];
        assert!(matches!(read(&both), Err(PngTextsError::TooLong)), "the limit is of all together");
        let long = (17u32 << 20).to_be_bytes();
        assert!(matches!(read(&[[&long[..], b"iTXt"].concat()]), Err(PngTextsError::TooLong)));
        let many = vec![text("other", 0, b""); MOST_CHUNKS];
        assert!(read(&many).unwrap_err().to_string().contains("10000 parts"));
    }

    #[test]
    fn damaged_files_are_refused() {
        let said = |file: &[u8]| png_texts(file, &["graph"]).unwrap_err().to_string();
        let whole = file(&[text("graph", 1, &packed(3))]);
        for length in 0..whole.len() - 4 {
            let message = said(&whole[..length]);
            assert_eq!(message.contains("not a PNG picture"), length < 8, "{length}: {message}");
            assert!(length < 8 || message.contains("ends before"), "{length}: {message}");
        }
        let mut wrong = whole.clone();
        wrong[60] ^= 1;
        assert!(said(&wrong).contains("checksum"), "{}", said(&wrong));
        assert!(said(&file(&[text("graph", 1, b"not packed")])).contains("unpacked"));
        assert!(said(&file(&[text("graph", 0, &[0xff])])).contains("UTF-8"));
        assert!(said(&file(&[chunk(b"\0\0\0\0", &[])])).contains("invalid name"));
        assert!(said(&[&SIGNATURE[..], &chunk(b"IDAT", &[])].concat()).contains("begin with its size"));
        // Chunks that are not texts of ours are skipped.
        assert!(read(&[chunk(b"iTXt", b"graph"), text("graph", 7, b"")]).unwrap().is_empty());
    }
}
