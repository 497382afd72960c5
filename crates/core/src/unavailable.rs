//! Causes of errors for which the input is not at fault.

/// A device or server that a run needs and does not have; at another time or on another machine, the run may succeed. The
/// source of an [`Error::Model`](crate::Error::Model).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// A device refused a model that another one accepts, or was lost in the middle of a run.
    #[error("{0}")]
    Device(String),
    /// None of the servers of a remote answers.
    #[error("{0}")]
    Server(String),
}
