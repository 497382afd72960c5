//! A protobuf reader, field by field, for ONNX files and for bytes in memory.
//!
//! It seeks past unwanted fields, and allocates only for the texts that are requested.

use std::io::{self, BufRead, Cursor, Seek};

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The file system refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not protobuf, or truncated, at this byte.
    #[error("not an ONNX file, or damaged at byte {0}")]
    Damaged(u64),
}

type Result<T, E = WireError> = std::result::Result<T, E>;

/// The value after a field's number.
#[derive(Debug, Clone, Copy)]
pub enum Wire {
    /// A number of variable length.
    Number(u64),
    /// A message, text or bytes, ending at this byte.
    Bytes(u64),
    /// A number of 4 or 8 bytes.
    Fixed(u64),
}

/// A source of bytes, read field by field.
pub struct Reader<R> {
    from: R,
    at: u64,
}

impl<R: BufRead + Seek> Reader<R> {
    /// Reads from the beginning of `from`, which must be positioned there.
    pub fn new(from: R) -> Reader<R> {
        Reader { from, at: 0 }
    }

    /// Offset of the next byte.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Continues at another byte.
    pub fn go(&mut self, to: u64) -> Result<()> {
        let (to, at) = (to.cast_signed(), self.at.cast_signed());
        // Keeps the buffer for short jumps, of which a graph has thousands.
        self.from.seek_relative(to - at)?;
        self.at = to.cast_unsigned();
        Ok(())
    }

    /// The number and value of the next field in a message that ends at `end`.
    pub fn next(&mut self, end: u64) -> Result<(u64, Wire)> {
        let start = self.at;
        let key = self.number()?;
        let wire = match key & 7 {
            0 => Wire::Number(self.number()?),
            1 => Wire::Fixed(8),
            2 => {
                let length = self.number()?;
                Wire::Bytes(self.at.checked_add(length).ok_or(WireError::Damaged(start))?)
            }
            5 => Wire::Fixed(4),
            // Groups, which `onnx.proto` does not use.
            _ => return Err(WireError::Damaged(start)),
        };
        let stop = match wire {
            Wire::Number(_) => self.at,
            Wire::Bytes(stop) => stop,
            Wire::Fixed(length) => self.at.saturating_add(length),
        };
        // No field has the number 0; a file of zeros is full of them.
        if key >> 3 == 0 || stop > end { Err(WireError::Damaged(start)) } else { Ok((key >> 3, wire)) }
    }

    /// Skips the value of a field.
    pub fn skip(&mut self, wire: Wire) -> Result<()> {
        match wire {
            Wire::Number(_) => Ok(()),
            Wire::Bytes(end) => self.go(end),
            Wire::Fixed(length) => self.go(self.at + length),
        }
    }

    /// A number of variable length.
    pub fn number(&mut self) -> Result<u64> {
        let start = self.at;
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?.ok_or(WireError::Damaged(start))?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(WireError::Damaged(start))
    }

    /// The next byte; `None` at the end.
    fn byte(&mut self) -> Result<Option<u8>> {
        // Retried after a signal, as the standard library does for other reads.
        let byte = loop {
            match self.from.fill_buf() {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                buffer => break buffer?.first().copied(),
            }
        };
        if byte.is_some() {
            self.from.consume(1);
            self.at += 1;
        }
        Ok(byte)
    }

    /// The bytes up to `end`, at most `most`.
    pub fn bytes(&mut self, end: u64, most: u64) -> Result<Vec<u8>> {
        let length = end.checked_sub(self.at).filter(|length| *length <= most);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or(WireError::Damaged(self.at))?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(io::Error::from)?;
        bytes.resize(length, 0);
        self.from.read_exact(&mut bytes)?;
        self.at = end;
        Ok(bytes)
    }

    /// The bytes up to `end` as UTF-8, at most `most`.
    pub fn text(&mut self, end: u64, most: u64) -> Result<String> {
        let start = self.at;
        String::from_utf8(self.bytes(end, most)?).map_err(|_| WireError::Damaged(start))
    }

    /// Key and value of a StringStringEntryProto that ends at `end`, each of at most `most` bytes.
    pub fn pair(&mut self, end: u64, most: u64) -> Result<(String, String)> {
        let mut pair = (String::new(), String::new());
        while self.at < end {
            match self.next(end)? {
                (1, Wire::Bytes(stop)) => pair.0 = self.text(stop, most)?,
                (2, Wire::Bytes(stop)) => pair.1 = self.text(stop, most)?,
                (_, other) => self.skip(other)?,
            }
        }
        Ok(pair)
    }
}

/// A field of a message in memory.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Field number.
    pub number: u64,
    /// The value, if it is a varint.
    pub value: u64,
    /// The content, if it is a text, bytes or a message.
    pub content: &'a [u8],
    /// All bytes of the field, including number and length.
    pub whole: &'a [u8],
}

impl<'a> Field<'a> {
    /// The content as text, if it is UTF-8.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.content).ok()
    }
}

/// The fields of a message in memory, in order; `None` if it is damaged.
pub fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let (end, mut reader, mut fields) = (message.len() as u64, Reader::new(Cursor::new(message)), vec![]);
    while reader.at() < end {
        let start = reader.at();
        let (number, wire) = reader.next(end).ok()?;
        let from = reader.at();
        reader.skip(wire).ok()?;
        let [start, from, stop] = [start, from, reader.at()].map(|at| at as usize);
        let (value, content) = match wire {
            Wire::Number(value) => (value, &[][..]),
            Wire::Bytes(_) => (0, &message[from..stop]),
            Wire::Fixed(_) => (0, &[][..]),
        };
        fields.push(Field { number, value, content, whole: &message[start..stop] });
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read, SeekFrom};

    use super::*;

    /// Bytes of which each read is interrupted once.
    struct Interrupted<'a>(Cursor<&'a [u8]>, bool);

    impl Read for Interrupted<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(into) }
        }
    }

    impl Seek for Interrupted<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn signals_interrupt_nothing() {
        // A number, a text, and a number of two bytes.
        let message = [1 << 3, 7, 2 << 3 | 2, 3, b'a', b'b', b'c', 3 << 3, 0x80, 1];
        let end = message.len() as u64;
        let source = Interrupted(Cursor::new(&message), false);
        let mut reader = Reader::new(BufReader::with_capacity(1, source));
        assert!(matches!(reader.next(end), Ok((1, Wire::Number(7)))));
        let Ok((2, Wire::Bytes(stop))) = reader.next(end) else { panic!("a text") };
        assert_eq!(reader.text(stop, 10).unwrap(), "abc");
        assert!(matches!(reader.next(end), Ok((3, Wire::Number(128)))));
        assert!(matches!(reader.number(), Err(WireError::Damaged(10))), "the end");
    }
}
