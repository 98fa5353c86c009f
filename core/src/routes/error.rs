//! Why a handler is not registered.

use alloc::string::String;

use crate::error::LayerError;

/// Why a handler is not registered. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Its inner layer does not go with the outer one.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Its key is a pattern that cannot be one.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// A pattern of uris that cannot be one, or not beside the others. The text is the pattern as
/// it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Both match the same uris, and neither is more specific.
    #[error("the pattern {pattern:?} conflicts with {with:?}: both match the same uris")]
    Conflict {
        /// The new one.
        pattern: String,
        /// The one that is registered already.
        with: String,
    },
    /// It is not written as a pattern is.
    #[error("the pattern {pattern:?}: {reason}; `Key::exact` takes a uri as it is")]
    Invalid {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The cargo feature `patterns` is off.
    #[error("{pattern:?} has a brace, and patterns are off: `Key::exact` takes a uri as it is")]
    Off {
        /// The uri with a brace.
        pattern: String,
    },
}
