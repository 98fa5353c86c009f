//! What nodes over datagrams need besides.

mod budget;

pub use self::budget::{ReplyBudget, SuppressedReplies};
