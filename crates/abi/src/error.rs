//! `wst_error`: why a call failed.

use std::ffi::c_int;
use std::{fmt, ptr};

use wuerst_core::{Diagnostic, Error};

use crate::boundary::{Out, infallible};
use crate::text::Str;

/// A `wst_code`, numbered as in the header.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the header says what each means")]
pub enum Code {
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

impl Code {
    /// The code of this number; one that the header does not have, and "no error", is a node's own way to fail.
    pub fn numbered(number: u32) -> Code {
        use Code::{Cancelled, File, Graph, Internal, Invalid, Model, NotFound, OutOfMemory, Runtime};
        let all = [Invalid, Graph, NotFound, File, Model, Runtime, OutOfMemory, Cancelled, Internal];
        all.into_iter().find(|code| *code as u32 == number).unwrap_or(Code::Node)
    }
}

/// What a program can decide by: the cause, where a node or a plug-in only passes it on.
pub fn code(error: &Error) -> Code {
    match error {
        Error::Graph(_) => Code::Graph,
        Error::NotFound { .. } => Code::NotFound,
        Error::Type { .. } | Error::Invalid { .. } | Error::Settings { .. } => Code::Invalid,
        Error::File { .. } => Code::File,
        Error::Model { .. } => Code::Model,
        Error::Runtime(_) => Code::Runtime,
        Error::OutOfMemory { .. } => Code::OutOfMemory,
        Error::Node { source, .. } | Error::Plugin { source, .. } | Error::Refused { source, .. } => {
            match source.downcast_ref::<Said>() {
                Some(said) => said.code,
                None => source.downcast_ref().map_or(Code::Node, code),
            }
        }
        Error::Cancelled => Code::Cancelled,
        _ => Code::Internal,
    }
}

/// An error in somebody else's words: a code and a message, as they came from C.
#[derive(Debug)]
pub struct Said {
    /// What a program can decide by.
    pub code: Code,
    /// What is wrong, for people.
    pub message: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Said {}

impl From<Error> for Said {
    fn from(error: Error) -> Said {
        Said { code: code(&error), message: error.to_string() }
    }
}

/// An error that C holds.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    places: Vec<Diagnostic>,
    /// Ends with a NUL, which is not part of it.
    message: String,
}

impl Failure {
    /// Gives C a new error.
    pub fn give(error: Error) -> *mut Failure {
        let (code, message) = (code(&error), error.to_string());
        let places = match error {
            Error::Graph(places) => places,
            Error::Settings { problem, .. } => vec![problem],
            _ => Vec::new(),
        };
        Failure::boxed(code, places, &message)
    }

    fn boxed(code: Code, places: Vec<Diagnostic>, message: &str) -> *mut Failure {
        // A NUL inside, perhaps from a prompt, would end the message early.
        let message = message.replace('\0', "\u{fffd}") + "\0";
        Box::into_raw(Box::new(Failure { code, places, message }))
    }

    /// The error that C gives back; `None` for NULL, success.
    ///
    /// # Safety
    /// The pointer is NULL or came from this copy of the library, and is C's to give.
    pub unsafe fn take(failure: *mut Failure) -> Option<Said> {
        if failure.is_null() {
            return None;
        }
        // SAFETY: promised by the caller; every error is made by `boxed`.
        let failure = unsafe { Box::from_raw(failure) };
        Some(Said { code: failure.code, message: failure.message().to_owned() })
    }

    /// The message without its NUL.
    pub fn message(&self) -> &str {
        self.message.strip_suffix('\0').unwrap_or(&self.message)
    }
}

/// `wst_error_new`.
pub extern "C" fn error_new(code: u32, message: Str) -> *mut Failure {
    infallible(nothing(), || {
        // SAFETY: the header asks for a string that is good during the call.
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

/// `wst_error_free`.
pub extern "C" fn error_free(error: Option<Box<Failure>>) {
    infallible((), || drop(error));
}

/// What a function that gives a handle and cannot fail gives after a bug.
pub fn nothing<T>() -> *mut T {
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
        let said = Said { code: Code::OutOfMemory, message: "too large".into() };
        assert_eq!(code(&Error::Node { node: "a".into(), source: said.into() }), Code::OutOfMemory);
    }

    #[test]
    fn errors_in_other_words_keep_code_and_message() {
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
    fn messages_end_with_a_nul_and_hold_none() {
        // SAFETY: it was just given.
        let failure = unsafe { Box::from_raw(Failure::give(Error::invalid("a\0b", "wrong"))) };
        assert_eq!(failure.message(), "a\u{fffd}b: wrong");
        let view = error_message(Some(&failure));
        assert_eq!(view.len, failure.message().len());
        assert_eq!(failure.message.as_bytes()[view.len], 0);
        assert_eq!((error_code(None), error_message(None).len), (0, 0));
    }
}
