//! `netaio watch`.

use std::io::{self, Write};
use std::num::NonZeroU64;

use bytes::Bytes;
use netaio_core::types::NOT_FOUND;
use netaio_core::{Change, Message, Printable};
use netaio_driver::{ErrorResponse, RequestError, Runtime};

use crate::args::Watch;
use crate::error::CliError;
use crate::feed::{Event, Feed};
use crate::lasting::Lasting;
use crate::output::{self, Further};
use crate::runtime::{Work, block_on};
use crate::stdio::Output;
use crate::stdio::error::{say, warn};
use crate::text::{Max, word};

/// Prints a resource as it is, and as it becomes.
pub(crate) fn watch(options: Watch) -> Result<(), CliError> {
    let lasting = Lasting::start()?;
    let runtime = options.feed.server.runtime.runtime;
    block_on(runtime, Watching { options, lasting }).map_err(CliError::Start)?
}

struct Watching {
    options: Watch,
    lasting: Lasting,
}

/// What a resource is.
#[derive(PartialEq, Eq)]
enum State {
    Absent,
    Content(Bytes),
}

impl State {
    /// What a notification says that the resource has become, if it is of a change.
    fn changed(message: &Message) -> Option<Self> {
        Change::of(message).map(|change| match change {
            Change::Deleted => Self::Absent,
            _ => Self::Content(message.content.clone()),
        })
    }
}

/// What was printed, and how much.
struct Printed {
    last: Option<State>,
    left: Option<u64>,
}

impl Work for Watching {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let (options, lasting) = (&self.options, &self.lasting);
        let uris = [options.uri.clone()];
        let feed = Feed::<R>::start(&options.feed, &uris);
        let Some(mut feed) = lasting.unless_ended(feed).await? else {
            return Ok(());
        };
        say(format_args!("watching {}", self.uri()));
        if options.uri.contains('*') {
            warn(format_args!(
                "{} is watched as that uri alone: patterns are for `netaio subscribe`",
                self.uri()
            ));
        }
        let printed = async {
            let printed = self.print_all(&mut feed).await;
            lasting.finish().await.and(printed)
        };
        let printed = lasting.unless_ended(printed).await;
        feed.leave().await;
        printed.map(drop)
    }
}

impl Watching {
    fn uri(&self) -> String {
        word(self.options.uri.as_bytes(), Max::NONE)
    }

    /// Prints states, up to the number that was asked for.
    async fn print_all<R: Runtime>(&self, feed: &mut Feed<'_, R>) -> Result<(), CliError> {
        let mut printed = Printed {
            last: None,
            left: self.options.count.map(NonZeroU64::get),
        };
        self.read(feed, &mut printed).await?;
        while printed.left != Some(0) {
            match feed.next().await? {
                None => break,
                Some(Event::Again | Event::Renewed) => self.read(feed, &mut printed).await?,
                Some(Event::News(message)) if message.uri == self.options.uri.as_bytes() => {
                    match State::changed(&message) {
                        Some(state) => self.print(&message, state, &mut printed).await?,
                        // What others publish is no change; and a server that says nothing of
                        // changes may mean one.
                        None => self.read(feed, &mut printed).await?,
                    }
                }
                Some(Event::News(_)) => {}
            }
        }
        Ok(())
    }

    /// Reads the resource, and prints it if it is another than before.
    async fn read<R: Runtime>(
        &self,
        feed: &mut Feed<'_, R>,
        printed: &mut Printed,
    ) -> Result<(), CliError> {
        let answer = match feed.ask(&self.options.uri).await {
            Ok(answer) => answer,
            // The feed says so, and is there again or is not.
            Err(RequestError::Closed(_) | RequestError::NotConnected | RequestError::Send(_)) => {
                return Ok(());
            }
            Err(error) if printed.last.is_none() => return Err(error.into()),
            Err(error) => {
                say(format_args!("{} was not read: {error}", self.uri()));
                return Ok(());
            }
        };
        let state = match answer.message_type == NOT_FOUND {
            true => State::Absent,
            false if answer.is_error() => return Err(ErrorResponse(answer.into_message()).into()),
            false => State::Content(answer.content.clone()),
        };
        // Of what was notified already, all up to what has led to this answer came before it.
        let same = |message: &Message| State::changed(message).as_ref() == Some(&state);
        let last = feed.waiting().await.position(same);
        if let Some(index) = last {
            feed.skip(index.saturating_add(1));
        }
        match printed.last.as_ref() == Some(&state) {
            true => Ok(()),
            false => self.print(&answer, state, printed).await,
        }
    }

    /// Prints a state.
    async fn print(
        &self,
        message: &Message,
        state: State,
        printed: &mut Printed,
    ) -> Result<(), CliError> {
        let line = self.line(message, &state, printed.last.is_none());
        let line = line.map_err(CliError::Output)?;
        printed.last = Some(state);
        if !line.is_empty() {
            self.lasting.print(line).await?;
            printed.left = printed.left.map(|left| left.saturating_sub(1));
        }
        Ok(())
    }

    /// What is printed of a state.
    fn line(&self, message: &Message, state: &State, is_first: bool) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        if self.options.json {
            let change = Change::of(message).map(Change::name);
            output::print_json(message, Further::News { change }, &mut line)?;
            return Ok(line);
        }
        match state {
            State::Absent if is_first => say(format_args!("there is no {} yet", self.uri())),
            State::Absent => say(format_args!("{} is deleted", self.uri())),
            State::Content(content) => {
                match Output::is_terminal() {
                    false => line.extend_from_slice(content),
                    true => {
                        let text = Printable::bytes(content).with_max(usize::MAX);
                        write!(line, "{text}")?;
                    }
                }
                line.push(b'\n');
            }
        }
        Ok(line)
    }
}
