//! A network in memory.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use event_listener::Event;

use super::conditions::Conditions;
use super::ends::{self, Ends};
use super::fabric::{Fabric, NetworkCounters, State};
use super::inbox::Inbox;
use super::pipe::{Stream, Wire};
use super::socket::NetworkSocket;
use super::streams::{self, Doors, NetworkConnector, NetworkListener};
use crate::client::Client;
use crate::clock::{Clock, Time};
use crate::context::sleep_until;
use crate::options::ConnectionOptions;
use crate::runtime::Runtime;
use crate::server::Server;
use crate::sync::{Mutex, lock};

/// A network within the process: sockets for nodes, and streams between clients and servers, with
/// delays and losses. Cloning it copies a pointer.
///
/// What befalls the datagrams from one address to another follows from the seed alone: of ten
/// that are sent there the same are lost in each run. With the time of a paused runtime, one
/// thread, and [nonces](crate::UdpNodeBuilder::predictable_nonces) of a seed, so does the whole
/// run.
///
/// Every address is a host's own: there is no wildcard, no name and no route. A multicast is
/// received by every socket at its port, whatever groups its node has joined.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_driver::core::types::REQUEST_URI;
/// use netaio_driver::testing::{Conditions, Network};
/// use netaio_driver::{Content, Runtime, UdpNode};
///
/// async fn asks_until_it_is_answered<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
///     let network = Network::new::<R>(7);
///     let delay = Duration::from_millis(1)..=Duration::from_millis(5);
///     network.set_conditions(Conditions::new().with_loss(0.3).with_delay(delay));
///
///     let there = network.bind("10.0.0.1:8888".parse()?)?;
///     let _echo = UdpNode::<R>::builder()
///         .on(REQUEST_URI, |content: Content| async { content })
///         .bind_socket(there)?;
///     let here = network.bind("10.0.0.2:8888".parse()?)?;
///     let node = UdpNode::<R>::builder().bind_socket(here)?;
///
///     let mut tries = 0;
///     loop {
///         tries += 1;
///         let asked = node.request("10.0.0.1:8888".parse()?, "echo").content("hi");
///         if asked.timeout(Duration::from_millis(50)).await.is_ok() {
///             break;
///         }
///     }
///     assert_eq!(tries, 1 + network.counters().lost);
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Network {
    fabric: Arc<Fabric>,
    doors: Arc<Doors>,
}

impl Network {
    /// A network without faults, in the system's time.
    #[must_use]
    pub fn new<R: Runtime>(seed: u64) -> Self {
        Self::in_time::<R>(seed, Time::default())
    }

    /// A network without faults, in the time of a clock, which is to be that of whatever it
    /// connects: [`TokioClock`] of netaio-tokio for one.
    ///
    /// [`TokioClock`]: https://docs.rs/netaio-tokio/latest/netaio_tokio/config/struct.TokioClock.html
    #[must_use]
    pub fn with_clock<R: Runtime>(seed: u64, clock: impl Clock) -> Self {
        Self::in_time::<R>(seed, Time::of(clock))
    }

    fn in_time<R: Runtime>(seed: u64, time: Time) -> Self {
        let fabric = Fabric {
            time,
            sleep: sleep_until::<R>,
            seed,
            state: Mutex::new(State::default()),
            changed: Event::new(),
        };
        Self {
            fabric: Arc::new(fabric),
            doors: Arc::default(),
        }
    }

    /// Sets what befalls all that is sent from now on.
    pub fn set_conditions(&self, conditions: Conditions) {
        lock(&self.fabric.state).conditions = conditions;
    }

    /// Sets what befalls what is sent from one host to another, in that direction, in the place
    /// of what befalls all.
    pub fn set_conditions_between(&self, from: IpAddr, to: IpAddr, conditions: Conditions) {
        let between = &mut lock(&self.fabric.state).between;
        between.insert((from, to), conditions);
    }

    /// Isolates a host, or lets it take part again. Datagrams from it and to it are lost
    /// meanwhile; what streams carry waits.
    pub fn set_isolated(&self, host: IpAddr, isolated: bool) {
        let hosts = &mut lock(&self.fabric.state).isolated;
        match isolated {
            true => hosts.insert(host),
            false => hosts.remove(&host),
        };
        self.fabric.changed.notify(usize::MAX);
    }

    /// What became of datagrams so far.
    #[must_use]
    pub fn counters(&self) -> NetworkCounters {
        lock(&self.fabric.state).counters
    }

    /// A socket at an address; with port 0, at a free one.
    ///
    /// # Errors
    /// The address is taken ([`AddrInUse`](io::ErrorKind::AddrInUse)), or it is none of a host
    /// ([`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable)).
    pub fn bind(&self, mut address: SocketAddr) -> io::Result<NetworkSocket> {
        let ip = address.ip();
        if ip.is_unspecified() || ip.is_multicast() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let sockets = &mut lock(&self.fabric.state).sockets;
        if address.port() == 0 {
            let is_free = |port: &u16| !sockets.contains_key(&SocketAddr::new(ip, *port));
            let port = (49_152..=u16::MAX).find(is_free);
            address.set_port(port.ok_or(io::ErrorKind::AddrInUse)?);
        }
        if sockets.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let inbox = Arc::new(Inbox::default());
        sockets.insert(address, inbox.clone());
        Ok(NetworkSocket::new(self.fabric.clone(), address, inbox))
    }

    /// Both ends of a stream between two addresses, which need not be bound, and what is between
    /// them.
    #[must_use]
    pub fn stream(&self, near: SocketAddr, far: SocketAddr) -> (Stream, Stream, Wire) {
        streams::between(&self.fabric, near, far)
    }

    /// Listens at an address, for [`Server::serve`](crate::Server::serve).
    ///
    /// ```
    /// use netaio_driver::testing::Network;
    /// use netaio_driver::{Client, Runtime, Server};
    ///
    /// async fn survives_a_cut<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
    ///     let network = Network::new::<R>(7);
    ///     let server = Server::<R>::builder().build()?;
    ///     server.serve(network.listen("10.0.0.1:8888".parse()?)?)?;
    ///     let client = Client::<R>::builder()
    ///         .connector(network.connector("10.0.0.2".parse()?))
    ///         .build()?;
    ///     let connection = client.connect("10.0.0.1:8888").await?;
    ///     network.cut("10.0.0.1".parse()?);
    ///     connection.closed().await;
    ///     client.connect("10.0.0.1:8888").await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// The address is taken ([`AddrInUse`](io::ErrorKind::AddrInUse)).
    pub fn listen(&self, address: SocketAddr) -> io::Result<NetworkListener> {
        NetworkListener::new(self.doors.clone(), address)
    }

    /// What connects the clients of a host, also when they reconnect, for
    /// [`ClientBuilder::connector`](crate::ClientBuilder::connector).
    #[must_use]
    pub fn connector(&self, host: IpAddr) -> NetworkConnector {
        NetworkConnector::new(self.fabric.clone(), self.doors.clone(), host)
    }

    /// Cuts all streams that a host has now: both ends fail to read and to write, as where the
    /// host was started anew.
    pub fn cut(&self, host: IpAddr) {
        self.fabric.cut(host);
    }

    /// Connects a client at an address to a server at another one. A client that is to
    /// reconnect by itself has a [`connector`](Self::connector).
    ///
    /// # Errors
    /// The server is stopping or full, or the operating system has no randomness to give.
    pub fn connect<R: Runtime>(
        &self,
        (client, near): (&Client<R>, SocketAddr),
        (server, far): (&Server<R>, SocketAddr),
    ) -> io::Result<Ends> {
        let streams = self.stream(near, far);
        let named = ConnectionOptions::new().with_name(far.to_string());
        let options = [ConnectionOptions::new(), named];
        ends::join(client, server, streams, (Some(near), Some(far)), options)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.fabric.state);
        f.debug_struct("Network")
            .field("seed", &self.fabric.seed)
            .field("sockets", &state.sockets.keys())
            .field("counters", &state.counters)
            .finish_non_exhaustive()
    }
}
