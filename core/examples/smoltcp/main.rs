//! The core over smoltcp, a TCP/IP stack for machines without an operating system: a
//! server and a client over its loopback device, in virtual time. The same seed gives the
//! same bytes. `end.rs` has the loop around a socket.
//!
//!     cargo run -p netaio-core --example smoltcp

mod end;

use std::time::Duration;

use netaio_core::plugin::HmacAuth;
use netaio_core::{Layer, LinkConfig, Message, Now};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{Loopback, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

pub(crate) use self::end::End;

const ADDRESS: IpAddress = IpAddress::v4(127, 0, 0, 1);
const PORT: u16 = 8888;
/// The least time that passes from one step to the next.
const TICK: Duration = Duration::from_millis(1);

type Failure = Box<dyn std::error::Error>;

/// A machine with a loopback device, and its clock.
pub(crate) struct Machine {
    interface: Interface,
    device: Loopback,
    pub(crate) sockets: SocketSet<'static>,
    pub(crate) now: Now,
}

impl Machine {
    pub(crate) fn new(seed: u64) -> Self {
        let mut device = Loopback::new(Medium::Ip);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // There is room for one.
            let _ = addresses.push(IpCidr::new(ADDRESS, 8));
        });
        Self {
            interface,
            device,
            sockets: SocketSet::new(Vec::new()),
            now: Now::new(Duration::ZERO, 1_700_000_000),
        }
    }

    fn add_socket(&mut self) -> SocketHandle {
        let buffer = || SocketBuffer::new(vec![0; 2048]);
        self.sockets.add(Socket::new(buffer(), buffer()))
    }

    pub(crate) fn listen(&mut self) -> Result<SocketHandle, Failure> {
        let handle = self.add_socket();
        self.sockets.get_mut::<Socket<'_>>(handle).listen(PORT)?;
        Ok(handle)
    }

    pub(crate) fn connect(&mut self) -> Result<SocketHandle, Failure> {
        let handle = self.add_socket();
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        socket.connect(self.interface.context(), (ADDRESS, PORT), 50_000)?;
        Ok(handle)
    }

    /// Lets the network and the ends do what there is to do, and time pass until there is
    /// more.
    pub(crate) fn step(&mut self, ends: &mut [&mut End]) -> Result<(), Failure> {
        let timestamp = Instant::from_micros(self.now.monotonic.as_micros() as i64);
        let polled = self
            .interface
            .poll(timestamp, &mut self.device, &mut self.sockets);
        let mut next = None;
        for end in ends {
            end.turn(self.now, self.sockets.get_mut(end.socket))?;
            next = next.into_iter().chain(end.deadline()).min();
        }
        let delay = self.interface.poll_delay(timestamp, &self.sockets);
        let network = delay.map(|delay| self.now.deadline(delay.into()));
        next = next.into_iter().chain(network).min();
        // Whatever was sent arrives with the next tick.
        let tick = self.now.deadline(TICK);
        self.now.monotonic = match next {
            Some(next) if polled == PollResult::None => next.max(tick),
            _ => tick,
        };
        Ok(())
    }
}

/// Asks for an echo, and for a slow one that is longer than all buffers, and returns all
/// bytes that both ends sent.
fn run(seed: u64) -> Result<Vec<u8>, Failure> {
    let mut machine = Machine::new(seed);
    let outer = Layer::new().with_auth(HmacAuth::new("secret"));
    let config = LinkConfig::new().with_outer(outer);
    let mut requests = vec![Message::request("echo"), Message::request("slow")];
    requests[0].content = "hi".into();
    requests[1].content = vec![b'.'; 50_000].into();
    let mut server = End::new(config.clone(), machine.listen()?, Vec::new(), seed)?;
    let mut client = End::new(config, machine.connect()?, requests, seed + 1)?;
    while !server.is_closed() || !client.is_closed() {
        machine.step(&mut [&mut server, &mut client])?;
    }
    for (request, answer) in client.requests.iter().zip(&client.answers) {
        assert_eq!(answer.uri, request.uri);
        assert_eq!(answer.content, request.content);
    }
    assert_eq!(client.answers.len(), 2);
    println!("seed {seed}: answered within {:?}", machine.now.monotonic);
    Ok([client.sent, server.sent].concat())
}

fn main() -> Result<(), Failure> {
    let bytes = run(1)?;
    assert_eq!(bytes, run(1)?);
    assert_ne!(bytes, run(2)?);
    println!("{} bytes, twice the same", bytes.len());
    Ok(())
}
