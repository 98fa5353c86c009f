//! What NATS has sent and waits here.

use std::collections::VecDeque;
use std::pin::pin;

use async_nats::{Message as NatsMessage, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::OwnedSemaphorePermit;

use crate::nats::Nats;

/// The messages of one subscription. Whoever takes them reads on [while](Self::meanwhile) it waits for
/// something else, so that few wait in the client of NATS, which counts them and not their bytes.
pub(crate) struct Inbox {
    messages: Subscriber,
    waiting: VecDeque<(Received, OwnedSemaphorePermit)>,
    nats: Nats,
    /// How often messages may have been lost before the last one that came.
    losses: u64,
    /// One found no room since.
    refused: bool,
    ended: bool,
}

/// A message, and whether some may have been lost between it and the one before it.
pub(crate) struct Received {
    pub(crate) message: NatsMessage,
    pub(crate) after_loss: bool,
}

impl Inbox {
    /// Those of a subscription.
    pub(crate) fn new(nats: Nats, messages: Subscriber) -> Self {
        Self {
            messages,
            waiting: VecDeque::new(),
            losses: nats.link().losses,
            nats,
            refused: false,
            ended: false,
        }
    }

    /// The next message; `None` once there are no more.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        if let Some((received, _)) = self.waiting.pop_front() {
            return Some(received);
        }
        if self.ended {
            return None;
        }
        let message = self.messages.next().await;
        self.ended = message.is_none();
        Some(self.received(message?))
    }

    /// Does some work, and keeps what comes meanwhile for later. What finds no room is given to
    /// `refuse`.
    pub(crate) async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        mut refuse: impl FnMut(NatsMessage),
    ) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                message = self.messages.next(), if !self.ended => match message {
                    Some(message) => self.keep(message, &mut refuse),
                    None => self.ended = true,
                },
            }
        }
    }

    /// Asks for no more: those that have come are the last ones.
    pub(crate) async fn drain(&mut self) -> Result<(), async_nats::UnsubscribeError> {
        self.messages.drain().await
    }

    fn keep(&mut self, message: NatsMessage, refuse: &mut impl FnMut(NatsMessage)) {
        let Some(room) = self.nats.inbox_room.take(&message) else {
            self.refused = true;
            return refuse(message);
        };
        let mut received = self.received(message);
        // The client's buffer, of which these are parts, has others' messages too.
        let message = &mut received.message;
        message.payload = Bytes::copy_from_slice(&message.payload);
        message.subject = message.subject.to_string().into();
        message.reply = message.reply.take().map(|reply| reply.to_string().into());
        self.waiting.push_back((received, room));
    }

    fn received(&mut self, message: NatsMessage) -> Received {
        let losses = self.nats.link().losses;
        let after_loss = std::mem::take(&mut self.refused) || losses != self.losses;
        self.losses = losses;
        Received {
            message,
            after_loss,
        }
    }
}
