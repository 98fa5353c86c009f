//! Accepting connections, and serving streams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use netaio_core::LinkId;

use super::events::ServerEvent;
use super::shared::Shared;
use crate::address::canonical;
use crate::connection::Connection;
use crate::error::RefusedConnection;
use crate::futures::{race, yield_now};
use crate::logging::limited;
use crate::options::ConnectionOptions;
use crate::panics::caught;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::task::Task;

/// What accepts connections. The socket is dropped before `open`, which notifies those
/// who wait until the address is free.
pub(super) struct Acceptor<R: Runtime> {
    pub(super) listener: R::Listener,
    /// The options of the connections.
    pub(super) options: ConnectionOptions,
    pub(super) open: Listening,
}

/// Marks the listening socket as closed on drop.
pub(super) struct Listening(pub(super) Arc<Shared>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify(usize::MAX);
    }
}

/// The pause after an error of the listener, such as running out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until the server stops. It begins anew after a panic.
pub(super) async fn accept<R: Runtime>(acceptor: Acceptor<R>) {
    let shared = &acceptor.open.0;
    while let Err(panicked) = caught(accept_all(&acceptor)).await {
        let context = &shared.service.context;
        limited!(context.logs, WARN, "cannot accept a connection after a panic", %panicked);
        shared.events.emit(|| ServerEvent::AcceptFailed {
            error: panicked.to_string(),
        });
        // The clock may be what panics.
        let pause = async { R::sleep_until(context.time().instant_after(PAUSE)).await };
        if caught(pause).await.is_err() {
            yield_now().await;
        }
    }
}

async fn accept_all<R: Runtime>(acceptor: &Acceptor<R>) {
    let (shared, listener) = (&acceptor.open.0, &acceptor.listener);
    let logs = &shared.service.context.logs;
    loop {
        let stop = shared.stop.listen();
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let accept = async { Some(R::accept(listener, shared.keepalive).await) };
        let stop = async {
            stop.await;
            None
        };
        match race(accept, stop).await {
            None => return,
            Some(Ok((reader, writer, remote))) => {
                let options = acceptor.options.clone();
                let served = serve::<R>(shared, reader, writer, Some(remote), options);
                if let Err(error) = served {
                    limited!(logs, WARN, "connection refused", %remote, %error);
                }
                // Those that close for this one have their turn before many more come.
                yield_now().await;
            }
            Some(Err(error)) => {
                limited!(logs, WARN, "cannot accept a connection", %error);
                shared.events.emit(|| ServerEvent::AcceptFailed {
                    error: error.to_string(),
                });
                R::sleep_until(shared.service.context.time().instant_after(PAUSE)).await;
            }
        }
    }
}

pub(super) fn serve<R: Runtime>(
    shared: &Arc<Shared>,
    reader: impl ReadHalf,
    writer: impl WriteHalf,
    remote: Option<SocketAddr>,
    options: ConnectionOptions,
) -> io::Result<Connection> {
    let service = shared.service.clone();
    let remote = remote.map(canonical);
    let seed = service.context.sources.seeds.seed()?;
    let config = options.omitted.config(&service.context.config);
    let now = service.context.time().now();
    let entered = shared.roster.enter(|| {
        if shared.stopping.load(Ordering::Acquire) {
            return Err(RefusedConnection::Stopping);
        }
        let rng = |link: LinkId| seed.generator(link.number());
        let link = service.node().accept_with(now, config, remote, rng)?;
        let context = service.context.clone();
        let connection = Connection::new(context, &link, options, None);
        Ok((connection, link))
    });
    // One that closes for this one is woken, which takes the lock that `enter` held.
    service.wake_links();
    let (events, counts) = (&shared.events, &shared.counts);
    let (connection, link) = entered.map_err(|reason| {
        counts.refused_connections.add(1);
        events.emit(|| ServerEvent::Refused {
            remote,
            reason: reason.clone(),
        });
        io::Error::other(reason)
    })?;
    counts.connections.add(1);
    events.emit(|| ServerEvent::Connected(connection.clone()));
    let observer = shared.clone();
    Task::<R, _, _>::spawn(
        link,
        (reader, writer),
        service,
        connection.clone(),
        observer,
    );
    Ok(connection)
}
