//! Notifications of a server, for as long as somebody wants them: the server is asked again
//! where it was away.

mod hearing;
mod pause;
mod renewal;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use netaio_core::{Layer, Message};
use netaio_driver::{Remote, RequestError, Response, Runtime};
use smol::future;

use self::hearing::{Heard, Hearing};
use self::pause::Pause;
use crate::args::FeedChoice;
use crate::asked::Asked;
use crate::error::CliError;
use crate::stdio::error::say;

/// The time that leaving takes at most.
const LEAVE: Duration = Duration::from_secs(1);

/// The most events that are kept while an answer is waited for; of more the oldest are dropped.
const WAITING: usize = 256;

/// What comes of it.
pub(crate) enum Event {
    News(Message),
    /// The server is subscribed to again, after it was away.
    Again,
    /// The server has confirmed the subscription once more: only over UDP, where nothing says
    /// that a server has restarted in between.
    Renewed,
}

/// A server, and what this command is subscribed to there.
pub(crate) struct Feed<'a, R: Runtime> {
    choice: &'a FeedChoice,
    uris: &'a [String],
    asked: Asked<R>,
    hearing: Hearing,
    /// What came while an answer was waited for.
    pending: VecDeque<Heard>,
    pause: Pause,
}

impl<'a, R: Runtime> Feed<'a, R> {
    /// Subscribes to all uris.
    ///
    /// # Errors
    /// The server cannot be reached, or does not confirm.
    pub(crate) async fn start(
        choice: &'a FeedChoice,
        uris: &'a [String],
    ) -> Result<Self, CliError> {
        let pause = Pause::new()?;
        let (asked, hearing) = open(choice, uris).await?;
        Ok(Self {
            choice,
            uris,
            asked,
            hearing,
            pending: VecDeque::new(),
            pause,
        })
    }

    /// The next event; `None` where there will be none any more.
    ///
    /// # Errors
    /// The connection has ended and is not to be made again, or the server refuses now.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, CliError> {
        loop {
            let heard = match self.pending.pop_front() {
                Some(heard) => Some(heard),
                None => self.hearing.next().await,
            };
            return Ok(Some(match heard {
                None => return Ok(None),
                Some(Heard::News(message)) => {
                    self.pause.is_well();
                    Event::News(message)
                }
                Some(Heard::Ended(reason)) => {
                    if self.choice.no_reconnect {
                        return Err(CliError::Lost(reason));
                    }
                    say(format_args!(
                        "the connection ended: {reason}; connecting again"
                    ));
                    self.again().await?;
                    Event::Again
                }
                Some(Heard::Silent(error)) => {
                    if self.choice.no_reconnect {
                        return Err(error);
                    }
                    say(format_args!(
                        "the subscription is not confirmed any more: {error}; it is asked for again"
                    ));
                    if self.choice.server.identity.own().is_none() {
                        continue;
                    }
                    // Whoever is there now has to say who it is.
                    self.again().await?;
                    Event::Again
                }
                Some(Heard::Renewed { again: false }) => Event::Renewed,
                Some(Heard::Renewed { again: true }) => {
                    say("subscribed again; what happened meanwhile is missing");
                    Event::Again
                }
            }));
        }
    }

    /// Connects and subscribes until that succeeds.
    async fn again(&mut self) -> Result<(), CliError> {
        let (lost, mut said) = (Instant::now(), String::new());
        self.pause.lost();
        loop {
            R::sleep_until(self.pause.until()).await;
            match open(self.choice, self.uris).await {
                Ok((asked, hearing)) => {
                    (self.asked, self.hearing) = (asked, hearing);
                    self.pause.connected();
                    say(format_args!(
                        "subscribed again after {:.1?}; what happened meanwhile is missing",
                        lost.elapsed()
                    ));
                    return Ok(());
                }
                Err(error) if error.may_pass() => {
                    self.pause.failed();
                    let text = error.to_string();
                    if text != said {
                        say(format_args!("not connected yet: {text}"));
                        said = text;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks for a resource. Whatever is heard meanwhile is kept for [`next`](Self::next).
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn ask(&mut self, uri: &str) -> Result<Response, RequestError> {
        let remote = self.remote();
        let timeout = self.choice.server.timeout;
        let request = remote.request_message(Message::request(uri.to_owned()));
        let request = request.inner(self.asked.inner(Layer::new()));
        let mut answer = std::pin::pin!(request.timeout(timeout).into_future());
        loop {
            let answered = async { Ok(answer.as_mut().await) };
            let heard = async { Err(self.hearing.next().await) };
            match future::or(answered, heard).await {
                Ok(answer) => return answer,
                Err(Some(heard)) => {
                    let has_ended = matches!(heard, Heard::Ended(_));
                    self.keep(heard);
                    if has_ended {
                        return answer.await;
                    }
                }
                Err(None) => return answer.await,
            }
        }
    }

    /// What has come already, behind what an answer was to: the messages that wait.
    pub(crate) async fn waiting(&mut self) -> impl Iterator<Item = &Message> {
        while let Some(Some(heard)) = future::poll_once(self.hearing.next()).await {
            let has_ended = matches!(heard, Heard::Ended(_));
            self.keep(heard);
            if has_ended || self.pending.len() == WAITING {
                break;
            }
        }
        self.pending.iter().filter_map(|heard| match heard {
            Heard::News(message) => Some(message),
            _ => None,
        })
    }

    /// Drops so many of the messages that wait.
    pub(crate) fn skip(&mut self, mut messages: usize) {
        self.pending.retain(|heard| {
            let skipped = messages > 0 && matches!(heard, Heard::News(_));
            messages = messages.saturating_sub(usize::from(skipped));
            !skipped
        });
    }

    fn keep(&mut self, heard: Heard) {
        if self.pending.len() >= WAITING {
            self.pending.pop_front();
        }
        self.pending.push_back(heard);
    }

    /// The server.
    pub(crate) fn remote(&self) -> Remote {
        self.asked.remote()
    }

    /// Takes leave.
    pub(crate) async fn leave(self) {
        let leave = async {
            for uri in self.uris {
                self.asked.unsubscribe(uri).await;
            }
            self.asked.close().await;
        };
        future::or(leave, R::sleep_until(Instant::now() + LEAVE)).await;
    }
}

/// Reaches the server, and subscribes.
async fn open<R: Runtime>(
    choice: &FeedChoice,
    uris: &[String],
) -> Result<(Asked<R>, Hearing), CliError> {
    let server = &choice.server;
    let subscribe = async |asked: &Asked<R>| {
        let hearing = Hearing::of(asked)?;
        let inner = asked.inner(Layer::new());
        renewal::subscribe(&asked.remote(), &inner, uris, server.timeout).await?;
        Ok(hearing)
    };
    let (asked, hearing) = Asked::with(server, subscribe).await?;
    if let (Asked::Udp { .. }, Hearing::Datagrams { told, .. }) = (&asked, &hearing) {
        let inner = asked.inner(Layer::new());
        renewal::start::<R>((asked.remote(), inner), uris, choice, told.clone());
    }
    Ok((asked, hearing))
}
