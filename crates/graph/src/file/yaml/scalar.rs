//! Interprets unquoted scalars by the core schema of YAML 1.2.

use wuerst_core::is_whole;

use super::tree::Data;

/// The value of a plain scalar.
///
/// # Errors
/// If it is a whole number of more than 64 bits.
pub(super) fn plain(text: &str) -> Result<Data, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Data::Null,
        "true" | "True" | "TRUE" => Data::Bool(true),
        "false" | "False" | "FALSE" => Data::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Data::Float(f64::NAN),
        _ => match number(text) {
            Some(Ok(number)) => number,
            Some(Err(())) => return Err(format!("{text} is too large: an int has 64 bits")),
            None => Data::Text(text.to_owned()),
        },
    })
}

/// Parses a number; `None` if it is not one, an error if it does not fit.
fn number(text: &str) -> Option<Result<Data, ()>> {
    let whole = |parsed: Result<i128, std::num::ParseIntError>| {
        Some(parsed.ok().filter(|number| is_whole(*number)).map(Data::Int).ok_or(()))
    };
    let all = |digits: &str, radix: u32| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix).filter(|digits| all(digits, radix)) {
            return whole(i128::from_str_radix(digits, radix));
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if all(unsigned, 10) {
        return whole(text.parse());
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(Ok(Data::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY })));
    }
    // Rust's float syntax includes YAML's, and also words such as `inf` and `NaN`, which are texts in YAML.
    let float = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    float.then(|| text.parse().ok()).flatten().map(|x| Ok(Data::Float(x)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_from_texts() {
        for (text, value) in [("7", 7), ("-7", -7), ("+7", 7), ("007", 7), ("0x1F", 31), ("0o17", 15)] {
            assert_eq!(plain(text), Ok(Data::Int(value)), "{text}");
        }
        for (text, value) in
            [("1.5", 1.5), (".5", 0.5), ("-1.", -1.0), ("1e3", 1000.0), ("-.inf", f64::NEG_INFINITY)]
        {
            assert_eq!(plain(text), Ok(Data::Float(value)), "{text}");
        }
        for text in ["inf", "nan", "1.2.3", "0x", "e5", "-", "+", ".", "yes", "1_000", "12 apples", "0b1"] {
            assert_eq!(plain(text), Ok(Data::Text(text.into())), "{text}");
        }
        for text in
            ["18446744073709551616", "-9223372036854775809", "0x10000000000000000", "1000000000000000000000"]
        {
            assert!(plain(text).unwrap_err().contains("64 bits"), "{text}");
        }
        assert_eq!(plain("-9223372036854775808"), Ok(Data::Int(i64::MIN.into())));
        for text in ["18446744073709551615", "0xFFFFFFFFFFFFFFFF"] {
            assert_eq!(plain(text), Ok(Data::Int(u64::MAX.into())), "{text}");
        }
        assert_eq!((plain("~"), plain("True")), (Ok(Data::Null), Ok(Data::Bool(true))));
    }
}
