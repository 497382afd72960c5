//! Why a node refuses its arguments.

use crate::{BoxError, Error};

/// Why a node refuses its arguments.
#[derive(Debug)]
pub struct Refusal {
    /// The port to blame, if it is one alone.
    pub port: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
    /// What it came of, where that is more than a wrong argument: a model that cannot be used, say. Whoever gets the
    /// refusal as an [`Error`] can decide by it.
    pub cause: Option<BoxError>,
}

impl Refusal {
    /// Blames one port.
    pub fn at(port: &str, message: impl Into<String>) -> Refusal {
        Refusal { port: Some(port.to_owned()), ..Refusal::from(message.into()) }
    }

    /// Blames one port for what came of its value.
    pub fn because(port: &str, cause: impl Into<BoxError>) -> Refusal {
        let cause = cause.into();
        let message = cause.to_string();
        Refusal { port: Some(port.to_owned()), message, cause: Some(cause) }
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Refusal {
        Refusal { port: None, message, cause: None }
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Refusal {
        Refusal::from(message.to_owned())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        match error {
            Error::Invalid { what, message } => Refusal::at(&what, message),
            other => Refusal { port: None, message: other.to_string(), cause: Some(other.into()) },
        }
    }
}
