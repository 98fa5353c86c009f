//! What a link has of its node.

use alloc::sync::Arc;

use crate::budget::{Account, Budget};
use crate::config::{LinkConfig, Role};
use crate::place::LinkId;

/// A link's place among the others of its node.
pub(crate) struct Seat {
    pub(crate) id: LinkId,
    pub(crate) role: Role,
    pub(crate) config: Arc<LinkConfig>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) account: Arc<Account>,
}
