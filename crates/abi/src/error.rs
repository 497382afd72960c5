//! `wst_error`: reason why a call failed.

use std::ffi::c_int;
use std::ptr;

use crate::boundary::{Out, infallible};
pub use crate::failure::{Code, Failure, ForeignError, code};
use crate::text::{Read, Str};

/// `wst_error_new`.
pub extern "C" fn error_new(code: u32, message: Str) -> *mut Failure {
    infallible(nothing(), || {
        // SAFETY: the header requires a string valid during the call.
        match unsafe { message.read("message") } {
            Ok(message) => Failure::boxed(Code::numbered(code), Vec::new(), message),
            Err(error) => Failure::give(error),
        }
    })
}

/// `wst_error_code`.
pub extern "C" fn error_code(error: Option<&Failure>) -> u32 {
    infallible(Code::Internal, || error.map_or(Code::Ok, |failure| failure.code)) as u32
}

/// `wst_error_message`.
pub extern "C" fn error_message(error: Option<&Failure>) -> Str {
    let empty = Str { data: c"".as_ptr().cast(), len: 0 };
    infallible(empty, || error.map_or(empty, |failure| Str::of(failure.message())))
}

/// `wst_error_place`.
pub extern "C" fn error_place(
    error: Option<&Failure>,
    index: usize,
    line: Out<u32>,
    column: Out<u32>,
    path: Out<Str>,
    message: Out<Str>,
) -> c_int {
    infallible(0, || {
        let Some(problem) = error.and_then(|failure| failure.places.get(index)) else { return 0 };
        // SAFETY: the header requires pointers that are NULL or may be written to.
        unsafe {
            line.offer(problem.line);
            column.offer(problem.column);
            path.offer(Str::of(&problem.path));
            message.offer(Str::of(&problem.message));
        }
        1
    })
}

/// `wst_error_free`.
pub extern "C" fn error_free(error: Option<Box<Failure>>) {
    infallible((), || drop(error));
}

/// Fallback of functions that return a handle and cannot fail; used after a bug.
pub fn nothing<T>() -> *mut T {
    ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use wuerst_core::Error;

    use super::*;

    #[test]
    fn node_passes_its_cause_on() {
        let cause = |error: Error| code(&error.in_node("prior"));
        assert_eq!(cause(Error::Runtime("no".into())), Code::Runtime);
        assert_eq!(cause(Error::invalid("width", "200")), Code::Invalid);
        assert_eq!(code(&Error::Node { node: "a".into(), source: "own words".into() }), Code::Node);
        let said = ForeignError { code: Code::OutOfMemory, message: "too large".into() };
        assert_eq!(code(&Error::Node { node: "a".into(), source: said.into() }), Code::OutOfMemory);
    }

    #[test]
    fn foreign_errors_keep_code_and_message() {
        let text = "no luck";
        // SAFETY: they were just given.
        let said = unsafe { Failure::take(error_new(6, Str::of(text))) }.unwrap();
        assert_eq!((said.code, &*said.message), (Code::Runtime, text));
        for unknown in [0, 8, 77] {
            // SAFETY: as above.
            let said = unsafe { Failure::take(error_new(unknown, Str::of(text))) };
            assert_eq!(said.map(|said| said.code), Some(Code::Node), "{unknown}");
        }
        // SAFETY: NULL is allowed.
        assert!(unsafe { Failure::take(ptr::null_mut()) }.is_none());
    }

    #[test]
    fn messages_are_nul_terminated() {
        // SAFETY: it was just given.
        let failure = unsafe { Box::from_raw(Failure::give(Error::invalid("a\0b", "wrong"))) };
        assert_eq!(failure.message(), "a\u{fffd}b: wrong");
        let view = error_message(Some(&failure));
        assert_eq!(view.len, failure.message().len());
        assert_eq!(failure.message.as_bytes()[view.len], 0);
        assert_eq!((error_code(None), error_message(None).len), (0, 0));
    }
}
