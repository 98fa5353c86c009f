//! `netaio subscribe`.

use std::io::{self, Write};
use std::num::NonZeroU64;

use async_channel::{Receiver, Sender};
use netaio_core::Message;
use netaio_core::types::NOTIFY_URI;
use netaio_driver::{Client, Runtime};

use crate::args::Subscribe;
use crate::error::CliError;
use crate::output;
use crate::runtime::{Work, block_on};
use crate::signals;

/// Prints what subscribers of the uris are told, until there was enough.
pub(crate) fn subscribe(options: Subscribe) -> Result<(), CliError> {
    let stop = signals::stop()?;
    let runtime = options.runtime.runtime;
    block_on(runtime, Listening { options, stop }).map_err(CliError::Start)?
}

struct Listening {
    options: Subscribe,
    stop: Receiver<()>,
}

/// What happens to somebody who listens.
enum Heard {
    News(Message),
    Ended,
    Stopped,
}

impl Work for Listening {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let Self { options, stop } = self;
        let (sender, heard) = async_channel::bounded(1);
        let news = sender.clone();
        let client = Client::<R>::builder()
            .outer(options.outer.layer())
            .connect_timeout(options.timeout)
            // What is not printed in time waits here, and then at the server.
            .on(NOTIFY_URI, move |message: Message| {
                tell(news.clone(), Heard::News(message))
            })
            .build()?;
        let server = client.connect(&options.server).await?;
        for uri in &options.uris {
            let request = server.subscribe(uri.clone()).timeout(options.timeout);
            request.await?.ok()?;
        }
        eprintln!("subscribed to {}", options.uris.join(", "));
        let (ending, stopping) = (sender.clone(), sender);
        let connection = server.clone();
        R::spawn(async move {
            connection.closed().await;
            tell(ending, Heard::Ended).await;
        });
        R::spawn(async move {
            // The signal's sender lives as long as the process.
            let _ = stop.recv().await;
            tell(stopping, Heard::Stopped).await;
        });
        let mut left = options.count.map(NonZeroU64::get);
        while left != Some(0) {
            match heard.recv().await {
                Ok(Heard::News(message)) => {
                    print(&message, options.json).map_err(CliError::Output)?
                }
                Ok(Heard::Stopped) => break,
                Ok(Heard::Ended) | Err(_) => {
                    let reason = server.closed().await;
                    return Err(CliError::Lost(reason));
                }
            }
            left = left.map(|left| left.saturating_sub(1));
        }
        client.close().await;
        Ok(())
    }
}

async fn tell(listener: Sender<Heard>, heard: Heard) {
    // A listener that is gone wants to hear nothing.
    let _ = listener.send(heard).await;
}

fn print(message: &Message, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        output::json(message, None, &mut out)?;
    } else {
        out.write_all(&message.content)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
