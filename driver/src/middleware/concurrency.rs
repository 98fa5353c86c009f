//! A limit of handlers that run at a time.

use async_channel::{Receiver, Sender, bounded};
use netaio_core::Message;

use super::rejected;
use crate::handler::{Middleware, Next, Request};

/// Middleware that lets few handlers run at a time, those of all connections together. Others
/// wait, in their order, or are rejected with an `ERROR`.
///
/// Those that wait count with the handlers in flight, which
/// [`Limits::handlers`](netaio_core::Limits::handlers) bounds.
///
/// ```
/// use netaio_driver::{ConcurrencyLimit, Middleware};
///
/// fn takes(_: impl Middleware) {}
///
/// takes(ConcurrencyLimit::new(8));
/// takes(ConcurrencyLimit::new(100).rejecting());
/// ```
#[derive(Debug)]
pub struct ConcurrencyLimit {
    /// As many fit as may run.
    enter: Sender<()>,
    leave: Receiver<()>,
    rejects: bool,
}

impl ConcurrencyLimit {
    /// At most so many at a time, and one at least.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let (enter, leave) = bounded(max.max(1));
        Self {
            enter,
            leave,
            rejects: false,
        }
    }

    /// Rejects what would have to wait: "too much at a time, try again".
    #[must_use]
    pub fn rejecting(mut self) -> Self {
        self.rejects = true;
        self
    }
}

/// The place of one that runs, until it is dropped.
struct Running<'a>(&'a Receiver<()>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}

impl Middleware for ConcurrencyLimit {
    async fn handle(&self, mut request: Request, next: Next) -> Option<Message> {
        let entered = match self.rejects {
            true => self.enter.try_send(()).is_ok(),
            false => self.enter.send(()).await.is_ok(),
        };
        if !entered {
            return rejected(&mut request, "too much at a time, try again");
        }
        let _running = Running(&self.leave);
        next.run(request).await
    }
}
