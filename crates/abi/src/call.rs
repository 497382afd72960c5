//! `wst_call`: one run of one node, as seen by the node's function.
//!
//! C gets a number in place of a pointer, which is looked up and never dereferenced. A call that has ended, or belongs to
//! another thread, is therefore an error and not a crash.

use std::cell::RefCell;
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use wuerst_core::{Ctx, Error, Port, Result, Signature, Tensor, Ty};
pub use wuerst_sys::Call;

use crate::boundary::{Out, fallible, infallible, non_null};
use crate::error::Failure;
use crate::tensor::{self, View};
use crate::text::{Read, Str};
use crate::value::Value;

/// State of a [`Call`].
pub(crate) struct Running<'a, 'c> {
    pub(crate) signature: &'a Signature,
    /// In a vector, so that their addresses stay fixed during the call: C holds pointers to them.
    pub(crate) arguments: Vec<Option<Value>>,
    /// Whether each input has a value now or will have one when the node runs.
    pub(crate) given: Vec<bool>,
    pub(crate) results: Vec<Option<wuerst_core::Value>>,
    /// `None` while a node only checks arguments.
    pub(crate) ctx: Option<&'a mut Ctx<'c>>,
    /// Whether the node was told to stop.
    pub(crate) stopped: bool,
}

thread_local! {
    /// Calls in progress on this thread, the innermost last. `None` while a call is borrowed.
    static CALLS: RefCell<Vec<(usize, Option<*mut Running<'static, 'static>>)>> = const { RefCell::new(Vec::new()) };
}

/// Removes a call from the list when dropped.
struct Over;

impl Drop for Over {
    fn drop(&mut self) {
        CALLS.with_borrow_mut(|calls| calls.pop());
    }
}

impl Running<'_, '_> {
    /// Runs a C function with this state registered as its call.
    pub(crate) fn enter<T>(&mut self, body: impl FnOnce(*mut Call) -> T) -> T {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let pointer = ptr::from_mut(self).cast::<Running<'static, 'static>>();
        CALLS.with_borrow_mut(|calls| calls.push((number, Some(pointer))));
        let _over = Over;
        body(ptr::without_provenance_mut(number))
    }
}

/// Runs `body` with the state of a call.
fn with<T>(call: *const Call, body: impl FnOnce(&mut Running<'_, '_>) -> Result<T>) -> Result<T> {
    let number = call.addr();
    let set = |running| {
        CALLS.with_borrow_mut(|calls| {
            let entry = calls.iter_mut().find(|(other, _)| *other == number)?;
            std::mem::replace(&mut entry.1, running)
        })
    };
    if number == 0 {
        return Err(Error::invalid("call", "is NULL"));
    }
    let Some(pointer) = set(None) else {
        let message = "is valid only in the thread that runs the node, until its function returns, and not inside a callback";
        return Err(Error::invalid("call", message));
    };
    // SAFETY: `enter` keeps the pointer in the list only while it borrows the state, and `set` lends it once at a time.
    // After a body that panics, which is a bug, the call stays lent and is unusable.
    let result = body(unsafe { &mut *pointer });
    set(Some(pointer));
    result
}

/// The port at `index`.
fn port<'p>(ports: &'p [Port], index: usize, what: &str) -> Result<&'p Port> {
    ports.get(index).ok_or_else(|| {
        let message = format!("{index} is not an {what}: the signature has {}, counted from 0", ports.len());
        Error::invalid("index", message)
    })
}

/// `wst_call_argument`.
pub extern "C" fn call_argument(call: *const Call, index: usize, out: Out<*const Value>) -> *mut Failure {
    fallible(|| {
        let out = out.non_null()?;
        with(call, |running| {
            port(&running.signature.inputs, index, "input")?;
            let value = running.arguments.get(index).and_then(Option::as_ref);
            // SAFETY: the header requires a writable output.
            unsafe { out.write(value.map_or(ptr::null(), ptr::from_ref)) };
            Ok(())
        })
    })
}

/// `wst_call_has`.
pub extern "C" fn call_has(call: *const Call, index: usize) -> c_int {
    let has = |running: &mut Running<'_, '_>| Ok(running.given.get(index).copied().unwrap_or(false).into());
    infallible(0, || with(call, has).unwrap_or(0))
}

/// `wst_call_result`.
pub extern "C" fn call_result(call: *mut Call, index: usize, value: Option<&Value>) -> *mut Failure {
    fallible(|| {
        with(call, |running| {
            let port = port(&running.signature.outputs, index, "output")?;
            if running.ctx.is_none() {
                return Err(Error::invalid("call", "this is a check, which has no results"));
            }
            let value = port.ty.widen(non_null(value, "value")?.inner().clone());
            if !port.ty.holds(&value) {
                let (want, got) = (port.ty.to_string(), value.ty().to_string());
                return Err(Error::Type { what: format!("output `{}`", port.name), want, got });
            }
            running.results[index] = Some(value);
            Ok(())
        })
    })
}

/// `wst_call_step`.
pub extern "C" fn call_step(call: *mut Call, done: u32, of: u32) -> c_int {
    let step = |running: &mut Running<'_, '_>| {
        let Some(ctx) = &mut running.ctx else { return Ok(1) };
        let going_on = ctx.step(done as usize, of as usize).is_ok();
        running.stopped |= !going_on;
        Ok(c_int::from(going_on))
    };
    infallible(0, || with(call, step).unwrap_or(0))
}

/// `wst_call_wants_preview`.
pub extern "C" fn call_wants_preview(call: *const Call) -> c_int {
    let wants = |running: &mut Running<'_, '_>| {
        Ok(c_int::from(running.ctx.as_ref().is_some_and(|ctx| ctx.wants_preview())))
    };
    infallible(0, || with(call, wants).unwrap_or(0))
}

/// `wst_call_preview`.
pub extern "C" fn call_preview(call: *mut Call, rgb: Option<&View>) -> *mut Failure {
    fallible(|| {
        let rgb = non_null(rgb, "rgb")?;
        with(call, |running| {
            let Some(ctx) = running.ctx.as_mut().filter(|ctx| ctx.wants_preview()) else { return Ok(()) };
            // SAFETY: the header requires a tensor that matches its description.
            let picture = unsafe { tensor::copy(rgb)? };
            let Ok(()) = is_picture(&picture) else {
                let got = Ty::of_tensor(&picture).to_string();
                return Err(Error::Type { what: "rgb".into(), want: "u8[h,w,3]".into(), got });
            };
            ctx.preview(|| picture);
            Ok(())
        })
    })
}

fn is_picture(tensor: &Tensor) -> Result<(), ()> {
    match tensor.shape() {
        [_, _, 3] if tensor.dtype() == wuerst_core::DType::U8 => Ok(()),
        _ => Err(()),
    }
}

/// `wst_call_warn`.
pub extern "C" fn call_warn(call: *mut Call, message: Str) -> *mut Failure {
    fallible(|| {
        // SAFETY: the header requires a string valid during the call.
        let message = unsafe { message.read("message")? };
        with(call, |running| {
            running.ctx.iter_mut().for_each(|ctx| ctx.warn(message));
            Ok(())
        })
    })
}

/// `wst_call_node`.
pub extern "C" fn call_node(call: *const Call) -> Str {
    let name =
        |running: &mut Running<'_, '_>| Ok(running.ctx.as_ref().map_or(Str::of(""), |ctx| Str::of(ctx.id())));
    infallible(Str::of(""), || with(call, name).unwrap_or(Str::of("")))
}
