//! `netaio serve`.

mod news;
mod store;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use async_channel::Receiver;
use netaio_core::Layer;
use netaio_core::types::{
    CREATE_URI, DELETE_URI, PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI, UPDATE_URI,
};
use netaio_driver::{BuildError, Content, Runtime, Server, UdpNode};

use self::news::{News, publish, subscribe, unsubscribe};
use self::store::{Store, create, delete, read, update};
use crate::args::Serve;
use crate::error::CliError;
use crate::runtime::{Work, block_on};
use crate::signals;
use crate::udp;

/// Serves until a signal stops it.
pub(crate) fn serve(options: Serve) -> Result<(), CliError> {
    let stop = signals::stop()?;
    let runtime = options.runtime.runtime;
    block_on(runtime, Serving { options, stop }).map_err(CliError::Start)?
}

struct Serving {
    options: Serve,
    stop: Receiver<()>,
}

/// What the handlers of server and node share.
struct Shared {
    store: Store,
    news: News,
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
        $builder
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
        let Self { options, stop } = self;
        let bounds = &options.bounds;
        let shared = Arc::new(Shared {
            store: Store::new(bounds.max_resources, bounds.max_bytes),
            news: News::default(),
        });
        let mut tcp = None;
        if let Some(address) = &options.tcp {
            let builder = serving!(Server::<R>::builder(), options, shared);
            let server = builder.bind(address).await?;
            shared.news.add(server.publisher().clone());
            tcp = Some(server);
        }
        let mut udp = None;
        if let Some(address) = &options.udp {
            let builder = serving!(UdpNode::<R>::builder(), options, shared);
            // Clients may be on this machine.
            let builder = builder.no_group().ignore_own_ip(false);
            let node = builder.bind(udp::own_address::<R>(address).await?).await?;
            shared.news.add(node.publisher().clone());
            udp = Some(node);
        }
        if let Some(server) = &tcp {
            for address in server.local_addrs() {
                say("tcp", *address)?;
            }
        }
        if let Some(node) = &udp {
            say("udp", node.local_addr())?;
        }
        // The sender is never dropped.
        let _ = stop.recv().await;
        // Both at once, so that neither accepts requests while the other drains.
        let (stopping, stopped) = async_channel::bounded::<()>(1);
        R::spawn(async move {
            if let Some(node) = udp {
                node.stop().await;
            }
            drop(stopping);
        });
        if let Some(server) = tcp {
            server.stop().await;
        }
        let _ = stopped.recv().await;
        Ok(())
    }
}

fn say(transport: &str, address: SocketAddr) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    writeln!(out, "netaio: listening on {transport} {address}")
        .and_then(|()| out.flush())
        .map_err(CliError::Output)
}
