//! `netaio serve`.

mod bus;
mod engine;
mod handlers;
mod http;
#[cfg(feature = "nats")]
mod nats;
mod observe;

use std::future::pending;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use netaio_core::Layer;
use netaio_core::types::{
    CREATE_URI, DELETE_URI, PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI, UPDATE_URI,
};
use netaio_driver::resources::LocalBus;
use netaio_driver::{BuildError, Content, Runtime, Server, UdpNode};

use self::engine::Engine;
use self::handlers::{Shared, create, delete, publish, read, subscribe, unsubscribe, update};
use crate::args::Serve;
use crate::error::CliError;
use crate::runtime::{Work, block_on};
use crate::signals::Stop;
use crate::stdio::Output;

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

/// A server's or a node's builder with all layers and handlers: they have the
/// methods in common, but no trait.
macro_rules! serving {
    ($builder:expr, $options:expr, $shared:expr) => {{
        let admin = $options.admin.layer();
        let publisher = match $options.admin_publish {
            true => admin.clone(),
            false => Layer::new(),
        };
        let limits = $options.bounds.limits().map_err(BuildError::from)?;
        let builder = $builder;
        // Two readings of the clock for each message.
        let builder = match $options.metrics {
            Some(_) => builder.measure_times(),
            None => builder,
        };
        builder
            .outer($options.outer.layer())
            .limits(limits)
            .state::<Arc<Shared>>($shared.clone())
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
            .inner(publisher)
    }};
}

impl Work for Serving {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let Some(bound) = self.stop.or(bind::<R>(&self.options)).await.transpose()? else {
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
            ..
        } = bound;
        let udp_addrs = udp.iter().flat_map(|node| node.local_addrs());
        announce(
            tcp_addrs
                .iter()
                .map(|address| ("tcp", *address))
                .chain(udp_addrs.map(|address| ("udp", *address)))
                .chain(metrics.map(|address| ("metrics", address))),
        )?;
        // A signal, or the end of the node by itself.
        let ended = async {
            match &udp {
                Some(node) => node.ended().await,
                None => pending().await,
            }
        };
        let ended = self.stop.or(ended).await.unwrap_or(Ok(()));
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

/// What serves.
pub(crate) struct Bound<R: Runtime> {
    pub(crate) tcp: Option<Server<R>>,
    pub(crate) tcp_addrs: Vec<SocketAddr>,
    pub(crate) udp: Option<UdpNode<R>>,
    metrics: Option<SocketAddr>,
    shared: Arc<Shared>,
}

/// Binds what the options ask for, and serves.
pub(crate) async fn bind<R: Runtime>(options: &Serve) -> Result<Bound<R>, CliError> {
    let local = Arc::new(LocalBus::new());
    let store = Engine::open(options, &local).await?;
    let bus = store.bus(local.clone());
    let shared = Arc::new(Shared { store, bus, local });
    let bound = bind_with(options, &shared).await;
    if bound.is_err() {
        shared.store.close().await;
    }
    bound
}

async fn bind_with<R: Runtime>(
    options: &Serve,
    shared: &Arc<Shared>,
) -> Result<Bound<R>, CliError> {
    let mut bound = Bound {
        tcp: None,
        tcp_addrs: Vec::new(),
        udp: None,
        metrics: None,
        shared: shared.clone(),
    };
    if let Some(address) = &options.tcp {
        let builder = serving!(Server::<R>::builder(), options, shared);
        let server = match options.tls.server() {
            None => {
                let server = builder.bind(address).await?;
                bound.tcp_addrs = server.local_addrs().to_vec();
                server
            }
            Some(tls) => {
                let server = builder.build()?;
                bound.tcp_addrs = tls.serve(&server, address).await?;
                server
            }
        };
        shared.local.add(server.publisher().clone());
        bound.tcp = Some(server);
    }
    if let Some(address) = &options.udp {
        let builder = serving!(UdpNode::<R>::builder(), options, shared);
        // Clients may be on this machine.
        let builder = builder.no_group().ignore_own_ip(false);
        let node = builder.bind(address).await?;
        shared.local.add(node.publisher().clone());
        bound.udp = Some(node);
    }
    if let Some(address) = &options.metrics {
        let ask = observe::ask(bound.tcp.clone(), bound.udp.clone(), shared.clone());
        let served = http::serve::<R>(address, ask).await;
        bound.metrics = Some(served.map_err(|source| BuildError::Listen {
            address: address.clone(),
            source,
        })?);
    }
    Ok(bound)
}

/// Says where it listens, on a thread that may wait for whoever reads it. It serves those who know it
/// anyway, too.
fn announce(addresses: impl Iterator<Item = (&'static str, SocketAddr)>) -> Result<(), CliError> {
    let lines = addresses
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
