//! Requests and answers that are longer than a frame.

use std::time::Duration;

use netaio_core::parts::{self, Next};
use netaio_core::{Message, RequestOptions};

use crate::error::{LongRequestError, RequestError};
use crate::remote::Remote;

/// A request whose content, and whose answer, may be longer than a frame: they go in parts, to
/// servers and nodes that [take those](netaio_core::parts), and to all others as they are, where they
/// fit.
///
/// It is no future but what one is made of: when a connection has ended on the way, the same request
/// goes on over the next one, where it was, and is handled once.
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
            let question = match request.next() {
                Next::Done(answer) => return Ok(answer),
                Next::Ask(question) => question,
            };
            match ask(&remote, question, self.timeout).await {
                Ok(answer) => request.answered(&answer)?,
                Err(error) => {
                    request.lost();
                    // Nothing is missing but the farewell.
                    if let Next::Done(answer) = request.next() {
                        return Ok(answer);
                    }
                    return Err(error.into());
                }
            }
        }
    }
}

/// Asks once, or over datagrams some times: parts are known by their places, and none counts
/// twice.
async fn ask(
    remote: &Remote,
    question: Message,
    timeout: Duration,
) -> Result<Message, RequestError> {
    let tries = match remote.connection() {
        Some(_) => 1,
        None => TRIES,
    };
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
