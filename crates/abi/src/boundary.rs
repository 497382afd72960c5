//! The boundary between C and Rust: NULL, panics, outputs.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Once;

use wuerst_core::{Error, Result, panic_message};

use crate::failure::Failure;

/// Runs the body of an exported function that can fail. Returns NULL on success; a panic becomes an error.
pub fn fallible(body: impl FnOnce() -> Result<()>) -> *mut Failure {
    match caught(body).and_then(|result| result) {
        Ok(()) => std::ptr::null_mut(),
        Err(error) => Failure::give(error),
    }
}

/// Runs the body of an exported function that cannot fail. A panic, which is a bug, returns `fallback`.
pub fn infallible<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    caught(body).unwrap_or(fallback)
}

/// The target of a pointer that must not be NULL; `name` is the parameter's name in the header.
pub fn non_null<'a, T>(pointer: Option<&'a T>, name: &str) -> Result<&'a T> {
    pointer.ok_or_else(|| null(name))
}

fn null(name: &str) -> Error {
    Error::invalid(name, "is NULL")
}

/// An output pointer from C. Not a reference, since the memory need not be initialised.
#[repr(transparent)]
pub struct Out<T>(Option<NonNull<T>>);

impl<T> Out<T> {
    /// An output of our own, for a function of the host's.
    pub(crate) fn at(place: &mut std::mem::MaybeUninit<T>) -> Out<T> {
        Out(Some(NonNull::from(place).cast()))
    }

    /// Refuses NULL before any work is done.
    pub fn non_null(self) -> Result<Place<T>> {
        self.0.map(Place).ok_or_else(|| null("out"))
    }

    /// Writes the value, unless C passed NULL.
    ///
    /// # Safety
    /// The pointer is NULL or writable.
    pub unsafe fn offer(self, value: T) {
        if let Some(place) = self.0 {
            // SAFETY: promised by the caller.
            unsafe { place.write(value) }
        }
    }
}

/// Address of a struct from C, or NULL. Not a reference, since the struct may be shorter than ours.
#[repr(transparent)]
pub struct At<T>(*const T);

impl<T> At<T> {
    /// The pointer.
    pub fn pointer(self) -> *const T {
        self.0
    }
}

/// A non-NULL output pointer.
pub struct Place<T>(NonNull<T>);

impl<T> Place<T> {
    /// Writes the output.
    ///
    /// # Safety
    /// The pointer is writable, as the header requires.
    pub unsafe fn write(self, value: T) {
        // SAFETY: promised by the caller.
        unsafe { self.0.write(value) }
    }
}

impl<T> Place<*mut T> {
    /// Gives C a new handle.
    ///
    /// # Safety
    /// As [`Place::write`].
    pub unsafe fn give(self, handle: T) {
        // SAFETY: promised by the caller.
        unsafe { self.write(Box::into_raw(Box::new(handle))) }
    }
}

thread_local! {
    /// Message and place of the last panic in this thread, from the panic hook.
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps panics off stderr, where the standard hook would write.
///
/// For shared libraries only: they have their own copy of the standard library, so this replaces no hook of the host.
pub fn quiet() {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| std::panic::set_hook(Box::new(|panic| HEARD.set(Some(panic.to_string())))));
}

fn caught<T>(body: impl FnOnce() -> T) -> Result<T> {
    // No half-changed state is seen after a panic: all state that outlives a call is immutable or locked.
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| Error::Internal(message(&*panic)))
}

/// Message of a caught panic.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    HEARD.take().unwrap_or_else(|| panic_message(panic).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_becomes_error() {
        let failure = fallible(|| panic!("oh no"));
        // SAFETY: it was just given.
        let failure = unsafe { Box::from_raw(failure) };
        assert!(failure.message().contains("oh no") && failure.message().contains("a bug"));
        drop(failure);
        assert_eq!(infallible(7, || panic!("oh no")), 7);
    }

    #[test]
    fn null_is_refused_by_name() {
        assert_eq!(non_null::<u8>(None, "engine").unwrap_err().to_string(), "engine: is NULL");
        assert!(Out::<u8>(None).non_null().is_err());
        // SAFETY: nothing is written.
        unsafe { Out::<u8>(None).offer(1) };
    }
}
