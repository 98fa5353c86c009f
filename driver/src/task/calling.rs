//! Calls of handlers, from within the link.

use netaio_core::{Call, CallHandler, Called, Gap, Link, Message, ReplyError};

use super::ending::Ending;
use super::half::Half;
use super::running::Running;
#[cfg(feature = "testing")]
use super::single::Single;
use crate::handler::{HandlerFuture, Outcome, PANICKED, Request};
use crate::logging::limited;
use crate::lookup::Found;
use crate::observed;
use crate::remote::Remote;
use crate::service::Service;
use crate::traffic::OpenFlow;

/// Calls the handlers of a connection. One that has not completed by then is polled with the
/// connection's task.
pub(super) struct Caller<'t> {
    pub(super) service: &'t Service,
    pub(super) ending: &'t Ending,
    pub(super) flow: &'t OpenFlow,
    pub(super) running: &'t mut Running<Call>,
    /// Of one message after another, so that not each one has a handle of the connection.
    pub(super) request: &'t mut Option<Request>,
    pub(super) half: &'t Half,
    /// How many messages were handed to handlers.
    pub(super) requests: &'t mut usize,
    /// The application takes no more messages.
    pub(super) is_full: bool,
    #[cfg(feature = "testing")]
    pub(super) single: Option<&'t mut Single>,
}

impl<'r> CallHandler<Found<'r>> for Caller<'_> {
    type Running = HandlerFuture;

    #[inline]
    fn message(&mut self) -> &mut Message {
        let connection = &self.ending.connection;
        let is_same = |last: &mut Remote| last.is_connection(connection);
        Request::place(self.request, is_same, || connection.into())
    }

    #[inline]
    fn call(&mut self, link: &Link, handler: Found<'r>) -> Called<HandlerFuture> {
        *self.requests = self.requests.saturating_add(1);
        // Before the handler gets it.
        note_messages(self.flow, link);
        self.ending.connection.note_heard();
        if let Some(request) = &self.request {
            note_gap(self.service, self.ending, &request.message);
        }
        let (context, spares) = (&self.service.context, &mut self.running.spares);
        let outcome = observed::call(context, &handler, self.request, spares);
        #[cfg(feature = "testing")]
        if let Some(single) = &mut self.single
            && !matches!(outcome, Ok(Outcome::Running(_)))
        {
            single.note_reply(!matches!(outcome, Ok(Outcome::Done(None))));
        }
        match outcome {
            Ok(Outcome::Done(answer)) => Called::Answered(answer),
            Ok(Outcome::Running(future)) => Called::GoesOn(future, handler.options()),
            Err(_panicked) => Called::Failed(PANICKED),
        }
    }

    fn keep(&mut self, running: HandlerFuture, call: Call) {
        self.running.insert(running, call);
    }

    #[inline]
    fn answered(&mut self, sent: Result<(), ReplyError>) {
        if let Err(error) = sent {
            note_unanswered(self.service, self.ending, &error);
        }
    }

    #[inline]
    fn goes_on(&mut self, link: &Link) -> bool {
        self.is_full = self
            .service
            .deliver()
            .is_some_and(|deliver| deliver.is_full());
        !self.is_full && !self.half.is_answered_by(*self.requests, link)
    }
}

/// Logs that the reply of a handler was not sent.
#[cold]
pub(super) fn note_unanswered(service: &Service, ending: &Ending, error: &ReplyError) {
    match error {
        // A connection that has ended sends no answer.
        ReplyError::Closed(_) | ReplyError::Cancelled => {}
        error => {
            let (logs, remote) = (&service.context.logs, ending.connection.remote());
            limited!(logs, WARN, "a handler's reply was not sent", @remote, %error);
        }
    }
}

/// Counts the messages of a link, for whoever asks.
pub(super) fn note_messages(flow: &OpenFlow, link: &Link) {
    let forwarded = flow.forwarded_messages.get();
    let sent = forwarded.wrapping_add(link.sent_messages());
    flow.received_messages.set(link.received_messages());
    flow.sent_messages.set(sent);
}

/// Notes what a server says was lost before a message.
#[inline]
pub(super) fn note_gap(service: &Service, ending: &Ending, message: &Message) {
    if service.deliver().is_some()
        && let Some(lost) = Gap::of(message)
    {
        let (logs, remote) = (&service.context.logs, ending.connection.remote());
        limited!(
            logs,
            INFO,
            "the server has dropped notifications",
            @remote,
            lost
        );
        ending.observer.gap(&ending.connection, lost);
    }
}
