//! The questions of a long request, several at once.

use std::task::{Context, Poll};
use std::time::Duration;

use netaio_core::parts::{self, Asked, Next};
use netaio_core::{Message, RequestOptions, SealError, SendError};

use crate::error::{LongRequestError, RequestError};
use crate::futures::BoxFuture;
use crate::remote::Remote;

/// How often a datagram is sent at most, where no answer comes.
const TRIES: u32 = 4;

/// The first and the longest pause before a remote is asked again whether it has room.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(500)];

/// The questions of a long request that are on their way to a remote.
pub(crate) struct Asking {
    remote: Remote,
    timeout: Duration,
    questions: Vec<Question>,
    /// Until it is asked again whether there is room.
    pause: Option<BoxFuture<()>>,
    next_pause: Duration,
    /// What was sent before the last pause.
    sent: u64,
}

struct Question {
    asked: Asked,
    is_plain: bool,
    answer: BoxFuture<Result<Message, RequestError>>,
}

impl Asking {
    pub(crate) fn new(remote: Remote, timeout: Duration) -> Self {
        let [next_pause, _] = PAUSES;
        Self {
            remote,
            timeout,
            questions: Vec::new(),
            pause: None,
            next_pause,
            sent: 0,
        }
    }

    /// Asks whatever can be asked, and takes the answers that have come. Is ready with the whole
    /// answer.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        request: &mut parts::LongRequest,
    ) -> Poll<Result<Message, LongRequestError>> {
        loop {
            while self.pause.is_none() {
                match request.poll() {
                    Next::Ask(asked, question) => self.ask(asked, question, false),
                    Next::Plain(asked, message) => self.ask(asked, message, true),
                    Next::Wait => break,
                    Next::Later => self.pause(request.sent()),
                    Next::Done(answer) => return Poll::Ready(Ok(answer)),
                    Next::Failed(error) => return Poll::Ready(Err(error.into())),
                }
            }
            let mut goes_on = false;
            if let Some(pause) = &mut self.pause
                && pause.as_mut().poll(context).is_ready()
            {
                self.pause = None;
                goes_on = true;
            }
            let mut at = 0;
            while let Some(question) = self.questions.get_mut(at) {
                let Poll::Ready(answer) = question.answer.as_mut().poll(context) else {
                    at = at.saturating_add(1);
                    continue;
                };
                // The order of the others is kept: they are sent as they are polled first.
                let Question {
                    asked, is_plain, ..
                } = self.questions.remove(at);
                goes_on = true;
                match answer {
                    Ok(answer) => request.answered(asked, &answer)?,
                    Err(error) => self.failed(request, error, is_plain)?,
                }
                // What else was asked may be answered by that.
                self.questions
                    .retain(|question| request.awaits(question.asked));
                at = at.min(self.questions.len());
            }
            if !goes_on {
                return Poll::Pending;
            }
        }
    }

    fn ask(&mut self, asked: Asked, question: Message, is_plain: bool) {
        let tries = match self.remote.connection() {
            None if !is_plain => TRIES,
            _ => 1,
        };
        let answer = ask(self.remote.clone(), question, self.timeout, tries);
        self.questions.push(Question {
            asked,
            is_plain,
            answer: Box::pin(answer),
        });
    }

    fn pause(&mut self, sent: u64) {
        let [first, longest] = PAUSES;
        if std::mem::replace(&mut self.sent, sent) != sent {
            self.next_pause = first;
        }
        let context = self.remote.context();
        let until = context.time().instant_after(self.next_pause);
        self.pause = Some((context.sleep_until)(until));
        self.next_pause = self.next_pause.saturating_mul(2).min(longest);
    }

    fn failed(
        &mut self,
        request: &mut parts::LongRequest,
        error: RequestError,
        is_plain: bool,
    ) -> Result<(), LongRequestError> {
        self.questions.clear();
        match error.was_surely_not_handled() {
            true => request.not_handled(),
            false => request.lost(),
        }
        // Nothing is missing but the farewell.
        if request.is_done() {
            return Ok(());
        }
        Err(match is_plain && is_too_long(&error) {
            true => request.too_large().into(),
            false => error.into(),
        })
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

/// Asks once, or some times what does not count twice: each time twice as long is waited.
async fn ask(
    remote: Remote,
    question: Message,
    timeout: Duration,
    tries: u32,
) -> Result<Message, RequestError> {
    let shares = 2_u32.saturating_pow(tries).saturating_sub(1).max(1);
    let mut tried = 0;
    loop {
        let share = timeout.saturating_mul(2_u32.saturating_pow(tried)) / shares;
        let options = RequestOptions::new().with_timeout(share);
        let answer = remote.clone().send_request(question.clone(), options).await;
        tried = tried.saturating_add(1);
        match answer {
            Err(RequestError::TimedOut(_)) if tried < tries => {}
            answer => return answer.map(|answer| answer.message),
        }
    }
}
