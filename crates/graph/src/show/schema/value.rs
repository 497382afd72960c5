//! Schemas of values for a port.

use serde_json::{Value as Json, json};
use wuerst_core::{Port, Ty, Value};

use super::patterns;

/// A wire, or a literal of the port's type within its limits.
pub(super) fn of_port(port: &Port) -> Json {
    let wire = json!({ "$ref": "#/definitions/wire" });
    let mut schema = match literal(port) {
        Some(literal) => json!({ "anyOf": [literal, wire] }),
        None => json!({ "allOf": [wire] }),
    };
    let dot = if port.about.is_empty() { "" } else { "\n\n" };
    schema["description"] = json!(format!("{}{dot}`{port}`", port.about));
    if let Some(default) = port.default.as_ref().and_then(json) {
        schema["default"] = default;
    }
    schema
}

/// The schema of a literal; `None` for tensors, which files cannot contain.
fn literal(port: &Port) -> Option<Json> {
    let mut literal = match port.ty {
        Ty::Bool => json!({ "type": "boolean" }),
        Ty::Int => json!({ "type": "integer" }),
        Ty::Float => json!({ "type": "number" }),
        Ty::Text if !port.choices.is_empty() => json!({ "enum": port.choices }),
        Ty::Text | Ty::Model | Ty::File => json!({ "type": "string", "pattern": patterns::TEXT }),
        Ty::Tensor { .. } => return None,
    };
    for (key, bound) in port.range.iter().flat_map(|r| [("minimum", *r.start()), ("maximum", *r.end())]) {
        if bound.is_finite() {
            literal[key] = number(bound, &port.ty);
        }
    }
    Some(literal)
}

fn json(value: &Value) -> Option<Json> {
    match value {
        Value::Bool(x) => Some(json!(x)),
        Value::Int(x) => Some(json!(x)),
        Value::Float(x) => Some(json!(x)),
        // A plain dollar is written twice.
        Value::Text(x) if x.starts_with('$') => Some(json!(format!("${x}"))),
        Value::Text(x) => Some(json!(&**x)),
        _ => None,
    }
}

/// A bound in natural spelling: `1000` in place of `1000.0` for an int.
fn number(bound: f64, ty: &Ty) -> Json {
    // Signatures can only state whole numbers that `f64` holds exactly, except for the ends of the 64-bit range.
    if *ty == Ty::Int && bound.abs() < 9e15 { json!(bound as i64) } else { json!(bound) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(declaration: &str) -> Json {
        of_port(&Port::parse("x", declaration).unwrap())
    }

    #[test]
    fn ranges_choices_and_defaults_are_kept() {
        let steps = of("int = 12 {1..1000}");
        assert_eq!(steps["anyOf"][0], json!({ "type": "integer", "minimum": 1, "maximum": 1000 }));
        assert_eq!(steps["default"], json!(12));
        assert_eq!(of("float {0.5..}")["anyOf"][0], json!({ "type": "number", "minimum": 0.5 }));
        assert_eq!(of("text {a|b}")["anyOf"][0], json!({ "enum": ["a", "b"] }));
        assert_eq!(of("text = \"$5\"")["default"], json!("$$5"));
        assert_eq!(of("u8[h,w,3]?")["description"], json!("`x: u8[h,w,3]?`"));
        assert!(of("u8[h,w,3]?").get("anyOf").is_none());
    }
}
