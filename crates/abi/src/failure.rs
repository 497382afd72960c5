//! Errors in C terms: a code, a message, and places.

use std::fmt;

use wuerst_core::{Diagnostic, Error};

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
    /// The code with this number. An unknown number, or 0 for "no error", becomes the code for a failed node.
    pub fn numbered(number: u32) -> Code {
        use Code::{Cancelled, File, Graph, Internal, Invalid, Model, NotFound, OutOfMemory, Runtime};
        let all = [Invalid, Graph, NotFound, File, Model, Runtime, OutOfMemory, Cancelled, Internal];
        all.into_iter().find(|code| *code as u32 == number).unwrap_or(Code::Node)
    }
}

/// The code of an error; taken from its cause if a node or a plug-in passes the error on.
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
            match source.downcast_ref::<ForeignError>() {
                Some(said) => said.code,
                None => source.downcast_ref().map_or(Code::Node, code),
            }
        }
        Error::Cancelled => Code::Cancelled,
        _ => Code::Internal,
    }
}

/// An error from C: its code and its message.
#[derive(Debug)]
pub struct ForeignError {
    /// Code, for programs.
    pub code: Code,
    /// Message, for people.
    pub message: String,
}

impl fmt::Display for ForeignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ForeignError {}

impl From<Error> for ForeignError {
    fn from(error: Error) -> ForeignError {
        ForeignError { code: code(&error), message: error.to_string() }
    }
}

/// An error held by C.
#[derive(Debug)]
pub struct Failure {
    pub(crate) code: Code,
    pub(crate) places: Vec<Diagnostic>,
    /// Ends with a NUL, which is not part of the text.
    pub(crate) message: String,
}

impl Failure {
    /// Hands a new error to C.
    pub fn give(error: Error) -> *mut Failure {
        let (code, message) = (code(&error), error.to_string());
        let places = match error {
            Error::Graph(places) => places,
            Error::Settings { problem, .. } => vec![problem],
            _ => Vec::new(),
        };
        Failure::boxed(code, places, &message)
    }

    pub(crate) fn boxed(code: Code, places: Vec<Diagnostic>, message: &str) -> *mut Failure {
        // A NUL inside, perhaps from a prompt, would end the message early.
        let message = message.replace('\0', "\u{fffd}") + "\0";
        Box::into_raw(Box::new(Failure { code, places, message }))
    }

    /// Takes an error back from C; `None` for NULL, which is success.
    ///
    /// # Safety
    /// The pointer is NULL, or was made by this copy of the library and is owned by the caller.
    pub unsafe fn take(failure: *mut Failure) -> Option<ForeignError> {
        if failure.is_null() {
            return None;
        }
        // SAFETY: promised by the caller; every error is made by `boxed`.
        let failure = unsafe { Box::from_raw(failure) };
        Some(ForeignError { code: failure.code, message: failure.message().to_owned() })
    }

    /// The message without its NUL.
    pub fn message(&self) -> &str {
        self.message.strip_suffix('\0').unwrap_or(&self.message)
    }
}
