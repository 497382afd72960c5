//! `wst_node_kind`: makes a [`NodeKind`] from a node written in C.

use std::borrow::Cow;
use std::ffi::{c_int, c_void};
use std::sync::Arc;

use wuerst_core::inside::Inside;
use wuerst_core::{Args, Batch, Ctx, Error, Hasher, NodeKind, NodeSpec, Refusal, Result};
use wuerst_sys::Versioned;
pub use wuerst_sys::{Batch as BatchView, NodeKind as RawKind};

use crate::call::{Call, Running};
use crate::digest::Digest;
use crate::error::{Code, Failure, ForeignError};
use crate::grow::Grows;
use crate::text::Read;
use crate::value::Value;

/// `WST_KIND_VOLATILE` of the header.
pub const VOLATILE: u32 = wuerst_sys::numbers::KIND_VOLATILE;

/// A function of a node: [`RawKind::run`], [`RawKind::check`].
pub type NodeFn = unsafe extern "C" fn(user: *mut c_void, call: *mut Call) -> *mut wuerst_sys::Error;

/// [`RawKind::state`].
pub type StateFn =
    unsafe extern "C" fn(user: *mut c_void, known: *mut Call, out: *mut Digest) -> *mut wuerst_sys::Error;

/// [`RawKind::batch`].
pub type BatchFn = unsafe extern "C" fn(user: *mut c_void, given: *mut Call, out: *mut BatchView) -> c_int;

/// # Safety
/// The strings are valid.
unsafe fn owned(view: &BatchView) -> Result<Batch> {
    // SAFETY: promised by the caller.
    let (over, each, counts) =
        unsafe { (view.over.read("over")?, view.each.read("each")?, view.counts.read("counts")?) };
    let name = |text: &str| Cow::Owned(text.trim().to_owned());
    let each = each.split(',').filter(|text| !text.trim().is_empty()).map(name).collect();
    Ok(Batch { over: name(over), each, counts: (!counts.is_empty()).then(|| name(counts)) })
}

/// A node whose functions are written in C.
pub struct Foreign {
    spec: NodeSpec,
    run: NodeFn,
    check: Option<NodeFn>,
    state: Option<StateFn>,
    batch: Option<BatchFn>,
    drop: Option<unsafe extern "C" fn(user: *mut c_void)>,
    user: *mut c_void,
}

// SAFETY: the header states that a node's functions may be called from any thread, several at once.
unsafe impl Send for Foreign {}
// SAFETY: see `Send`.
unsafe impl Sync for Foreign {}

impl Foreign {
    /// Reads a node's description. On success the node is ours to drop; after an error it is still C's.
    ///
    /// # Errors
    /// A description of the mistake.
    ///
    /// # Safety
    /// The pointer is NULL or points to a struct begun with its _INIT macro, with valid strings, and functions that obey
    /// the header.
    pub unsafe fn read(node: *const RawKind) -> Result<Foreign> {
        // SAFETY: promised by the caller, here and below.
        let node = unsafe { RawKind::read(node)? }.ok_or_else(|| Error::invalid("node", "is NULL"))?;
        let (kind, signature, about, ports) = unsafe {
            (
                node.kind.read("kind")?,
                node.signature.read("signature")?,
                node.about.read("about")?,
                node.ports.read("ports")?,
            )
        };
        let mut spec = NodeSpec::new(kind, node.version, signature, about)?;
        for line in ports.lines().filter(|line| !line.trim().is_empty()) {
            let (port, meaning) = line.split_once(':').ok_or_else(|| {
                Error::invalid(
                    format!("ports of `{kind}`"),
                    format!("`{line}` is not of the form `port: meaning`"),
                )
            })?;
            spec = spec.describe(port.trim(), meaning.trim())?;
        }
        match node.flags {
            0 => {}
            VOLATILE => spec = spec.volatile(),
            other => {
                let message = format!("{other:#x} has a bit that this version of the library does not know");
                return Err(Error::invalid(format!("flags of `{kind}`"), message));
            }
        }
        match node.expected_ms {
            0. => {}
            ms if ms.is_finite() && ms > 0. => spec = spec.with_expected_ms(ms),
            other => {
                let message = format!("{other} is not a time: milliseconds are expected, or 0");
                return Err(Error::invalid(format!("expected_ms of `{kind}`"), message));
            }
        }
        let run = node.run.ok_or_else(|| Error::invalid(format!("run of `{kind}`"), "is NULL"))?;
        let (check, state, batch) = (node.check, node.state, node.batch);
        Ok(Foreign { spec, run, check, state, batch, drop: node.drop, user: node.user })
    }

    /// Returns ownership of the node to C, which drops it itself. Only if there is no other reference.
    pub fn give_back(node: Arc<Foreign>) {
        if let Some(mut node) = Arc::into_inner(node) {
            node.drop = None;
        }
    }

    fn running<'a, 'c>(&'a self, ctx: Option<&'a mut Ctx<'c>>, args: &Args<'_>) -> Running<'a, 'c> {
        let arguments = args.values().iter().map(|value| value.clone().map(Value::from)).collect();
        let results = self.spec.signature.outputs.iter().map(|_| None).collect();
        let given = args.values().iter().map(Option::is_some).collect();
        Running { signature: &self.spec.signature, arguments, given, results, ctx, stopped: false }
    }

    /// Calls a C function, and converts its error.
    fn call(&self, function: NodeFn, running: &mut Running<'_, '_>) -> Result<(), ForeignError> {
        let _inside = Inside::enter();
        // SAFETY: C's own function with C's own pointer; the call is a number that is never dereferenced.
        let failure = running.enter(|call| unsafe { function(self.user, call) });
        // SAFETY: the header requires NULL or an error made by this library.
        unsafe { Failure::take(failure.cast()) }.map_or(Ok(()), Err)
    }
}

impl NodeKind for Foreign {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn is_foreign(&self) -> bool {
        true
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<wuerst_core::Value>> {
        let node = ctx.id().to_owned();
        let mut running = self.running(Some(ctx), args);
        let done = self.call(self.run, &mut running);
        if running.stopped {
            return Err(Error::Cancelled);
        }
        match done {
            Ok(()) => {}
            Err(ForeignError { code: Code::Cancelled, .. }) => return Err(Error::Cancelled),
            Err(said) => return Err(Error::Node { node, source: said.into() }),
        }
        let given = running.results.into_iter().zip(&self.spec.signature.outputs);
        given
            .map(|(value, port)| {
                value.ok_or_else(|| {
                    Error::invalid(format!("output `{}`", port.name), "the node did not return it")
                })
            })
            .collect()
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        let Some(check) = self.check else { return Ok(()) };
        self.call(check, &mut self.running(None, known)).map_err(|said| {
            // A message that begins with an input's name blames that input.
            let blamed =
                said.message.split_once(": ").filter(|(port, _)| self.spec.signature.input(port).is_some());
            let refusal = match blamed {
                Some((port, message)) => Refusal::at(port, message),
                None => Refusal::from(said.message.as_str()),
            };
            Refusal { cause: Some(said.into()), ..refusal }
        })
    }

    fn state(&self, known: &Args<'_>) -> Result<Option<wuerst_core::Digest>> {
        let Some(state) = self.state else { return Ok(None) };
        let mut digest = Digest::default();
        let mut running = self.running(None, known);
        let _inside = Inside::enter();
        // SAFETY: as in `call`.
        let failure = running.enter(|call| unsafe { state(self.user, call, &raw mut digest) });
        // SAFETY: as in `call`.
        if let Some(said) = unsafe { Failure::take(failure.cast()) } {
            return Err(Error::Node { node: self.spec.kind.clone(), source: said.into() });
        }
        let none = digest == Digest::default();
        Ok((!none).then(|| Hasher::new("state").bytes(&digest.bytes).finish()))
    }

    fn batch(&self, given: &dyn Fn(&str) -> bool) -> Option<Batch> {
        let batch = self.batch?;
        let mut running = self.running(None, &Args::new(&self.spec.signature.inputs, &[]));
        running.given = self.spec.signature.inputs.iter().map(|port| given(&port.name)).collect();
        let mut view = BatchView::init();
        let _inside = Inside::enter();
        // SAFETY: as in `call`; the view lives until it is read.
        let several = running.enter(|call| unsafe { batch(self.user, call, &raw mut view) }) != 0;
        // SAFETY: the header requires strings that are valid as long as the node. Invalid text names no port.
        several.then(|| unsafe { owned(&view) }.ok()).flatten()
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            let _inside = Inside::enter();
            // SAFETY: the header states that this is called once, when the node is no longer in use.
            unsafe { drop(self.user) }
        }
    }
}
