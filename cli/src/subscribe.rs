//! `netaio subscribe`.

use std::collections::HashSet;
use std::io::{self, Write};
use std::num::NonZeroU64;

use netaio_core::{Change, Gap, Message, Printable, Wildcards};
use netaio_driver::Runtime;

use crate::args::Subscribe;
use crate::error::CliError;
use crate::feed::{Event, Feed};
use crate::lasting::Lasting;
use crate::output::{self, Further};
use crate::runtime::{Work, block_on};
use crate::stdio::Output;
use crate::stdio::error::{say, warn};
use crate::text::{Max, word};
use crate::units;

/// What a notification is that says of no change.
const PUBLISHED: &str = "published";

/// Prints notifications of the uris, up to the number that was asked for.
pub(crate) fn subscribe(mut options: Subscribe) -> Result<(), CliError> {
    let lasting = Lasting::start()?;
    let mut known = HashSet::new();
    options.uris.retain(|uri| known.insert(uri.clone()));
    let runtime = options.feed.server.runtime.runtime;
    block_on(runtime, Subscribing { options, lasting }).map_err(CliError::Start)?
}

struct Subscribing {
    options: Subscribe,
    lasting: Lasting,
}

impl Work for Subscribing {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let (options, lasting) = (&self.options, &self.lasting);
        let feed = Feed::<R>::start(&options.feed, &options.uris);
        let Some(mut feed) = lasting.unless_ended(feed).await? else {
            return Ok(());
        };
        // As the lines of notifications say them.
        let uris = options.uris.iter();
        let uris: Vec<_> = uris.map(|uri| word(uri.as_bytes(), Max::NONE)).collect();
        say(format_args!("subscribed to {}", uris.join(", ")));
        for (uri, shown) in options.uris.iter().zip(&uris) {
            warn_of_no_pattern(uri, shown);
        }
        let printed = lasting.unless_ended(self.print_all(&mut feed)).await;
        feed.leave().await;
        printed.map(drop)
    }
}

/// Says so where a uri looks like a pattern, and is none: nobody may ever publish it.
fn warn_of_no_pattern(uri: &str, shown: &str) {
    if uri.contains('*') && !Wildcards::is_wildcard(uri.as_bytes()) {
        warn(format_args!(
            "{shown} is no pattern, and so that uri alone: in one `*` is a whole segment, as in greet/*, or `**` all that follows, as in greet/**"
        ));
    }
}

impl Subscribing {
    /// Prints notifications, up to the number that was asked for.
    async fn print_all<R: Runtime>(&self, feed: &mut Feed<'_, R>) -> Result<(), CliError> {
        let mut left = self.options.count.map(NonZeroU64::get);
        while left != Some(0) {
            let message = match feed.next().await {
                Ok(Some(Event::News(message))) => message,
                Ok(Some(Event::Again | Event::Renewed)) => continue,
                Ok(None) => break,
                Err(error) => {
                    self.lasting.finish().await?;
                    return Err(error);
                }
            };
            if let Some(lost) = Gap::of(&message) {
                // A server that was away from its NATS knows of some, and not of how many.
                let what = units::plural(lost, "notification", "notifications");
                say(format_args!(
                    "the server has lost at least {lost} {what} before the next one"
                ));
            }
            let line = self.line(&message).map_err(CliError::Output)?;
            self.lasting.print(line).await?;
            left = left.map(|left| left.saturating_sub(1));
        }
        self.lasting.finish().await
    }

    /// What is printed of a notification.
    fn line(&self, message: &Message) -> io::Result<Vec<u8>> {
        let options = &self.options;
        let change = Change::of(message).map(Change::name);
        let mut line = Vec::new();
        if options.json {
            output::print_json(message, Further::News { change }, &mut line)?;
            return Ok(line);
        }
        if options.changes {
            write!(line, "{} ", change.unwrap_or(PUBLISHED))?;
        }
        // A server that grants patterns notifies of whatever matches.
        let is_plain = |uri: &String| !uri.contains('*') && uri.as_bytes() == &message.uri[..];
        if options.uris.len() > 1 || !options.uris.iter().all(is_plain) {
            write!(line, "{} ", word(&message.uri, Max::NONE))?;
        }
        // Raw where the content is all that there is, and nobody mistakes it for more.
        match line.is_empty() && !Output::is_terminal() {
            true => line.extend_from_slice(&message.content),
            false => {
                let text = Printable::bytes(&message.content).with_max(usize::MAX);
                write!(line, "{text}")?;
            }
        }
        line.push(b'\n');
        Ok(line)
    }
}
