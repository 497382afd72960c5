//! A node that runs for each entry of lists: `each: [prompt, seed]`.
//!
//! The named ports take lists, and the results are lists. When the node is about to run, and the length of the lists is
//! known, it is replaced by one copy for each entry: see [`crate::run`].

use std::any::Any;
use std::sync::Arc;

use wuerst_core::{
    Args, Ctx, DType, Dim, Error, KnownLength, NodeKind, NodeSpec, Port, Refusal, Result, Ty, Value,
};

use super::node::{Node, ValueSource};

/// Name of the dimension that counts entries, unless the kind uses this name.
const COUNT: &str = "each";

/// A node kind that runs for each entry of lists.
pub(crate) struct Each {
    /// The specification with lists in place of the named ports and of the results.
    spec: NodeSpec,
    inner: Arc<dyn NodeKind>,
    /// For each input: the form of its list's entries, if it takes a list.
    lists: Vec<Option<Entry>>,
    /// For each output: the form of its list's entries.
    gives: Vec<Entry>,
    pub(crate) template: Template,
}

/// Form of an entry in a list that is a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The list has an additional dimension.
    Item,
    /// The entry has the first dimension too, with length 1.
    Row,
}

/// The nodes that replace a node, with the sources of its outputs.
#[derive(Clone, Default)]
pub(crate) struct Template {
    pub(crate) nodes: Vec<TemplateNode>,
    pub(crate) outputs: Vec<ValueSource>,
}

/// A node of a [`Template`].
#[derive(Clone)]
pub(crate) struct TemplateNode {
    /// The id is a suffix to the id of the replaced node. An input argument, by index, refers to the replaced node's
    /// argument; other nodes are indexed within the template.
    pub(crate) node: Node,
    /// Defaults of arguments that come from inputs left out.
    pub(crate) defaults: Vec<ValueSource>,
}

impl Each {
    /// Wraps a kind so that the named inputs take lists.
    ///
    /// # Errors
    /// The index of a name that is not an input of the kind, or of an input that cannot take lists, with the reason.
    pub(crate) fn new(inner: &Arc<dyn NodeKind>, names: &[&str]) -> Result<Each, (usize, String)> {
        let spec = inner.spec();
        let signature = &spec.signature;
        let batch = inner.batch(&|_| true);
        let batched = |port: &Port| {
            batch
                .as_ref()
                .is_some_and(|b| b.over == port.name || b.each.iter().any(|name| *name == port.name))
        };
        let dims = signature.inputs.iter().chain(&signature.outputs).flat_map(|port| match &port.ty {
            Ty::Tensor { dims, .. } => dims.as_slice(),
            _ => &[],
        });
        let mut count = COUNT.to_owned();
        let taken: Vec<&Dim> = dims.collect();
        while taken.iter().any(|dim| **dim == Dim::Named(count.clone())) {
            count.push('_');
        }
        let (mut spec, mut lists) = (spec.clone(), vec![None; signature.inputs.len()]);
        for (number, name) in names.iter().enumerate() {
            let Some((index, port)) = signature.input(name) else {
                let known = signature.inputs.iter().map(|port| port.name.as_str());
                let hint = wuerst_core::did_you_mean(name, known);
                return Err((number, format!("`{}` has no input `{name}`{hint}", spec.kind)));
            };
            let entry = entry(&port.ty, batched(port));
            let Some(ty) = list(&port.ty, entry, &count) else {
                let why = format!("`{name}` is {}, of which there are no lists", port.ty);
                return Err((number, format!("{why}: lists are of texts, int, float and tensors")));
            };
            lists[index] = Some(entry);
            // Ranges and defaults apply to single entries.
            let optional = false;
            spec.signature.inputs[index] =
                Port { ty, optional, default: None, range: None, choices: Vec::new(), ..port.clone() };
        }
        let mut gives = Vec::with_capacity(signature.outputs.len());
        for (index, port) in signature.outputs.iter().enumerate() {
            let entry = entry(&port.ty, batch.is_some());
            let Some(ty) = list(&port.ty, entry, &count) else {
                let kind = &spec.kind;
                return Err((
                    0,
                    format!("`{kind}` gives `{}`, a {}, of which there are no lists", port.name, port.ty),
                ));
            };
            gives.push(entry);
            spec.signature.outputs[index].ty = ty;
        }
        Ok(Each { spec, inner: Arc::clone(inner), lists, gives, template: Template::default() })
    }

    /// A copy with the nodes that replace it.
    pub(crate) fn with_template(&self, template: Template) -> Each {
        let (spec, inner) = (self.spec.clone(), Arc::clone(&self.inner));
        Each { spec, inner, lists: self.lists.clone(), gives: self.gives.clone(), template }
    }

    /// A copy for another kind with equal inputs and outputs.
    pub(crate) fn with_inner(&self, inner: Arc<dyn NodeKind>) -> Each {
        Each { inner, ..self.with_template(Template::default()) }
    }

    /// The kind that runs for one entry.
    pub(crate) fn inner(&self) -> &Arc<dyn NodeKind> {
        &self.inner
    }

    /// Form of an entry in the list of an input; `None` if the input takes no list.
    pub(crate) fn list(&self, input: usize) -> Option<Entry> {
        self.lists.get(input).copied().flatten()
    }

    /// Form of an entry in the list of an output.
    pub(crate) fn gives(&self, output: usize) -> Entry {
        self.gives[output]
    }

    /// The wrapper of a kind, if it runs for each entry.
    pub(crate) fn of(kind: &dyn NodeKind) -> Option<&Each> {
        (kind as &dyn Any).downcast_ref()
    }

    /// Calls a function of the inner kind with the arguments of an entry, of which only lengths are known.
    fn ask<T>(&self, known: &Args<'_>, ask: impl FnOnce(&Args<'_>) -> T) -> T {
        let ports = &self.inner.spec().signature.inputs;
        let (mut values, mut given, mut types) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (port, value)) in ports.iter().zip(known.values()).enumerate() {
            let list = self.lists[index];
            values.push(if list.is_some() { None } else { value.clone() });
            given.push(if list.is_some() { Some(true) } else { known.given(&port.name) });
            // The axes of an entry follow the counting one.
            let skipped = usize::from(list == Some(Entry::Item));
            types.push(match &port.ty {
                Ty::Tensor { dtype, dims } => Some(Ty::Tensor {
                    dtype: *dtype,
                    dims: dims
                        .iter()
                        .enumerate()
                        .map(|(axis, dim)| match known.length(&port.name, axis + skipped) {
                            Some(_) if axis == 0 && list == Some(Entry::Row) => Dim::Fixed(1),
                            Some(length) => Dim::Fixed(length),
                            None => dim.clone(),
                        })
                        .collect(),
                }),
                _ => None,
            });
        }
        ask(&Args::in_check(ports, &values, &given).with_types(&types))
    }
}

/// Form of an entry. `batched` marks values that are batches of one.
fn entry(ty: &Ty, batched: bool) -> Entry {
    match ty {
        Ty::Tensor { dims, .. } if dims.first() == Some(&Dim::Fixed(1)) => Entry::Row,
        Ty::Tensor { dims, .. } if batched && !dims.is_empty() => Entry::Row,
        _ => Entry::Item,
    }
}

/// The type of a list; `count` is the name of its first dimension.
pub(crate) fn list(ty: &Ty, entry: Entry, count: &str) -> Option<Ty> {
    let count = Dim::Named(count.to_owned());
    Some(match ty {
        Ty::Text => Ty::Text,
        Ty::Int => Ty::Tensor { dtype: DType::I64, dims: vec![count] },
        Ty::Float => Ty::Tensor { dtype: DType::F32, dims: vec![count] },
        Ty::Tensor { dtype, dims } => {
            let rest = if entry == Entry::Row { &dims[1..] } else { dims.as_slice() };
            Ty::Tensor { dtype: *dtype, dims: std::iter::once(count).chain(rest.iter().cloned()).collect() }
        }
        Ty::Bool | Ty::Model | Ty::File => return None,
    })
}

impl NodeKind for Each {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn is_foreign(&self) -> bool {
        self.inner.is_foreign()
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        self.ask(known, |args| self.inner.check(args))
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        let outputs = &self.inner.spec().signature.outputs;
        // For a batch of one, the first dimension counts entries now.
        let counted = |dim: &str| {
            outputs.iter().enumerate().any(|(at, port)| match &port.ty {
                Ty::Tensor { dims, .. } => {
                    self.gives[at] == Entry::Row && dims.first() == Some(&Dim::Named(dim.to_owned()))
                }
                _ => false,
            })
        };
        let lengths = self.ask(known, |args| self.inner.lengths(args));
        lengths.into_iter().filter(|length| !counted(&length.dim)).collect()
    }

    fn value_for(&self, known: &Args<'_>, dim: &str, length: usize) -> Option<(&'static str, Value)> {
        let found = self.ask(known, |args| self.inner.value_for(args, dim, length));
        found.filter(|(port, _)| {
            self.spec.signature.input(port).is_some_and(|(index, _)| self.lists[index].is_none())
        })
    }

    /// Never runs: other nodes replace it in the graph first.
    fn run(&self, _: &mut Ctx<'_>, _: &Args<'_>) -> Result<Vec<Value>> {
        Err(Error::Internal("a node that was not replaced by one node for each entry was run".to_owned()))
    }
}
