//! Requests and answers that are longer than a frame.

use std::time::Duration;

use netaio_core::parts::{self, Next};
use netaio_core::{Message, RequestOptions, SealError, SendError};

use crate::error::{LongRequestError, RequestError};
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
    timeout: Duration,
}

/// How often a datagram is sent at most, where no answer comes.
const TRIES: u32 = 4;

impl LongRequest {
    /// A request with this message. Its auth fields are not sent where it goes in parts.
    #[must_use]
    pub fn new(message: Message) -> Self {
        Self {
            message,
            request: None,
            max_answer: 16 * 1024 * 1024,
            timeout: Duration::from_secs(10),
        }
    }

    /// How long the answer may be, in bytes; 16 MiB unless set.
    #[must_use]
    pub fn max_answer(mut self, bytes: u64) -> Self {
        self.max_answer = bytes;
        self
    }

    /// How long to wait for the answer to each part; the last one is answered when the handler
    /// has. 10 s unless set. Over datagrams each is sent up to four times within it.
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
        let remote = to.into();
        let request = match &mut self.request {
            // What was on its way when an earlier call was dropped may have come or not.
            Some(request) => {
                request.lost();
                request
            }
            None => {
                let mut id = [0; parts::ID_LEN];
                getrandom::fill(&mut id).map_err(|error| {
                    LongRequestError::Randomness(std::io::Error::from(error).to_string())
                })?;
                let message = self.message.clone();
                let request = parts::LongRequest::new(message, self.max_answer, id);
                self.request.insert(request)
            }
        };
        loop {
            let is_over_stream = remote.connection().is_some();
            let (question, tries, is_plain) = match request.next() {
                Next::Done(answer) => return Ok(answer),
                Next::Failed(error) => return Err(error.into()),
                Next::Plain(message) => (message, 1, true),
                Next::Ask(question) if is_over_stream => (question, 1, false),
                Next::Ask(question) => (question, TRIES, false),
            };
            let error = match ask(&remote, question, self.timeout, tries).await {
                Ok(answer) => {
                    request.answered(&answer)?;
                    continue;
                }
                Err(error) => error,
            };
            match error.was_surely_not_handled() {
                true => request.not_handled(),
                false => request.lost(),
            }
            // Nothing is missing but the farewell.
            if let Next::Done(answer) = request.next() {
                return Ok(answer);
            }
            return Err(match is_plain && is_too_long(&error) {
                true => request.too_large().into(),
                false => error.into(),
            });
        }
    }
}

fn is_too_long(error: &RequestError) -> bool {
    let RequestError::Send(SendError::Seal(error)) = error else {
        return false;
    };
    matches!(
        error,
        SealError::BodyTooLong { .. } | SealError::DatagramTooLong { .. }
    )
}

/// Asks once, or some times what does not count twice.
async fn ask(
    remote: &Remote,
    question: Message,
    timeout: Duration,
    tries: u32,
) -> Result<Message, RequestError> {
    let mut tried = 1;
    loop {
        let options = RequestOptions::new().with_timeout(timeout / tries);
        let answer = remote.clone().send_request(question.clone(), options).await;
        match answer {
            Err(RequestError::TimedOut(_)) if tried < tries => tried += 1,
            answer => return answer.map(|answer| answer.message),
        }
    }
}
