//! What a server serves on: addresses, and sockets that were handed over.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use netaio_core::types::{
    CREATE_URI, DELETE_URI, PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI, UPDATE_URI,
};
use netaio_core::{ManagementConfig, SendOptions};
use netaio_driver::resources::LocalBus;
use netaio_driver::{BuildError, Content, Remote, Runtime, Server, UdpNode};

use super::engine::Engine;
use super::handlers::{
    Shared, create, delete, publish, read, subscribe, unsubscribe, update, who_asks,
};
use super::{http, observe};
use crate::args::Serve;
use crate::error::CliError;
use crate::identity::PROBE;
use crate::reserved::ECHO;
use crate::systemd::HANDED_OVER;

/// A server's or a node's builder with all layers and handlers: they have the
/// methods in common, but no trait.
macro_rules! serving {
    ($builder:expr, $options:expr, $shared:expr) => {{
        let anybody = $options.identity.layer();
        let admin = $options.admin.layer();
        let admin = match $options.identity.clients() {
            Some(cipher) => admin.with_shared_cipher(cipher),
            None => admin,
        };
        let publisher = match $options.admin_publish {
            true => admin.clone(),
            false => anybody.clone(),
        };
        let limits = $options.limits().map_err(BuildError::from)?;
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
            .on((REQUEST_URI, ECHO), |content: Content| content)
            .inner(anybody.clone())
            .on(REQUEST_URI, read)
            .inner(anybody.clone())
            .on(CREATE_URI, create)
            .inner(admin.clone())
            .on(UPDATE_URI, update)
            .inner(admin.clone())
            .on(DELETE_URI, delete)
            .inner(admin)
            .on(SUBSCRIBE_URI, subscribe)
            .inner(anybody.clone())
            .on(UNSUBSCRIBE_URI, unsubscribe)
            .inner(anybody)
            .on(PUBLISH_URI, publish)
            .inner(publisher)
    }};
}

/// The same, introduced to those who ask, where the server has an identity.
macro_rules! introduced {
    ($builder:expr, $options:expr, $managed:expr) => {
        match ($options.identity.identity(), $options.identity.clients()) {
            (Some(identity), Some(clients)) => $builder
                .local_peer(identity.lasting())
                .manage_peers($managed)
                .on((REQUEST_URI, PROBE), move |asker: Remote| {
                    who_asks(&asker, &clients)
                }),
            _ => $builder,
        }
    };
}

/// What serves.
pub(crate) struct Bound<R: Runtime> {
    pub(crate) tcp: Option<Server<R>>,
    pub(crate) tcp_addrs: Vec<SocketAddr>,
    pub(crate) udp: Option<UdpNode<R>>,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) shared: Arc<Shared>,
}

/// Binds what the options ask for, and serves.
pub(crate) async fn bind<R: Runtime>(options: &mut Serve) -> Result<Bound<R>, CliError> {
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
    options: &mut Serve,
    shared: &Arc<Shared>,
) -> Result<Bound<R>, CliError> {
    let mut bound = Bound {
        tcp: None,
        tcp_addrs: Vec::new(),
        udp: None,
        metrics: None,
        shared: shared.clone(),
    };
    let address = options.tcp().map(str::to_owned);
    let sockets = mem::take(&mut options.sockets);
    let sealed = SendOptions::new().with_inner(options.identity.layer());
    if address.is_some() || !sockets.tcp.is_empty() {
        let builder = serving!(Server::<R>::builder(), options, shared);
        let builder = introduced!(builder, options, ManagementConfig::for_streams());
        let tls = options.tls.server();
        let server = match (&address, tls) {
            (Some(address), None) => builder.bind(address).await?,
            _ => builder.build()?,
        };
        bound.tcp_addrs = server.local_addrs().to_vec();
        if let (Some(address), Some(tls)) = (&address, tls) {
            bound.tcp_addrs = tls.serve(&server, address).await?;
        }
        for listener in sockets.tcp {
            bound
                .tcp_addrs
                .push(listener.local_addr().map_err(unusable)?);
            match tls {
                None => server.serve_tcp(listener).map_err(unusable)?,
                Some(tls) => tls.adopt(&server, listener)?,
            }
        }
        let publisher = server.publisher().clone();
        shared.local.add_with(publisher, sealed.clone());
        bound.tcp = Some(server);
    }
    if options.udp.is_some() || !sockets.udp.is_empty() {
        let builder = serving!(UdpNode::<R>::builder(), options, shared);
        // Clients may be on this machine.
        let builder = builder.no_group().ignore_own_ip(false);
        // Those who wait for an answer are no group that was asked at once.
        let managed = ManagementConfig::new().with_jitter(false);
        let builder = introduced!(builder, options, managed);
        let node = match &options.udp {
            Some(address) => builder.bind(address).await?,
            None => builder.bind_socket(R::adopt_datagrams(sockets.udp).map_err(unusable)?)?,
        };
        shared.local.add_with(node.publisher().clone(), sealed);
        bound.udp = Some(node);
    }
    let metrics = match (&options.metrics, sockets.metrics) {
        (_, Some(listener)) => Some((HANDED_OVER, R::adopt(listener))),
        (Some(address), None) => Some((address.as_str(), http::listen::<R>(address).await)),
        (None, None) => None,
    };
    if let Some((address, listener)) = metrics {
        let ask = observe::ask(bound.tcp.clone(), bound.udp.clone(), shared.clone());
        let served = listener.and_then(|listener| http::serve::<R>(listener, ask));
        let failed = |source| BuildError::Listen {
            address: address.to_owned(),
            source,
        };
        bound.metrics = Some(served.map_err(failed)?);
    }
    Ok(bound)
}

fn unusable(source: io::Error) -> BuildError {
    BuildError::Listen {
        address: HANDED_OVER.to_owned(),
        source,
    }
}
