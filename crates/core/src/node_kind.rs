//! Node kinds: named pure functions.

use std::any::Any;
use std::borrow::Cow;

use crate::{Args, Ctx, Digest, Error, Refusal, Result, Signature, Value};

/// A named pure function; the nodes of a graph call it.
///
/// It may be run at any time, in any thread, several times at once, or not at all when the result of
/// the same arguments is remembered. So it keeps no state that its results depend on; random numbers
/// come from a `seed` argument.
///
/// It is [`Any`], so that a host recognises a kind that it registered.
pub trait NodeKind: Any + Send + Sync {
    /// The kind's name and interface; always the same.
    fn spec(&self) -> &NodeSpec;

    /// Computes the outputs, in the order of the signature.
    ///
    /// `args` hold what the signature promises, in tensors of finite numbers, and the outputs must do so too. Call
    /// [`Ctx::step`] between steps, so that progress is seen and the run can be stopped.
    ///
    /// # Errors
    /// Whatever went wrong; the run adds the node's name in the graph.
    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>>;

    /// Refuses what the signature cannot: a size that is no multiple of 128, say.
    ///
    /// Called when a graph is checked, with its literals, and again before a run, with the inputs of the
    /// graph too; whatever is still to be computed is absent, so ask [`Args::has`] or [`Args::get`]. Its lengths may be
    /// known, see [`Args::length`].
    ///
    /// # Errors
    /// A [`Refusal`] that names the port, where one port is to blame.
    fn check(&self, _known: &Args<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Lengths of named dimensions of the signature that follow from known arguments, as the channels that a model takes, and
    /// from the lengths of those that are still to be computed, which [`Args::length`] tells.
    ///
    /// Called as [`NodeKind::check`] is, so that what does not fit together is refused before anything runs. Arguments that
    /// [`NodeKind::check`] refuses give none.
    fn lengths(&self, _known: &Args<'_>) -> Vec<KnownLength> {
        Vec::new()
    }

    /// An argument, and the value of it that makes a named dimension of the results so long: the reverse of
    /// [`NodeKind::lengths`], for messages that say what to set. `None` where no number does.
    fn value_for(&self, _known: &Args<'_>, _dim: &str, _length: usize) -> Option<(&'static str, Value)> {
        None
    }

    /// Results that follow from known arguments without a run, in the order of the signature: numbers that decide sizes of what
    /// comes after, as the width of a picture. Called as [`NodeKind::lengths`] is; [`NodeKind::run`] gives the same.
    fn known_results(&self, _known: &Args<'_>) -> Vec<Option<Value>> {
        Vec::new()
    }

    /// Says that the node makes several results, each from its own part of the arguments, as if it had been run for each.
    ///
    /// Then it is run for each, and in such an order that one is finished before the next is begun, whatever comes after
    /// the node; [`NodeKind::run`] never gets more than one. `given` tells whether there is a value for a port.
    fn batch(&self, _given: &dyn Fn(&str) -> bool) -> Option<Batch> {
        None
    }

    /// The present state of whatever the result depends on beside the arguments, as a file that an argument
    /// names but whose content it does not hold. Another state makes the node run again.
    ///
    /// Asked before every run, so it must be quick; `known` is as for [`NodeKind::check`]. Most nodes depend on
    /// nothing else, and a `model` argument stands for its files already.
    ///
    /// # Errors
    /// When the state cannot be told, because the file has gone, say.
    fn state(&self, _known: &Args<'_>) -> Result<Option<Digest>> {
        Ok(None)
    }
}

/// The length of a named dimension in a node's signature, known from one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLength {
    /// The dimension's name in the signature.
    pub dim: String,
    /// Its length.
    pub length: usize,
    /// The port whose value decides it.
    pub port: String,
}

impl KnownLength {
    /// The length of `dim`, which the value of `port` decides.
    pub fn new(dim: &str, length: usize, port: &str) -> KnownLength {
        KnownLength { dim: dim.to_owned(), length, port: port.to_owned() }
    }
}

/// How a node's arguments are shared out among several results. The results are joined along their first dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The port whose first dimension is the number of results.
    pub over: Cow<'static, str>,
    /// The other ports of which each result gets an equal part of the first dimension; a length of 1 serves all.
    pub each: Vec<Cow<'static, str>>,
    /// A port that counts: each result's value is one more than that before. Left out, it counts from 0.
    pub counts: Option<Cow<'static, str>>,
}

impl Batch {
    /// The most results of a batch: each is a node of its own, and all are joined in the end.
    pub const MOST: usize = 16_384;

    /// A batch over a port, of names that are known beforehand.
    pub fn new(over: &'static str, each: &[&'static str], counts: Option<&'static str>) -> Batch {
        let each = each.iter().copied().map(Cow::Borrowed).collect();
        Batch { over: over.into(), each, counts: counts.map(Cow::Borrowed) }
    }
}

/// A node kind's name and interface.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSpec {
    /// The name that graphs use, as `wuerst.tokenize`: a namespace, a dot, a name.
    pub kind: String,
    /// Raised when the same arguments give other results, so that remembered ones are not used.
    pub version: u32,
    /// What it takes and gives.
    pub signature: Signature,
    /// Whether it is a pure function. One that is not has side effects and is run every time.
    pub pure: bool,
    /// What it does, in a sentence or two.
    pub about: String,
    /// About how many milliseconds a run takes: the progress of a graph is shared out so until runs have been
    /// measured. Only its proportion to that of other nodes counts.
    pub expected_ms: f64,
    /// Inputs that may be left out, but that an example of the node gives: one of several that it needs, say.
    pub example: Vec<String>,
}

impl NodeSpec {
    /// Describes a pure node kind.
    ///
    /// # Errors
    /// When `signature` is not in signature notation, or `kind` not of the form `namespace.name`.
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

    /// Says that the node has side effects and must be run every time.
    #[must_use]
    pub fn volatile(self) -> NodeSpec {
        NodeSpec { pure: false, ..self }
    }

    /// Says about how many milliseconds a run takes, see [`NodeSpec::expected_ms`]. 1 is the default.
    #[must_use]
    pub fn with_expected_ms(self, expected_ms: f64) -> NodeSpec {
        NodeSpec { expected_ms, ..self }
    }

    /// Names the inputs that an example gives besides those that it must, see [`NodeSpec::example`].
    #[must_use]
    pub fn with_example(self, inputs: &[&str]) -> NodeSpec {
        NodeSpec { example: inputs.iter().map(|&input| input.to_owned()).collect(), ..self }
    }

    /// Says what a port means, in a sentence. An output that has the name of an input is written `-> name`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the signature has no such port.
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
    fn a_spec_says_what_is_wrong_with_it() {
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
