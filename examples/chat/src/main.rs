//! An end-to-end encrypted chat between nodes that find one another by multicast: netaio over UDP
//! with discovery and the X25519 cipher. The README beside the manifest says how it is used, and
//! what it protects.
#![forbid(unsafe_code)]

mod chat;
mod command;
mod event;
mod input;
mod jobs;
mod keys;
mod letter;
mod mail;
mod name;
mod options;
mod plain;
mod screen;
mod session;
mod state;
mod stop;
mod terminal;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::chat::Chat;
use crate::keys::Keys;
use crate::options::Options;
use crate::stop::Signals;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be a terminal that is gone.
            let _ = writeln!(io::stderr(), "netaio-chat: {error}");
            if is_in_use(&*error) {
                let _ = writeln!(
                    io::stderr(),
                    "another chat is there: of several on one machine each has an --address of its own, \
                     such as 127.0.0.2, and all one --interface, 127.0.0.1"
                );
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether an error comes from an address that another program has.
fn is_in_use(error: &(dyn std::error::Error + 'static)) -> bool {
    let in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|error| error.downcast_ref().is_some_and(in_use))
}

async fn run(options: &Options) -> Result<(), Failure> {
    // Before anything is done that has to be undone.
    let signals = Signals::new()?;
    let keys = Keys::open(&options.key_file()?)?;
    let (chat, events) = Chat::enter(options.name.clone(), keys, &options.place()).await?;
    let has_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let result = match has_terminal {
        true => session::with_terminal(&chat, events, signals).await,
        false => session::with_lines(&chat, events, signals).await,
    };
    chat.leave().await;
    let saved = chat.keys().save();
    result?;
    Ok(saved?)
}
