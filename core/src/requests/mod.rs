//! Requests that wait, whatever their answers come over.

mod deadlines;
mod pending;

pub(crate) use self::deadlines::Deadlines;
pub use self::pending::RequestId;
pub(crate) use self::pending::{Doubt, Lookup, NewRequest, Pending};
