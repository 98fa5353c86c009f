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
pub(super) struct Told(Option<Arc<Manager>>);

impl Told {
    pub(super) fn of_environment() -> Self {
        Self(Manager::of_environment().map(Arc::new))
    }

    /// Tells that it serves, and where.
    pub(super) async fn ready<R: Runtime>(&self, addresses: &[(&'static str, SocketAddr)]) {
        let all = addresses
            .iter()
            .map(|(transport, address)| format!("{transport} {address}"));
        let all = all.collect::<Vec<_>>().join(", ");
        self.tell::<R>(&format!("READY=1\nSTATUS=listening on {all}"))
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
        let Some(every) = self.0.as_ref().and_then(|manager| manager.every()) else {
            return;
        };
        let told = self.clone();
        let signs = async move {
            loop {
                let connections = tcp.as_ref().map_or(0, Server::connections);
                shared.store.answers().await;
                let sign = format!("WATCHDOG=1\nSTATUS=connections: {connections}");
                told.tell::<R>(&sign).await;
                R::sleep_until(Instant::now() + every).await;
            }
        };
        R::spawn(async move {
            stop.or::<()>(signs).await;
        });
    }

    async fn tell<R: Runtime>(&self, state: &str) {
        if let Some(manager) = &self.0 {
            manager.tell::<R>(state).await;
        }
    }
}
