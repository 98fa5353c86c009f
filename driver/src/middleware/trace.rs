//! A line for each message.

use netaio_core::{Message, Refusal};
use tracing::{Instrument, debug, debug_span};

use crate::handler::{Middleware, Next, Request};
use crate::logging::Shown;
use crate::remote::Remote;

/// Middleware that runs handlers in a [`tracing`] span at DEBUG, `message`, with the fields
/// `message_type`, `uri` and `remote`, and writes a line when a message is handled or refused:
/// what was answered, and the microseconds that it took. Contents and auth fields are in
/// none.
///
/// ```
/// use netaio_driver::{Middleware, Trace};
///
/// fn takes(_: impl Middleware) {}
///
/// takes(Trace::new());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Trace;

impl Trace {
    /// With these fields.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Middleware for Trace {
    async fn handle(&self, request: Request, next: Next) -> Option<Message> {
        let Message {
            message_type, uri, ..
        } = request.message.clone();
        let (remote, time) = (request.remote.addr(), request.remote.clone());
        let time = time.context().time();
        let remote = remote.map(tracing::field::display);
        let span = debug_span!("message", %message_type, uri = %Shown(&uri), remote);
        let began = time.monotonic();
        async {
            let answer = next.run(request).await;
            let took = time.monotonic().saturating_sub(began);
            let microseconds = took.as_micros();
            match &answer {
                Some(answer) => {
                    debug!(answer = %answer.message_type, microseconds, "message handled");
                }
                None => debug!(microseconds, "message handled, without an answer"),
            }
            answer
        }
        .instrument(span)
        .await
    }

    fn refused(&self, remote: &Remote, refusal: &Refusal) {
        let remote = remote.addr().map(tracing::field::display);
        debug!(remote, %refusal, "message refused before it had a handler");
    }
}
