//! Connections come and go.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use netaio_core::Link;

use super::Shared;
use crate::connection::Connection;
use crate::futures::race;
use crate::options::ConnectionOptions;
use crate::peers::LinkDirectory;
use crate::runtime::{ReadHalf, Runtime, WriteHalf};
use crate::task::Task;

/// What accepts connections. The socket is dropped first: then its address is
/// free, and those who wait for that may know.
pub(super) struct Acceptor<R: Runtime> {
    pub(super) listener: R::Listener,
    /// What the connections are like.
    pub(super) options: ConnectionOptions,
    pub(super) open: Listening,
}

/// Says on drop that the listening socket is closed.
pub(super) struct Listening(pub(super) Arc<Shared>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.store(false, Ordering::Release);
        self.0.ended.notify(usize::MAX);
    }
}

/// Accepts connections until the server stops.
pub(super) async fn accept<R: Runtime>(acceptor: Acceptor<R>) {
    /// The pause after an error that is none of one connection's, such as
    /// running out of descriptors.
    const PAUSE: Duration = Duration::from_millis(100);

    let (shared, listener) = (&acceptor.open.0, &acceptor.listener);
    loop {
        let stop = shared.stop.listen();
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let accept = async { Some(R::accept(listener).await) };
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
                    tracing::warn!(%remote, %error, "connection refused");
                }
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "cannot accept a connection");
                R::sleep_until(shared.service.time().instant_after(PAUSE)).await;
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
    let seed = service.sources.seeds.seed()?;
    let admit = |connections| match connections < service.config.wire.limits.connections() {
        _ if shared.stopping.load(Ordering::Acquire) => Err("the server is stopping"),
        false => Err("the server has as many connections as it may"),
        true => Ok(()),
    };
    let config = options.left_out.config(&service.config);
    let connection = shared.roster.enter(
        |connections| admit(connections).map_err(io::Error::other),
        |number| Connection::new(remote, &service, number, options, None),
    )?;
    let entry = Entry {
        shared: shared.clone(),
        connection: connection.clone(),
    };
    let directory = LinkDirectory::new(&service.table, connection.place());
    let rng = seed.generator(connection.shared.number);
    let now = service.time().now();
    let link = Link::new(now, config, remote, rng).with_directory(Arc::new(directory));
    let mut task = Task::<R, _, _>::new(link, reader, writer, service, connection.clone());
    R::spawn(async move {
        task.run().await;
        drop(task);
        drop(entry);
    });
    Ok(connection)
}

/// A connection's place among the others, left even by a task that is dropped.
struct Entry {
    shared: Arc<Shared>,
    connection: Connection,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.roster.leave(self.connection.shared.number);
        self.shared.ended.notify(usize::MAX);
    }
}
