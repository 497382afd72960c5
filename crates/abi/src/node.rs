//! `wst_node`: a node in C, and how it becomes a [`Node`].

use std::ffi::c_void;
use std::sync::Arc;

use wuerst_core::{Args, Ctx, Error, Node, NodeSpec, Refusal, Result};

use crate::call::{Call, Running};
use crate::error::{Code, Failure, Said};
use crate::grow::Grows;
use crate::text::Str;
use crate::value::Value;

/// `WST_NODE_VOLATILE` of the header.
pub const VOLATILE: u32 = 1;

/// A function of a node: [`RawNode::run`], [`RawNode::check`].
pub type NodeFn = unsafe extern "C" fn(user: *mut c_void, call: *mut Call) -> *mut Failure;

/// `wst_node` of the header.
#[repr(C)]
#[allow(missing_docs, reason = "the header says what each field means")]
pub struct RawNode {
    pub struct_size: usize,
    pub kind: Str,
    pub signature: Str,
    pub about: Str,
    pub ports: Str,
    pub version: u32,
    pub flags: u32,
    pub run: Option<NodeFn>,
    pub check: Option<NodeFn>,
    pub drop: Option<unsafe extern "C" fn(user: *mut c_void)>,
    pub user: *mut c_void,
}

// SAFETY: repr(C), the size first; zeros are empty strings, numbers and no callbacks.
unsafe impl Grows for RawNode {
    const NAME: &str = "wst_node";
    const FIRST: usize = 112;
}

/// A node whose functions are C's.
pub struct Foreign {
    spec: NodeSpec,
    run: NodeFn,
    check: Option<NodeFn>,
    drop: Option<unsafe extern "C" fn(user: *mut c_void)>,
    user: *mut c_void,
}

// SAFETY: the header says that a node's functions are called from any thread, several at once.
unsafe impl Send for Foreign {}
// SAFETY: as above.
unsafe impl Sync for Foreign {}

impl Foreign {
    /// The node that C describes. From now on it is ours to drop; after an error it is still C's.
    ///
    /// # Errors
    /// What is wrong with the description.
    ///
    /// # Safety
    /// The pointer is NULL or points to a struct begun with its _INIT macro, with good strings, and functions that
    /// keep what the header asks for.
    pub unsafe fn read(node: *const RawNode) -> Result<Foreign> {
        // SAFETY: promised by the caller, here and below.
        let node = unsafe { RawNode::read(node)? }.ok_or_else(|| Error::invalid("node", "is NULL"))?;
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
        let run = node.run.ok_or_else(|| Error::invalid(format!("run of `{kind}`"), "is NULL"))?;
        Ok(Foreign { spec, run, check: node.check, drop: node.drop, user: node.user })
    }

    /// Leaves the node to C after all, which drops it itself. Only for one that nothing else holds.
    pub fn give_back(node: Arc<Foreign>) {
        if let Some(mut node) = Arc::into_inner(node) {
            node.drop = None;
        }
    }

    fn running<'a, 'c>(&'a self, ctx: Option<&'a mut Ctx<'c>>, args: &Args<'_>) -> Running<'a, 'c> {
        let arguments = args.values().iter().map(|value| value.clone().map(Value::from)).collect();
        let results = self.spec.signature.outputs.iter().map(|_| None).collect();
        Running { signature: &self.spec.signature, arguments, results, ctx, stopped: false }
    }

    /// Calls a function of C's, and gives what it said went wrong.
    fn call(&self, function: NodeFn, running: &mut Running<'_, '_>) -> Result<(), Said> {
        // SAFETY: C's own function with C's own pointer; the call is looked up and not followed.
        let failure = running.enter(|call| unsafe { function(self.user, call) });
        // SAFETY: the header asks for NULL or an error that this library made.
        unsafe { Failure::take(failure) }.map_or(Ok(()), Err)
    }
}

impl Node for Foreign {
    fn spec(&self) -> &NodeSpec {
        &self.spec
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
            Err(Said { code: Code::Cancelled, .. }) => return Err(Error::Cancelled),
            Err(said) => return Err(Error::Node { node, source: said.into() }),
        }
        let given = running.results.into_iter().zip(&self.spec.signature.outputs);
        given
            .map(|(value, port)| {
                value.ok_or_else(|| {
                    Error::invalid(format!("output `{}`", port.name), "the node did not give it")
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
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the header says that it is called once, when nothing uses the node any more.
            unsafe { drop(self.user) }
        }
    }
}
