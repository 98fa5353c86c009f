//! Callers: in a closed loop, or as requests are due.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use netaio_core::types::REQUEST_URI;
use netaio_core::{Layer, Message};
use netaio_driver::{Remote, Runtime};

use super::pace::Ticket;
use super::totals::{Samples, Totals, is_end};
use super::window::Window;
use crate::asked::Asked;
use crate::error::CliError;
use crate::reserved::ECHO;

/// The time that a caller pauses after an error, so that errors that come at once are not all that
/// there is to do.
const PAUSE: Duration = Duration::from_millis(10);

/// What callers ask.
pub(super) trait Ask: Clone + Send + 'static {
    /// Asks once, and checks the answer. The time is the one that the latency counts from.
    fn ask(&self, from: Instant) -> impl Future<Output = Result<(), CliError>> + Send;
}

/// A server, and how it is asked by one connection.
#[derive(Clone)]
pub(super) struct Server {
    remote: Remote,
    inner: Layer,
    timeout: Duration,
}

impl Server {
    /// That at the other end.
    pub(super) fn of<R: Runtime>(asked: &Asked<R>, timeout: Duration) -> Self {
        Self {
            remote: asked.remote(),
            inner: asked.inner(Layer::new()),
            timeout,
        }
    }

    /// The answer to a message.
    ///
    /// # Errors
    /// There is none, or it is one of an error.
    pub(super) async fn ask(&self, message: Message) -> Result<Message, CliError> {
        let request = self.remote.request_message(message);
        let request = request.inner(self.inner.clone()).timeout(self.timeout);
        Ok(request.await?.into_result()?)
    }
}

/// Asks for a content that is given along.
#[derive(Clone)]
pub(super) struct Echo {
    pub(super) server: Server,
    /// For all callers, and all the time: it takes no counter of references.
    pub(super) content: &'static [u8],
}

impl Ask for Echo {
    async fn ask(&self, _: Instant) -> Result<(), CliError> {
        let message = Message::new(REQUEST_URI, ECHO, self.content);
        let answer = self.server.ask(message).await?;
        match answer.content == self.content {
            true => Ok(()),
            false => Err(CliError::Strange),
        }
    }
}

/// What all callers share.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) window: Arc<Window>,
    pub(super) totals: Arc<Totals>,
    /// `None` in a closed loop.
    pub(super) tickets: Option<Receiver<Ticket>>,
}

impl Load {
    /// Starts so many callers for each of the questions, as tasks. The channel closes once
    /// all have ended.
    pub(super) fn start<R: Runtime>(
        &self,
        questions: &[impl Ask],
        each: u32,
    ) -> Receiver<Infallible> {
        let (running, ended) = async_channel::bounded(1);
        for question in questions {
            for _ in 0..each {
                R::spawn(call::<R>(self.clone(), question.clone(), running.clone()));
            }
        }
        ended
    }
}

/// Asks until the end, or that of the connection.
async fn call<R: Runtime>(load: Load, question: impl Ask, running: Sender<Infallible>) {
    let Load {
        window,
        totals,
        tickets,
    } = load;
    let mut samples = Samples::new(totals.clone(), window.clone());
    let mut free = match &tickets {
        None => Instant::now(),
        // Who has been given no time to run yet has been free all the same.
        Some(_) => window.begun(),
    };
    while free < window.end() {
        let (from, counts) = match &tickets {
            None => (free, true),
            Some(tickets) => match tickets.recv().await {
                Ok(ticket) => (
                    ticket.counts_from(free, Instant::now()),
                    ticket.due >= window.start(),
                ),
                // There will be no more.
                Err(_) => break,
            },
        };
        let result = question.ask(from).await;
        free = Instant::now();
        match result {
            Ok(()) if counts => samples.add(from, free),
            Ok(()) => {}
            Err(error) => {
                let is_end = is_end(&error);
                totals.add_error(error);
                if is_end {
                    break;
                }
                R::sleep_until(free + PAUSE).await;
                free = Instant::now();
            }
        }
    }
    drop(samples);
    drop(running);
}
