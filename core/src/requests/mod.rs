//! Requests that wait, whatever their answers come over.

mod correlation;
mod deadlines;
mod pending;

pub use self::correlation::Correlation;
pub(crate) use self::correlation::Ids;
pub(crate) use self::deadlines::Deadlines;
pub use self::pending::RequestId;
pub(crate) use self::pending::{Ended, Named, NewRequest, Pending};
