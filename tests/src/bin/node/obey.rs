//! The node, and what it does with an order.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use async_channel::Receiver;
use netaio_tests::interop::{inner_layer, node};
use netaio_tests::puppet::{Order, Said, SaidPeer, boxes, peer};
use netaio_tests::python::{Inner, hex, unhex};
use netaio_tokio::config::{ManagementConfig, RequestBuilder, SendOptions};
use netaio_tokio::error::RequestError;
use netaio_tokio::events::{KnownPeer, PeerEvent, PeerEvents, UdpEvent, UdpEvents};
use netaio_tokio::plugin::Layer;
use netaio_tokio::types::{ADVERTISE_PEER, DISCONNECT, PEER_DISCOVERED, REQUEST_URI};
use netaio_tokio::{Content, Message, MessageType, UdpNode};
use tokio::time::{Instant, timeout_at};

use crate::options::Options;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A node, and what came to it.
pub(crate) struct Obedient {
    node: UdpNode,
    unasked: Receiver<Message>,
    events: PeerEvents,
    own_events: UdpEvents,
    /// The peers by their ids, as the events say.
    known: BTreeMap<String, SaidPeer>,
    /// What happened to peers and was not told yet.
    news: Vec<String>,
}

impl Obedient {
    pub(crate) async fn start(options: &Options) -> Result<Self> {
        let (sender, unasked) = async_channel::unbounded();
        let take = move |message: Message| {
            let between_peers = [ADVERTISE_PEER, PEER_DISCOVERED, DISCONNECT];
            if !between_peers.contains(&message.message_type) {
                // The other end lives as long as the node does.
                let _ = sender.try_send(message);
            }
        };
        let mut builder = node(&options.layers).default_handler(take);
        if options.groups.is_empty() {
            builder = builder.no_group();
        }
        for group in &options.groups {
            builder = builder.group(*group);
        }
        if let Some(interface) = &options.interface {
            builder = builder.interface(interface.as_str());
        }
        let cipher = options.seed.as_deref().map(boxes).transpose()?;
        if let Some(id) = &options.id {
            builder = builder.local_peer(peer(id, cipher.as_ref()));
        }
        if let Some(cipher) = cipher {
            builder = builder
                .on((REQUEST_URI, "boxed"), |content: Content| content)
                .inner_cipher(cipher);
        }
        let address = SocketAddr::new(options.address, options.port);
        let node: UdpNode = builder.bind(address).await?;
        Ok(Self {
            events: node.peers().events(),
            own_events: node.events(),
            node,
            unasked,
            known: BTreeMap::new(),
            news: Vec::new(),
        })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.node.local_addr()
    }

    pub(crate) async fn obey(&mut self, order: &Order) -> Result<Said> {
        let deadline = Instant::now() + Duration::try_from_secs_f64(order.timeout)?;
        match order.op.as_str() {
            "request" | "create" | "update" | "delete" => return self.ask(order).await,
            "next" => {
                return Ok(match timeout_at(deadline, self.unasked.recv()).await {
                    Ok(message) => shown(&message?),
                    Err(_) => timed_out(),
                });
            }
            "peers" => return self.wait_for_peers(order, deadline).await,
            "send" => {
                let (to, message) = (to(order)?, message(order)?);
                self.node.send_with(to, message, options(order)).await?;
            }
            "notify" => {
                let (key, message) = (unhex(&order.uri)?, message(order)?);
                let publisher = self.node.publisher();
                publisher.notify_with(key, &message, options(order))?;
            }
            "broadcast" => {
                let publisher = self.node.publisher();
                publisher.broadcast_with(&message(order)?, options(order))?;
            }
            "multicast" => {
                let sent = self
                    .node
                    .multicast_with(None, message(order)?, options(order));
                sent.await?;
            }
            "manage" => {
                let every = order.every.map(Duration::try_from_secs_f64).transpose()?;
                let silence = order
                    .silence
                    .map(|seconds| Duration::from_secs(seconds.into()));
                let config = ManagementConfig::new()
                    .with_app_id(unhex(&order.uri)?)
                    .with_inner(layer(order))
                    .with_every(every)
                    .with_timeout(silence);
                self.node.manage_peers(config)?;
            }
            "unmanage" => {
                if !self.node.stop_peer_management(unhex(&order.uri)?).await {
                    return Err("they were not managed".into());
                }
            }
            "group" => loop {
                match timeout_at(deadline, self.own_events.next()).await? {
                    Some(UdpEvent::GroupJoined) => break,
                    Some(_) => {}
                    None => return Err("the node is gone".into()),
                }
            },
            "close" => self.node.stop().await,
            op => return Err(format!("nobody can {op}").into()),
        }
        Ok(Said {
            done: true,
            ..Said::default()
        })
    }

    async fn ask(&self, order: &Order) -> Result<Said> {
        let (to, uri, content) = (to(order)?, unhex(&order.uri)?, unhex(&order.content)?);
        let request: RequestBuilder = match order.op.as_str() {
            "request" => self.node.request(to, uri).content(content),
            "create" => self.node.create(to, uri, content),
            "update" => self.node.update(to, uri, content),
            _ => self.node.delete(to, uri),
        };
        let timeout = Duration::try_from_secs_f64(order.timeout)?;
        let inner = match &order.seed {
            Some(seed) => Layer::new().with_cipher(boxes(seed)?),
            None => layer(order),
        };
        match request.inner(inner).timeout(timeout).await {
            Ok(response) => Ok(shown(&response)),
            Err(RequestError::TimedOut(_)) => Ok(timed_out()),
            Err(error) => Err(error.into()),
        }
    }

    async fn wait_for_peers(&mut self, order: &Order, deadline: Instant) -> Result<Said> {
        let mut wanted = order.ids.clone().unwrap_or_default();
        wanted.sort_unstable();
        while !self.known.keys().eq(&wanted) {
            match timeout_at(deadline, self.events.next()).await {
                Ok(event) => self.note(event.ok_or("the node is gone")?),
                Err(_) => {
                    let (known, news) = (&self.known, &self.news);
                    return Err(format!("its peers are {known:?} after {news:?}").into());
                }
            }
        }
        Ok(Said {
            peers: self.known.values().cloned().collect(),
            events: std::mem::take(&mut self.news),
            ..Said::default()
        })
    }

    fn note(&mut self, event: PeerEvent) {
        let id = |peer: &KnownPeer| String::from_utf8_lossy(&peer.peer.id).into_owned();
        self.news.push(match &event {
            PeerEvent::Added(peer) => format!("{} came", id(peer)),
            PeerEvent::Removed { peer, reason } => format!("{} gone: {reason:?}", id(peer)),
            other => format!("{other:?}"),
        });
        match &event {
            PeerEvent::Added(peer)
            | PeerEvent::Updated(peer)
            | PeerEvent::AddressRemoved { peer, .. } => {
                let peer = known(peer);
                self.known.insert(peer.id.clone(), peer);
            }
            PeerEvent::Removed { peer, .. } => {
                self.known.remove(&known(peer).id);
            }
            _ => {}
        }
    }
}

fn to(order: &Order) -> Result<SocketAddr> {
    Ok(order.to.ok_or("whom is it for?")?)
}

fn layer(order: &Order) -> Layer {
    inner_layer(&Inner {
        secret: order.inner_secret.clone(),
        key: order.inner_key.clone(),
    })
}

fn options(order: &Order) -> SendOptions {
    SendOptions::new().with_inner(layer(order))
}

fn message(order: &Order) -> Result<Message> {
    let kind = MessageType::new(order.kind.ok_or("of what type?")?);
    Ok(Message::new(
        kind,
        unhex(&order.uri)?,
        unhex(&order.content)?,
    ))
}

fn known(peer: &KnownPeer) -> SaidPeer {
    SaidPeer {
        id: hex(&peer.peer.id),
        data: hex(peer.peer.data.as_deref().unwrap_or_default()),
        addresses: peer.addresses.clone(),
    }
}

fn shown(message: &Message) -> Said {
    let kind = message.message_type;
    Said {
        kind: Some(kind.value()),
        name: kind.base_name().unwrap_or("CUSTOM").into(),
        uri: hex(&message.uri),
        content: hex(&message.content),
        ..Said::default()
    }
}

fn timed_out() -> Said {
    Said {
        timeout: true,
        ..Said::default()
    }
}
