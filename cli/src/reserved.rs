//! Uris that a server answers by itself, whatever its store has.

use crate::identity::PROBE;

/// Answered with what was asked with.
pub(crate) const ECHO: &str = "echo";

/// Whether a resource at this uri would never be read.
pub(crate) fn is_reserved(uri: &[u8]) -> bool {
    [ECHO, PROBE].map(str::as_bytes).contains(&uri)
}
