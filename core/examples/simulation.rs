//! Discovery among a thousand nodes in virtual time: a discrete-event simulation,
//! in which only the core is real. It prints how many of all pairs know each other.
//!
//! ```sh
//! cargo run --release -p netaio-core --example simulation         # 1,000 nodes
//! cargo run --release -p netaio-core --example simulation 200 30  # 200, 30 % of datagrams lost
//! ```
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use chacha20::ChaCha8Rng;
use netaio_core::bytes::Bytes;
use netaio_core::plugin::DefaultPeerPlugin;
use netaio_core::rand_core::{Rng, SeedableRng};
use netaio_core::*;

const SECOND: Duration = Duration::from_secs(1);
const GROUP: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 1), 8888));

/// One node: a socket's worth of protocol, its handlers, its peers, its alarm.
struct Host(DatagramLink, Node<()>, Discovery<SocketAddr>, Duration);

/// What happens to a node, by time, then in the order of its making: a datagram
/// comes from another one, or its own deadline.
type Happening = (Duration, u64, usize, Option<(usize, Bytes)>);

struct Network {
    hosts: Vec<Host>,
    queue: BinaryHeap<Reverse<Happening>>,
    made: u64,
    loss: u64,
    rng: ChaCha8Rng,
}

/// A node's number is its port.
fn address(number: usize) -> SocketAddr {
    ([10, 0, (number >> 8) as u8, number as u8], number as u16).into()
}

impl Network {
    fn add_host(&mut self, config: &Arc<LinkConfig>) -> Result<(), ManagementError> {
        let mut discovery = Discovery::new(config.wire.clone(), Arc::new(DefaultPeerPlugin));
        let number = self.hosts.len();
        discovery.set_local(Some(Peer::new(format!("node {number}"))))?;
        let mut routes = Node::new();
        for key in Discovery::<SocketAddr>::keys("netaio") {
            routes.on(key, (), Layer::new());
        }
        let nonces = Box::new(ChaCha8Rng::seed_from_u64(self.rng.next_u64()));
        let link = DatagramLink::new(Now::default(), config.clone(), nonces);
        let start = Duration::from_millis(self.rng.next_u64() % 20_000);
        self.hosts.push(Host(link, routes, discovery, start));
        self.happen(start, number, None);
        Ok(())
    }

    fn happen(&mut self, at: Duration, to: usize, datagram: Option<(usize, Bytes)>) {
        self.made += 1;
        self.queue.push(Reverse((at, self.made, to, datagram)));
    }

    /// Lets everything happen that happens before a time.
    fn run(&mut self, until: Duration) -> Result<(), Box<dyn std::error::Error>> {
        while self.queue.peek().is_some_and(|next| next.0.0 < until) {
            if let Some(Reverse((at, _, number, datagram))) = self.queue.pop() {
                let now = Now::new(at, 1_700_000_000 + at.as_secs());
                let Host(link, _, discovery, _) = &mut self.hosts[number];
                if let Some((from, bytes)) = datagram {
                    link.receive(now, address(from), (&*bytes).into());
                } else if discovery.managed().next().is_none() {
                    discovery.begin(now, ManagementConfig::new())?;
                }
                self.turn(now, number)?;
            }
        }
        Ok(())
    }

    /// The event loop of a node, once around.
    fn turn(&mut self, now: Now, number: usize) -> Result<(), SendError> {
        let Host(link, routes, discovery, alarm) = &mut self.hosts[number];
        discovery.handle_timeout(now);
        while let Some(event) = link.poll_event() {
            if let DatagramEvent::Message(inbound) = event
                && let Dispatched::Call { message, reply, .. } = link.dispatch(now, inbound, routes)
                && let Some(from) = reply.remote()
            {
                discovery.heard(now, from);
                if let Some(answer) = discovery.handle(now, from, &message) {
                    link.answer(now, &reply, &answer)?;
                }
            }
        }
        while discovery.poll_event().is_some() {}
        while let Some(advertisement) = discovery.poll_advertisement() {
            link.send(now, GROUP, &advertisement.message, &SendOptions::new())?;
        }
        let sooner = |at: &Duration| *at < *alarm || *alarm <= now.monotonic;
        let sooner = discovery.poll_deadline().filter(sooner);
        *alarm = sooner.unwrap_or(*alarm);
        let mut out = Transmits::new();
        link.poll_outbound(&mut out);
        for (to, datagram) in out.iter() {
            let datagram = Bytes::copy_from_slice(datagram);
            let receivers = match to == GROUP {
                true => 0..self.hosts.len(),
                false => to.port().into()..usize::from(to.port()) + 1,
            };
            for to in receivers.filter(|to| *to != number) {
                if self.rng.next_u64() % 100 >= self.loss {
                    let delay = Duration::from_micros(1000 + self.rng.next_u64() % 49_000);
                    self.happen(now.monotonic + delay, to, Some((number, datagram.clone())));
                }
            }
        }
        if let Some(at) = sooner {
            self.happen(at, number, None);
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let nodes = arguments.next().transpose()?.unwrap_or(1000).clamp(2, 4000);
    let mut network = Network {
        hosts: Vec::new(),
        queue: BinaryHeap::new(),
        made: 0,
        loss: arguments.next().transpose()?.unwrap_or(0),
        rng: ChaCha8Rng::seed_from_u64(1),
    };
    let config = Arc::new(LinkConfig::new(Role::Node));
    (0..nodes).try_for_each(|_| network.add_host(&config))?;
    println!("{nodes} nodes start within 20 s, and advertise every 20 s");
    for second in 1..=60 {
        network.run(SECOND * second)?;
        let peers = network.hosts.iter().map(|host| host.2.peers().len());
        let share = peers.sum::<usize>() as f64 / (nodes * (nodes - 1)) as f64;
        let bar = "#".repeat((share * 50.0) as usize);
        println!("{second:3} s {:6.2} % {bar}", share * 100.0);
    }
    println!("{} things happened", network.made);
    Ok(())
}
