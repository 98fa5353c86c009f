//! `netaio serve`.

mod binding;
mod bus;
mod engine;
mod handlers;
mod http;
mod manager;
#[cfg(feature = "nats")]
mod nats;
mod observe;
mod process;

use std::future::pending;
use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use netaio_driver::Runtime;

pub(crate) use self::binding::{Bound, bind};
use self::manager::Told;
use crate::args::Serve;
use crate::error::CliError;
use crate::runtime::{Work, block_on};
use crate::signals::Stop;
use crate::stdio::Output;
use crate::stdio::error::say;

/// The time that requests have to be answered in once it is to stop. Clients have a second more to
/// take what waits for them.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until a signal stops it.
pub(crate) fn serve(options: Serve) -> Result<(), CliError> {
    let stop = Stop::on_signals()?;
    let runtime = options.runtime.runtime;
    block_on(runtime, Serving { options, stop }).map_err(CliError::Start)?
}

struct Serving {
    options: Serve,
    stop: Stop,
}

impl Work for Serving {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(mut self) -> Self::Output {
        let bound = self.stop.or(bind::<R>(&mut self.options)).await;
        let Some(bound) = bound.transpose()? else {
            return Ok(());
        };
        let shared = bound.shared.clone();
        let ended = self.serve_until_stopped(bound).await;
        shared.store.close().await;
        ended
    }
}

impl Serving {
    async fn serve_until_stopped<R: Runtime>(&self, bound: Bound<R>) -> Result<(), CliError> {
        let Bound {
            tcp,
            tcp_addrs,
            udp,
            metrics,
            shared,
        } = bound;
        let udp_addrs = udp.iter().flat_map(|node| node.local_addrs());
        let addresses: Vec<_> = tcp_addrs
            .iter()
            .map(|address| ("tcp", *address))
            .chain(udp_addrs.map(|address| ("udp", *address)))
            .chain(metrics.map(|address| ("metrics", address)))
            .collect();
        announce(&addresses)?;
        if let Some(identity) = self.options.identity.identity() {
            let key = identity.public_key();
            say(format_args!(
                "netaio: the server's public key, for --server-key, is {key}"
            ));
        }
        let told = Told::of_environment(&addresses);
        told.ready::<R>().await;
        told.watch(self.stop.clone(), tcp.clone(), shared);
        // A signal, or the end of the node by itself.
        let ended = async {
            match &udp {
                Some(node) => node.ended().await,
                None => pending().await,
            }
        };
        let ended = self.stop.or(ended).await.unwrap_or(Ok(()));
        told.stopping::<R>().await;
        // Both at once, so that neither accepts requests while the other drains.
        let (stopping, stopped) = async_channel::bounded::<()>(1);
        R::spawn(async move {
            if let Some(node) = udp {
                node.stop_within(GRACE).await;
            }
            drop(stopping);
        });
        if let Some(server) = tcp {
            server.stop_within(GRACE).await;
        }
        let _ = stopped.recv().await;
        Ok(ended?)
    }
}

/// Says where it listens, on a thread that may wait for whoever reads it. It serves those who know it
/// anyway, too.
fn announce(addresses: &[(&'static str, SocketAddr)]) -> Result<(), CliError> {
    let lines = addresses
        .iter()
        .map(|(transport, address)| format!("netaio: listening on {transport} {address}\n"));
    let lines: String = lines.collect();
    let write = move || {
        if let Err(error) = Output.write_all(lines.as_bytes()) {
            tracing::warn!(%error, "nobody is told where the server listens");
        }
    };
    let thread = thread::Builder::new().name("output".to_owned());
    thread.spawn(write).map(drop).map_err(CliError::Start)
}
