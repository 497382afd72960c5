//! What there is in a graph: its inputs, outputs and nodes, as C sees them.

use wuerst::graph::Source;

use crate::boundary::{fallible, infallible};
use crate::error::Failure;
use crate::graph::{Change, Graph};
use crate::grow::{Grows, Shows};
use crate::handle::{Handle, alive, living};
use crate::ports::{self, PortView, Shown};
use crate::text::Str;
use crate::value::Value;

/// `wst_step` of the header.
#[repr(C)]
pub struct StepView {
    pub(crate) struct_size: usize,
    pub(crate) name: Str,
    pub(crate) kind: Str,
    pub(crate) devices: Str,
    pub(crate) arguments: *const Change,
    pub(crate) argument_count: usize,
}

// SAFETY: repr(C), the size first; zeros are empty strings, NULL and a number.
unsafe impl Grows for StepView {
    const NAME: &str = "wst_step";
    const FIRST: usize = 72;
}

// SAFETY: as above.
unsafe impl Shows for StepView {}

/// A node of a graph with the texts that C sees of it.
struct Step {
    name: String,
    kind: String,
    devices: String,
    /// What `arguments` points into.
    _owned: Vec<(String, String, Option<Value>)>,
    arguments: Vec<Change>,
}

/// A graph's inputs, outputs and nodes.
pub(crate) struct Contents {
    inputs: Vec<Shown>,
    outputs: Vec<Shown>,
    steps: Vec<Step>,
}

impl Contents {
    pub(crate) fn of(graph: &wuerst::Graph) -> Contents {
        Contents {
            inputs: graph.offered().into_iter().map(Shown::new).collect(),
            outputs: graph.outputs().iter().map(|output| Shown::output(&output.name, &output.ty)).collect(),
            steps: graph.nodes().iter().map(|step| Step::of(graph, step)).collect(),
        }
    }
}

impl Step {
    fn of(graph: &wuerst::Graph, step: &wuerst::graph::Step) -> Step {
        let spec = step.node.spec();
        let named = |port: &str| format!("{}.{port}", step.id);
        let arguments = spec.signature.inputs.iter().zip(&step.args).filter_map(|(port, source)| {
            let (text, value) = match source {
                Source::Literal(value) => (String::new(), Some(Value::from(value.clone()))),
                Source::Input(index) => (format!("${}", graph.inputs()[*index].name), None),
                Source::Output { step, port } => {
                    let from = &graph.nodes()[*step];
                    (format!("${}.{}", from.id, from.node.spec().signature.outputs[*port].name), None)
                }
                Source::LeftOut => return None,
            };
            Some((named(&port.name), text, value))
        });
        let owned: Vec<(String, String, Option<Value>)> = arguments.collect();
        let shown = |(name, text, value): &(String, String, Option<Value>)| Change {
            name: Str::of(name),
            text: Str::of(text),
            value: value.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
        };
        let arguments = owned.iter().map(shown).collect();
        let (name, kind, devices) = (step.id.clone(), spec.kind.clone(), step.devices.join(","));
        Step { name, kind, devices, _owned: owned, arguments }
    }

    fn view(&self) -> StepView {
        StepView {
            struct_size: size_of::<StepView>(),
            name: Str::of(&self.name),
            kind: Str::of(&self.kind),
            devices: Str::of(&self.devices),
            arguments: self.arguments.as_ptr(),
            argument_count: self.arguments.len(),
        }
    }
}

fn count(graph: Option<&Handle<Graph>>, of: impl Fn(&Contents) -> usize) -> usize {
    infallible(0, || living(graph).map_or(0, |graph| of(graph.contents())))
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_input_count(graph: Option<&Handle<Graph>>) -> usize {
    count(graph, |contents| contents.inputs.len())
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_input(
    graph: Option<&Handle<Graph>>,
    index: usize,
    out: *mut PortView,
) -> *mut Failure {
    // SAFETY: the header asks for a struct begun with its _INIT macro.
    fallible(|| unsafe { ports::show(&alive(graph, "graph")?.contents().inputs, index, out) })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_output_count(graph: Option<&Handle<Graph>>) -> usize {
    count(graph, |contents| contents.outputs.len())
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_output(
    graph: Option<&Handle<Graph>>,
    index: usize,
    out: *mut PortView,
) -> *mut Failure {
    // SAFETY: the header asks for a struct begun with its _INIT macro.
    fallible(|| unsafe { ports::show(&alive(graph, "graph")?.contents().outputs, index, out) })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_step_count(graph: Option<&Handle<Graph>>) -> usize {
    count(graph, |contents| contents.steps.len())
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_graph_step(
    graph: Option<&Handle<Graph>>,
    index: usize,
    out: *mut StepView,
) -> *mut Failure {
    fallible(|| {
        let step = ports::at(&alive(graph, "graph")?.contents().steps, index)?;
        // SAFETY: the header asks for a struct begun with its _INIT macro.
        unsafe { step.view().show(out) }
    })
}
