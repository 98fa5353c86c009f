//! Requests and answers that are longer than a frame.

use std::future::poll_fn;
use std::time::Duration;

use netaio_core::Message;
use netaio_core::parts;

use crate::asking::Asking;
use crate::error::LongRequestError;
use crate::long_answer::LongAnswer;
use crate::remote::Remote;

/// A request whose content, and whose answer, may be longer than a frame: they go in parts, to
/// servers and nodes that [take those](netaio_core::parts). To all others a message goes as it is, where
/// it fits one frame, once they have answered that they take no parts.
///
/// It is no future but what one is made of: when a connection has ended on the way, the same request
/// goes on over the next one, where it was, and is handled once. One that went as it is and was not
/// answered may have been handled, and is not sent again.
///
/// ```no_run
/// # async fn example(connection: netaio_driver::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// use netaio_driver::LongRequest;
/// use netaio_driver::core::Message;
///
/// let mut request = LongRequest::new(Message::create("firmware", vec![0; 10 << 20]));
/// let answer = request.send(&connection).await?;
/// println!("{} bytes", answer.content.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LongRequest {
    message: Message,
    /// None before it is begun.
    request: Option<parts::LongRequest>,
    max_answer: u64,
    window: usize,
    timeout: Duration,
}

impl LongRequest {
    /// A request with this message. Its auth fields are not sent where it goes in parts.
    #[must_use]
    pub fn new(message: Message) -> Self {
        Self {
            message,
            request: None,
            max_answer: 16 * 1024 * 1024,
            window: 1024 * 1024,
            timeout: Duration::from_secs(10),
        }
    }

    /// How long the answer may be, in bytes; 16 MiB unless set.
    #[must_use]
    pub fn max_answer(mut self, bytes: u64) -> Self {
        self.max_answer = bytes;
        self
    }

    /// How many bytes may be on their way at once, of the content and then of the answer; 1 MiB
    /// unless set, and one part at least. What a path takes in a round trip wants as much; of the
    /// content the other end's [`Limits::long_window`](netaio_core::Limits::long_window) counts too.
    /// Over datagrams it is never more than 112 KiB, as nothing slows them down.
    #[must_use]
    pub fn window(mut self, bytes: usize) -> Self {
        self.window = bytes;
        self
    }

    /// How long to wait for the answer to each part; the last one is answered when the handler
    /// has. 10 s unless set. Over datagrams each is sent up to four times within it. A handler that
    /// [takes a stream](crate::BodyStream), and takes nothing, is waited for without a limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes of the content the remote has, as far as it has said so.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.request.as_ref().map_or(0, parts::LongRequest::sent)
    }

    /// Sends it, or goes on where an earlier call has failed or was dropped, over this or another
    /// connection to the same server, or to the same node. Its outer layer applies to all parts.
    /// Messages whose handlers have an inner layer are not taken in parts.
    ///
    /// Cancel-safe: called again, it goes on.
    ///
    /// # Errors
    /// The remote takes no content so long
    /// ([`PartsError::TooLarge`](netaio_core::parts::PartsError::TooLarge)), or refuses it, or a
    /// part has not been answered.
    pub async fn send(&mut self, to: impl Into<Remote>) -> Result<Message, LongRequestError> {
        let (request, mut asking) = self.go_on(to.into(), false)?;
        poll_fn(|context| asking.poll(context, request)).await
    }

    /// As [`send`](Self::send), and is ready with the beginning of the answer: its content is fetched
    /// as it is taken, no more at once than the [window](Self::window). It goes on over another
    /// connection where it is called again: with what was not taken before.
    ///
    /// ```no_run
    /// # async fn example(connection: netaio_driver::Connection) -> Result<(), Box<dyn std::error::Error>> {
    /// use netaio_driver::LongRequest;
    /// use netaio_driver::core::Message;
    ///
    /// let mut request = LongRequest::new(Message::request("backup")).max_answer(1 << 40);
    /// let mut answer = request.send_for_stream(&connection).await?;
    /// while let Some(chunk) = answer.next().await {
    ///     println!("{} bytes of {}", chunk?.len(), answer.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_for_stream(
        &mut self,
        to: impl Into<Remote>,
    ) -> Result<LongAnswer<'_>, LongRequestError> {
        let (request, asking) = self.go_on(to.into(), true)?;
        LongAnswer::begin(request, asking).await
    }

    fn go_on(
        &mut self,
        remote: Remote,
        is_streamed: bool,
    ) -> Result<(&mut parts::LongRequest, Asking), LongRequestError> {
        let mut request = match self.request.take() {
            // What was on its way when an earlier call was dropped may have come or not.
            Some(mut request) => {
                request.lost();
                request
            }
            None => {
                let mut id = [0; parts::ID_LEN];
                getrandom::fill(&mut id).map_err(|error| {
                    LongRequestError::Randomness(std::io::Error::from(error).to_string())
                })?;
                let message = self.message.clone();
                parts::LongRequest::new(message, self.max_answer, id)
            }
        };
        let window = match remote.connection() {
            Some(_) => self.window,
            None => self.window.min(parts::DATAGRAM_WINDOW),
        };
        request.set_window(window);
        request.set_streamed(is_streamed);
        let asking = Asking::new(remote, self.timeout);
        Ok((self.request.insert(request), asking))
    }
}
