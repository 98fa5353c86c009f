//! One stream, as those know it who have something for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use netaio_core::Wildcards;

use super::notification::Notice;
use crate::bounded_queue::Queue;
use crate::connection_id::ConnectionId;
use crate::logging::limited;
use crate::remote::Remote;
use crate::shared_request::Confirmed;
use crate::sync::AtomicBool;

/// Is told of notifications that streams have lost.
pub(crate) trait Watch {
    /// Some from a remote were lost, the first ones since the stream said so.
    fn lagged(&self, from: &Remote, lost: usize, first: bool);
}

/// The end of a stream where notices are put in.
pub(super) struct Listening {
    pub(super) id: u64,
    queue: Queue<Notice>,
    /// It has lost some, and has not said so yet.
    lagging: Arc<AtomicBool>,
    /// The server was asked again by this connection, and the stream does not know yet that it
    /// notifies.
    asked_again: Option<ConnectionId>,
    pub(super) grant: Grant,
}

/// What a stream has besides the notifications of its very uri.
#[derive(Clone)]
pub(super) enum Grant {
    /// Nothing: the uri is no wildcard, or the server refuses it.
    Nothing,
    /// All that match it, once this says that the server has confirmed that. Until then they may
    /// be of other subscriptions, and others have them too.
    Matching(Confirmed),
}

impl Grant {
    /// What is asked for, and what is to be set when the server has confirmed that.
    pub(super) fn asked_for(uri: &[u8]) -> (Self, Option<Confirmed>) {
        match Wildcards::is_wildcard(uri) {
            true => {
                let confirmed = Confirmed::default();
                (Self::Matching(confirmed.clone()), Some(confirmed))
            }
            false => (Self::Nothing, None),
        }
    }

    /// Whether the server has confirmed that the stream has what matches; `None` where it has
    /// not.
    pub(super) fn is_confirmed(&self) -> Option<bool> {
        match self {
            Self::Nothing => None,
            Self::Matching(confirmed) => Some(confirmed.load(Ordering::Acquire)),
        }
    }
}

impl Listening {
    pub(super) fn new(
        id: u64,
        queue: Queue<Notice>,
        lagging: Arc<AtomicBool>,
        grant: Grant,
    ) -> Self {
        Self {
            id,
            queue,
            lagging,
            asked_again: None,
            grant,
        }
    }

    /// Queues a notice. Where there is no room the oldest are dropped, which is told.
    pub(super) fn push(&self, notice: Notice, from: &Remote, watch: &impl Watch) {
        let bytes = notice.bytes();
        let lost = self.queue.push(notice, bytes).unwrap_or(0);
        if lost > 0 {
            let first = !self.lagging.swap(true, Ordering::Relaxed);
            watch.lagged(from, lost, first);
            limited!(
                from.logs(),
                WARN,
                "notifications were dropped: a subscription is not read fast enough",
                lost
            );
        }
    }

    /// The server was asked again, by this connection.
    pub(super) fn asked_again(&mut self, by: ConnectionId, grant: Grant) {
        self.asked_again = Some(by);
        self.grant = grant;
    }

    /// The server refuses what it was asked again by this connection.
    pub(super) fn is_refused(&mut self, by: ConnectionId) {
        if self.asked_again.take_if(|asked| *asked == by).is_some() {
            self.grant = Grant::Nothing;
        }
    }

    /// Says that the server notifies again, where it was asked to by this connection.
    pub(super) fn notifies_again(&mut self, from: &Remote, watch: &impl Watch) {
        let Some(connection) = from.connection() else {
            return;
        };
        let asked_again = self.asked_again.take_if(|by| *by == connection.id());
        if asked_again.is_some() {
            self.push(Notice::Resubscribed, from, watch);
        }
    }
}
