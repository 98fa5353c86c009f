//! The builder of UDP nodes.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use event_listener::Event;
use netaio_core::plugin::{AuthPlugin, CipherPlugin, PeerPlugin};
use netaio_core::{
    AuthErrorReply, Codec, Key, KeyExtractor, Layer, Limits, ManagementConfig, Message,
    MessageTypes, Peer, Unrouted,
};

use super::UdpNode;
use super::open::{Opened, all_hosts, open};
use super::own::OwnAddresses;
use super::shared::Shared;
use super::task::{Inlet, Surroundings, Task};
use super::timeouts::OnTimeout;
use crate::address;
use crate::address_book::AddressBook;
use crate::callers::Cancellations;
use crate::error::BuildError;
use crate::handler::{AnyHandler, Handler};
use crate::publisher::{Publisher, WeakPublisher};
use crate::runtime::{DatagramOptions, DatagramSocket, Interface, Runtime};
use crate::service::{Owner, Service};
use crate::setup::Setup;
use crate::timeouts::{TimedOut, callback};
use crate::udp_handle::{self, UdpHandle};

/// A UDP node before it is bound.
#[must_use = "a node does nothing before `bind`"]
pub struct UdpNodeBuilder<R: Runtime> {
    setup: Setup,
    /// The options of the socket, but for its address and groups.
    socket: DatagramOptions,
    /// The multicast groups; unless set, that of all hosts, if it can be joined.
    groups: Option<Vec<IpAddr>>,
    ignore_own_ip: bool,
    notice_undelivered: Option<bool>,
    on_timeout: Option<OnTimeout<R>>,
}

impl<R: Runtime> UdpNode<R> {
    /// A builder.
    pub fn builder() -> UdpNodeBuilder<R> {
        UdpNodeBuilder::new()
    }
}

impl<R: Runtime> UdpNodeBuilder<R> {
    fn new() -> Self {
        Self {
            setup: Setup::new(),
            socket: DatagramOptions::new((Ipv4Addr::UNSPECIFIED, 0).into()),
            groups: None,
            ignore_own_ip: true,
            notice_undelivered: None,
            on_timeout: None,
        }
    }

    crate::setup::common_options!();
    crate::setup::answering_options!();
    crate::setup::peer_options!();

    /// Joins a multicast group, of the same family as the address that the node
    /// is bound to. The first one is where the node multicasts to. Unless set, it
    /// is netaio's, that of all hosts: 224.0.0.1 (ff02::1 over IPv6).
    ///
    /// A membership ends, in silence, with the interface where the group was joined. The node
    /// looks every five seconds which interfaces there are, and soon after a multicast was not
    /// sent. Where they have changed, or its own multicasts do not come back any more, it leaves
    /// its groups and joins them anew where it would join them if it were bound now: at another
    /// interface, that is, where the choice is the system's. It says so by
    /// [`UdpEvent::GroupJoined`](crate::UdpEvent::GroupJoined) and
    /// [`GroupLost`](crate::UdpEvent::GroupLost), and reads anew which addresses are its own.
    /// Where nothing leads to a group as the node is bound, or the usual one cannot be joined
    /// for whatever reason, it is bound nevertheless, with a WARN, and joins later.
    ///
    /// A node that is bound to a link-local address of IPv6 stays with the number of that
    /// interface: bind it anew where the interface comes again with another one.
    pub fn group(mut self, group: impl Into<IpAddr>) -> Self {
        self.groups.get_or_insert_default().push(group.into());
        self
    }

    /// Whether it gives and repeats cookies, which lift the budgets for those who have not
    /// shown that they receive at their address
    /// ([`Limits::unvalidated_burst`](netaio_core::Limits::unvalidated_burst)); see
    /// [`LinkConfig::cookies`](netaio_core::LinkConfig::cookies). `true` unless set.
    pub fn cookies(mut self, cookies: bool) -> Self {
        self.setup.config.cookies = cookies;
        self
    }

    /// The [lease](netaio_core::Lease) that subscriptions of this node ask for, whole seconds; 30
    /// unless set. What is granted is renewed at a third of it, until `UNSUBSCRIBE_URI`
    /// is sent there: a server forgets this node half a minute after it is gone, and one that was
    /// started anew knows it again within 10 s. `None`: they ask for none, and last until they
    /// are ended, as with plain netaio servers.
    pub fn lease(mut self, lease: Option<std::time::Duration>) -> Self {
        self.setup.config.lease = lease;
        self
    }

    /// Joins no multicast group.
    pub fn no_group(mut self) -> Self {
        self.groups = Some(Vec::new());
        self
    }

    /// The interface where groups are joined and multicasts leave: one of its addresses,
    /// its index or its name. Unless set, the one with the address that the
    /// node is bound to; with a wildcard address, the one that the system chooses.
    pub fn interface(mut self, interface: impl Into<Interface>) -> Self {
        self.socket.interface = Some(interface.into());
        self
    }

    /// The TTL of multicasts, the number of networks that they cross; 1, the local one,
    /// unless set.
    pub fn multicast_ttl(mut self, ttl: u8) -> Self {
        self.socket.multicast_ttl = ttl;
        self
    }

    /// Allows other sockets of this machine to bind to the same address and port, if they
    /// allow it too. All of them receive what is sent to the group, and one of them what
    /// is sent to the address. `false` unless set.
    pub fn shared_port(mut self, shared: bool) -> Self {
        self.socket.shared_port = shared;
        self
    }

    /// The size of the receive buffer of the system, in bytes; its default unless set. The system may
    /// allow less (on Linux `net.core.rmem_max`).
    ///
    /// Datagrams that come while it is full are lost, as on the network: no event tells of them, and
    /// no [counter](UdpNode::metrics). (Linux counts them, in `/proc/net/udp`.) A larger one holds longer bursts.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.socket.receive_buffer = Some(bytes);
        self
    }

    /// Ignores datagrams from addresses of this machine, as netaio does: multicasts are
    /// looped back to their sender. On the loopback interface only datagrams from this
    /// node's own address are ignored, so that nodes on it reach each other, and none if
    /// the node [shares](Self::shared_port) its port. Which addresses these are is read anew
    /// every five seconds. `true` unless set.
    pub fn ignore_own_ip(mut self, ignore: bool) -> Self {
        self.ignore_own_ip = ignore;
        self
    }

    /// Whether a request whose datagram the network cannot deliver, as nobody receives at its
    /// address, say, fails at once, with [`RequestError::Undelivered`](crate::RequestError): on
    /// Linux and Android; elsewhere, and where the network says nothing, it times out. Unless
    /// set, that is so where the node is bound to port 0, as those are that only ask: whoever
    /// knows the port can have a node that listens to this try its sends and receives again
    /// and again, by forged errors. None but who has seen a request makes it fail, or who
    /// guesses 48 bytes of it.
    pub fn notice_undelivered(mut self, notice: bool) -> Self {
        self.notice_undelivered = Some(notice);
        self
    }

    /// Sets what is called when a request times out: netaio's
    /// `timeout_error_handler`. It runs as a task of its own; the request returns
    /// [`RequestError::TimedOut`](crate::RequestError::TimedOut) without waiting for
    /// it.
    ///
    /// It runs once at a time for each address, and for as many addresses as
    /// [`Limits::handlers`] says: other requests that time out meanwhile do not call it.
    /// If it panics, that ends no other task.
    ///
    /// It is cancelled when the node has [stopped](UdpNode::stop) or its last handle
    /// is dropped, or by [`UdpNode::cancel_timeout_handlers`]. The handle that it
    /// gets does not keep the node alive, nor do clones of it.
    pub fn on_timeout<F>(
        mut self,
        handler: impl Fn(UdpNode<R>, TimedOut<SocketAddr>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.on_timeout = Some(callback(handler));
        self
    }

    /// Binds the socket, joins the group, and receives from now on. An address
    /// with port 0 gets a free port; see [`UdpNode::local_addr`]. A name is bound at all its
    /// addresses, with one port, but for those that this machine does not have; see
    /// [`UdpNode::local_addrs`]. `[::]` is all addresses of both families, where the system
    /// can do that. The scope of an IPv6 address is the number of an interface or its name,
    /// as in `[fe80::7%eth0]:8888`.
    ///
    /// At a wildcard address, answers leave from the address that their requests came to, and
    /// so does what is sent to a remote later (on Linux, Android, macOS and iOS; elsewhere
    /// the system chooses).
    ///
    /// The group's traffic is received whatever the address is; requests are
    /// received at that address only, unless it is the wildcard.
    ///
    /// Cancel-safe: dropped early, nothing is bound.
    ///
    /// # Errors
    /// An address cannot be bound, a group cannot be joined though there is an interface for it
    /// (see [`group`](Self::group)), an inner layer does not go with the outer one, or peers cannot be managed as asked.
    pub async fn bind(mut self, address: impl ToString) -> Result<UdpNode<R>, BuildError> {
        let address = address.to_string();
        let failed = |source| BuildError::Bind {
            address: address.clone(),
            source,
        };
        let service = self.service()?;
        let addresses = address::own(R::resolve(&address).await.map_err(failed)?);
        let Some((first, others)) = addresses.split_first() else {
            return Err(failed(io::ErrorKind::AddrNotAvailable.into()));
        };
        self.socket.address = *first;
        self.socket.others = others.to_vec();
        self.socket.undelivered = self.notice_undelivered.unwrap_or(first.port() == 0);
        let opened = open::<R>(&mut self.socket, self.groups.as_ref()).await;
        let opened = opened.map_err(failed)?;
        self.run(service, opened).map_err(failed)
    }

    /// Receives from now on over a socket of any kind, as
    /// [`Server::serve_halves`](crate::Server::serve_halves) does over a stream. What the builder
    /// says of the socket (its interface, TTL, buffer and shared port) is for who has made it;
    /// it is to be in the node's groups.
    ///
    /// # Errors
    /// The socket does not say where it is bound, an inner layer does not go with the outer one,
    /// or peers cannot be managed as asked.
    pub fn bind_socket(mut self, socket: impl DatagramSocket) -> Result<UdpNode<R>, BuildError> {
        let service = self.service()?;
        let failed = |source| BuildError::Bind {
            address: "a socket that was handed over".into(),
            source,
        };
        let local = socket.local_address().map_err(failed)?;
        let group = match &self.groups {
            Some(groups) => groups.first().copied(),
            None => Some(all_hosts(local.ip())),
        };
        let opened = Opened {
            socket,
            group,
            joined: true,
        };
        self.run(service, opened).map_err(failed)
    }

    fn service(&mut self) -> Result<Arc<Service>, BuildError> {
        let mut setup = std::mem::replace(&mut self.setup, Setup::new());
        setup.states.insert(WeakPublisher::default());
        setup.subscriptions();
        setup.for_datagrams::<R>()
    }

    fn run<S: DatagramSocket>(
        self,
        service: Arc<Service>,
        opened: Opened<S>,
    ) -> io::Result<UdpNode<R>> {
        let local = opened.socket.local_addresses()?;
        let shared_port = self.socket.shared_port;
        let mut own = OwnAddresses::new(local.clone(), self.ignore_own_ip, shared_port);
        let interfaces = opened.socket.interfaces()?;
        if let Some(echoes) = own.update(&interfaces) {
            service.node().set_own_addresses(echoes.iter().copied());
        }
        let port_of = |group: IpAddr| {
            let same = local.iter().find(|it| it.is_ipv4() == group.is_ipv4());
            same.or(local.first()).map_or(0, SocketAddr::port)
        };
        let group = opened.group;
        let group = group.map(|group| SocketAddr::new(group, port_of(group)));
        let now = service.context.time().now();
        let surroundings = Surroundings::new(now, own, group, interfaces, opened.joined);
        let shared = Shared::new(service, local, group);
        let node = start(shared, opened.socket, surroundings)?;
        if let Some(handler) = self.on_timeout {
            node.set_on_timeout(handler);
        }
        Ok(node)
    }
}

/// Starts the task of a node that is bound to `shared.local`.
fn start<R: Runtime, S: DatagramSocket>(
    shared: Arc<Shared>,
    socket: S,
    surroundings: Surroundings,
) -> io::Result<UdpNode<R>> {
    let service = &shared.service;
    let limits = service.context.limits();
    let (command_sender, commands) = async_channel::bounded(limits.pending_requests());
    // Bounded by their bytes.
    let (request_sender, requests) = async_channel::unbounded();
    let seed = service.context.sources.seeds.seed()?;
    let handle = UdpHandle(Arc::new(udp_handle::Shared {
        observer: shared.clone(),
        context: service.context.clone(),
        commands: command_sender,
        requests: request_sender,
        request_bytes: AtomicUsize::new(0),
        cancellations: Cancellations::default(),
        room: Event::new(),
        room_is_awaited: AtomicBool::new(false),
        ended: Event::new(),
        is_aborted: AtomicBool::new(false),
        aborted: Event::new(),
    }));
    let owner: Arc<dyn Owner> = handle.0.clone();
    service.set_owner(Arc::downgrade(&owner));
    let book = AddressBook::new(service.clone(), handle.clone())?;
    let publisher = Publisher::for_addresses(book);
    let now = service.context.time().now();
    let link = service.node().bind(now, shared.group, seed.generator(0));
    let inlet = Inlet { commands, requests };
    let task = Task::<R, S>::new(
        link,
        socket,
        surroundings,
        inlet,
        handle.clone(),
        shared.clone(),
    );
    R::spawn(task.run());
    Ok(UdpNode::new(handle, shared, publisher))
}
