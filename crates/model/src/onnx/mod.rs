//! Writes a recorded network and its weights as an ONNX model.
//!
//! The model serves every batch and size that its named axes allow, computes in f32, and uses standard operators (opset
//! 20) by default. Weights are in the model file, or above [`ExportOptions::inline_bytes`] in `NAME.onnx.data` next to
//! it, which ONNX Runtime maps. Only one tensor at a time is in memory. Equal recordings, weights and options give equal
//! bytes.

mod align;
mod axes;
mod builder;
mod constants;
mod fold;
mod head;
mod islands;
mod lower;
mod metadata;
mod outside;
mod patch;
mod proto;
mod quantize;
#[cfg(test)]
mod raw;
mod split;
mod store;
mod stored;
mod survey;
mod tensor;
mod unfold;
mod weights;
mod widths;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use prost::Message;

use crate::record::{Id, NetworkGraph, NetworkNode, Op};
use crate::whole_file::{replace, unfinished};
pub use align::{Move, aligned};
use builder::Builder;
pub use head::{Extent, Head, HeadError, Outlet};
pub use metadata::set_metadata;
pub use outside::outside;
pub use patch::{MergedTensor, Patched, initializers, patched};
use proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto};
pub use quantize::QUANTIZED;
pub(crate) use quantize::chosen;
pub use split::{ModelSplit, TensorType};
use store::{DataFile, Store, half_bytes, io_error, stored_bytes};
pub use stored::{ReadError, Stored};
pub use survey::LimitError;
pub use tensor::{Place, Tensor, TensorError};
pub use unfold::UnfoldError;
pub use weights::{BoxError, ExportError, Precision, Weight, Weights};
pub use wuerst_read::wire::WireError;

/// Operators that a model may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Operators {
    /// Operators of the ONNX standard, which every provider and runtime supports.
    #[default]
    Standard,
    /// In addition, fused operators of ONNX Runtime's CPU and CUDA providers. `MultiHeadAttention` without a mask never
    /// stores all scores at once, and is 10 to 25 % faster than its parts on the CPU; `SkipLayerNormalization` takes a
    /// quarter of the time of a layer norm.
    OnnxRuntime,
    /// In addition, int8 products for ONNX Runtime's CPU provider: the matrix products that depend on a picture have
    /// signed 8-bit weights, and activations rounded at run time. Everything else stays f32. Fast on processors with VNNI
    /// or AMX.
    Int8,
}

/// Precision in which a model computes. Inputs and outputs are f32 in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compute {
    /// f32 throughout.
    #[default]
    F32,
    /// f16 tensors, including weights, for GPUs, which multiply them several times as fast in half the memory. Sums of
    /// squares, cubic matrices, batch norms and the last element-wise operations stay in f32, and so do layers whose
    /// weights exceed the range of f16. Values that depend only on weights are computed while the model is written.
    F16,
}

/// The metadata pair that marks a model that computes in f16.
pub const HALF: (&str, &str) = ("wuerst.compute", "f16");

/// How to write a model.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Name of the graph, for people.
    pub name: String,
    /// How weights are stored.
    pub precision: Precision,
    /// Precision of the computation. With [`Compute::F16`] all weights are stored as f16, and [`Operators::Int8`] is not
    /// allowed.
    pub compute: Compute,
    /// Operators that the model may use.
    pub operators: Operators,
    /// Models with more bytes of weights than this get an external data file.
    pub inline_bytes: u64,
    /// Metadata properties stored in the model: its contract, scale factors, sizes.
    pub metadata: Vec<(String, String)>,
}

impl Default for ExportOptions {
    /// f32 weights, inline up to 64 MiB, standard operators, no metadata.
    fn default() -> ExportOptions {
        ExportOptions {
            name: "network".into(),
            precision: Precision::F32,
            compute: Compute::F32,
            operators: Operators::Standard,
            inline_bytes: 64 << 20,
            metadata: vec![],
        }
    }
}

/// Writes the model to `path`, and its weights next to it if they are large.
///
/// Each file gets its name when both are complete; a failed export leaves existing files unchanged.
///
/// # Errors
/// [`ExportError`] names the wrong parameter or file.
pub fn write(
    path: &Path,
    graph: &NetworkGraph,
    weights: &dyn Weights,
    options: &ExportOptions,
) -> Result<(), ExportError> {
    if weight_bytes(graph, options) <= options.inline_bytes {
        let model = model(graph, Store::new(weights, options.precision, None), options)?;
        return replace(path, &model).map_err(|source| io_error(path, source));
    }
    let mut location = path.file_name().unwrap_or_default().to_os_string();
    location.push(".data");
    let data_path = path.with_file_name(&location);
    let mut data = unfinished(&data_path).map_err(|source| io_error(&data_path, source))?;
    let data_file = DataFile {
        file: data.as_file_mut(),
        path: data_path.clone(),
        location: location.to_string_lossy().into_owned(),
    };
    let model = model(graph, Store::new(weights, options.precision, Some(data_file)), options)?;
    // It contains only tensors above a minimum size, and there may be none.
    if data.as_file().metadata().map_err(|source| io_error(&data_path, source))?.len() > 0 {
        data.persist(&data_path).map_err(|e| io_error(&data_path, e.error))?;
    }
    replace(path, &model).map_err(|source| io_error(path, source))
}

/// The model as bytes, with weights.
///
/// # Errors
/// As [`write()`]; more than 2 GiB do not fit.
pub fn encode(
    graph: &NetworkGraph,
    weights: &dyn Weights,
    options: &ExportOptions,
) -> Result<Vec<u8>, ExportError> {
    model(graph, Store::new(weights, options.precision, None), options)
}

/// Lowers the values that the outputs need, and encodes the model.
fn model(graph: &NetworkGraph, store: Store<'_>, options: &ExportOptions) -> Result<Vec<u8>, ExportError> {
    let (live, fixed) = (live(graph), graph.fixed());
    if options.compute == Compute::F16 && options.operators == Operators::Int8 {
        return Err(ExportError::HalfAndInt8);
    }
    let mut builder = Builder::new(graph, store, options, &live);
    for (at, node) in graph.nodes.iter().enumerate() {
        match node.op {
            Op::Input(n) => builder.bind_input(Id(at), graph.inputs[n].name.clone()),
            // Added on use, in the form needed there.
            _ if fixed[at] => {}
            _ if live[at] && !builder.residuals.waits(Id(at)) => {
                builder.enter(Id(at));
                let name = lower::lower(&mut builder, Id(at))?;
                builder.bind(Id(at), name);
            }
            _ => {}
        }
    }
    builder.leave();
    for (name, id) in &graph.outputs {
        let value = builder.value(*id)?;
        let computed = builder.nodes.iter().any(|node| node.output[0] == value);
        let taken = graph.outputs.iter().any(|(other, _)| *other == value);
        // An input, a parameter or another output keeps its name, so it is copied.
        let value = if computed && !taken { value } else { builder.emit("Identity", &[&value], vec![]) };
        builder.rename(&value, name);
    }
    let inputs = graph.nodes.iter().enumerate().filter_map(|(at, node)| match node.op {
        Op::Input(n) => Some(builder.describe(&graph.inputs[n].name, Id(at))),
        _ => None,
    });
    let model = ModelProto {
        ir_version: proto::IR_VERSION,
        producer_name: "wuerst".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        opset_import: operator_sets(&builder),
        metadata_props: metadata(options, &builder),
        graph: Some(GraphProto {
            name: options.name.clone(),
            input: inputs.collect(),
            output: graph.outputs.iter().map(|(name, id)| builder.describe(name, *id)).collect(),
            node: needed(builder.nodes, graph),
            initializer: builder.store.tensors,
        }),
    };
    match model.encoded_len() {
        bytes if bytes > i32::MAX as usize => Err(ExportError::TooLarge { bytes: bytes as u64 }),
        _ => Ok(model.encode_to_vec()),
    }
}

/// The caller's metadata, and a mark for products in int8 or a computation in f16.
fn metadata(options: &ExportOptions, builder: &Builder<'_>) -> Vec<StringStringEntryProto> {
    let given = options.metadata.iter().map(|(key, value)| (&key[..], &value[..]));
    let given = given.filter(|(key, _)| *key != HALF.0);
    let int8 = Some(QUANTIZED).filter(|_| builder.quantizes());
    let half = Some(HALF).filter(|_| builder.in_f16());
    given.chain(int8).chain(half).map(|(key, value)| StringStringEntryProto::new(key, value)).collect()
}

/// The nodes that the outputs depend on: some recorded values are read in another form, which leaves nodes unused.
fn needed(nodes: Vec<NodeProto>, graph: &NetworkGraph) -> Vec<NodeProto> {
    let mut read: HashSet<String> = graph.outputs.iter().map(|(name, _)| name.clone()).collect();
    let mut needed = vec![];
    for node in nodes.into_iter().rev() {
        if node.output.iter().any(|name| read.contains(name)) {
            read.extend(node.input.iter().filter(|name| !name.is_empty()).cloned());
            needed.push(node);
        }
    }
    needed.reverse();
    needed
}

/// The standard operator set, and others that nodes need.
fn operator_sets(builder: &Builder<'_>) -> Vec<OperatorSetIdProto> {
    let mut sets = vec![OperatorSetIdProto { domain: String::new(), version: proto::OPSET }];
    if builder.nodes.iter().any(|node| node.domain == proto::MICROSOFT) {
        sets.push(OperatorSetIdProto { domain: proto::MICROSOFT.into(), version: 1 });
    }
    sets
}

/// Whether the outputs depend on each value.
fn live(graph: &NetworkGraph) -> Vec<bool> {
    let mut live = vec![false; graph.nodes.len()];
    graph.outputs.iter().for_each(|(_, id)| live[id.0] = true);
    for (at, node) in graph.nodes.iter().enumerate().rev() {
        if live[at] {
            node.args.iter().for_each(|arg| live[arg.0] = true);
        }
    }
    live
}

/// Bytes of the weights that stay in a model that has a data file, as f32.
pub(crate) fn bytes_inside(graph: &NetworkGraph) -> u64 {
    let bytes = graph.params.iter().map(|param| stored_bytes(param, Precision::F32));
    bytes.filter(|bytes| *bytes < store::ALIGNMENT).sum()
}

/// Sums that are computed together with the layer norm after them, by the norm; found by the recorded extents, which takes
/// a fraction of the time of [`axes::dims`].
pub(crate) fn sums(graph: &NetworkGraph, operators: Operators) -> HashMap<Id, Id> {
    match operators {
        Operators::Standard => HashMap::new(),
        Operators::OnnxRuntime | Operators::Int8 => {
            lower::Residuals::find(graph, &live(graph), |a, b| graph.shape(a) == graph.shape(b)).into_sums()
        }
    }
}

/// Whether any product of the network would be in int8.
pub fn quantizable(graph: &NetworkGraph) -> bool {
    quantize::chosen(graph, Operators::Int8).contains(&true)
}

/// Maximum number of bytes of the weights in the file.
fn weight_bytes(graph: &NetworkGraph, options: &ExportOptions) -> u64 {
    let chosen = quantize::chosen(graph, options.operators);
    let mut narrow = vec![false; graph.nodes.len()];
    let products = graph.nodes.iter().zip(chosen).filter(|(_, chosen)| *chosen);
    let weights = products.filter_map(|(node, _)| quantize::matrix(graph, node.args[1]));
    weights.for_each(|(parameter, _)| narrow[parameter.0] = true);
    let live = live(graph).into_iter().zip(narrow);
    let bytes = |(node, (live, narrow)): (&NetworkNode, (bool, bool))| match node.op {
        Op::Param(n) if live && narrow => quantize::stored_bytes(&graph.params[n]),
        Op::Param(n) if live && options.compute == Compute::F16 => half_bytes(&graph.params[n]),
        Op::Param(n) if live => stored_bytes(&graph.params[n], options.precision),
        _ => 0,
    };
    graph.nodes.iter().zip(live).map(bytes).sum()
}
