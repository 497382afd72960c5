//! `wst_graph`, and its ports, from which hosts make controls.

use crate::error::Error;
use crate::job::Job;
use crate::library::Library;
use crate::raw::{self, Str, Versioned};
use crate::value::Value;
use std::sync::Arc;

/// Type of a port's values: `wst_type` of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// UTF-8.
    Text,
    /// A model on disk, set by its name.
    Model,
    /// Numbers in a shape: pictures, latents, embeddings.
    Tensor,
    /// A file to read, set by its path.
    File,
}

/// An input or output of a graph.
#[derive(Debug, Clone)]
pub struct Port {
    /// Name of the port.
    pub name: String,
    /// Type of its values.
    pub kind: Kind,
    /// The type as text, such as `u8[h,w,3]`.
    pub type_text: String,
    /// Whether it may be left out although it has no initial value.
    pub optional: bool,
    /// Value used when none is given, as text that can be set; `None` for tensors and if there is none.
    pub initial: Option<String>,
    /// The smallest and the largest number allowed; infinite without limits.
    pub limits: [f64; 2],
    /// Allowed texts; empty: any.
    pub choices: Vec<String>,
    /// Description in a sentence.
    pub about: String,
    /// Role of a tensor or file: `ROLE_NONE` to `ROLE_TEXT` of [`wuerst_sys::numbers`].
    pub role: u32,
    /// The name as people read it.
    pub title: String,
}

impl Port {
    /// Whether its type is one picture, `u8[h,w,3]` with any names of dimensions.
    pub fn is_picture(&self) -> bool {
        let inside = self.type_text.strip_prefix("u8[").and_then(|rest| rest.strip_suffix(']'));
        inside.is_some_and(|dims| dims.ends_with(",3") && dims.split(',').count() == 3)
    }
}

/// A checked graph. Cheap to clone.
#[derive(Clone)]
pub struct Graph(Arc<Owned>);

struct Owned {
    library: Library,
    handle: *mut raw::Graph,
}

// SAFETY: the header calls a graph immutable, and allows every function from any thread.
unsafe impl Send for Owned {}
// SAFETY: see `Send`.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: our handle, freed once.
        unsafe { (self.library.functions().wst_graph_free)(self.handle) }
    }
}

impl Graph {
    pub(crate) fn own(library: Library, handle: *mut raw::Graph) -> Graph {
        Graph(Arc::new(Owned { library, handle }))
    }

    /// The inputs in the order of the file.
    ///
    /// # Errors
    /// None are expected.
    pub fn inputs(&self) -> Result<Vec<Port>, Error> {
        let f = self.0.library.functions();
        // SAFETY: the graph lives.
        let count = unsafe { (f.wst_graph_input_count)(self.0.handle) };
        (0..count).map(|index| self.port(f.wst_graph_input, index)).collect()
    }

    /// The outputs in the order of the file.
    ///
    /// # Errors
    /// None are expected.
    pub fn outputs(&self) -> Result<Vec<Port>, Error> {
        let f = self.0.library.functions();
        // SAFETY: the graph lives.
        let count = unsafe { (f.wst_graph_output_count)(self.0.handle) };
        (0..count).map(|index| self.port(f.wst_graph_output, index)).collect()
    }

    /// A job: the graph with values for its inputs.
    ///
    /// # Errors
    /// None are expected.
    pub fn job(&self) -> Result<Job, Error> {
        let Owned { library, handle } = *self.0;
        // SAFETY: the graph lives.
        let job = Error::handle(library, |out| unsafe { (library.functions().wst_job_new)(handle, out) })?;
        Ok(Job::own(library, job))
    }

    fn port(&self, function: PortAt, index: usize) -> Result<Port, Error> {
        let library = self.0.library;
        let mut port = raw::Port::init();
        // SAFETY: the library fills it with views that belong to the graph; they are copied while the graph is alive.
        unsafe {
            Error::take_error(library, function(self.0.handle, index, &raw mut port))?;
            let choices =
                (0..port.choice_count).map(|at| (*port.choices.add(at)).text().to_owned()).collect();
            Ok(Port {
                name: port.name.text().to_owned(),
                kind: kind(port.kind, port.type_text)?,
                type_text: port.type_text.text().to_owned(),
                optional: port.flags & 1 != 0,
                initial: Value::text_of(library, port.initial),
                limits: [port.minimum, port.maximum],
                choices,
                about: port.about.text().to_owned(),
                role: port.role,
                title: port.title.text().to_owned(),
            })
        }
    }
}

/// `wst_graph_output` has the same type.
type PortAt = wuerst_sys::functions::wst_graph_input;

/// # Safety
/// A view that is valid until this returns.
unsafe fn kind(kind: u32, type_text: Str) -> Result<Kind, Error> {
    Ok(match kind {
        1 => Kind::Bool,
        2 => Kind::Int,
        3 => Kind::Float,
        4 => Kind::Text,
        5 => Kind::Model,
        6 => Kind::Tensor,
        7 => Kind::File,
        _ => {
            // SAFETY: promised by the caller.
            let text = unsafe { type_text.text() };
            return Err(Error::new(format!(
                "a port of the type {text} is newer than this adapter: update it"
            )));
        }
    })
}
