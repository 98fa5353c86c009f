//! Answers that are taken as they come.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use netaio_core::parts;
use netaio_core::{Message, MessageType};

use crate::asking::Asking;
use crate::error::LongRequestError;

/// The answer to a [`LongRequest`](crate::LongRequest) as it comes: a stream of its bytes, which are
/// fetched as they are taken.
///
/// The other end keeps the answer until it is fetched, or nothing was for its
/// [`Limits::long_silence`](netaio_core::Limits::long_silence), 60 s unless set there. When a part does
/// not come, the stream ends with the error; the request goes on behind what was taken with another
/// [`send_for_stream`](crate::LongRequest::send_for_stream).
pub struct LongAnswer<'request> {
    request: &'request mut parts::LongRequest,
    asking: Asking,
    head: Message,
    len: u64,
    /// An error that comes behind what has come before it.
    failed: Option<LongRequestError>,
    is_over: bool,
}

impl<'request> LongAnswer<'request> {
    /// Is ready when the beginning is here.
    pub(crate) async fn begin(
        request: &'request mut parts::LongRequest,
        mut asking: Asking,
    ) -> Result<Self, LongRequestError> {
        let (head, len) = poll_fn(|context| {
            let polled = asking.poll(context, request);
            match (request.head(), polled) {
                (Some(head), Poll::Pending | Poll::Ready(Ok(_))) => Poll::Ready(Ok(head)),
                (_, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            }
        })
        .await?;
        Ok(Self {
            request,
            asking,
            head,
            len,
            failed: None,
            is_over: false,
        })
    }

    /// Its message type.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        self.head.message_type
    }

    /// Its uri.
    #[must_use]
    pub fn uri(&self) -> &[u8] {
        &self.head.uri
    }

    /// The length of its whole content, in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether its content has no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The next bytes, a part of at most a frame; `None` behind the last ones. Cancel-safe.
    ///
    /// # Errors
    /// The next part has not come. Nothing follows.
    pub async fn next(&mut self) -> Option<Result<Bytes, LongRequestError>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for LongAnswer<'_> {
    type Item = Result<Bytes, LongRequestError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut chunk = this.request.take();
        // It asks for what there is room for now.
        let ends = this.request.is_done() || this.failed.is_some() || this.is_over;
        if !ends && let Poll::Ready(Err(error)) = this.asking.poll(context, this.request) {
            this.failed = Some(error);
        }
        if chunk.is_none() {
            chunk = this.request.take();
        }
        if let Some(chunk) = chunk {
            return Poll::Ready(Some(Ok(chunk)));
        }
        if let Some(error) = this.failed.take() {
            this.is_over = true;
            return Poll::Ready(Some(Err(error)));
        }
        match this.request.is_done() || this.is_over {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    }
}

impl fmt::Debug for LongAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LongAnswer")
            .field("message_type", &self.head.message_type)
            .field("uri", &self.head.uri)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
