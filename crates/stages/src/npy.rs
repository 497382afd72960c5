//! `.npy`, NumPy's format for one array, read within limits for untrusted files.
//!
//! The header is a Python dictionary. A single pass parses the few literals that NumPy writes there; nothing is evaluated.

use std::fmt;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use wuerst_core::{Error, memory};

/// Maximum length of the header in bytes. NumPy itself refuses more than 10,000 by default.
const LONGEST_HEADER: usize = 64 << 10;

/// Maximum rank of a NumPy array.
const MOST_DIMENSIONS: usize = 64;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reason why a file has no array; a predicate about the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum NpyError {
    /// The file violates the format.
    Malformed(String),
    /// The element type is neither f32 nor f64.
    Elements(String),
    /// A number is not finite, or not in the range of f32.
    NotFinite {
        /// The number.
        number: f64,
        /// Position in the file's data, counted from 1.
        place: usize,
        /// Number of all elements.
        of: usize,
    },
    /// Memory is short for the array.
    Memory(Error),
}

impl std::error::Error for NpyError {}

impl fmt::Display for NpyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NpyError::Malformed(why) => write!(f, "is not a NumPy file (.npy) that can be read: {why}"),
            NpyError::Elements(found) => {
                write!(f, "holds elements of the type {found}; f32 or f64 is expected")
            }
            NpyError::NotFinite { number, place, of } => {
                let why = if number.is_finite() { "is beyond f32" } else { "is not finite" };
                write!(f, "holds {number:?} as its number {place} of {of}, which {why}")
            }
            NpyError::Memory(error) => error.fmt(f),
        }
    }
}

/// Reads an array of f32 or f64 in either byte order; f64 is rounded.
///
/// A header that states more data than the file contains allocates nothing. All numbers must be finite as f32.
///
/// # Errors
/// [`NpyError`].
pub fn read(file: &[u8]) -> Result<ArrayD<f32>, NpyError> {
    let (header, data) = split(file)?;
    let header = Header::read(header)?;
    let (size, big) = element(header.descr)?;
    let count = header.shape.iter().try_fold(1usize, |n, length| n.checked_mul(*length));
    let bytes = count.and_then(|count| count.checked_mul(size));
    let (Some(count), Some(bytes)) = (count, bytes) else {
        return Err(malformed(format!("its shape {:?} is larger than memory can be", header.shape)));
    };
    if data.len() != bytes {
        let (has, needs) = (data.len(), bytes);
        return Err(malformed(format!("it has {has} bytes of numbers, but its header states {needs}")));
    }
    let mut numbers = memory::room(count).map_err(NpyError::Memory)?;
    numbers.extend(data.chunks_exact(size).map(|bytes| number(bytes, big) as f32));
    if let Some(at) = numbers.iter().position(|number: &f32| !number.is_finite()) {
        let number = number(&data[at * size..][..size], big);
        return Err(NpyError::NotFinite { number, place: at + 1, of: count });
    }
    let shape = IxDyn(&header.shape).set_f(header.fortran);
    ArrayD::from_shape_vec(shape, numbers).map_err(|error| malformed(error.to_string()))
}

/// The shape stated by a file of `length` bytes, from its first [`HEAD`] bytes.
///
/// # Errors
/// [`NpyError`], without checks of the numbers.
pub(crate) fn shape(head: &[u8], length: u64) -> Result<Vec<usize>, NpyError> {
    let (text, data) = split(head)?;
    let header = Header::read(text)?;
    let (size, _) = element(header.descr)?;
    let begin = (head.len() - data.len()) as u64;
    let bytes = header.shape.iter().try_fold(size as u64, |n, length| n.checked_mul(*length as u64));
    let Some(bytes) = bytes else {
        return Err(malformed(format!("its shape {:?} is larger than memory can be", header.shape)));
    };
    if length.checked_sub(begin) != Some(bytes) {
        let has = length.saturating_sub(begin);
        return Err(malformed(format!("it has {has} bytes of numbers, but its header states {bytes}")));
    }
    Ok(header.shape)
}

/// Enough bytes for the longest header and its prefix.
pub(crate) const HEAD: u64 = LONGEST_HEADER as u64 + 16;

fn malformed(why: impl Into<String>) -> NpyError {
    NpyError::Malformed(why.into())
}

/// The header's text, and the rest of the file.
fn split(file: &[u8]) -> Result<(&str, &[u8]), NpyError> {
    let ends = || malformed("it ends in its header");
    let rest =
        file.strip_prefix(MAGIC).ok_or_else(|| malformed("it does not begin with the bytes \\x93NUMPY"))?;
    let (length, rest) = match *rest {
        [1, 0, a, b, ref rest @ ..] => (usize::from(u16::from_le_bytes([a, b])), rest),
        [2 | 3, 0, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]) as usize, rest),
        [1..=3, 0, ..] | [] | [_] => return Err(ends()),
        [major, minor, ..] => return Err(malformed(format!("its version is {major}.{minor}"))),
    };
    if length > LONGEST_HEADER {
        return Err(malformed(format!("its header has {length} bytes; the maximum is {LONGEST_HEADER}")));
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(ends)?;
    // Non-ASCII text occurs only in field names, which arrays of numbers do not have.
    let header = std::str::from_utf8(header).map_err(|_| malformed("its header is not text"))?;
    Ok((header, data))
}

/// Size of an element, and whether it is big-endian.
fn element(descr: &str) -> Result<(usize, bool), NpyError> {
    let big = |order| order == '>' || (order == '=' && cfg!(target_endian = "big"));
    let mut letters = descr.chars();
    match (letters.next(), letters.as_str()) {
        (Some(order @ ('<' | '>' | '=')), "f4") => Ok((4, big(order))),
        (Some(order @ ('<' | '>' | '=')), "f8") => Ok((8, big(order))),
        _ => Err(NpyError::Elements(shown(descr))),
    }
}

/// A text from the file for messages: shortened, without terminal control characters.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(24).flat_map(char::escape_debug).collect();
    if text.chars().nth(24).is_some() {
        short.push('…');
    }
    short
}

fn number(bytes: &[u8], big: bool) -> f64 {
    match (bytes, big) {
        (&[a, b, c, d], false) => f32::from_le_bytes([a, b, c, d]).into(),
        (&[a, b, c, d], true) => f32::from_be_bytes([a, b, c, d]).into(),
        (&[a, b, c, d, e, f, g, h], false) => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
        (&[a, b, c, d, e, f, g, h], true) => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
        // `element` returns only these two sizes.
        _ => f64::NAN,
    }
}

/// Content of the dictionary.
#[derive(Debug, PartialEq)]
struct Header<'a> {
    descr: &'a str,
    /// Whether the array is in column-major order.
    fortran: bool,
    shape: Vec<usize>,
}

impl<'a> Header<'a> {
    fn read(text: &'a str) -> Result<Header<'a>, NpyError> {
        let mut rest = Literals(text);
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        rest.expect('{')?;
        while !rest.take('}') {
            let key = rest.text()?;
            rest.expect(':')?;
            let again = match key {
                "descr" => descr.replace(rest.descr()?).is_some(),
                "fortran_order" => fortran.replace(rest.truth()?).is_some(),
                "shape" => shape.replace(rest.lengths()?).is_some(),
                other => return Err(malformed(format!("its header has the key `{}`", shown(other)))),
            };
            if again {
                return Err(malformed(format!("its header has the key `{key}` twice")));
            }
            if !rest.take(',') {
                rest.expect('}')?;
                break;
            }
        }
        if !rest.at_end() {
            return Err(rest.unexpected("the end of the header"));
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) => Ok(Header { descr, fortran, shape }),
            _ => Err(malformed("its header lacks one of descr, fortran_order and shape")),
        }
    }
}

/// Unread rest of the header.
struct Literals<'a>(&'a str);

impl<'a> Literals<'a> {
    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.0.is_empty()
    }

    fn take(&mut self, sign: char) -> bool {
        self.skip_blanks();
        self.0.strip_prefix(sign).map(|rest| self.0 = rest).is_some()
    }

    fn expect(&mut self, sign: char) -> Result<(), NpyError> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> NpyError {
        malformed(format!("its header has `{}` where {wanted} is expected", shown(self.0)))
    }

    /// A text in single or double quotes, without escapes.
    fn text(&mut self) -> Result<&'a str, NpyError> {
        self.skip_blanks();
        let quote = self.0.chars().next().filter(|sign| matches!(sign, '\'' | '"'));
        let inner = quote.and_then(|quote| self.0[1..].split_once(quote));
        let (text, rest) = inner.ok_or_else(|| self.unexpected("a text"))?;
        self.0 = rest;
        Ok(text)
    }

    /// The element type; a record's type would be a list of fields.
    fn descr(&mut self) -> Result<&'a str, NpyError> {
        if self.take('[') {
            return Err(NpyError::Elements("of a record with fields".to_owned()));
        }
        self.text()
    }

    fn truth(&mut self) -> Result<bool, NpyError> {
        self.skip_blanks();
        for (word, truth) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Ok(truth);
            }
        }
        Err(self.unexpected("True or False"))
    }

    /// A tuple of lengths: `()`, `(3,)`, `(3, 4)`, also with an `L` after each number, as Python 2 wrote it.
    fn lengths(&mut self) -> Result<Vec<usize>, NpyError> {
        let mut lengths = vec![];
        self.expect('(')?;
        while !self.take(')') {
            lengths.push(self.length()?);
            if lengths.len() > MOST_DIMENSIONS {
                return Err(malformed(format!("its shape has more than {MOST_DIMENSIONS} dimensions")));
            }
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(lengths)
    }

    fn length(&mut self) -> Result<usize, NpyError> {
        self.skip_blanks();
        let end = self.0.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        let length = digits.parse().map_err(|_| self.unexpected("a length"))?;
        self.0 = rest.strip_prefix('L').unwrap_or(rest);
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
