//! `netaio subscribe`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroU64;

use async_channel::{Receiver, Sender};
use netaio_core::types::NOTIFY_URI;
use netaio_core::{Change, CloseReason, Gap, Layer, Message};
use netaio_driver::Runtime;

use crate::args::Subscribe;
use crate::asked::Asked;
use crate::error::CliError;
use crate::output::{self, Further};
use crate::runtime::{Work, block_on};
use crate::signals;
use crate::tally::Tally;

/// The most datagrams that wait to be printed; further ones are dropped.
const WAITING: usize = 256;

/// What a notification is that says of no change.
const PUBLISHED: &str = "published";

/// Prints notifications of the uris, up to the number that was asked for.
pub(crate) fn subscribe(options: Subscribe) -> Result<(), CliError> {
    let stop = signals::stop()?;
    let runtime = options.server.runtime.runtime;
    block_on(runtime, Listening { options, stop }).map_err(CliError::Start)?
}

struct Listening {
    options: Subscribe,
    stop: Receiver<()>,
}

/// An event of a subscriber.
enum Heard {
    News(Message),
    Ended(CloseReason),
    Stopped,
}

impl Work for Listening {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let Self { options, stop } = self;
        let asked = Asked::<R>::reach(&options.server).await?;
        let heard = listen(&asked, stop)?;
        let server = asked.remote();
        for uri in &options.uris {
            let request = server.subscribe(uri.clone());
            request.timeout(options.server.timeout).await?.ok()?;
        }
        eprintln!("subscribed to {}", options.uris.join(", "));
        let printed = print_all(&heard, &options).await;
        if options.server.udp {
            // A connection would report its end. The confirmation is not waited for: the
            // server may have stopped.
            for uri in &options.uris {
                let _ = server.send(Message::unsubscribe(uri.clone())).await;
            }
        }
        asked.close().await;
        printed
    }
}

/// Messages and the end of the connection, from now on.
fn listen<R: Runtime>(asked: &Asked<R>, stop: Receiver<()>) -> Result<Receiver<Heard>, CliError> {
    let (sender, heard) = match asked {
        Asked::Tcp { client, connection } => {
            // Messages that are not printed yet wait here, and then at the server.
            let (sender, heard) = async_channel::bounded(1);
            let (news, ending) = (sender.clone(), sender.clone());
            let connection = connection.clone();
            R::spawn(async move {
                let reason = connection.closed().await;
                tell(ending, Heard::Ended(reason)).await;
            });
            let handler = move |message| tell(news.clone(), Heard::News(message));
            client.on(NOTIFY_URI, handler, Layer::new())?;
            (sender, heard)
        }
        Asked::Udp { node, server } => {
            let (sender, heard) = async_channel::bounded(WAITING);
            let (news, server) = (sender.clone(), *server);
            let (strange, lost) = (Tally::new(), Tally::new());
            let handler = move |message: Message, from: SocketAddr| {
                if from != server {
                    if let Some(number) = strange.add() {
                        tracing::info!(%from, number, "notifications from others are ignored");
                    }
                } else if news.try_send(Heard::News(message)).is_err()
                    && let Some(number) = lost.add()
                {
                    tracing::warn!(number, "notifications are lost: they come too fast");
                }
            };
            node.on(NOTIFY_URI, handler, Layer::new())?;
            (sender, heard)
        }
    };
    R::spawn(async move {
        // The sender is never dropped.
        let _ = stop.recv().await;
        tell(sender, Heard::Stopped).await;
    });
    Ok(heard)
}

async fn tell(listener: Sender<Heard>, heard: Heard) {
    // An error means that the receiver was dropped.
    let _ = listener.send(heard).await;
}

/// Prints notifications, up to the number that was asked for.
async fn print_all(heard: &Receiver<Heard>, options: &Subscribe) -> Result<(), CliError> {
    let mut left = options.count.map(NonZeroU64::get);
    while left != Some(0) {
        match heard.recv().await {
            Ok(Heard::News(message)) => {
                if let Some(lost) = Gap::of(&message) {
                    // That nobody reads it is no reason to end.
                    let _ = writeln!(
                        io::stderr(),
                        "the server has dropped {lost} notifications before the next one"
                    );
                }
                print(&message, options).map_err(CliError::Output)?;
            }
            Ok(Heard::Ended(reason)) => return Err(CliError::Lost(reason)),
            Ok(Heard::Stopped) | Err(_) => break,
        }
        left = left.map(|left| left.saturating_sub(1));
    }
    Ok(())
}

fn print(message: &Message, options: &Subscribe) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let change = Change::of(message).map(Change::name);
    if options.json {
        output::json(message, Further::News { change }, &mut out)?;
    } else {
        if options.changes {
            write!(out, "{} ", change.unwrap_or(PUBLISHED))?;
        }
        out.write_all(&message.content)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
