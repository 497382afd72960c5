//! Node kinds: named pure functions.

use std::any::Any;
use std::borrow::Cow;

use crate::{Args, Ctx, Digest, Error, Refusal, Result, Signature, Value};

/// A named pure function; the nodes of a graph call it.
///
/// It may run at any time, in any thread, and several times at once. It does not run if the result for equal arguments is
/// remembered. Results must therefore depend on no state; random numbers come from a `seed` argument.
///
/// The bound [`Any`] lets a host recognise a kind that it registered.
pub trait NodeKind: Any + Send + Sync {
    /// Name and interface of the kind; always the same.
    fn spec(&self) -> &NodeSpec;

    /// Computes the outputs, in the order of the signature.
    ///
    /// `args` match the signature, and their tensors hold finite numbers; the outputs must do so too. Call [`Ctx::step`]
    /// between steps to report progress and let the run be cancelled.
    ///
    /// # Errors
    /// Any error; the run adds the node's name in the graph.
    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>>;

    /// Refuses arguments that the signature cannot rule out, such as a size that is not a multiple of 128.
    ///
    /// Called when a graph is checked, with its literals, and again before a run, with the graph's inputs too. Values
    /// still to be computed are absent, so ask [`Args::has`] or [`Args::get`]; their lengths may be known, see
    /// [`Args::length`].
    ///
    /// # Errors
    /// A [`Refusal`], with the port if a single one is to blame.
    fn check(&self, _known: &Args<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Whether the node is code of a host or a plug-in. Its check is called when a graph is read and before a run, but not
    /// when an input is set, since the host may set one anywhere, also inside its own nodes.
    fn is_foreign(&self) -> bool {
        false
    }

    /// Lengths of the signature's named dimensions that follow from known arguments, such as the channels that a model
    /// takes, and from the known lengths of tensors still to be computed, see [`Args::length`].
    ///
    /// Called like [`NodeKind::check`], so that sizes that do not fit are refused before anything runs. Returns nothing
    /// for arguments that [`NodeKind::check`] refuses.
    fn lengths(&self, _known: &Args<'_>) -> Vec<KnownLength> {
        Vec::new()
    }

    /// The argument, and its value, that would make a named dimension of the results this long: the inverse of
    /// [`NodeKind::lengths`], for messages that tell what to set. `None` if no number decides the length.
    fn value_for(&self, _known: &Args<'_>, _dim: &str, _length: usize) -> Option<(&'static str, Value)> {
        None
    }

    /// The value used for an optional port without an argument, such as the model's own number of steps. Hosts show it.
    /// `None` if there is none, or if it depends on arguments that are not known.
    fn left_out(&self, _known: &Args<'_>, _port: &str) -> Option<Value> {
        None
    }

    /// Arguments without effect on the results, such as the negative text where guidance is off. A run warns users who set
    /// one of them. Called like [`NodeKind::lengths`].
    fn unused(&self, _known: &Args<'_>) -> Option<Unused> {
        None
    }

    /// Results that follow from known arguments without a run, in the order of the signature: numbers that decide the
    /// sizes of later results, such as the width of a picture. Called like [`NodeKind::lengths`]; [`NodeKind::run`]
    /// returns the same values.
    fn known_results(&self, _known: &Args<'_>) -> Vec<Option<Value>> {
        Vec::new()
    }

    /// Declares that the node makes several results, each from its own part of the arguments.
    ///
    /// The run then calls the node once per result, and computes the following nodes for one result before it begins the
    /// next; [`NodeKind::run`] never gets more than one. `given` tells whether a port has a value.
    fn batch(&self, _given: &dyn Fn(&str) -> bool) -> Option<Batch> {
        None
    }

    /// Digest of external state that the result depends on, such as the content of a file that an argument only names. A
    /// changed state makes the node run again.
    ///
    /// Called before every run, so it must be quick; `known` is as for [`NodeKind::check`]. Most nodes return `None`; a
    /// `model` argument covers its files already.
    ///
    /// # Errors
    /// If the state cannot be determined, for example because the file was removed.
    fn state(&self, _known: &Args<'_>) -> Result<Option<Digest>> {
        Ok(None)
    }
}

/// Arguments without effect on a node's results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// The ports, by name.
    pub ports: &'static [&'static str],
    /// The reason, with advice.
    pub why: String,
}

/// The length of a named dimension in a node's signature, known from one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLength {
    /// The dimension's name in the signature.
    pub dim: String,
    /// The length.
    pub length: usize,
    /// The port whose value decides it.
    pub port: String,
}

impl KnownLength {
    /// A length of `dim`, decided by the value of `port`.
    pub fn new(dim: &str, length: usize, port: &str) -> KnownLength {
        KnownLength { dim: dim.to_owned(), length, port: port.to_owned() }
    }
}

/// How a node's arguments are divided among several results, which are joined along their first dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The port whose first dimension is the number of results.
    pub over: Cow<'static, str>,
    /// Other ports whose first dimension is divided equally among the results; a length of 1 serves all.
    pub each: Vec<Cow<'static, str>>,
    /// A counting port: each result gets the previous value plus one, from 0 if the port is left out.
    pub counts: Option<Cow<'static, str>>,
}

impl Batch {
    /// Maximum number of results in a batch; each becomes a node of its own.
    pub const MOST: usize = 16_384;

    /// A batch over a port, with names known at compile time.
    pub fn new(over: &'static str, each: &[&'static str], counts: Option<&'static str>) -> Batch {
        let each = each.iter().copied().map(Cow::Borrowed).collect();
        Batch { over: over.into(), each, counts: counts.map(Cow::Borrowed) }
    }
}

/// A node kind's name and interface.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSpec {
    /// Name used in graphs, such as `wuerst.tokenize`: a namespace, a dot, a name.
    pub kind: String,
    /// Raised when results for equal arguments change, so that remembered ones are not used.
    pub version: u32,
    /// Inputs and outputs.
    pub signature: Signature,
    /// Whether the kind is a pure function. An impure kind has side effects and runs every time.
    pub pure: bool,
    /// Description in a sentence or two.
    pub about: String,
    /// Rough run time in milliseconds, which divides a graph's progress among its nodes until runs have been measured.
    /// Only the proportion to other nodes counts.
    pub expected_ms: f64,
    /// Optional inputs that an example of the node still sets, such as one of several alternatives.
    pub example: Vec<String>,
}

impl NodeSpec {
    /// Describes a pure node kind.
    ///
    /// # Errors
    /// If `signature` is not in signature notation, or `kind` does not have the form `namespace.name`.
    pub fn new(kind: &str, version: u32, signature: &str, about: &str) -> Result<NodeSpec> {
        let well_formed = kind.split_once('.').is_some_and(|(space, name)| {
            let word =
                |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            word(space) && word(name)
        });
        if !well_formed {
            let form = "is not of the form `namespace.name`, in letters, digits, `_` and `-`";
            return Err(Error::invalid("node kind", format!("`{kind}` {form}")));
        }
        let signature = signature.parse().map_err(|e: crate::SyntaxError| {
            Error::invalid(format!("signature of `{kind}`"), e.to_string())
        })?;
        let (kind, about) = (kind.to_owned(), about.to_owned());
        Ok(NodeSpec { kind, version, signature, pure: true, about, expected_ms: 1., example: vec![] })
    }

    /// Declares that the node has side effects and must run every time.
    #[must_use]
    pub fn volatile(self) -> NodeSpec {
        NodeSpec { pure: false, ..self }
    }

    /// Sets the rough run time in milliseconds, see [`NodeSpec::expected_ms`]. The default is 1.
    #[must_use]
    pub fn with_expected_ms(self, expected_ms: f64) -> NodeSpec {
        NodeSpec { expected_ms, ..self }
    }

    /// Names optional inputs that an example sets, see [`NodeSpec::example`].
    #[must_use]
    pub fn with_example(self, inputs: &[&str]) -> NodeSpec {
        NodeSpec { example: inputs.iter().map(|&input| input.to_owned()).collect(), ..self }
    }

    /// Describes a port in a sentence. Write `-> name` for an output that shares an input's name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the signature has no such port.
    pub fn describe(mut self, port: &str, about: &str) -> Result<NodeSpec> {
        let Signature { inputs, outputs } = &mut self.signature;
        let found = match port.strip_prefix("-> ") {
            Some(output) => outputs.iter_mut().find(|p| p.name == output),
            None => inputs.iter_mut().chain(outputs).find(|p| p.name == port),
        };
        match found {
            Some(found) => found.about = about.to_owned(),
            None => {
                let hint = format!(" in the signature of `{}`", self.kind);
                return Err(Error::NotFound { what: "port", name: port.to_owned(), hint });
            }
        }
        Ok(self)
    }

    /// The part of the kind before the dot.
    pub fn namespace(&self) -> &str {
        self.kind.split_once('.').map_or("", |(space, _)| space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_specs_are_refused() {
        let error = |kind, signature| NodeSpec::new(kind, 1, signature, "").unwrap_err().to_string();
        assert!(error("tokenize", "->").contains("`tokenize` is not of the form"));
        assert!(error("a.b.c", "->").contains("`a.b.c` is not of the form"));
        assert_eq!(error("a.b", "x: int"), "signature of `a.b`: column 7: expected `->`, but the text ends");
    }

    #[test]
    fn ports_can_be_described() {
        let spec = NodeSpec::new("a.b", 1, "x: int -> y: int", "Copies.").unwrap();
        let spec = spec.describe("y", "The copy.").unwrap().volatile();
        assert_eq!((spec.signature.outputs[0].about.as_str(), spec.pure), ("The copy.", false));
        let same = NodeSpec::new("a.b", 1, "x: int -> x: int", "").unwrap();
        let same = same.describe("x", "Is read.").unwrap().describe("-> x", "Is written.").unwrap().signature;
        assert_eq!([&*same.inputs[0].about, &*same.outputs[0].about], ["Is read.", "Is written."]);
        assert!(spec.clone().describe("-> x", "").is_err());
        assert_eq!(spec.describe("z", "").unwrap_err().to_string(), "no port `z` in the signature of `a.b`");
    }
}
