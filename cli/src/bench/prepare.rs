//! What there is before anything is measured: a server of its own, and connections.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use indicatif::ProgressBar;
use netaio_core::Limits;
use netaio_driver::{BuildError, Runtime};

use super::fanout::{self, Subscribers};
use super::load::{Ask, Echo, Server};
use super::resource::Resource;
use crate::args::{AdminLayer, Asking, Bench, Bounds, Nats, Serve, ServerTls};
use crate::asked::Asked;
use crate::error::CliError;
use crate::serve::{Bound, bind};
use crate::systemd::Sockets;

/// What is connected.
pub(super) struct Prepared<R: Runtime> {
    /// Serves as long as it is there.
    _own: Option<Bound<R>>,
    pub(super) connections: Vec<Asked<R>>,
    pub(super) subscribers: Option<Subscribers<R>>,
    /// Of each connection, where resources are asked for.
    pub(super) resources: Vec<Resource>,
    /// What is published to.
    pub(super) uri: Arc<str>,
}

/// Serves what is to be measured, where it is not somebody else's. It is what is asked from now on.
///
/// # Errors
/// It cannot be bound.
pub(super) async fn serve<R: Runtime>(options: &mut Bench) -> Result<Option<Bound<R>>, CliError> {
    if !options.own {
        return Ok(None);
    }
    let asked = &mut options.server;
    let address = || Some("127.0.0.1:0".to_owned());
    let bound = bind::<R>(&mut Serve {
        tcp: (!asked.udp).then(address).flatten(),
        udp: asked.udp.then(address).flatten(),
        outer: asked.outer.clone(),
        admin: AdminLayer::none(),
        identity: mem::take(&mut options.served),
        admin_publish: false,
        tls: ServerTls::default(),
        store: None,
        metrics: None,
        nats: Nats::default(),
        bounds: Bounds {
            max_resources: u64::MAX,
            max_bytes: u64::MAX,
            ..Bounds::default()
        },
        runtime: asked.runtime,
        sockets: Sockets::default(),
    })
    .await?;
    let tcp = bound.tcp.iter().map(|server| server.local_addr());
    let udp = bound.udp.iter().map(|node| node.local_addr());
    if let Some(address) = tcp.chain(udp).next() {
        asked.address = address.to_string();
    }
    Ok(Some(bound))
}

impl<R: Runtime> Prepared<R> {
    /// Connects, and asks once on each connection.
    ///
    /// # Errors
    /// The server cannot be reached, or answers otherwise than it is to.
    pub(super) async fn connect(
        own: Option<Bound<R>>,
        options: &Bench,
        content: &'static [u8],
        progress: &ProgressBar,
    ) -> Result<Self, CliError> {
        let limits = limits(options)?;
        let server = &options.server;
        let check = async |asked: &Asked<R>| {
            let echo = Echo {
                server: Server::of(asked, server.timeout),
                content,
            };
            echo.ask(Instant::now()).await
        };
        let (first, ()) = Asked::with_limits(server, &limits, check).await?;
        let mut connections = vec![first];
        progress.inc(1);
        for _ in 1..options.connections {
            let asked = connections[0].another(server, &limits).await?;
            check(&asked).await?;
            connections.push(asked);
            progress.inc(1);
        }
        let uri: Arc<str> = fanout::uri()?.into();
        let mut subscribers = None;
        if let Some(subscribed) = options.fanout {
            let mut added = Subscribers::new(uri.clone());
            for _ in 0..subscribed {
                added.add(&connections[0], server).await?;
                progress.inc(1);
            }
            subscribers = Some(added);
        }
        let mut resources = Vec::new();
        if options.ask != Asking::Echo {
            for (number, asked) in connections.iter().enumerate() {
                let server = Server::of(asked, server.timeout);
                let resource =
                    Resource::new(server, format!("{uri}/{number}"), content, options.ask);
                resource.create().await?;
                resources.push(resource);
            }
        }
        Ok(Self {
            _own: own,
            connections,
            subscribers,
            resources,
            uri,
        })
    }

    /// Takes leave.
    pub(super) async fn close(self) {
        if let Some(subscribers) = self.subscribers {
            subscribers.close().await;
        }
        for resource in &self.resources {
            resource.delete().await;
        }
        for asked in self.connections {
            asked.close().await;
        }
    }
}

/// All requests that are to be in flight may be.
fn limits(options: &Bench) -> Result<Limits, CliError> {
    let limits = Limits::default();
    let pending = limits.pending_requests().max(options.in_flight as usize);
    let limits = limits.with_pending_requests(pending);
    Ok(limits.map_err(BuildError::from)?)
}
