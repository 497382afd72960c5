//! The notation of signatures, read character by character so that errors name the column.
//!
//! ```text
//! signature = [ports] "->" [ports]            ports  = port { "," port }
//! port      = name ":" type ["as" role] ["?"] ["=" literal] ["{" limits "}"]
//! role      = "embedding" | "latents" | "mask" | "picture" | "text"
//! type      = "bool" | "int" | "float" | "text" | "model" | "file" | dtype "[" [dim { "," dim }] "]"
//! dtype     = "f32" | "f16" | "i64" | "u8"    dim    = length | name
//! limits    = [number] ".." [number] | name { "|" name }
//! literal   = "true" | "false" | number | '"' characters '"'
//! ```

use std::fmt;
use std::ops::RangeInclusive;

use crate::{DType, Dim, Models, Port, PortRole, Signature, Ty, Value, syntax_hints, whole};

/// Description and position of a mistake in a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct SyntaxError {
    /// Counted in characters, from 1.
    pub column: usize,
    /// Expected and actual text.
    pub message: String,
}

type Parsed<T> = Result<T, SyntaxError>;

/// Reads a whole signature.
pub(crate) fn signature(text: &str) -> Parsed<Signature> {
    let mut cursor = Cursor::new(text);
    let inputs = cursor.ports()?;
    cursor.expect("->")?;
    let start = cursor.at;
    let outputs = cursor.ports()?;
    cursor.end()?;
    let plain = |p: &Port| !p.optional && p.default.is_none() && p.range.is_none() && p.choices.is_empty();
    match outputs.iter().find(|p| !plain(p)) {
        Some(port) => Err(cursor.error(start, format!("the output `{}` can only have a type", port.name))),
        None => Ok(Signature { inputs, outputs }),
    }
}

/// Parses the part after a port's name.
pub(crate) fn declaration(name: &str, text: &str) -> Parsed<Port> {
    let mut cursor = Cursor::new(text);
    let port = cursor.declaration(name.to_owned())?;
    let limited = !port.choices.is_empty() || port.range.is_some();
    cursor.end().map_err(|error| match cursor.chars.get(cursor.at) {
        Some('[' | '(' | '<') if !limited => cursor.with_limits(error, cursor.at + 1, &port.ty),
        _ => error,
    })?;
    Ok(port)
}

/// Whether `name` is a valid port name: a letter or underscore, then also digits.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_name_char)
}

/// Writes text in quotes, escaped so that it can be parsed back.
pub(crate) fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    write!(f, "\"{escaped}\"")
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

struct Cursor {
    chars: Vec<char>,
    at: usize,
}

impl Cursor {
    fn new(text: &str) -> Cursor {
        Cursor { chars: text.chars().collect(), at: 0 }
    }

    fn error(&self, at: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError { column: at + 1, message: message.into() }
    }

    fn expected(&self, what: &str) -> SyntaxError {
        let found = match self.chars.get(self.at) {
            Some(c) => format!("found `{c}`"),
            None => "the text ends".to_owned(),
        };
        self.error(self.at, format!("expected {what}, but {found}"))
    }

    fn space(&mut self) {
        self.take(char::is_whitespace);
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let text: String = self.chars[self.at..].iter().copied().take_while(|&c| wanted(c)).collect();
        self.at += text.chars().count();
        text
    }

    /// Consumes `symbol` if it comes next; returns whether it did.
    fn found(&mut self, symbol: &str) -> bool {
        self.space();
        let length = symbol.chars().count();
        let next = self.chars[self.at..].iter().copied().take(length);
        let found = next.eq(symbol.chars());
        self.at += if found { length } else { 0 };
        found
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.found(symbol) { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    fn end(&mut self) -> Parsed<()> {
        self.space();
        if self.at == self.chars.len() { Ok(()) } else { Err(self.expected("the end")) }
    }

    fn name(&mut self, what: &str) -> Parsed<String> {
        self.space();
        let start = self.at;
        let name = self.take(is_name_char);
        if is_name(&name) {
            return Ok(name);
        }
        self.at = start;
        Err(self.expected(what))
    }

    fn ports(&mut self) -> Parsed<Vec<Port>> {
        let mut ports: Vec<Port> = Vec::new();
        self.space();
        if self.at == self.chars.len() || self.chars[self.at..].starts_with(&['-', '>']) {
            return Ok(ports);
        }
        loop {
            self.space();
            let start = self.at;
            let name = self.name("a port's name")?;
            if ports.iter().any(|p| p.name == name) {
                return Err(self.error(start, format!("the port `{name}` is declared twice")));
            }
            self.expect(":")?;
            ports.push(self.declaration(name)?);
            if !self.found(",") {
                return Ok(ports);
            }
        }
    }

    fn declaration(&mut self, name: String) -> Parsed<Port> {
        let ty = self.ty()?;
        let role = self.role(&ty)?;
        let optional = self.found("?");
        let mut port = Port {
            name,
            ty,
            role,
            optional,
            default: None,
            range: None,
            choices: Vec::new(),
            about: String::new(),
        };
        let mut default = None;
        if self.found("=") {
            self.space();
            default = Some((self.at, self.literal(&port.ty)?));
        }
        if self.found("{") {
            self.limits(&mut port)?;
        }
        if let Some((at, value)) = default {
            if optional {
                return Err(self.error(at, "a port is either optional (`?`) or has a default"));
            }
            // The name of a model or file stays text: only the host can resolve it.
            let named = matches!(port.ty, Ty::Model | Ty::File) && matches!(value, Value::Text(_));
            port.default = Some(match named {
                true => value,
                false => port.admit("the default", value, &Models::default()).map_err(|error| {
                    self.error(at, format!("{error}{}", unquoted(&port.ty, at, &self.chars)))
                })?,
            });
        }
        Ok(port)
    }

    fn role(&mut self, ty: &Ty) -> Parsed<Option<PortRole>> {
        self.space();
        let start = self.at;
        if self.take(is_name_char) != "as" {
            self.at = start;
            return Ok(None);
        }
        if !matches!(ty, Ty::Tensor { .. } | Ty::File) {
            return Err(self.error(start, format!("a port of type {ty} has no role: tensors and files have")));
        }
        self.space();
        let start = self.at;
        let role = self.name("a role, as in `as latents`")?.parse();
        role.map(Some).map_err(|message: String| self.error(start, message))
    }

    fn ty(&mut self) -> Parsed<Ty> {
        self.space();
        let start = self.at;
        let dtype = match self.name("a type")?.as_str() {
            "bool" => return Ok(Ty::Bool),
            "int" => return Ok(Ty::Int),
            "float" => return Ok(Ty::Float),
            "text" => return Ok(Ty::Text),
            "model" => return Ok(Ty::Model),
            "file" => return Ok(Ty::File),
            "f32" => DType::F32,
            "f16" => DType::F16,
            "i64" => DType::I64,
            "u8" => DType::U8,
            other => {
                let known =
                    "bool, int, float, text, model, file, or a tensor as f32[…], f16[…], i64[…], u8[…]";
                let hint = match syntax_hints::meant(other, self.chars.get(self.at) == Some(&'[')) {
                    "" => "; types".to_owned(),
                    meant => format!("; did you mean `{meant}`? Types"),
                };
                return Err(self.error(start, format!("no type `{other}`{hint} are {known}")));
            }
        };
        if !self.found("[") {
            return Err(self.expected("`[` and dimensions, as in `f32[h,w,3]`"));
        }
        let mut dims = Vec::new();
        if self.found("]") {
            return Ok(Ty::Tensor { dtype, dims });
        }
        loop {
            dims.push(self.dim()?);
            if self.found("]") {
                return Ok(Ty::Tensor { dtype, dims });
            }
            if !self.found(",") {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn dim(&mut self) -> Parsed<Dim> {
        self.space();
        let start = self.at;
        let digits = self.take(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Ok(Dim::Named(self.name("a length or the name of a dimension")?));
        }
        digits
            .parse()
            .map(Dim::Fixed)
            .map_err(|_| self.error(start, format!("{digits} is too large for a length")))
    }

    fn limits(&mut self, port: &mut Port) -> Parsed<()> {
        self.space();
        let start = self.at;
        self.limits_of(port).map_err(|error| match error.message.starts_with("expected") {
            true => self.with_limits(error, start, &port.ty),
            false => error,
        })
    }

    fn limits_of(&mut self, port: &mut Port) -> Parsed<()> {
        match port.ty {
            Ty::Int | Ty::Float => port.range = Some(self.range()?),
            Ty::Text => {
                port.choices.push(self.name("a choice")?);
                while self.found("|") {
                    port.choices.push(self.name("a choice")?);
                }
            }
            _ => return Err(self.error(self.at, format!("a port of type {} has no range", port.ty))),
        }
        self.expect("}")
    }

    /// Adds the notation of limits to an error about limits that begin at `start`.
    fn with_limits(&self, mut error: SyntaxError, start: usize, ty: &Ty) -> SyntaxError {
        let text: String = self.chars[start..].iter().collect();
        if let Some(limits) = syntax_hints::limits(&text, ty) {
            error.message.push_str(&format!("; limits are written `{limits}`"));
        }
        error
    }

    fn range(&mut self) -> Parsed<RangeInclusive<f64>> {
        let start = self.at;
        let low = if self.found("..") { f64::NEG_INFINITY } else { self.bound()? };
        if low.is_finite() {
            self.expect("..")?;
        }
        self.space();
        let open = self.chars.get(self.at) == Some(&'}');
        let high = if open { f64::INFINITY } else { self.bound()? };
        if low > high {
            return Err(self.error(start, format!("the range {low}..{high} is empty")));
        }
        Ok(low..=high)
    }

    fn bound(&mut self) -> Parsed<f64> {
        let digit = |c: &char| c.is_ascii_digit() || "+-.".contains(*c);
        self.space();
        if !self.chars.get(self.at).is_some_and(digit) {
            return Err(self.expected("a range as `1..1000`"));
        }
        match self.number()? {
            Value::Int(x) => Ok(x as f64),
            Value::Float(x) => Ok(x),
            _ => Err(self.expected("a number")),
        }
    }

    fn literal(&mut self, ty: &Ty) -> Parsed<Value> {
        let start = self.at;
        let word = |c: char| !c.is_whitespace() && !"{},".contains(c);
        match self.chars.get(self.at) {
            Some('"') => self.text(),
            Some(c) if c.is_ascii_alphabetic() => match self.take(word).as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                other => Err(self.error(
                    start,
                    match ty {
                        Ty::Bool => format!("a bool is true or false, and this is `{other}`"),
                        Ty::Int | Ty::Float => format!("wants a number, and this is `{other}`"),
                        _ => format!("text is written in quotes: \"{other}\""),
                    },
                )),
            },
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Parsed<Value> {
        self.space();
        let start = self.at;
        let mut text = self.take(|c| c == '-' || c == '+');
        text += &self.take(|c| c.is_ascii_digit());
        // A dot belongs to the number, two dots are a range.
        if self.chars.get(self.at) == Some(&'.') && self.chars.get(self.at + 1) != Some(&'.') {
            self.at += 1;
            text = text + "." + &self.take(|c| c.is_ascii_digit());
        }
        if matches!(self.chars.get(self.at), Some('e' | 'E')) {
            self.at += 1;
            text = text + "e" + &self.take(|c| c == '-' || c == '+');
            text += &self.take(|c| c.is_ascii_digit());
        }
        if text.is_empty() {
            return Err(self.expected("a number, true, false or text in quotes"));
        }
        let float = || text.parse().ok().filter(|x: &f64| x.is_finite()).map(Value::Float);
        let number = whole(&text).map(Value::Int).or_else(float);
        number.ok_or_else(|| self.error(start, format!("`{text}` is not a number")))
    }

    fn text(&mut self) -> Parsed<Value> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(&c) = self.chars.get(self.at) {
            self.at += 1;
            match c {
                '"' => return Ok(Value::from(text)),
                '\\' => {
                    let escaped = self.chars.get(self.at).copied();
                    self.at += 1;
                    text.push(match escaped {
                        Some('n') => '\n',
                        Some('t') => '\t',
                        Some(c @ ('"' | '\\')) => c,
                        _ => return Err(self.error(self.at - 2, r#"only \", \\, \n and \t can be escaped"#)),
                    });
                }
                c => text.push(c),
            }
        }
        Err(self.error(start, "the text has no closing quote"))
    }
}

/// A hint for a number written as text.
fn unquoted(ty: &Ty, at: usize, chars: &[char]) -> &'static str {
    match (ty, chars.get(at)) {
        (Ty::Int | Ty::Float, Some('"')) => "; write numbers without quotes",
        (Ty::Bool, Some('"')) => "; write true or false, without quotes",
        _ => "",
    }
}
