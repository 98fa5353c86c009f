//! The server under test, in a process of its own: the store of the interop
//! tests, over TCP and over UDP.

use std::io::{self, BufRead};
use std::net::SocketAddr;

use netaio_tests::process::Process;
use netaio_tests::store;
use netaio_tokio::plugin::HmacAuth;
use netaio_tokio::plugin::Layer;
use netaio_tokio::{Server, UdpNode};

use crate::Error;

/// What every message is authenticated with.
pub(crate) fn outer() -> Layer {
    Layer::new().with_auth(HmacAuth::new("soak"))
}

/// What changes of the store are authenticated with besides.
pub(crate) fn admin() -> Layer {
    Layer::new().with_auth(HmacAuth::new("admin").with_hmac_field("camh"))
}

/// Serves until the standard input ends. Each line of it is answered with what
/// is counted, as [`Counters`] reads it.
pub(crate) async fn serve() -> Result<(), Error> {
    let server = Server::builder().outer(outer());
    let server = store::store(server, admin(), Layer::new());
    let server = server.bind("127.0.0.1:0").await?;
    let node = UdpNode::builder().outer(outer()).no_group();
    let node = store::node_store(node, admin(), Layer::new());
    let node = node.bind("127.0.0.1:0").await?;
    println!("{} {}", server.local_addr(), node.local_addr());
    let asked = server.clone();
    let answer = move || -> io::Result<()> {
        for line in io::stdin().lock().lines() {
            line?;
            let seen = asked.metrics();
            println!(
                "{} {} {} {} {}",
                asked.connections(),
                seen.connections,
                seen.malformed,
                seen.refused_messages,
                seen.slow_consumers,
            );
        }
        Ok(())
    };
    tokio::task::spawn_blocking(answer).await??;
    node.stop().await;
    server.stop().await;
    Ok(())
}

/// What the server counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    /// Connections that it has now.
    pub(crate) open: u64,
    /// Connections that it took in.
    pub(crate) taken: u64,
    /// Connections that it closed for what they sent.
    pub(crate) malformed: u64,
    /// Messages that it refused.
    pub(crate) refused: u64,
    /// Connections that it cut off for they read too slowly.
    pub(crate) slow: u64,
}

/// Starts one, and says where it listens, for TCP and for UDP.
pub(crate) fn start() -> Result<(Process, SocketAddr, SocketAddr), Error> {
    let mut process = Process::start(&["server"])?;
    let line = process.line()?;
    let (tcp, udp) = line.split_once(' ').ok_or("the server has one address")?;
    Ok((process, tcp.parse()?, udp.parse()?))
}

/// Asks a server for what it counts.
pub(crate) fn counters(process: &mut Process) -> Result<Counters, Error> {
    let line = process.ask("counters")?;
    let numbers: Result<Vec<u64>, _> = line.split(' ').map(str::parse).collect();
    let [open, taken, malformed, refused, slow] = numbers?[..] else {
        return Err(format!("not the counters: {line}").into());
    };
    Ok(Counters {
        open,
        taken,
        malformed,
        refused,
        slow,
    })
}
