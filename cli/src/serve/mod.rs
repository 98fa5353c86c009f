//! `netaio serve`.

mod news;
mod store;

use std::io::{self, Write};

use async_channel::Receiver;
use netaio_core::types::{
    CREATE_URI, DELETE_URI, PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI, UPDATE_URI,
};
use netaio_driver::{Content, Runtime, Server};

use self::news::{publish, subscribe, unsubscribe};
use self::store::{Store, create, delete, read, update};
use crate::args::Serve;
use crate::error::CliError;
use crate::runtime::{Work, block_on};
use crate::signals;

/// Serves until a signal says to stop.
pub(crate) fn serve(options: Serve) -> Result<(), CliError> {
    let stop = signals::stop()?;
    let runtime = options.runtime.runtime;
    block_on(runtime, Serving { options, stop }).map_err(CliError::Start)?
}

struct Serving {
    options: Serve,
    stop: Receiver<()>,
}

impl Work for Serving {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let admin = self.options.admin.layer();
        let server = Server::<R>::builder()
            .outer(self.options.outer.layer())
            .state(Store::default())
            .on((REQUEST_URI, "echo"), |content: Content| content)
            .on(REQUEST_URI, read)
            .on(CREATE_URI, create)
            .inner(admin.clone())
            .on(UPDATE_URI, update)
            .inner(admin.clone())
            .on(DELETE_URI, delete)
            .inner(admin)
            .on(SUBSCRIBE_URI, subscribe)
            .on(UNSUBSCRIBE_URI, unsubscribe)
            .on(PUBLISH_URI, publish)
            .bind(&self.options.tcp)
            .await?;
        let mut out = io::stdout();
        writeln!(out, "netaio: listening on tcp {}", server.local_addr())
            .map_err(CliError::Output)?;
        out.flush().map_err(CliError::Output)?;
        // The sender lives as long as the process.
        let _ = self.stop.recv().await;
        server.stop().await;
        Ok(())
    }
}
