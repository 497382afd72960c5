//! `wst_error`: why a call failed.

use std::ffi::c_int;
use std::ptr;

use wuerst::Error;

use crate::boundary::{Out, infallible};
use crate::text::Str;

/// A `wst_code`, numbered as in the header.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Ok = 0,
    Invalid = 1,
    Graph = 2,
    NotFound = 3,
    File = 4,
    Model = 5,
    Runtime = 6,
    OutOfMemory = 7,
    Node = 8,
    Cancelled = 9,
    Internal = 10,
}

/// What a program can decide by: the cause, where a node only passes it on.
fn code(error: &Error) -> Code {
    match error {
        Error::Graph(_) => Code::Graph,
        Error::NotFound { .. } => Code::NotFound,
        Error::Type { .. } | Error::Invalid { .. } => Code::Invalid,
        Error::File { .. } => Code::File,
        Error::Model { .. } => Code::Model,
        Error::Runtime(_) => Code::Runtime,
        Error::OutOfMemory { .. } => Code::OutOfMemory,
        Error::Node { source, .. } => source.downcast_ref().map_or(Code::Node, code),
        Error::Cancelled => Code::Cancelled,
        _ => Code::Internal,
    }
}

/// An error that C holds.
pub struct Failure {
    error: Error,
    /// Ends with a NUL, which is not part of it.
    message: String,
}

impl Failure {
    /// Gives C a new error.
    pub(crate) fn give(error: Error) -> *mut Failure {
        // A NUL inside, perhaps from a prompt, would end the message early.
        let mut message = error.to_string().replace('\0', "\u{fffd}");
        message.push('\0');
        Box::into_raw(Box::new(Failure { error, message }))
    }

    /// The message without its NUL.
    pub(crate) fn message(&self) -> &str {
        self.message.strip_suffix('\0').unwrap_or(&self.message)
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_error_code(error: Option<&Failure>) -> u32 {
    infallible(Code::Internal, || error.map_or(Code::Ok, |failure| code(&failure.error))) as u32
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_error_message(error: Option<&Failure>) -> Str {
    let empty = Str { data: c"".as_ptr().cast(), len: 0 };
    infallible(empty, || error.map_or(empty, |failure| Str::of(failure.message())))
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_error_place(
    error: Option<&Failure>,
    index: usize,
    line: Out<u32>,
    column: Out<u32>,
    path: Out<Str>,
    message: Out<Str>,
) -> c_int {
    infallible(0, || {
        let Some(Failure { error: Error::Graph(problems), .. }) = error else { return 0 };
        let Some(problem) = problems.get(index) else { return 0 };
        // SAFETY: the header asks for pointers that are NULL or may be written to.
        unsafe {
            line.offer(problem.line);
            column.offer(problem.column);
            path.offer(Str::of(&problem.path));
            message.offer(Str::of(&problem.message));
        }
        1
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_error_free(error: Option<Box<Failure>>) {
    infallible((), || drop(error));
}

/// What a function that gives a handle and cannot fail gives after a bug.
pub(crate) fn nothing<T>() -> *mut T {
    ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_passes_its_cause_on() {
        let cause = |error: Error| code(&error.in_node("prior"));
        assert_eq!(cause(Error::Runtime("no".into())), Code::Runtime);
        assert_eq!(cause(Error::invalid("width", "200")), Code::Invalid);
        assert_eq!(code(&Error::Node { node: "a".into(), source: "own words".into() }), Code::Node);
    }

    #[test]
    fn messages_end_with_a_nul_and_hold_none() {
        // SAFETY: it was just given.
        let failure = unsafe { Box::from_raw(Failure::give(Error::invalid("a\0b", "wrong"))) };
        assert_eq!(failure.message(), "a\u{fffd}b: wrong");
        let view = wst_error_message(Some(&failure));
        assert_eq!(view.len, failure.message().len());
        assert_eq!(failure.message.as_bytes()[view.len], 0);
        assert_eq!((wst_error_code(None), wst_error_message(None).len), (0, 0));
    }
}
