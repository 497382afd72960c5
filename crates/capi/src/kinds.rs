//! `wst_kinds`: a snapshot of an engine's node kinds.

use wuerst::Engine;
use wuerst::core::NodeSpec;
use wuerst_abi::node::VOLATILE;
use wuerst_sys::Kind as KindView;

use crate::boundary::{Out, fallible, infallible, non_null};
use crate::error::Failure;
use crate::grow::Shows;
use crate::handle::{Handle, alive};
use crate::ports::{self, PortView, Shown};
use crate::text::Str;

/// The node kinds that an engine had when this snapshot was made.
pub struct Kinds(Vec<Kind>);

struct Kind {
    spec: NodeSpec,
    signature: String,
    inputs: Vec<Shown>,
    outputs: Vec<Shown>,
}

impl Kind {
    fn of(spec: &NodeSpec) -> Kind {
        let shown = |ports: &[wuerst::core::Port]| ports.iter().cloned().map(Shown::new).collect();
        let (inputs, outputs) = (shown(&spec.signature.inputs), shown(&spec.signature.outputs));
        Kind { spec: spec.clone(), signature: spec.signature.to_string(), inputs, outputs }
    }

    fn view(&self) -> KindView {
        KindView {
            struct_size: size_of::<KindView>(),
            kind: Str::of(&self.spec.kind),
            signature: Str::of(&self.signature),
            about: Str::of(&self.spec.about),
            version: self.spec.version,
            flags: if self.spec.pure { 0 } else { VOLATILE },
            input_count: self.inputs.len(),
            output_count: self.outputs.len(),
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_kinds(engine: Option<&Handle<Engine>>, out: Out<*mut Kinds>) -> *mut Failure {
    fallible(|| {
        let (engine, out) = (alive(engine, "engine")?, out.non_null()?);
        let kinds = Kinds(engine.registry().kinds().map(|node| Kind::of(node.spec())).collect());
        // SAFETY: the header requires a writable output.
        unsafe { out.give(kinds) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_kinds_count(kinds: Option<&Kinds>) -> usize {
    infallible(0, || kinds.map_or(0, |kinds| kinds.0.len()))
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_kinds_at(kinds: Option<&Kinds>, index: usize, out: *mut KindView) -> *mut Failure {
    fallible(|| {
        let kind = ports::at(&non_null(kinds, "kinds")?.0, index)?;
        // SAFETY: the header requires a struct begun with its _INIT macro.
        unsafe { kind.view().show(out) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_kinds_input(
    kinds: Option<&Kinds>,
    index: usize,
    input: usize,
    out: *mut PortView,
) -> *mut Failure {
    fallible(|| {
        let kind = ports::at(&non_null(kinds, "kinds")?.0, index)?;
        // SAFETY: the header requires a struct begun with its _INIT macro.
        unsafe { ports::show(&kind.inputs, input, out) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_kinds_output(
    kinds: Option<&Kinds>,
    index: usize,
    output: usize,
    out: *mut PortView,
) -> *mut Failure {
    fallible(|| {
        let kind = ports::at(&non_null(kinds, "kinds")?.0, index)?;
        // SAFETY: the header requires a struct begun with its _INIT macro.
        unsafe { ports::show(&kind.outputs, output, out) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_kinds_free(kinds: Option<Box<Kinds>>) {
    infallible((), || drop(kinds));
}
