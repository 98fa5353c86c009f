//! What the service manager is told of the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use netaio_driver::{Runtime, Server};

use super::handlers::Shared;
use crate::signals::Stop;
use crate::systemd::Manager;

/// The service manager, if there is one that wants to be told.
#[derive(Clone)]
pub(super) struct Told {
    manager: Option<Arc<Manager>>,
    /// Where the server listens: "listening on tcp 127.0.0.1:8888".
    listening: Arc<str>,
}

impl Told {
    /// What there is to tell of a server that listens at these addresses.
    pub(super) fn of_environment(addresses: &[(&'static str, SocketAddr)]) -> Self {
        let all = addresses
            .iter()
            .map(|(transport, address)| format!("{transport} {address}"));
        let all = all.collect::<Vec<_>>().join(", ");
        Self {
            manager: Manager::of_environment().map(Arc::new),
            listening: format!("listening on {all}").into(),
        }
    }

    /// Tells that it serves, and where.
    pub(super) async fn ready<R: Runtime>(&self) {
        self.tell::<R>(&format!("READY=1\nSTATUS={}", self.listening))
            .await;
    }

    /// Tells that it takes leave.
    pub(super) async fn stopping<R: Runtime>(&self) {
        self.tell::<R>("STOPPING=1\nSTATUS=answering what has come")
            .await;
    }

    /// Gives signs of life until the server is to stop, where they are wanted: as a task like those that serve,
    /// and each when the table of connections and the store have answered it.
    pub(super) fn watch<R: Runtime>(
        &self,
        stop: Stop,
        tcp: Option<Server<R>>,
        shared: Arc<Shared>,
    ) {
        let Some(every) = self.manager.as_ref().and_then(|manager| manager.every()) else {
            return;
        };
        let told = self.clone();
        let signs = async move {
            loop {
                let connections = tcp.as_ref().map_or(0, Server::connections);
                shared.store.answers().await;
                let listening = &told.listening;
                let sign = format!("WATCHDOG=1\nSTATUS={listening}; connections: {connections}");
                told.tell::<R>(&sign).await;
                R::sleep_until(Instant::now() + every).await;
            }
        };
        R::spawn(async move {
            stop.or::<()>(signs).await;
        });
    }

    async fn tell<R: Runtime>(&self, state: &str) {
        if let Some(manager) = &self.manager {
            manager.tell::<R>(state).await;
        }
    }
}
