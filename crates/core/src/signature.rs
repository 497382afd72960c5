//! Signatures: a node's interface in one line of text.

use std::fmt;
use std::str::FromStr;

use crate::{Port, SyntaxError, syntax};

/// A node's interface: its inputs and outputs.
///
/// Written as `latent: f32[1,4,h,w], model: model, steps: int = 12 {1..1000} -> image: u8[H,W,3]`. A `?` after the type
/// marks an input that may be left out; `{..}` limits numbers to a range and `{a|b}` texts to choices. Rust nodes,
/// plug-ins, listings and messages use this notation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// Inputs, in the order used by [`crate::Args`].
    pub inputs: Vec<Port>,
    /// Outputs, in the order in which the node returns them.
    pub outputs: Vec<Port>,
}

impl Signature {
    /// The index and declaration of an input.
    pub fn input(&self, name: &str) -> Option<(usize, &Port)> {
        find(&self.inputs, name)
    }

    /// The index and declaration of an output.
    pub fn output(&self, name: &str) -> Option<(usize, &Port)> {
        find(&self.outputs, name)
    }
}

fn find<'a>(ports: &'a [Port], name: &str) -> Option<(usize, &'a Port)> {
    ports.iter().enumerate().find(|(_, p)| p.name == name)
}

impl FromStr for Signature {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Signature, SyntaxError> {
        syntax::signature(text)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ports: &[Port]| ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", ");
        let (inputs, outputs) = (list(&self.inputs), list(&self.outputs));
        write!(f, "{inputs}{}->{}{outputs}", gap(&inputs), gap(&outputs))
    }
}

fn gap(list: &str) -> &'static str {
    if list.is_empty() { "" } else { " " }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Dim, Ty, Value};

    #[test]
    fn reads_every_part() {
        let text =
            r#"init: f32[b,16,h,w]?, steps: int = 12 {1..1000}, look: text = "a \"b\"" -> image: u8[H,W,3]"#;
        let signature: Signature = text.parse().unwrap();
        let [init, steps, look] = &signature.inputs[..] else { panic!("{signature}") };
        assert!(init.optional && !init.required());
        let dims = ["b", "16", "h", "w"].map(|d| d.parse().map_or(Dim::Named(d.into()), Dim::Fixed));
        assert_eq!(init.ty, Ty::Tensor { dtype: DType::F32, dims: dims.into() });
        assert_eq!((steps.default.clone(), steps.range.clone()), (Some(Value::Int(12)), Some(1.0..=1000.0)));
        assert_eq!(look.default, Some(Value::from("a \"b\"")));
        assert_eq!(signature.output("image").map(|(i, _)| i), Some(0));
    }

    #[test]
    fn printing_and_reading_agree() {
        for text in [
            "->",
            "a: int ->",
            "-> a: f32[]",
            "a: float = 4.0 {0.0..10.0}, b: int = -3 {..5}, c: float {1e-9..} -> x: i64[1], y: text",
            r#"a: model = "prior", t: text = "tab\tline\nback\\slash", s: text = "ddpm" {ddpm|ddim} -> b: bool"#,
            "a: f16[n,n,4]?, b: bool = true -> c: u8[n]",
            "a: f32[h,w] as mask?, b: file as picture -> c: f32[b,c,h,w] as latents",
        ] {
            let signature: Signature = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(signature.to_string(), text);
        }
        let spaced: Signature = " a :int=1{ 0 .. 2 } ->b:u8[ 1 , c ] ".parse().unwrap();
        assert_eq!(spaced.to_string(), "a: int = 1 {0..2} -> b: u8[1,c]");
    }

    #[test]
    fn errors_name_column() {
        for (text, column, part) in [
            ("a: int", 7, "expected `->`, but the text ends"),
            ("a: number -> b: int", 4, "no type `number`"),
            ("a: f32 -> b: int", 8, "expected `[`"),
            ("a: f32[x -> b: int", 10, "expected `,` or `]`"),
            ("a: int, a: int -> b: int", 9, "declared twice"),
            ("a: int = 0 {1..9} -> b: int", 10, "0 is outside 1..9"),
            ("a: int = 1.5 -> b: int", 10, "wants int, got float 1.5"),
            ("a: text = plain -> b: int", 11, "in quotes"),
            ("a: text = \"open -> b: int", 11, "closing quote"),
            ("a: int? = 3 -> b: int", 11, "either optional"),
            ("a: int {9..1} -> b: int", 9, "empty"),
            ("a: bool {0..1} -> b: int", 10, "no range"),
            ("a: int -> b: int = 1", 10, "can only have a type"),
            ("a: int as mask -> b: int", 8, "has no role"),
            ("a: file as maks -> b: int", 12, "did you mean `mask`"),
            ("a: file as -> b: int", 12, "expected a role"),
            ("a: int -> b: int c", 18, "expected the end"),
            ("é: int -> b: int", 1, "a port's name"),
        ] {
            let error = text.parse::<Signature>().expect_err(text);
            assert!(error.column == column && error.message.contains(part), "{text}: {error}");
        }
    }
}
