//! Whole numbers: their range, and the part of a seed that is effective.

/// Parses a whole number from -2⁶³ to 2⁶⁴-1, the range of [`Value::Int`](crate::Value::Int).
///
/// ```
/// assert_eq!(wuerst_core::whole("18446744073709551615"), Some(u64::MAX.into()));
/// assert_eq!(wuerst_core::whole("18446744073709551616"), None);
/// ```
pub fn whole(text: &str) -> Option<i128> {
    text.parse().ok().filter(|number| is_whole(*number))
}

/// Whether a number is in the range of [`Value::Int`](crate::Value::Int), from -2⁶³ to 2⁶⁴-1.
pub fn is_whole(number: i128) -> bool {
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number)
}

/// The part of a seed that random numbers depend on: its low 32 bits, as in PyTorch's generator on the CPU.
pub fn effective_seed(seed: i128) -> u32 {
    seed as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_64_bits() {
        for text in ["-9223372036854775808", "0", "+7", "18446744073709551615"] {
            assert!(whole(text).is_some(), "{text}");
        }
        for text in ["-9223372036854775809", "18446744073709551616", "1.5", "", "seven", "0x10"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn seeds_count_by_32_bits() {
        let seeds = [0, 7, 1 << 32, (1 << 32) + 7, u64::MAX.into()];
        assert_eq!(seeds.map(effective_seed), [0, 7, 0, 7, u32::MAX]);
    }
}
