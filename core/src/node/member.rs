//! The links of a node, as it knows them.

use alloc::sync::Arc;

use crate::budget::Account;

/// What a node knows of one of its links.
pub(super) struct Member {
    /// Its address, and what it holds.
    pub(super) account: Arc<Account>,
    /// It takes messages: its subscriptions and its peer are kept.
    pub(super) is_open: bool,
    /// It was accepted, and so may have to close for another.
    pub(super) accepted: bool,
    /// Introductions that come by it pass an auth plugin.
    pub(super) authenticates: bool,
}
