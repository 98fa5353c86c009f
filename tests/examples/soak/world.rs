//! What all that load a server share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use netaio_tokio::Client;
use netaio_tokio::config::ClientBuilder;
use netaio_tokio::plugin::Layer;
use tokio::time::{Interval, MissedTickBehavior};

use crate::Error;
use crate::server;
use crate::tally::Tally;

/// Where the server is, what is counted, and whether it is over.
pub(crate) struct World {
    pub(crate) tcp: SocketAddr,
    pub(crate) udp: SocketAddr,
    /// Where connections to the server are cut.
    pub(crate) proxy: SocketAddr,
    pub(crate) outer: Layer,
    pub(crate) admin: Layer,
    pub(crate) tally: Tally,
    over: AtomicBool,
}

impl World {
    pub(crate) fn new(tcp: SocketAddr, udp: SocketAddr, proxy: SocketAddr) -> Self {
        Self {
            tcp,
            udp,
            proxy,
            outer: server::outer(),
            admin: server::admin(),
            tally: Tally::default(),
            over: AtomicBool::new(false),
        }
    }

    /// Whether everybody shall come to an end.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Lets everybody come to an end.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn client(&self) -> ClientBuilder {
        Client::builder().outer(self.outer.clone())
    }

    /// A client that is connected, and that nothing is done to.
    pub(crate) async fn connected(&self) -> Result<Client, Error> {
        let client = self.client().build()?;
        client.connect(self.tcp).await?;
        self.tally.work.connected.one();
        Ok(client)
    }
}

/// Ticks so many times a second, and not faster after a pause.
pub(crate) fn pace(per_second: u32) -> Interval {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
