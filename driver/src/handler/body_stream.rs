//! Contents that handlers take as they come.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::extract::FromRequest;
use super::reply::Reply;
use super::request::Request;
use crate::error::BodyLost;
use crate::sync::{Mutex, lock};

/// The content of a message as it comes: a stream of its bytes, for contents that
/// [`LongRequest`](crate::LongRequest)s send in parts to a server that
/// [takes them](crate::ServerBuilder::long_requests). A content in one frame, as all others are, is a
/// stream of one chunk.
///
/// The handler is called when the request begins, however long the content is:
/// [`len`](Self::len) says it, and [`Limits::long_content`](netaio_core::Limits::long_content) is for those
/// that are taken whole. No more is held than
/// [`Limits::long_window`](netaio_core::Limits::long_window): more is sent as it is taken from here, so a
/// handler that writes to a disk slows the sender down to what the disk takes. The sender waits
/// meanwhile, without a limit. When the handler answers before it has taken all, the rest is not
/// sent.
///
/// Its task is one of its own, beside the connection that the request began on, as the request may go
/// on over another one: it ends with the handler, at the
/// [time](netaio_core::CallOptions::with_timeout) of it, or when the server has stopped. A
/// [`Content`](crate::Content) beside it is empty where the content comes in parts, and middleware
/// around the handler sees none either.
///
/// ```
/// use netaio_driver::{BodyStream, Failure, Handler};
/// use netaio_driver::core::{Limits, types::CREATE_URI};
///
/// fn takes<M>(_: impl Handler<M>) {}
///
/// takes(|mut body: BodyStream| async move {
///     let mut sum = 0_u64;
///     // An error here is an `ERROR` for the sender.
///     while let Some(chunk) = body.next().await.transpose()? {
///         sum += chunk.iter().map(|byte| u64::from(*byte)).sum::<u64>();
///     }
///     Ok::<_, Failure>(sum.to_string())
/// });
/// ```
pub struct BodyStream {
    len: u64,
    source: Source,
}

enum Source {
    Whole(Option<Bytes>),
    Parts(Box<dyn TakeBody>),
}

/// Where the bytes come from, where they come in parts.
pub(crate) trait TakeBody: Send {
    /// The next bytes; `None` behind the last ones.
    fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyLost>>>;
}

/// A stream that waits to be extracted, among the request's extensions.
pub(crate) struct BodySlot(Mutex<Option<BodyStream>>);

impl BodySlot {
    pub(crate) fn new(len: u64, source: impl TakeBody + 'static) -> Self {
        let source = Source::Parts(Box::new(source));
        Self(Mutex::new(Some(BodyStream { len, source })))
    }
}

impl BodyStream {
    /// The length of the whole content, in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the content has no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The next bytes, a part of at most a frame; `None` behind the last ones. Cancel-safe.
    ///
    /// # Errors
    /// The rest does not come: see [`BodyLost`]. Nothing follows.
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyLost>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for BodyStream {
    type Item = Result<Bytes, BodyLost>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.source {
            Source::Whole(content) => Poll::Ready(content.take().map(Ok)),
            Source::Parts(parts) => parts.poll_take(context),
        }
    }
}

/// Taken once: a second one of the same request is answered with an `ERROR`.
impl FromRequest for BodyStream {
    const STREAMS: bool = true;

    fn from_request(request: &Request) -> Result<Self, Reply> {
        if let Some(slot) = request.extension::<BodySlot>() {
            let stream = lock(&slot.0).take();
            return stream.ok_or_else(|| Reply::error("the content was taken before"));
        }
        let content = &request.message.content;
        Ok(Self {
            len: content.len() as u64,
            source: Source::Whole(Some(content.clone()).filter(|content| !content.is_empty())),
        })
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyStream")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
