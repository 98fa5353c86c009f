//! A time limit.

use std::time::Duration;

use netaio_core::Message;

use crate::futures::race;
use crate::handler::{IntoReply, Middleware, Next, Reply, Request};

/// Middleware that drops handlers that take too long, where they wait, and answers an
/// `ERROR`. [`CallOptions`](netaio_core::CallOptions) limit the time of handlers too, with
/// that in which their call waits for its turn; this one is for routers, and for what stands
/// around it.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_driver::{Middleware, Timeout};
///
/// fn takes(_: impl Middleware) {}
///
/// takes(Timeout::new(Duration::from_secs(5)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Timeout(Duration);

impl Timeout {
    /// A limit of the time from the call to the answer.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self(limit)
    }
}

impl Middleware for Timeout {
    async fn handle(&self, request: Request, next: Next) -> Option<Message> {
        let mut asked = request.clone();
        let context = asked.remote.context();
        let late = (context.sleep_until)(context.time().instant_after(self.0));
        let late = async move {
            late.await;
            Reply::error("the handler took too long").into_reply(&mut asked)
        };
        race(next.run(request), late).await
    }
}
