//! `netaio subscribe`.

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use netaio_core::types::NOTIFY_URI;
use netaio_core::{Change, CloseReason, Gap, Layer, Message, Printable};
use netaio_driver::{Connection, Messages, Runtime};
use smol::future;

use crate::args::Subscribe;
use crate::asked::Asked;
use crate::error::CliError;
use crate::output::{self, Further};
use crate::runtime::{Work, block_on};
use crate::signals::Stop;
use crate::stdio::error::say;
use crate::stdio::{Output, Printer};
use crate::tally::Tally;
use crate::text::{Max, word};

/// The most datagrams that wait to be printed; further ones are dropped.
const WAITING: usize = 256;

/// What a notification is that says of no change.
const PUBLISHED: &str = "published";

/// The time that leaving takes at most.
const LEAVE: Duration = Duration::from_secs(1);

/// Prints notifications of the uris, up to the number that was asked for.
pub(crate) fn subscribe(mut options: Subscribe) -> Result<(), CliError> {
    let stop = Stop::on_signals()?;
    let printer = Printer::start()?;
    let mut known = HashSet::new();
    options.uris.retain(|uri| known.insert(uri.clone()));
    let runtime = options.server.runtime.runtime;
    let listening = Listening {
        options,
        stop,
        printer,
    };
    block_on(runtime, listening).map_err(CliError::Start)?
}

struct Listening {
    options: Subscribe,
    stop: Stop,
    printer: Printer,
}

/// Where news come from.
enum Hearing {
    /// Those that nobody has printed wait in the stream, and then at the server.
    Connection(Messages, Connection),
    Datagrams(Receiver<Message>),
}

/// An event of a subscriber.
enum Heard {
    News(Message),
    Ended(CloseReason),
}

impl Hearing {
    /// The next one: an end comes behind all that came before it. `None` where there will be
    /// none any more.
    async fn next(&mut self) -> Option<Heard> {
        match self {
            Self::Datagrams(news) => news.recv().await.ok().map(Heard::News),
            Self::Connection(messages, connection) => loop {
                // A connection has ended once all that it has received is in the stream,
                // which is asked first.
                let ended = async { Err(connection.closed().await) };
                let next = async { Ok(messages.next().await) };
                match future::or(next, ended).await {
                    Ok(Some(news)) if news.message.message_type == NOTIFY_URI => {
                        return Some(Heard::News(news.message));
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(reason) => return Some(Heard::Ended(reason)),
                }
            },
        }
    }
}

impl Work for Listening {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let Some(subscribed) = self.unless_ended(self.subscribe::<R>()).await? else {
            return Ok(());
        };
        let (asked, mut heard) = subscribed;
        // As the lines of notifications say them.
        let uris = self.options.uris.iter();
        let uris: Vec<_> = uris.map(|uri| word(uri.as_bytes(), Max::NONE)).collect();
        say(format_args!("subscribed to {}", uris.join(", ")));
        let printed = self.unless_ended(self.print_all(&mut heard)).await;
        let leave = async {
            if let Asked::Udp { .. } = &asked {
                // A connection would report its end. The confirmation is not waited for: the
                // server may have stopped.
                for uri in &self.options.uris {
                    let server = asked.remote();
                    let _ = server.send(Message::unsubscribe(uri.clone())).await;
                }
            }
            asked.close().await;
        };
        future::or(leave, R::sleep_until(Instant::now() + LEAVE)).await;
        printed.map(drop)
    }
}

impl Listening {
    /// The result of the work, or `None` once a signal came.
    ///
    /// # Errors
    /// The work's, or nobody reads the output any more.
    async fn unless_ended<T>(
        &self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<Option<T>, CliError> {
        let unread = async { Err(self.printer.failed().await) };
        let work = self.stop.or(future::or(unread, work));
        work.await.transpose()
    }

    /// Subscribes to all uris.
    async fn subscribe<R: Runtime>(&self) -> Result<(Asked<R>, Hearing), CliError> {
        let options = &self.options;
        let subscribe = async |asked: &Asked<R>| {
            let heard = listen(asked)?;
            let server = asked.remote();
            for uri in &options.uris {
                let request = server.subscribe(uri.clone()).request();
                request.timeout(options.server.timeout).await?.ok()?;
            }
            Ok(heard)
        };
        Asked::with(&options.server, subscribe).await
    }

    /// Prints notifications, up to the number that was asked for.
    async fn print_all(&self, heard: &mut Hearing) -> Result<(), CliError> {
        let mut left = self.options.count.map(NonZeroU64::get);
        while left != Some(0) {
            match heard.next().await {
                Some(Heard::News(message)) => {
                    if let Some(lost) = Gap::of(&message) {
                        say(format_args!(
                            "the server has dropped {lost} notifications before the next one"
                        ));
                    }
                    let line = self.line(&message).map_err(CliError::Output)?;
                    self.printer.print(line).await?;
                }
                Some(Heard::Ended(reason)) => {
                    self.printer.finish().await?;
                    return Err(CliError::Lost(reason));
                }
                None => break,
            }
            left = left.map(|left| left.saturating_sub(1));
        }
        self.printer.finish().await
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
        if options.uris.len() > 1 {
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

/// What is heard from now on.
fn listen<R: Runtime>(asked: &Asked<R>) -> Result<Hearing, CliError> {
    Ok(match asked {
        Asked::Tcp { client, connection } => {
            Hearing::Connection(client.messages(), connection.clone())
        }
        Asked::Udp { node, server } => {
            let (news, heard) = async_channel::bounded(WAITING);
            let server = *server;
            let (strange, lost) = (Tally::new(), Tally::new());
            let handler = move |message: Message, from: SocketAddr| {
                if from != server {
                    if let Some(number) = strange.add() {
                        tracing::info!(%from, number, "notifications from others are ignored");
                    }
                } else if news.try_send(message).is_err()
                    && let Some(number) = lost.add()
                {
                    tracing::warn!(number, "notifications are lost: they come too fast");
                }
            };
            node.on(NOTIFY_URI, handler, Layer::new())?;
            Hearing::Datagrams(heard)
        }
    })
}
