//! Sizes in readable form: of pictures, and of files.

use std::str::FromStr;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Size {
    pub(crate) width: i64,
    pub(crate) height: i64,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let (width, height) = text.split_once(['x', 'X', '×']).unwrap_or((text, text));
        let side = |text: &str| text.trim().parse::<i64>().map_err(|_| "write it as 96x64 or 64".to_owned());
        Ok(Size { width: side(width)?, height: side(height)? })
    }
}

/// Bytes in the largest fitting unit, such as `3.97 GB` (10⁹ bytes).
pub(crate) fn bytes(count: u64) -> String {
    scaled(count, "B")
}

/// A count with a prefix of the unit, such as `577 G`.
pub(crate) fn scaled(count: u64, unit: &str) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let count = count as f64;
    match prefixes.into_iter().find(|(factor, _)| count >= *factor) {
        Some((factor, prefix)) => {
            let scaled = count / factor;
            let digits = if scaled < 10. { 2 } else { usize::from(scaled < 100.) };
            format!("{scaled:.digits$} {prefix}{unit}")
        }
        None => format!("{count} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_one_number_or_two() {
        assert_eq!("96x64".parse(), Ok(Size { width: 96, height: 64 }));
        assert_eq!("64".parse(), Ok(Size { width: 64, height: 64 }));
        assert!("wide".parse::<Size>().is_err() && "64x".parse::<Size>().is_err());
    }

    #[test]
    fn counts_have_three_digits() {
        let shown = [999, 1_000, 31_400_000, 577_000_000_000].map(|n| scaled(n, "B"));
        assert_eq!(shown, ["999 B", "1.00 kB", "31.4 MB", "577 GB"]);
    }
}
