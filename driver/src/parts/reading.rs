//! A handler's end of a stream.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use event_listener::{Event, EventListener};
use netaio_core::parts::{Taken, Ticket};

use super::shared::Shared;
use crate::error::BodyLost;
use crate::handler::TakeBody;
use crate::service::Service;
use crate::sync::lock;

/// A handler's end of a stream.
pub(super) struct Reading {
    shared: Arc<Shared>,
    /// The application may keep this for longer than there is a node.
    service: Weak<Service>,
    ticket: Ticket,
    news: Arc<Event>,
    listener: Option<EventListener>,
    is_over: bool,
}

impl Reading {
    pub(super) fn new(shared: &Arc<Shared>, service: &Arc<Service>, ticket: Ticket) -> Self {
        let news = Arc::new(Event::new());
        lock(&shared.state).streams.insert(ticket, news.clone());
        Self {
            shared: shared.clone(),
            service: Arc::downgrade(service),
            ticket,
            news,
            listener: None,
            is_over: false,
        }
    }
}

impl TakeBody for Reading {
    fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyLost>>> {
        loop {
            if self.is_over {
                return Poll::Ready(None);
            }
            if let Some(listener) = &mut self.listener {
                ready!(Pin::new(listener).poll(context));
                self.listener = None;
            }
            // Before the look, so that nothing that comes after it is missed.
            let listener = self.news.listen();
            let ticket = self.ticket;
            let taken = match self.service.upgrade() {
                Some(service) => self.shared.change(&service, |inbox, _| inbox.take(ticket)),
                None => Taken::Lost,
            };
            match taken {
                Taken::Bytes(bytes) => return Poll::Ready(Some(Ok(bytes))),
                Taken::Nothing => self.listener = Some(listener),
                Taken::End => self.is_over = true,
                Taken::Lost => {
                    self.is_over = true;
                    return Poll::Ready(Some(Err(BodyLost)));
                }
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        lock(&self.shared.state).streams.remove(&self.ticket);
    }
}
