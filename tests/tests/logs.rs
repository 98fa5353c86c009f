//! Log lines that a remote can cause: few, however many it causes. Each test is one thread, whose
//! subscriber takes what everybody on it writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail as tests do"
)]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netaio_tests::lines::Lines;
use netaio_tokio::config::{Clock, Limits, ManagementConfig, ServerBuilder};
use netaio_tokio::core::Now;
use netaio_tokio::events::{PeerEvent, UdpEvent};
use netaio_tokio::plugin::{DefaultPeerPlugin, HmacAuth, PeerPlugin};
use netaio_tokio::types::{ADVERTISE_PEER, AUTH_ERROR, REQUEST_URI};
use netaio_tokio::{Client, Connection, Message, Peer, Server, UdpNode};
use tokio::net::UdpSocket;
use tracing::Level;

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// As many as a remote may cause before a connection is closed for its failures.
const FLOOD: u64 = 100;

/// It stands still until it is told to go on.
#[derive(Clone, Default)]
struct Hand(Arc<Mutex<Duration>>);

impl Hand {
    fn wait(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for Hand {
    fn now(&self) -> Now {
        Now::new(*self.0.lock().unwrap(), 1_700_000_000)
    }

    fn instant(&self, _: Duration) -> Instant {
        // No deadline is ever due.
        Instant::now() + NEVER
    }
}

/// A server that takes no stranger's word, but listens to many.
fn guarded(limits: Limits, clock: Hand) -> ServerBuilder {
    let limits = limits.with_failures(1024).unwrap();
    Server::builder()
        .limits(limits)
        .clock(clock)
        .auth(HmacAuth::new("secret"))
}

/// Has messages refused.
async fn have_refused(stranger: &Client, number: u64) {
    for _ in 0..number {
        let answer = stranger.request("u").await.unwrap();
        assert_eq!(answer.message_type, AUTH_ERROR);
    }
}

/// What a line says of those that were not written.
fn suppressed(number: u64) -> String {
    format!(" suppressed={number}")
}

#[track_caller]
fn assert_says(line: &str, number: Option<u64>) {
    match number {
        None => assert!(!line.contains("suppressed"), "{line}"),
        Some(number) => assert!(line.ends_with(&suppressed(number)), "{line}"),
    }
}

#[tokio::test]
async fn a_flood_of_refused_messages_is_one_line() {
    let (lines, _logging) = Lines::taken(Level::DEBUG);
    let clock = Hand::default();
    let server = guarded(Limits::default(), clock.clone());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let stranger = Client::builder().build().unwrap();
    stranger.connect(server.local_addr()).await.unwrap();

    have_refused(&stranger, FLOOD).await;
    let log = lines.with("message refused");
    assert_eq!(log.len(), 1, "{log:?}");
    assert_says(&log[0], None);
    let counters = server.metrics();
    assert_eq!(counters.refused_messages, FLOOD);
    assert_eq!(counters.suppressed_log_lines, FLOOD - 1);

    // The next one says how many there would have been.
    clock.wait(Duration::from_secs(10));
    have_refused(&stranger, FLOOD).await;
    let log = lines.with("message refused");
    assert_eq!(log.len(), 2, "{log:?}");
    assert_says(&log[1], Some(FLOOD - 1));
    let suppressed = server.metrics().suppressed_log_lines;
    assert_eq!(suppressed, 2 * (FLOOD - 1));
    stranger.close().await;
    server.stop().await;
}

#[tokio::test]
async fn a_flood_of_connections_is_one_line() {
    let (lines, _logging) = Lines::taken(Level::WARN);
    let clock = Hand::default();
    let limits = Limits::default().with_connections(1).unwrap();
    let server = guarded(limits, clock.clone());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let first = Client::builder().auth(HmacAuth::new("secret"));
    let first = first.build().unwrap();
    first.connect(server.local_addr()).await.unwrap();
    // One that has brought no valid message would make room for another.
    first.request("u").await.unwrap();
    for number in [0, FLOOD - 1] {
        for _ in 0..FLOOD {
            let another = Client::builder().build().unwrap();
            let refused = another.connect(server.local_addr()).await.unwrap();
            refused.closed().await;
        }
        let log = lines.with("connection refused");
        let line = log.last().expect("there is one");
        assert_says(line, (number > 0).then_some(number));
        clock.wait(Duration::from_secs(10));
    }
    assert_eq!(lines.with("").len(), 2);
    assert_eq!(server.metrics().refused_connections, 2 * FLOOD);
    first.close().await;
    server.stop().await;
}

#[tokio::test]
async fn a_flood_of_garbage_datagrams_is_one_line() {
    let (lines, _logging) = Lines::taken(Level::DEBUG);
    let clock = Hand::default();
    let node = UdpNode::builder().clock(clock.clone()).no_group();
    let node = node.bind("127.0.0.1:0").await.unwrap();
    let mut events = node.events();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in [0, FLOOD - 1] {
        for _ in 0..FLOOD {
            let sent = stranger.send_to(&[0xff; 9], node.local_addr()).await;
            sent.unwrap();
            let event = events.next().await.unwrap();
            assert!(matches!(event, UdpEvent::Refused { .. }), "{event:?}");
        }
        let log = lines.with("datagram refused");
        let line = log.last().expect("there is one");
        assert_says(line, (number > 0).then_some(number));
        clock.wait(Duration::from_secs(10));
    }
    assert_eq!(lines.with("").len(), 2);
    assert_eq!(node.metrics().datagrams.malformed, 2 * FLOOD);
    assert_eq!(node.metrics().suppressed_log_lines, 2 * (FLOOD - 1));
    node.stop().await;
}

/// What has no handler is told with its type, uri and sender, over both transports, and a uri
/// forges no line.
#[tokio::test]
async fn a_flood_of_messages_without_a_handler_is_one_line() {
    let (lines, _logging) = Lines::taken(Level::DEBUG);
    let uri = "nowhere\nnetaio: \u{1b}[31mforged";
    let shown = r"uri=nowhere\nnetaio: \x1b[31mforged";
    let server = Server::builder().clock(Hand::default());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let client = Client::builder().build().unwrap();
    let connection = client.connect(server.local_addr()).await.unwrap();
    let node = UdpNode::builder().clock(Hand::default()).no_group();
    let node = node.bind("127.0.0.1:0").await.unwrap();
    let asker = UdpNode::builder().no_group();
    let asker = asker.bind("127.0.0.1:0").await.unwrap();
    for _ in 0..FLOOD {
        connection.create(uri, "").await.unwrap();
    }
    // Not as many as an answer to a stranger is limited to.
    for _ in 0..2 {
        asker.create(node.local_addr(), uri, "").await.unwrap();
    }
    let log = lines.with("a message has no handler");
    assert_eq!(log.len(), 2, "{log:?}");
    for line in &log {
        assert!(
            line.contains(shown) && line.contains("CREATE_URI"),
            "{line}"
        );
    }
    assert!(log[0].contains("remote=127.0.0.1:"), "{log:?}");
    let from = format!("remote={}", asker.local_addr());
    assert!(log[1].contains(&from), "{log:?}");
    assert_eq!(server.metrics().suppressed_log_lines, FLOOD - 1);
    assert_eq!(node.metrics().suppressed_log_lines, 1);
    client.close().await;
    server.stop().await;
    node.stop().await;
    asker.stop().await;
}

/// A copy of a machine's disk, say.
#[tokio::test]
async fn two_nodes_with_one_id_are_one_line() {
    let (lines, _logging) = Lines::taken(Level::WARN);
    let clock = Hand::default();
    let me = Peer::new("me").with_data("data");
    let node = UdpNode::builder().clock(clock.clone()).no_group();
    let node = node
        .local_peer(me.clone())
        .manage_peers(ManagementConfig::new());
    let node = node.bind("127.0.0.1:0").await.unwrap();
    let mut events = node.peers().events();
    let other = UdpNode::builder().no_group().bind("127.0.0.1:0").await;
    let other = other.unwrap();
    let introduction = DefaultPeerPlugin.pack(&me).unwrap();
    let introduction = Message::new(ADVERTISE_PEER, "netaio", introduction);
    for _ in 0..FLOOD {
        let sent = other.send(node.local_addr(), introduction.clone()).await;
        sent.unwrap();
        // Until it is there.
        while other.request(node.local_addr(), "u").await.is_err() {}
        clock.wait(Duration::from_secs(5));
    }
    // 500 s are less than the ten minutes after which it is told of again.
    let log = lines.with("");
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains("two nodes have one id"), "{log:?}");
    assert!(log[0].contains("id=6d65"), "{log:?}");
    assert!(log[0].contains(&other.local_addr().to_string()), "{log:?}");
    let told = PeerEvent::DuplicateId {
        id: me.id,
        known: None,
        other: Some(other.local_addr()),
    };
    assert_eq!(events.next().await, Some(told));
    node.stop().await;
    other.stop().await;
}

/// Panics with every line.
#[derive(Clone)]
struct Panics;

impl io::Write for Panics {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("a logger of a test")
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A logger that panics costs its lines, and no task: not the acceptor, no connection, and
/// not the task of a node.
#[tokio::test]
async fn a_logger_that_panics_ends_no_task() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_writer(|| Panics);
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    let limits = Limits::default().with_connections(1).unwrap();
    let server = guarded(limits, Hand::default()).log_interval(Duration::ZERO);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let first = Client::builder().auth(HmacAuth::new("secret"));
    let first = first.build().unwrap();
    let connection = first.connect(server.local_addr()).await.unwrap();
    let node = UdpNode::builder().no_group().log_interval(Duration::ZERO);
    let node = node.bind("127.0.0.1:0").await.unwrap();
    let asker = UdpNode::builder().no_group();
    let asker = asker.bind("127.0.0.1:0").await.unwrap();
    for _ in 0..3 {
        // Messages without a handler, and connections that are one too many.
        connection.request("u").await.unwrap();
        let another = Client::builder().build().unwrap();
        let refused = another.connect(server.local_addr()).await.unwrap();
        refused.closed().await;
        asker.request(node.local_addr(), "u").await.unwrap();
    }
    assert_eq!(server.metrics().refused_connections, 3);
    assert_eq!(server.connections(), 1);
    first.close().await;
    server.stop().await;
    node.stop().await;
    assert_eq!(node.ended().await, Ok(()));
    asker.stop().await;
}

/// Clients have remotes too.
#[tokio::test]
async fn a_flood_of_news_that_a_client_does_not_want_is_one_line() {
    let (lines, _logging) = Lines::taken(Level::DEBUG);
    let chatty = |asker: Connection| async move {
        for _ in 0..FLOOD {
            asker.send(Message::notify("news", "")).await.unwrap();
        }
        "done"
    };
    let server = Server::builder().on(REQUEST_URI, chatty);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let client = Client::builder().clock(Hand::default()).build().unwrap();
    client.connect(server.local_addr()).await.unwrap();
    client.request("u").await.unwrap().into_result().unwrap();
    let log = lines.with("an unsolicited message was dropped: the application takes none");
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(client.metrics().suppressed_log_lines, FLOOD - 1);
    client.close().await;
    server.stop().await;
}

#[tokio::test]
async fn without_an_interval_all_lines_are_written() {
    let (lines, _logging) = Lines::taken(Level::DEBUG);
    let server = guarded(Limits::default(), Hand::default()).log_interval(Duration::ZERO);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let stranger = Client::builder().build().unwrap();
    stranger.connect(server.local_addr()).await.unwrap();
    have_refused(&stranger, FLOOD).await;
    let log = lines.with("message refused");
    assert_eq!(log.len() as u64, FLOOD);
    assert!(log.iter().all(|line| !line.contains("suppressed")));
    assert_eq!(server.metrics().suppressed_log_lines, 0);
    stranger.close().await;
    server.stop().await;
}

/// Nothing is suppressed that would not have been written.
#[tokio::test]
async fn lines_that_nobody_wants_are_not_counted() {
    let (lines, _logging) = Lines::taken(Level::INFO);
    let server = guarded(Limits::default(), Hand::default());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let stranger = Client::builder().build().unwrap();
    stranger.connect(server.local_addr()).await.unwrap();
    have_refused(&stranger, FLOOD).await;
    assert_eq!(server.metrics().refused_messages, FLOOD);
    assert_eq!(server.metrics().suppressed_log_lines, 0);
    assert_eq!(lines.with(""), [""; 0]);
    stranger.close().await;
    server.stop().await;
}
