//! Strangers who plant subscriptions from forged addresses, and publish.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use netaio_tokio::types::{PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI};
use netaio_tokio::{Content, Message, Publisher, Remote, UdpNode, Uri};

use crate::Error;
use crate::server::Process;

/// The key that everybody is subscribed to.
const KEY: &[u8] = b"news";

/// A node that subscribes and publishes for anybody, until the parent closes its end of the
/// standard input.
pub(crate) async fn serve() -> Result<(), Error> {
    let node = UdpNode::builder()
        .no_group()
        .ignore_own_ip(false)
        .receive_buffer(8 << 20)
        .on((REQUEST_URI, "echo"), |content: Content| content)
        .on((REQUEST_URI, "long"), || vec![b'x'; 60_000])
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Remote, publisher: Publisher| {
                publisher.subscribe(uri.0, who).map_or("refused", |_| "")
            },
        )
        .on(
            PUBLISH_URI,
            |uri: Uri, content: Content, publisher: Publisher| {
                let news = Message::notify(uri.0.clone(), content.0);
                let delivery = publisher.notify(&uri, &news);
                delivery
                    .map_or(0, |delivery| delivery.accepted())
                    .to_string()
            },
        )
        .bind("127.0.0.1:0")
        .await?;
    println!("{}", node.local_addr());
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    node.stop_within(Duration::ZERO).await;
    Ok(())
}

/// A frame without auth fields.
pub(crate) fn frame(message_type: u8, uri: &[u8], content: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(uri.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes()
        .to_vec();
    body.extend_from_slice(uri);
    body.extend_from_slice(content);
    let mut frame = vec![message_type, 0, 0];
    frame.extend_from_slice(&u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
    frame.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
    frame.extend_from_slice(&body);
    frame
}

/// Who asks the node now and then, and times it.
struct Prober {
    socket: UdpSocket,
    node: SocketAddr,
    slowest: Duration,
    answered: usize,
    asked: usize,
}

impl Prober {
    fn new(node: SocketAddr) -> Result<Self, Error> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self {
            socket,
            node,
            slowest: Duration::ZERO,
            answered: 0,
            asked: 0,
        })
    }

    fn ask(&mut self) -> Result<(), Error> {
        let begun = Instant::now();
        self.socket
            .send_to(&frame(REQUEST_URI.value(), b"echo", b"x"), self.node)?;
        self.asked += 1;
        if self.socket.recv_from(&mut [0; 2048]).is_ok() {
            self.answered += 1;
        }
        self.slowest = self.slowest.max(begun.elapsed());
        Ok(())
    }
}

/// What a node's memory grows by when that many forged addresses are subscribed and strangers
/// publish, and how long others wait meanwhile.
pub(crate) async fn measure(subscribers: usize) -> Result<(), Error> {
    let node = Process::start_as("datagrams")?;
    let mut prober = Prober::new(node.address)?;
    prober.ask()?;
    let subscribe = frame(SUBSCRIBE_URI.value(), KEY, b"");
    for number in 0..u32::try_from(subscribers)? {
        let ip = Ipv4Addr::from(0x7f01_0000 + number);
        let socket = UdpSocket::bind((ip, 7000))?;
        socket.send_to(&subscribe, node.address)?;
        if number % 64 == 0 {
            prober.ask()?;
        }
    }
    prober.ask()?;
    let before = node.resident()?;
    for (what, content, count) in [("25 B", 12, 1100), ("60 kB", 60_000, 4)] {
        let publish = frame(PUBLISH_URI.value(), KEY, &vec![b'x'; content]);
        let publisher = UdpSocket::bind("127.0.0.1:0")?;
        (prober.slowest, prober.asked, prober.answered) = (Duration::ZERO, 0, 0);
        let mut most = node.resident()?;
        for number in 0..count {
            publisher.send_to(&publish, node.address)?;
            if number % 16 == 0 {
                prober.ask()?;
                most = most.max(node.resident()?);
            }
        }
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            prober.ask()?;
            most = most.max(node.resident()?);
        }
        let grown = most.saturating_sub(before) as f64 / 1024.0;
        println!(
            "fan-out: {count} publications of {what} to {subscribers} addresses, RSS grew by {grown:.1} MiB at \
             most (goal: 32); of {} requests {} answered, the slowest after {:?}",
            prober.asked, prober.answered, prober.slowest
        );
    }
    Ok(())
}
