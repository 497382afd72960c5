//! Regular expressions for texts in the format, in the dialect of editors: ECMA 262 without flags.

use std::collections::BTreeSet;

use wuerst_core::PortRole;

/// The name of an input, a node or an output.
pub(super) const NAME: &str = "^[A-Za-z_][A-Za-z0-9_-]*$";

/// `$input` or `$node.port`.
pub(super) const WIRE: &str = r"^\$[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)?$";

/// A text that is not a wire: without a dollar at its start, or with two.
pub(super) const TEXT: &str = r"^(\$\$|[^$]|$)";

/// An input's declaration in signature notation.
pub(super) fn declaration() -> String {
    let name = "[A-Za-z_][A-Za-z0-9_]*";
    let dim = format!(r"\s*([0-9]+|{name})\s*");
    let tensor = format!(r"(f32|f16|i64|u8)\s*\[(\s*|{dim}(,{dim})*)\]");
    let number = r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?";
    let text = r#""([^"\\]|\\["\\nt])*""#;
    let literal = format!("(true|false|{number}|{text})");
    let range = format!(r"({number})?\s*\.\.\s*({number})?");
    let choices = format!(r"{name}\s*(\|\s*{name}\s*)*");
    let roles = PortRole::ALL.map(PortRole::name).join("|");
    let role = format!(r"\s+as\s+({roles})");
    format!(
        r"^\s*(bool|int|float|text|model|(file|{tensor})({role})?)\s*(\?|=\s*{literal})?\s*(\{{\s*({range}|{choices})\s*\}})?\s*$"
    )
}

/// A node kind of another namespace.
pub(super) fn foreign(namespaces: BTreeSet<&str>) -> String {
    let word = "[A-Za-z0-9_-]+";
    match namespaces.into_iter().collect::<Vec<_>>().join("|") {
        known if known.is_empty() => format!(r"^{word}\.{word}$"),
        known => format!(r"^(?!({known})\.){word}\.{word}$"),
    }
}
