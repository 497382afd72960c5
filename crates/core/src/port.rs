//! Ports: the named inputs and outputs of nodes and graphs.

use std::fmt;
use std::ops::RangeInclusive;

use crate::{Error, File, Models, PortRole, Result, SyntaxError, Ty, Value, syntax, whole};

/// A named input or output of a node or graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Name, unique among the inputs or among the outputs.
    pub name: String,
    /// Type of its value.
    pub ty: Ty,
    /// Declared role of its values; written as `as latents` after the type. Hosts show [`Port::role`].
    pub role: Option<PortRole>,
    /// Whether it may be left out although it has no default; written as `?` after the type.
    pub optional: bool,
    /// Value used when none is given. For a `model` or `file` port this is the name, as text.
    pub default: Option<Value>,
    /// Allowed numbers, both ends included; either end may be infinite.
    pub range: Option<RangeInclusive<f64>>,
    /// The texts allowed; empty when all are.
    pub choices: Vec<String>,
    /// Description in a sentence. Not part of the signature's text.
    pub about: String,
}

impl Port {
    /// Parses the part of a signature after a port's name, such as `int = 12 {1..1000}`.
    ///
    /// # Errors
    /// If it is not in signature notation; the column counts from the start of `declaration`.
    pub fn parse(name: &str, declaration: &str) -> Result<Port, SyntaxError> {
        syntax::declaration(name, declaration)
    }

    /// Whether a value must be given.
    pub fn required(&self) -> bool {
        !self.optional && self.default.is_none()
    }

    /// Converts a value for this port: widens it, resolves the name of a model or file, accepts a picture in place of a
    /// picture file, and checks type and range.
    ///
    /// `what` names the port in errors, as in `prior.steps`.
    ///
    /// # Errors
    /// [`Error::Type`], [`Error::Invalid`], and errors of [`Models::open`] and [`Models::file`].
    pub fn admit(&self, what: &str, value: Value, models: &Models) -> Result<Value> {
        let value = match (&self.ty, value) {
            (Ty::Model, Value::Text(name)) => Value::Model(models.open(&name)?),
            (Ty::File, Value::Text(name)) => Value::File(models.file(&name)?),
            (Ty::File, Value::Tensor(picture)) => {
                File::of_picture(&picture).map_or(Value::Tensor(picture), Value::File)
            }
            (ty, value) => ty.widen(value),
        };
        if !self.ty.holds(&value) {
            let got = match value {
                Value::Tensor(_) => value.ty().to_string(),
                _ => format!("{} {value}", value.ty()),
            };
            return Err(Error::Type { what: what.to_owned(), want: self.ty.to_string(), got });
        }
        self.allows(&value).map_err(|message| Error::Invalid { what: what.to_owned(), message })?;
        Ok(value)
    }

    /// Parses a value as written on a command line: text without quotes, numbers, `true` and `false`. Does not check the
    /// range: see [`Port::admit`].
    ///
    /// # Errors
    /// A sentence, if the text is not a value of the port's type.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        let value = match self.ty {
            Ty::Bool => text.parse().ok().map(Value::Bool),
            Ty::Int => whole(text).map(Value::Int),
            Ty::Float => text.parse().ok().map(Value::Float),
            Ty::Text | Ty::Model | Ty::File => Some(Value::from(text)),
            Ty::Tensor { .. } => return Err(format!("wants {}, which cannot be written as text", self.ty)),
        };
        value.ok_or_else(|| format!("wants {}, but this is `{text}`", self.ty))
    }

    /// Checks whether a value of the right type is within the range or among the choices.
    ///
    /// # Errors
    /// A sentence, if it is not.
    pub fn allows(&self, value: &Value) -> Result<(), String> {
        let number = match value {
            Value::Int(x) => *x as f64,
            Value::Float(x) => *x,
            Value::Text(x) if !self.choices.is_empty() && !self.choices.iter().any(|c| **c == **x) => {
                return Err(format!("{value} is none of {}", self.choices.join(", ")));
            }
            _ => return Ok(()),
        };
        if !number.is_finite() {
            return Err(format!("{value} is not a finite number"));
        }
        match &self.range {
            Some(range) if !range.contains(&number) => {
                Err(format!("{value} is outside {}", Range(range, &self.ty)))
            }
            _ => Ok(()),
        }
    }
}

/// A range in signature notation: `1..1000`, `0.0..`.
struct Range<'a>(&'a RangeInclusive<f64>, &'a Ty);

impl fmt::Display for Range<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = |f: &mut fmt::Formatter<'_>, x: f64| match self.1 {
            _ if x.is_infinite() => Ok(()),
            Ty::Int => write!(f, "{x:.0}"),
            _ => write!(f, "{x:?}"),
        };
        bound(f, *self.0.start())?;
        f.write_str("..")?;
        bound(f, *self.0.end())
    }
}

/// Writes the port in signature notation, which [`Port::parse`] and [`crate::Signature`] read.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.ty)?;
        if let Some(role) = self.role {
            write!(f, " as {role}")?;
        }
        f.write_str(if self.optional { "?" } else { "" })?;
        if let Some(default) = &self.default {
            write!(f, " = {default}")?;
        }
        match &self.range {
            Some(range) => write!(f, " {{{}}}", Range(range, &self.ty)),
            None if !self.choices.is_empty() => write!(f, " {{{}}}", self.choices.join("|")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(declaration: &str, value: impl Into<Value>) -> Result<Value, String> {
        let port = Port::parse("x", declaration).unwrap();
        port.admit("prior.x", value.into(), &Models::default()).map_err(|e| e.to_string())
    }

    #[test]
    fn values_are_widened_and_checked() {
        assert_eq!(admit("float {0.0..10.0}", 4i64), Ok(Value::Float(4.0)));
        assert_eq!(admit("int {1..1000}", 0i64), Err("prior.x: 0 is outside 1..1000".into()));
        assert_eq!(admit("int {1..}", i64::MAX), Ok(Value::from(i64::MAX)));
        assert_eq!(admit("int", 1.5), Err("prior.x: wants int, got float 1.5".into()));
        assert_eq!(admit("float", f64::NAN), Err("prior.x: NaN is not a finite number".into()));
        assert_eq!(admit("text {ddpm|ddim}", "dpm"), Err(r#"prior.x: "dpm" is none of ddpm, ddim"#.into()));
        assert!(admit("text {ddpm|ddim}", "ddim").is_ok());
    }

    #[test]
    fn command_lines_are_read_by_type() {
        let read = |declaration: &str, text: &str| Port::parse("x", declaration).unwrap().read(text);
        assert_eq!(read("int", "-5"), Ok(Value::Int(-5)));
        assert_eq!(read("float", "5"), Ok(Value::Float(5.0)));
        assert_eq!(read("text", "5"), Ok(Value::from("5")));
        assert_eq!(read("bool", "yes"), Err("wants bool, but this is `yes`".into()));
        assert!(read("u8[n]", "[1]").is_err());
    }

    #[test]
    fn text_becomes_model_on_model_port() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        assert!(matches!(admit("model", path), Ok(Value::Model(m)) if m.name() == path));
        assert!(admit("model", "/nowhere.onnx").is_err());
    }
}
