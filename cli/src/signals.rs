//! SIGINT and SIGTERM, for every runtime alike.

use std::io;

use async_channel::Receiver;

use crate::error::CliError;

/// A channel that receives a message when the command has to stop. To be called once.
pub(crate) fn stop() -> Result<Receiver<()>, CliError> {
    // The handler runs on a thread of its own. A second signal finds the channel
    // full, and changes nothing.
    let (sender, stop) = async_channel::bounded(1);
    ctrlc::set_handler(move || {
        let _ = sender.try_send(());
    })
    .map_err(|error| CliError::Start(io::Error::other(error)))?;
    Ok(stop)
}
