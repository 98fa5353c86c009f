//! Middleware that is ready to use.

mod concurrency;
mod rate_limit;
mod timeout;
mod trace;

pub use self::concurrency::ConcurrencyLimit;
pub use self::rate_limit::RateLimit;
pub use self::timeout::Timeout;
pub use self::trace::Trace;

use netaio_core::Message;

use crate::handler::{IntoReply, Reply, Request};

/// An `ERROR` to what asks for an answer.
fn rejected(request: &mut Request, text: &'static str) -> Option<Message> {
    let asks = request.message.message_type.is_request();
    asks.then(|| Reply::error(text).into_reply(request))
        .flatten()
}
