//! Attacks over UDP, from any address that the loopback interface has.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use netaio_core::plugin::{DefaultPeerPlugin, Peer, PeerPlugin};
use netaio_tokio::Message;
use netaio_tokio::types::{ADVERTISE_PEER, PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI};

use crate::frames::{frame, seal};
use crate::{Attacked, Error};

/// Sends from many addresses, and waits now and then until what was sent is handled.
struct Strangers {
    node: SocketAddr,
    witness: UdpSocket,
    question: Vec<u8>,
}

impl Strangers {
    fn new(attacked: &Attacked) -> Result<Self, Error> {
        let witness = UdpSocket::bind("127.0.0.1:0")?;
        witness.set_read_timeout(Some(Duration::from_millis(200)))?;
        let strangers = Self {
            node: attacked.node,
            witness,
            question: frame(REQUEST_URI, "echo", 0)?,
        };
        strangers.settle()?;
        Ok(strangers)
    }

    /// Asks until there is an answer: the system may drop any datagram.
    fn settle(&self) -> Result<(), Error> {
        for _ in 0..100 {
            self.witness.send_to(&self.question, self.node)?;
            if self.witness.recv_from(&mut [0; 2048]).is_ok() {
                return Ok(());
            }
        }
        Err("the node answers nobody".into())
    }

    /// From as many addresses each a datagram, as `make` makes it.
    fn send(
        &self,
        addresses: u32,
        mut make: impl FnMut(u32) -> Result<Vec<u8>, Error>,
    ) -> Result<(), Error> {
        for number in 0..addresses {
            let socket = UdpSocket::bind((Ipv4Addr::from(0x7f01_0000 + number), 0))?;
            socket.send_to(&make(number)?, self.node)?;
            if number % 64 == 0 {
                self.settle()?;
            }
        }
        self.settle()
    }
}

/// More subscribers than may be, and publications to them, short and long.
pub(crate) fn subscribers(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let strangers = Strangers::new(attacked)?;
    let subscribe = frame(SUBSCRIBE_URI, "news", 0)?;
    let addresses = u32::try_from(count.saturating_mul(75))?;
    strangers.send(addresses, |_| Ok(subscribe.clone()))?;
    for (content, publications) in [(12, 200), (60_000, 4)] {
        let publish = frame(PUBLISH_URI, "news", content)?;
        strangers.send(publications, |_| Ok(publish.clone()))?;
    }
    Ok(())
}

/// More peers than may be, with as much data as may be, and more addresses of one of them.
pub(crate) fn peers(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let strangers = Strangers::new(attacked)?;
    let introduce = |id: String| -> Result<Vec<u8>, Error> {
        let peer = Peer::new(id).with_data(vec![b'x'; 8 * 1024]);
        let packed = DefaultPeerPlugin.pack(&peer)?;
        seal(&Message::new(ADVERTISE_PEER, "netaio", packed))
    };
    strangers.send(u32::try_from(count.saturating_mul(6))?, |number| {
        introduce(format!("peer {number}"))
    })?;
    strangers.send(100, |_| introduce("everywhere".to_owned()))
}

/// Addresses that ask for what is long, for what is not there, and send what is no message.
pub(crate) fn questions(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let strangers = Strangers::new(attacked)?;
    let mut broken = frame(REQUEST_URI, "echo", 1000)?;
    broken[8] ^= 1;
    let questions = [
        frame(REQUEST_URI, "long", 0)?,
        frame(REQUEST_URI, "nothing is here", 0)?,
        broken,
    ];
    for question in &questions {
        let addresses = u32::try_from(count.saturating_mul(10))?;
        strangers.send(addresses, |_| Ok(question.clone()))?;
        // And one address, as often.
        let socket = UdpSocket::bind("127.2.0.1:0")?;
        for number in 0..addresses {
            socket.send_to(question, attacked.node)?;
            if number % 64 == 0 {
                strangers.settle()?;
            }
        }
    }
    Ok(())
}
