//! Ranges of rows, such as `1-100`.

use std::ops::RangeInclusive;

/// Reads `A-B` or `A`: rows from A to B, inclusive, counted from 1.
pub(crate) fn read(text: &str) -> Result<RangeInclusive<usize>, String> {
    let form = || "write it as FIRST-LAST, as 1-100; rows count from 1".to_owned();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| form());
    let (first, last) = (number(first)?, number(last)?);
    if first == 0 {
        return Err(form());
    }
    if last < first {
        return Err(format!("the last row, {last}, comes before the first, {first}"));
    }
    Ok(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_count_from_one() {
        assert_eq!(read("3-12"), Ok(3..=12));
        assert_eq!(read("7"), Ok(7..=7));
        assert!(["0-3", "-3", "3-", "a-b", "", "1-2-3"].iter().all(|text| read(text).is_err()));
        assert!(read("9-3").is_err_and(|said| said.contains("comes before")));
    }
}
