//! `wst_port`: type and limits of an input or output, for hosts that make controls from them.

use wuerst::core::{Port, PortRole, Ty};
use wuerst::graph::Output;
use wuerst::{Error, Result};
pub(crate) use wuerst_sys::Port as PortView;

use crate::grow::Shows;
use crate::text::Str;
use crate::value::Value;

/// `WST_PORT_OPTIONAL` of the header.
const OPTIONAL: u32 = wuerst_sys::numbers::PORT_OPTIONAL;

/// A port, with strings that C can borrow.
pub(crate) struct Shown {
    port: Port,
    type_text: String,
    declaration: String,
    title: String,
    initial: Option<Value>,
    /// Views of `port.choices`, which outlive them.
    choices: Vec<Str>,
}

impl Shown {
    pub(crate) fn new(port: Port) -> Shown {
        let (type_text, text) = (port.ty.to_string(), port.to_string());
        let declaration =
            text.split_once(": ").map_or(text.as_str(), |(_, declaration)| declaration).to_owned();
        let initial = port.default.clone().map(Value::from);
        let choices = port.choices.iter().map(|choice| Str::of(choice)).collect();
        let title = title(&port.name);
        Shown { port, type_text, declaration, title, initial, choices }
    }

    /// An output, which only has a name and a type.
    pub(crate) fn output(output: &Output) -> Shown {
        let (name, ty, role) = (output.name.clone(), output.ty.clone(), output.role);
        let (optional, default, range, choices, about) = Default::default();
        Shown::new(Port { name, ty, role, optional, default, range, choices, about })
    }

    fn view(&self) -> PortView {
        let (minimum, maximum) = match &self.port.range {
            Some(range) => (*range.start(), *range.end()),
            None => (f64::NEG_INFINITY, f64::INFINITY),
        };
        PortView {
            struct_size: size_of::<PortView>(),
            name: Str::of(&self.port.name),
            kind: match self.port.ty {
                Ty::Bool => 1,
                Ty::Int => 2,
                Ty::Float => 3,
                Ty::Text => 4,
                Ty::Model => 5,
                Ty::Tensor { .. } => 6,
                Ty::File => 7,
            },
            flags: if self.port.optional { OPTIONAL } else { 0 },
            type_text: Str::of(&self.type_text),
            declaration: Str::of(&self.declaration),
            initial: self.initial.as_ref().map_or(std::ptr::null(), std::ptr::from_ref).cast(),
            minimum,
            maximum,
            choices: self.choices.as_ptr(),
            choice_count: self.choices.len(),
            about: Str::of(&self.port.about),
            role: match self.port.role() {
                None => 0,
                Some(PortRole::Embedding) => 1,
                Some(PortRole::Latents) => 2,
                Some(PortRole::Mask) => 3,
                Some(PortRole::Picture) => 4,
                Some(PortRole::Text) => 5,
            },
            reserved: 0,
            title: Str::of(&self.title),
        }
    }
}

/// A name as people read it: `decoder_steps` becomes "Decoder steps".
fn title(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Writes the port at `index` to C.
///
/// # Safety
/// `out` is NULL or a struct begun with its _INIT macro.
pub(crate) unsafe fn show(ports: &[Shown], index: usize, out: *mut PortView) -> Result<()> {
    let port = at(ports, index)?;
    // SAFETY: promised by the caller.
    unsafe { port.view().show(out) }
}

/// The element at `index`.
pub(crate) fn at<T>(list: &[T], index: usize) -> Result<&T> {
    let message = || format!("{index} is beyond the end: there are only {}, counted from 0", list.len());
    list.get(index).ok_or_else(|| Error::invalid("index", message()))
}
