//! The plug-in's side: exports a Rust [`NodeKind`] to a host that may have been built separately.
//!
//! Handles of the host are only passed back to the host's own functions.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use wuerst_core::{
    Args, Batch, CancellationToken, Ctx, Error, File, Model, NodeKind, NodeSpec, Observer, Result, Tensor,
};
use wuerst_sys::Versioned;

use crate::boundary::{self, Out};
use crate::call::Call;
use crate::digest::{Digest, in_c};
use crate::error::{Code, Failure, ForeignError, code};
use crate::grow::Shows;
use crate::node::{BatchView, RawKind, VOLATILE};
use crate::table::{Api, Plugin};
use crate::tensor;
use crate::text::{Read, Str};
use crate::value::Value;

/// Makes a library (`crate-type = ["cdylib"]`) a plug-in that adds these nodes. Each argument is a function without
/// parameters that returns `Result<impl NodeKind>`.
///
/// ```
/// use wuerst_abi::core::{Args, Ctx, NodeKind, NodeSpec, Result, Value};
///
/// struct Double(NodeSpec);
///
/// impl Double {
///     fn new() -> Result<Double> {
///         Ok(Double(NodeSpec::new("house.double", 1, "x: int -> y: int", "Doubles a number.")?))
///     }
/// }
///
/// impl NodeKind for Double {
///     fn spec(&self) -> &NodeSpec {
///         &self.0
///     }
///     fn run(&self, _: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
///         Ok(vec![Value::from(2 * args.int("x")?)])
///     }
/// }
///
/// wuerst_abi::plugin!(Double::new);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! plugin {
    ($($new:path),+ $(,)?) => {
        /// The interface version that this plug-in is built for.
        #[unsafe(no_mangle)]
        pub extern "C" fn wst_plugin_version() -> u32 {
            $crate::ABI_VERSION
        }

        /// Adds the nodes.
        ///
        /// # Safety
        /// Called by the host only, with its table.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn wst_plugin_init_1(
            api: &'static $crate::table::Api,
            plugin: *mut $crate::table::Plugin,
        ) -> *mut $crate::Failure {
            let nodes = || {
                let mut nodes = ::std::vec::Vec::<::std::sync::Arc<dyn $crate::core::NodeKind>>::new();
                $(nodes.push(::std::sync::Arc::new($new()?));)+
                $crate::core::Result::Ok(nodes)
            };
            $crate::guest::init(api, plugin, nodes)
        }
    };
}

/// A node with the host's table.
struct Exported {
    api: &'static Api,
    node: Arc<dyn NodeKind>,
}

/// Adds nodes to the host: the body of a plug-in's entry, called by [`plugin!`](crate::plugin!).
#[doc(hidden)]
pub fn init(
    api: &'static Api,
    plugin: *mut Plugin,
    nodes: impl FnOnce() -> Result<Vec<Arc<dyn NodeKind>>>,
) -> *mut Failure {
    boundary::quiet();
    catch(api, || Ok(nodes()?.into_iter().try_for_each(|node| add(api, plugin, node))?))
}

/// Runs `body`; its errors and panics become errors of the host.
fn catch(api: &Api, body: impl FnOnce() -> Result<(), ForeignError>) -> *mut Failure {
    let bug = |panic: Box<dyn Any + Send>| {
        let message = format!("a bug in the plug-in: {}", boundary::message(&*panic));
        Err(ForeignError { code: Code::Internal, message })
    };
    match catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(bug) {
        Ok(()) => ptr::null_mut(),
        Err(said) => (api.error_new)(said.code as u32, Str::of(&said.message)),
    }
}

fn add(api: &'static Api, plugin: *mut Plugin, node: Arc<dyn NodeKind>) -> Result<()> {
    // The interface cannot carry the inputs of an example.
    let NodeSpec { kind, version, signature, pure, about, expected_ms, example: _ } = node.spec();
    let ports = signature.inputs.iter().chain(&signature.outputs).filter(|port| !port.about.is_empty());
    let ports: String = ports.map(|port| format!("{}: {}\n", port.name, port.about)).collect();
    let signature = signature.to_string();
    let user = Box::into_raw(Box::new(Exported { api, node: node.clone() })).cast::<c_void>();
    let raw = RawKind {
        struct_size: size_of::<RawKind>(),
        kind: Str::of(kind),
        signature: Str::of(&signature),
        about: Str::of(about),
        ports: Str::of(&ports),
        version: *version,
        flags: if *pure { 0 } else { VOLATILE },
        run: Some(run),
        check: Some(check),
        drop: Some(drop_exported),
        user,
        state: Some(state),
        batch: Some(batch),
        expected_ms: *expected_ms,
    };
    take_error(api, (api.add)(plugin, &raw)).inspect_err(|_| {
        // SAFETY: the host refused the node, so it is still ours.
        unsafe { drop_exported(user) }
    })
}

/// Converts an error from the host, and frees it.
fn take_error(api: &Api, failure: *mut Failure) -> Result<()> {
    if failure.is_null() {
        return Ok(());
    }
    // SAFETY: the host's error is ours to read and to free; its message is valid until then.
    let said = unsafe {
        let message = (api.error_message)(failure.as_ref()).read("message").map(str::to_owned);
        (api.error_free)(Some(Box::from_raw(failure)));
        message?
    };
    Err(Error::invalid("host", said))
}

/// Calls a host function with an output, and returns the output.
fn ask<T>(api: &Api, function: impl FnOnce(Out<T>) -> *mut Failure) -> Result<T> {
    let mut place = MaybeUninit::uninit();
    take_error(api, function(Out::at(&mut place)))?;
    // SAFETY: outputs are written on success.
    Ok(unsafe { place.assume_init() })
}

unsafe extern "C" fn drop_exported(user: *mut c_void) {
    // SAFETY: made by `add`, and dropped once.
    let exported = unsafe { Box::from_raw(user.cast::<Exported>()) };
    // A panic in a destructor has no receiver.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(exported)));
}

unsafe extern "C" fn run(user: *mut c_void, call: *mut Call) -> *mut wuerst_sys::Error {
    // SAFETY: made by `add`, and not dropped while it runs.
    let Exported { api, node } = unsafe { &*user.cast::<Exported>() };
    catch(api, || {
        let spec = node.spec();
        let values = arguments(api, call, spec)?;
        // SAFETY: the node's name in the graph is valid until the run ends.
        let id = unsafe { (api.call_node)(call).read("node")? };
        let cancel = CancellationToken::new();
        let mut observer = Host { api, call, cancel: cancel.clone() };
        let mut ctx = Ctx::new(id, &cancel, &mut observer);
        let results = node.run(&mut ctx, &Args::new(&spec.signature.inputs, &values))?;
        for (index, value) in results.into_iter().enumerate() {
            let value = host_value(api, value)?;
            // SAFETY: made by the host just now.
            let failure = (api.call_result)(call, index, unsafe { value.as_ref() });
            // SAFETY: as above; the call keeps its own reference.
            (api.value_free)(Some(unsafe { Box::from_raw(value) }));
            take_error(api, failure)?;
        }
        Ok(())
    })
    .cast()
}

unsafe extern "C" fn check(user: *mut c_void, call: *mut Call) -> *mut wuerst_sys::Error {
    // SAFETY: as in `run`.
    let Exported { api, node } = unsafe { &*user.cast::<Exported>() };
    catch(api, || {
        let spec = node.spec();
        let known = arguments(api, call, spec)?;
        node.check(&Args::new(&spec.signature.inputs, &known)).map_err(|refusal| {
            let message = match &refusal.port {
                Some(port) => format!("{port}: {}", refusal.message),
                None => refusal.message.clone(),
            };
            ForeignError { code: code(&refusal.into()), message }
        })
    })
    .cast()
}

unsafe extern "C" fn state(user: *mut c_void, call: *mut Call, out: *mut Digest) -> *mut wuerst_sys::Error {
    // SAFETY: as in `run`.
    let Exported { api, node } = unsafe { &*user.cast::<Exported>() };
    catch(api, || {
        let spec = node.spec();
        let known = arguments(api, call, spec)?;
        if let Some(state) = node.state(&Args::new(&spec.signature.inputs, &known))? {
            // SAFETY: the host's writable output.
            unsafe { out.write(in_c(state)) };
        }
        Ok(())
    })
    .cast()
}

thread_local! {
    /// Last result of `batch` in this thread, which the host reads through views.
    static BATCH: RefCell<[String; 3]> = const { RefCell::new([const { String::new() }; 3]) };
}

unsafe extern "C" fn batch(user: *mut c_void, call: *mut Call, out: *mut BatchView) -> c_int {
    // SAFETY: as in `run`.
    let Exported { api, node } = unsafe { &*user.cast::<Exported>() };
    let described = || {
        let has = |name: &str| {
            node.spec().signature.input(name).is_some_and(|(index, _)| (api.call_has)(call, index) != 0)
        };
        let Some(Batch { over, each, counts }) = node.batch(&has) else { return 0 };
        BATCH.set([over.into_owned(), each.join(","), counts.unwrap_or_default().into_owned()]);
        BATCH.with_borrow(|[over, each, counts]| {
            let [over, each, counts] = [over, each, counts].map(|text| Str::of(text));
            // SAFETY: the host's struct, begun with its size.
            unsafe { BatchView { over, each, counts, ..BatchView::init() }.show(out) }.is_ok().into()
        })
    };
    // A panic, which is a bug, counts as "no batch": the node then runs as a whole, panics again, and that panic is reported.
    catch_unwind(AssertUnwindSafe(described)).unwrap_or(0)
}

fn arguments(api: &Api, call: *mut Call, spec: &NodeSpec) -> Result<Vec<Option<wuerst_core::Value>>> {
    let argument = |index| {
        let value = ask(api, |out| (api.call_argument)(call, index, out))?;
        // SAFETY: NULL, or valid until the call ends.
        unsafe { value.as_ref() }.map(|value| taken(api, value)).transpose()
    };
    (0..spec.signature.inputs.len()).map(argument).collect()
}

/// Converts a value of the host; tensors are copied.
fn taken(api: &Api, value: &Value) -> Result<wuerst_core::Value> {
    let text = |function: extern "C" fn(Option<&Value>, Out<Str>) -> *mut Failure| {
        let view = ask(api, |out| function(Some(value), out))?;
        // SAFETY: a view of the value.
        unsafe { view.read("text") }
    };
    Ok(match (api.value_type)(Some(value)) {
        1 => (ask(api, |out| (api.value_as_bool)(Some(value), out))? != 0).into(),
        2 => match ask(api, |out| (api.value_as_int)(Some(value), out)) {
            Ok(number) => number.into(),
            Err(_) => ask(api, |out| (api.value_as_uint)(Some(value), out))?.into(),
        },
        3 => ask(api, |out| (api.value_as_float)(Some(value), out))?.into(),
        4 => text(api.value_as_text)?.into(),
        5 => Model::open(text(api.value_as_text)?, Path::new(text(api.value_as_path)?))?.into(),
        7 => File::open(text(api.value_as_text)?, Path::new(text(api.value_as_path)?))?.into(),
        _ => {
            let view = ask(api, |out| (api.value_as_tensor)(Some(value), out))?;
            // SAFETY: a view of the value.
            unsafe { tensor::copy(&view)? }.into()
        }
    })
}

/// Converts a value to one of the host.
fn host_value(api: &Api, value: wuerst_core::Value) -> Result<*mut Value> {
    use wuerst_core::Value::{Bool, File, Float, Int, Model, Tensor, Text};
    match value {
        Bool(x) => Ok((api.value_bool)(x.into())),
        Int(x) => match i64::try_from(x) {
            Ok(x) => Ok((api.value_int)(x)),
            Err(_) => Ok((api.value_uint)(u64::try_from(x).unwrap_or(u64::MAX))),
        },
        Float(x) => Ok((api.value_float)(x)),
        Text(x) => ask(api, |out| (api.value_text)(Str::of(&x), out)),
        Tensor(x) => ask(api, |out| (api.value_tensor)(Some(&tensor::view(&x, &tensor::shape(&x))), out)),
        Model(x) => Err(Error::invalid(x.name(), "a plug-in cannot give a model")),
        File(x) => Err(Error::invalid(x.name(), "a plug-in cannot give a file")),
    }
}

/// Forwards a node's events to its run.
struct Host {
    api: &'static Api,
    call: *mut Call,
    /// Token of the node's own context.
    cancel: CancellationToken,
}

impl Observer for Host {
    fn progress(&mut self, _: &str, done: usize, of: usize) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        if (self.api.call_step)(self.call, count(done), count(of)) == 0 {
            self.cancel.cancel();
        }
    }

    fn wants_preview(&self) -> bool {
        (self.api.call_wants_preview)(self.call) != 0
    }

    fn preview(&mut self, _: &str, rgb: &Tensor) {
        // A failed preview does not stop the run.
        let _ = take_error(
            self.api,
            (self.api.call_preview)(self.call, Some(&tensor::view(rgb, &tensor::shape(rgb)))),
        );
    }

    fn warning(&mut self, _: &str, message: &str) {
        let _ = take_error(self.api, (self.api.call_warn)(self.call, Str::of(message)));
    }
}
