//! Paths that die under a TCP connection: across a network, as no packet comes back any more.
//! And what seems dead and is not: a remote that takes nothing.
#![cfg(target_os = "linux")]

use std::io::Read;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use netaio_tests::namespaces::{INTERFACE, Network};
use netaio_tests::python::Script;
use netaio_tokio::config::{Keepalive, Limits};
use netaio_tokio::events::{CloseReason, Events, ServerEvent};
use netaio_tokio::{Message, Server};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const PATIENCE: Duration = Duration::from_secs(60);

/// Of two connections one is idle, and one waits for the answer to a request that nobody
/// acknowledges: both end though nothing closes them, the requests with them.
#[test]
fn a_dead_path_is_noticed() -> Result<()> {
    let Some(network) = Network::new() else {
        return Ok(());
    };
    let (here, there) = (&network.here, &network.there);
    let address = format!("{}:8888", there.address);
    let start = |host: &netaio_tests::namespaces::Host, what: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dead_path"));
        command.args([what, &address]);
        Script::start("dead_path", &mut host.enter(&command))
    };
    let mut server = start(there, "serve")?;
    assert_eq!(server.read_line(PATIENCE)?, "listens");
    let mut client = start(here, "ask")?;
    assert_eq!(client.read_line(PATIENCE)?, "connected");
    // Nobody has it any more: what is sent there is dropped without a word.
    there.ip(&format!("address del {}/24 dev {INTERFACE}", there.address))?;
    client.write_line("now")?;
    for ended in ["busy: ", "idle: "] {
        let line = client.read_line(PATIENCE)?;
        assert!(
            line.starts_with(ended) && line.contains("transport error: "),
            "{line}"
        );
    }
    Ok(())
}

/// More than the buffers of both systems hold.
const MESSAGES: usize = 400;
const SIZE: usize = 60_000;

/// A server with this keepalive, its events, and who is told much and reads nothing.
async fn unread(
    keepalive: Keepalive,
    write_timeout: Option<Duration>,
) -> Result<(Server, Events<ServerEvent>, TcpStream)> {
    let limits = Limits::default().with_write_timeout(write_timeout)?;
    let builder = Server::builder().limits(limits).keepalive(keepalive);
    let server = builder.bind("127.0.0.1:0").await?;
    let mut events = server.events();
    let stream = TcpStream::connect(server.local_addr())?;
    let connected = events.next().await;
    assert!(matches!(connected, Some(ServerEvent::Connected(_))));
    for _ in 0..MESSAGES {
        server
            .publisher()
            .broadcast(&Message::notify("news", vec![0; SIZE]))?;
    }
    Ok((server, events, stream))
}

/// Why the one connection ended.
async fn closed(mut events: Events<ServerEvent>) -> CloseReason {
    loop {
        if let Some(ServerEvent::Closed { reason, .. }) = events.next().await {
            return reason;
        }
    }
}

/// The system ends a connection whose remote takes nothing, and a server does before it, with
/// a reason of its own. Where the system is not to, it is waited for.
#[tokio::test]
async fn who_is_alive_and_takes_nothing_is_waited_for_where_wanted() -> Result<()> {
    let second = Duration::from_secs(1);
    let keepalive = Keepalive::new().with_idle(second).with_interval(second);
    let keepalive = keepalive.with_probes(1);
    let (_waiting, _, mut stream) = unread(keepalive.with_user_timeout(false), None).await?;
    let (_server, events, _unread) = unread(keepalive, None).await?;
    let (_server, earlier, _unread) = unread(keepalive, Some(second)).await?;
    let (system, server) = tokio::join!(closed(events), closed(earlier));
    assert_eq!(server, CloseReason::WriteTimeout(second));
    let CloseReason::Transport(reason) = system else {
        panic!("{system}");
    };
    assert!(reason.contains("takes nothing"), "{reason}");
    // It has taken nothing for longer than both of them.
    let news =
        tokio::task::spawn_blocking(move || stream.read_exact(&mut vec![0; MESSAGES * SIZE]));
    Ok(news.await.expect("it reads")?)
}
