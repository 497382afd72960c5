//! Refusals of a node's arguments.

use crate::{BoxError, Error};

/// Reason why a node refuses its arguments.
#[derive(Debug)]
pub struct Refusal {
    /// The port to blame, if it is a single one.
    pub port: Option<String>,
    /// Description of the problem, and of valid values.
    pub message: String,
    /// Underlying error, if any, such as an unusable model. Callers that convert the refusal to an [`Error`] can match on it.
    pub cause: Option<BoxError>,
}

impl Refusal {
    /// A refusal that blames one port.
    pub fn at(port: &str, message: impl Into<String>) -> Refusal {
        Refusal { port: Some(port.to_owned()), ..Refusal::from(message.into()) }
    }

    /// A refusal that blames one port, with an underlying error.
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
