//! Cache keys of nodes.

use wuerst_core::{Args, CancellationToken, Digest, Hasher, Lora, NodeKind, NodeSpec, Port, Result, Value};

use crate::cache::Arguments;
use crate::graph::{Graph, ValueSource};

/// Pseudo-argument that carries `NodeKind::state`.
const STATE: &str = "files";

/// The value of a source that no node computes.
pub(crate) fn given(source: &ValueSource, inputs: &[Option<Value>]) -> Option<Value> {
    match source {
        ValueSource::Literal(_) => source.literal(),
        ValueSource::Input(index) => inputs[*index].clone(),
        ValueSource::Output { .. } | ValueSource::LeftOut => None,
    }
}

/// The arguments that no node computes, converted to the types of the ports.
pub(crate) fn known(ports: &[Port], sources: &[ValueSource], inputs: &[Option<Value>]) -> Vec<Option<Value>> {
    let known = |(port, source): (&Port, &ValueSource)| Some(port.ty.widen(given(source, inputs)?));
    ports.iter().zip(sources).map(known).collect()
}

/// The sources of a node's arguments for these inputs. A port wired to an input that is left out gets the port's default,
/// as if it were not wired.
pub(crate) fn resolved(graph: &Graph, node: usize, inputs: &[Option<Value>]) -> Result<Vec<ValueSource>> {
    let node = &graph.nodes[node];
    let resolved = |(arg, source): (usize, &ValueSource)| match source {
        ValueSource::Input(index) if inputs[*index].is_none() => {
            let default = node.default(arg, &graph.models)?;
            Ok(default.map_or_else(|| source.clone(), ValueSource::Literal))
        }
        _ => Ok(source.clone()),
    };
    node.args.iter().enumerate().map(resolved).collect()
}

/// The arguments, with models and files in their present state on disk.
pub(crate) fn fresh(args: Vec<ValueSource>, cancel: &CancellationToken) -> Result<Vec<ValueSource>> {
    let fresh = |source: ValueSource| match source {
        ValueSource::Literal(value) => {
            let value = reopened(value)?;
            if let Value::Model(_) | Value::File(_) = value {
                value.identify(cancel)?;
            }
            Ok(ValueSource::Literal(value))
        }
        other => Ok(other),
    };
    args.into_iter().map(fresh).collect()
}

/// The value in its present state on disk, if it is a model or file.
pub(crate) fn reopened(value: Value) -> Result<Value> {
    Ok(match value {
        Value::Model(model) => Value::Model(model.reopen()?),
        Value::File(file) => Value::File(file.reopen()?),
        other => other,
    })
}

/// Digests of a node's arguments followed by that of its [state](NodeKind::state) and LoRAs, in their present state on disk.
/// `result` returns the digests of other nodes' results.
pub(crate) fn arguments(
    (kind, loras): (&dyn NodeKind, &[Lora]),
    sources: &[ValueSource],
    inputs: &[Option<Value>],
    result: impl Fn(usize, usize) -> Option<Digest>,
) -> Result<Arguments> {
    let ports = &kind.spec().signature.inputs;
    let known = known(ports, sources, inputs);
    let state = with_loras(kind.state(&Args::new(ports, &known))?, loras)?;
    let digest = |(source, known): (&ValueSource, &Option<Value>)| match *source {
        ValueSource::Output { node, port } => result(node, port),
        _ => known.as_ref().map(Value::digest),
    };
    Ok(sources.iter().zip(&known).map(digest).chain([state]).collect())
}

/// The digest of a state and of LoRAs.
pub(crate) fn with_loras(state: Option<Digest>, loras: &[Lora]) -> Result<Option<Digest>> {
    let now = |lora: &Lora| Ok(Lora { file: lora.file.reopen()?, strength: lora.strength });
    let loras: Vec<Lora> = loras.iter().map(now).collect::<Result<_>>()?;
    let Some(loras) = Lora::identify_all(&loras, &CancellationToken::new())? else { return Ok(state) };
    let hasher = Hasher::new("state").digest(loras);
    Ok(Some(state.into_iter().fold(hasher, Hasher::digest).finish()))
}

/// The cache key of a node with these arguments.
pub(crate) fn key(spec: &NodeSpec, arguments: &Arguments) -> Digest {
    let start = Hasher::new("node").bytes(spec.kind.as_bytes()).number(spec.version.into());
    let argument = |hasher: Hasher, (name, digest): (&str, &Option<Digest>)| {
        let hasher = hasher.bytes(name.as_bytes());
        match digest {
            Some(digest) => hasher.digest(*digest),
            None => hasher.bytes(b"left out"),
        }
    };
    let names = spec.signature.inputs.iter().map(|port: &Port| port.name.as_str()).chain([STATE]);
    names.zip(arguments.iter()).fold(start, argument).finish()
}

/// The name of the argument at a position of [`arguments`].
pub(crate) fn argument(spec: &NodeSpec, at: usize) -> String {
    spec.signature.inputs.get(at).map_or_else(|| STATE.to_owned(), |port| port.name.clone())
}
