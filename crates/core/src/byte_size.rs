//! Sizes in bytes, in the form in which people write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, read and written as `500M` or `2GiB`. K, M and G are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<ByteSize, String> {
        let split = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (number, unit) = text.split_at(split);
        let shift = match unit.to_ascii_uppercase().as_str() {
            "" | "B" => 0,
            "K" | "KIB" => 10,
            "M" | "MIB" => 20,
            "G" | "GIB" => 30,
            _ => return Err("write it as 500M or 2G: K, M and G are powers of 1024".to_owned()),
        };
        let number: u64 = number.parse().map_err(|_| "write it as 500M or 2G".to_owned())?;
        number.checked_mul(1 << shift).map(ByteSize).ok_or_else(|| "is too large".to_owned())
    }
}

/// Writes the size in the largest unit that divides it.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = [("GiB", 30), ("MiB", 20), ("KiB", 10)].into_iter().find(|(_, shift)| {
            let rest = self.0 & ((1 << shift) - 1);
            self.0 > 0 && rest == 0
        });
        match unit {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        let read = |text: &str| text.parse::<ByteSize>().map(|size| size.0);
        assert_eq!(
            (read("12"), read("3k"), read("500M"), read("2GiB")),
            (Ok(12), Ok(3072), Ok(500 << 20), Ok(2 << 30))
        );
        for wrong in ["", "M", "1.5G", "-1", "3T", "99999999999999G"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for written in ["0", "1023", "3KiB", "1500MiB", "2GiB"] {
            assert_eq!(read(written).map(|bytes| ByteSize(bytes).to_string()), Ok(written.to_owned()));
        }
    }
}
