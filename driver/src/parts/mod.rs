//! Messages that come in parts, for handlers of whole ones and of streams.

mod reading;
mod running;
mod shared;

use std::sync::Arc;

use netaio_core::parts::{Inbox, Received};

use self::running::Running;
use self::shared::Shared;
use crate::handler::{Handler, Outcome, Request, Spares};
use crate::service::WeakService;

/// Puts messages together, and hands them to their handlers.
pub(crate) struct Parts(Arc<Shared>);

/// Marks the handler of parts.
pub(crate) struct InParts;

impl Parts {
    pub(crate) fn new(inbox: Inbox) -> Self {
        Self(Shared::new(inbox))
    }
}

impl Handler<InParts> for Parts {
    fn call(&self, request: &mut Option<Request>, spares: &mut Spares) -> Outcome {
        let Some(Request {
            message, remote, ..
        }) = request.take()
        else {
            return Outcome::Done(None);
        };
        let Some(service) = WeakService::of(remote.states()) else {
            return Outcome::Done(None);
        };
        let received = self.0.change(&service, |inbox, now| {
            inbox.receive(now, remote.place(), message.content)
        });
        let running = |ticket| Running::new(self.0.clone(), service, ticket);
        match received {
            Received::Answer(answer) => Outcome::Done(Some(answer)),
            Received::Begun(ticket, len, message) => {
                Outcome::Done(running(ticket).begin(message, len, remote))
            }
            Received::Whole(ticket, message) => running(ticket).handle(message, remote, spares),
            Received::Waiting(ticket) => self.0.wait(ticket, spares),
        }
    }
}
