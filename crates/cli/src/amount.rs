//! Amounts of memory on the command line.

use std::str::FromStr;

/// A number of bytes, as `500M` or `2G`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Amount(pub(crate) u64);

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Amount, String> {
        let split = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (number, unit) = text.split_at(split);
        let shift = match unit.to_ascii_uppercase().as_str() {
            "" | "B" => 0,
            "K" | "KIB" => 10,
            "M" | "MIB" => 20,
            "G" | "GIB" => 30,
            _ => return Err("write it as 500M or 2G: K, M and G are 1024 each of what is before".to_owned()),
        };
        let number: u64 = number.parse().map_err(|_| "write it as 500M or 2G".to_owned())?;
        number.checked_mul(1 << shift).map(Amount).ok_or_else(|| "is too much".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        let read = |text: &str| text.parse::<Amount>().map(|amount| amount.0);
        assert_eq!(
            (read("12"), read("3k"), read("500M"), read("2GiB")),
            (Ok(12), Ok(3072), Ok(500 << 20), Ok(2 << 30))
        );
        for wrong in ["", "M", "1.5G", "-1", "3T", "99999999999999G"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
