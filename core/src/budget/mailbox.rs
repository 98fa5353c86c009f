//! What a driver queues for a link before the link has it.

use alloc::sync::Arc;
use core::net::SocketAddr;

use super::{Account, Budget, Pressure};

/// Counts what a driver has queued for a [`Link`](crate::Link) besides what the link has
/// itself, such as commands in the mailbox of its task: towards
/// [`Limits::outbound_total`](crate::Limits::outbound_total), and in the comparison of links
/// where all together hold too much. [`Link::mailbox_account`](crate::Link::mailbox_account)
/// makes it.
#[derive(Clone, Debug)]
pub struct MailboxAccount {
    pub(crate) budget: Arc<Budget>,
    pub(crate) account: Arc<Account>,
}

impl MailboxAccount {
    /// The address of the link's other end, if the transport has addresses.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.account.remote()
    }

    /// Says how many bytes of memory are held now, and how many bytes wait, those of
    /// [shared](crate::SharedFrame) frames included. What that means for other links is for
    /// the node to know: [`SharedNode::pressure`](crate::SharedNode::pressure).
    pub fn hold(&self, held: usize, queued: usize) -> Pressure {
        self.budget.hold_mailbox(&self.account, held, queued)
    }

    /// Bytes that wait for the link, those of its own included, if `queued` of them wait
    /// outside of it.
    #[must_use]
    pub fn waiting(&self, queued: usize) -> usize {
        self.account.held().queued.saturating_add(queued)
    }

    /// Whether the link has [room](crate::Link::has_room) behind `queued` bytes that wait
    /// outside of it.
    #[must_use]
    pub fn has_room(&self, queued: usize) -> bool {
        self.budget.has_room(self.waiting(queued))
    }

    /// Whether the link is to be closed, since all together hold too much: it takes no more,
    /// and what is queued for it may go at once.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.account.cut().is_some()
    }
}
