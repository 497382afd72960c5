//! Suggestions for declarations in the notation of other languages.

use crate::{Ty, syntax};

/// A hint that names our type for another language's type name; empty if unknown. `array` tells whether dimensions follow.
pub(crate) fn meant(name: &str, array: bool) -> &'static str {
    let name = name.to_ascii_lowercase();
    match (name.as_str(), array) {
        ("f64" | "float" | "float32" | "float64" | "double" | "tensor" | "array", true) => "f32[…]",
        ("float16" | "half" | "bf16", true) => "f16[…]",
        ("int" | "i32" | "u32" | "u64" | "int32" | "int64" | "long", true) => "i64[…]",
        ("i8" | "int8" | "uint8" | "byte" | "bool", true) => "u8[…]",
        ("string" | "str" | "text" | "char" | "prompt", _) => "text",
        (
            "integer" | "int" | "i8" | "i16" | "i32" | "u16" | "u32" | "u64" | "int32" | "int64" | "uint"
            | "long",
            _,
        ) => "int",
        ("number" | "num" | "numeric", _) => "int` or `float",
        ("float" | "f64" | "float32" | "float64" | "double" | "real" | "decimal", _) => "float",
        ("bool" | "boolean", _) => "bool",
        ("file" | "path" | "filename", _) => "file",
        ("model" | "checkpoint" | "weights" | "onnx", _) => "model",
        ("image" | "picture" | "img" | "rgb" | "photo", _) => "u8[h,w,3]",
        ("images" | "pictures", _) => "u8[n,h,w,3]",
        ("mask", _) => "f32[h,w]",
        _ => "",
    }
}

/// Guesses the intended limits in signature notation from a text that ends at the first closing bracket.
pub(crate) fn limits(text: &str, ty: &Ty) -> Option<String> {
    let text = text.split(['}', ']', ')', '>']).next().unwrap_or_default();
    match ty {
        Ty::Int | Ty::Float => match &*numbers(text) {
            [low, .., high] => Some(format!("{{{low}..{high}}}")),
            _ => None,
        },
        Ty::Text => {
            let words = text.split(['|', ',', ';', '/']).map(|word| word.trim().trim_matches(['"', '\'']));
            let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            let plain = !words.is_empty() && words.iter().all(|word| syntax::is_name(word));
            plain.then(|| format!("{{{}}}", words.join("|")))
        }
        _ => None,
    }
}

/// Numbers in a text. A dash between two numbers is not a sign.
fn numbers(text: &str) -> Vec<String> {
    let (mut numbers, mut number) = (Vec::new(), String::new());
    for c in text.replace("..", " ").chars().chain([' ']) {
        match c {
            '0'..='9' | '.' => number.push(c),
            '-' if number.is_empty() => number.push(c),
            _ => numbers.push(std::mem::take(&mut number)),
        }
    }
    numbers.retain(|number| number.parse::<f64>().is_ok());
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_recognised() {
        let int = |text: &str| limits(text, &Ty::Int).unwrap_or_default();
        let written = ["1..9]", "0-1}", "1,2,3}", "-5 to 5)", "1: 9", "many}", "5}"];
        assert_eq!(written.map(int), ["{1..9}", "{0..1}", "{1..3}", "{-5..5}", "{1..9}", "", ""]);
        assert_eq!(limits("\"a\", 'b'}", &Ty::Text).as_deref(), Some("{a|b}"));
        assert_eq!(limits("a b}", &Ty::Text), None);
        assert_eq!(limits("1..2}", &Ty::Bool), None);
    }

    #[test]
    fn types_of_other_languages_are_known() {
        let plain = ["string", "Text", "number", "Image", "cat"].map(|name| meant(name, false));
        assert_eq!(plain, ["text", "text", "int` or `float", "u8[h,w,3]", ""]);
        assert_eq!(["f64", "int32", "string"].map(|name| meant(name, true)), ["f32[…]", "i64[…]", "text"]);
    }
}
