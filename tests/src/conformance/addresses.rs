//! Addresses: of both families, of names that have several, and some that lead nowhere.

use std::future::{Future, pending};
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use netaio_driver::core::Message;
use netaio_driver::core::types::*;
use netaio_driver::{
    AutoReconnect, Client, DatagramOptions, DatagramSocket, GaveUp, Keepalive, Publisher, Remote,
    RequestError, Runtime, Server, UdpEvent, UdpNode, UdpNodeBuilder, Uri,
};

use super::raw::RawListener;
use super::support::{Counter, assert_message, listen, spawn};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// How long is waited for what does not come, and the pause between two tries.
const SHORT: Duration = Duration::from_millis(5);

/// An address where everything vanishes that is sent there.
const BLACK_HOLE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Another runtime, with names of its own: `both` has an address of each family, `far` is a
/// black hole and an address of this machine, `other` addresses of which the first is nobody's
/// here, and `silent` is never resolved.
struct Named<R>(PhantomData<fn() -> R>);

impl<R: Runtime> Runtime for Named<R> {
    super::wrapped::as_wrapped!(streams);

    type Datagrams = R::Datagrams;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        R::spawn(future);
    }

    async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
        let (name, port) = address.rsplit_once(':').expect("there is a port");
        let all: &[IpAddr] = match name {
            "both" => &[V6, V4],
            "far" => &[BLACK_HOLE, V4],
            "other" => &[BLACK_HOLE, V4, V4],
            "silent" => return pending().await,
            _ => return R::resolve(address).await,
        };
        let port: u16 = port.parse().expect("the port is a number");
        Ok(all.iter().map(|ip| (*ip, port).into()).collect())
    }

    async fn connect(
        address: SocketAddr,
        keepalive: Option<Keepalive>,
    ) -> io::Result<(Self::Reader, Self::Writer)> {
        match address.ip() == BLACK_HOLE {
            true => pending().await,
            false => R::connect(address, keepalive).await,
        }
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<Self::Datagrams> {
        R::bind_datagrams(options).await
    }
}

/// Whether this machine has IPv6: some containers have none.
pub(super) async fn has_v6<R: Runtime>() -> bool {
    R::listen((V6, 0).into()).await.is_ok()
}

/// Answers with the address of who asks.
fn who_asks<R: Runtime>() -> netaio_driver::ServerBuilder<R> {
    Server::<R>::builder().on((REQUEST_URI, "who"), |from: Remote| {
        from.addr().expect("it has an address").to_string()
    })
}

/// A client that has no time to wait for a black hole.
fn client<R: Runtime>() -> Client<R> {
    let client = Client::builder().connect_timeout(NEVER);
    client.build().unwrap()
}

/// A server at a name listens at all its addresses, on one port.
pub async fn a_name_is_listened_on_at_all_its_addresses<R: Runtime>() {
    let server = who_asks::<Named<R>>().bind("both:0").await.unwrap();
    let port = server.local_addr().port();
    let expected: Vec<SocketAddr> = match has_v6::<R>().await {
        true => vec![(V6, port).into(), (V4, port).into()],
        false => vec![(V4, port).into()],
    };
    assert_eq!(server.local_addrs(), expected);
    let client = client::<R>();
    for address in &expected {
        let connection = client.connect(address).await.unwrap();
        let answer = connection.request("who").await.unwrap();
        assert!(answer.content.starts_with(b"127.0.0.1:") || answer.content.starts_with(b"[::1]:"));
    }
    server.stop().await;
    for address in expected {
        // All of them are free again.
        R::listen(address).await.unwrap();
    }
    // One that is mapped into IPv6 is what it is.
    let mapped = who_asks::<R>().bind("[::ffff:127.0.0.1]:0").await.unwrap();
    assert_eq!(mapped.local_addr().ip(), V4);
    // What this machine does not have is left out, and one that is taken is an error.
    let server = who_asks::<Named<R>>().bind("other:0").await.unwrap();
    let port = server.local_addr().port();
    assert_eq!(server.local_addrs(), [SocketAddr::from((V4, port))]);
    let taken = who_asks::<Named<R>>().bind(format!("both:{port}")).await;
    let error = taken.unwrap_err().to_string();
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
}

/// A server at the wildcard address of IPv6 is there for both families, and knows who comes by
/// IPv4 by that address: handlers, keys and the client do.
pub async fn a_wildcard_is_of_both_families<R: Runtime>() {
    if !has_v6::<R>().await {
        return;
    }
    let server = who_asks::<R>().bind("[::]:0").await.unwrap();
    let port = server.local_addr().port();
    let client = client::<R>();
    for (ip, known_as) in [
        ("127.0.0.1", "127.0.0.1:"),
        ("[::1]", "[::1]:"),
        ("[::ffff:127.0.0.1]", "127.0.0.1:"),
    ] {
        let connection = client.connect(format!("{ip}:{port}")).await.unwrap();
        let remote = connection.remote().unwrap();
        assert_eq!(remote.to_string(), format!("{known_as}{port}"));
        let answer = connection.request("who").await.unwrap();
        let own = String::from_utf8(answer.content.to_vec()).unwrap();
        assert!(own.starts_with(known_as), "{own}");
        // A key with the address is found however it is written.
        let own: SocketAddr = own.parse().unwrap();
        let key = (REQUEST_URI, "key", own);
        server.on(key, || "found", super::support::none()).unwrap();
        let answer = connection.request("key").await.unwrap();
        assert_message(&answer, RESPOND_URI, "key", "found");
    }
}

/// An address that swallows what is sent there does not keep a client from the next one.
pub async fn a_black_hole_is_not_waited_for<R: Runtime>() {
    let server = listen(who_asks::<Named<R>>()).await;
    let client = client::<Named<R>>();
    let address = format!("far:{}", server.local_addr().port());
    let connection = client.connect(address).await.unwrap();
    assert_eq!(connection.remote(), Some(server.local_addr()));
    connection.request("who").await.unwrap();
}

/// Where no address of a name is reached, the error says of each why.
pub async fn every_failed_attempt_is_told<R: Runtime>() {
    let listener = RawListener::<R>::new().await;
    let port = listener.address().port();
    drop(listener);
    let client = client::<Named<R>>();
    let error = client.connect(format!("both:{port}")).await.unwrap_err();
    assert_eq!(error.address, format!("both:{port}"));
    let text = error.to_string();
    assert!(text.contains(&format!("[::1]:{port}: ")), "{text}");
    assert!(text.contains(&format!("; 127.0.0.1:{port}: ")), "{text}");
    let client = Client::<Named<R>>::builder().connect_timeout(SHORT);
    let client = client.build().unwrap();
    for (name, told) in [
        ("far", "203.0.113.1:1: timed out"),
        ("silent", "not resolved"),
    ] {
        let error = client.connect(format!("{name}:1")).await.unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains(told), "{error}");
    }
}

/// A server that accepts and hangs up is tried no more often than one that is not there.
pub async fn one_that_hangs_up_is_given_up<R: Runtime>() {
    let (sender, given_up) = async_channel::unbounded();
    let policy = AutoReconnect::new().delay(SHORT).connect_timeout(NEVER);
    let policy = policy.on_give_up(move |_, gave_up| {
        let sender = sender.clone();
        async move { sender.send(gave_up).await.unwrap() }
    });
    let client = Client::<R>::builder().auto_reconnect(policy);
    let client = client.build().unwrap();
    let listener = RawListener::<R>::new().await;
    let (address, accepted) = (listener.address(), Counter::default());
    let _accepting = spawn::<R, _>({
        let accepted = accepted.clone();
        async move {
            loop {
                let accepted_one = listener.accept().await;
                accepted.add();
                drop(accepted_one);
            }
        }
    });
    client.connect(address).await.unwrap();
    let GaveUp {
        attempts, error, ..
    } = given_up.recv().await.unwrap();
    assert_eq!(attempts, 3);
    assert_eq!(error.source.kind(), io::ErrorKind::ConnectionAborted);
    assert!(client.connections().is_empty());
    // The first was the application's.
    let by_hand = client.connect(address).await.unwrap();
    by_hand.closed().await;
    given_up.recv().await.unwrap();
    assert_eq!(accepted.get(), 2 * (1 + 3));
}

/// A node that answers with the address of who asks.
fn who_asks_node<R: Runtime>() -> UdpNodeBuilder<R> {
    let node = UdpNode::<R>::builder().no_group().ignore_own_ip(false);
    node.on((REQUEST_URI, "who"), |from: Remote| {
        from.addr().expect("it has an address").to_string()
    })
}

/// A node that asks, with a free port of any address of this family.
async fn asker<R: Runtime>(of: SocketAddr) -> UdpNode<R> {
    let any: SocketAddr = match of {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let node = UdpNode::<R>::builder().no_group().ignore_own_ip(false);
    node.bind(any).await.unwrap()
}

/// Addresses that lead to this machine, as far as the system lets a socket tell them apart.
async fn addresses_of_this_machine<R: Runtime>() -> Vec<IpAddr> {
    let options = DatagramOptions::new((V4, 0).into());
    let socket = R::bind_datagrams(&options).await.unwrap();
    let mut all = vec![V4];
    if cfg!(target_os = "linux") {
        all.extend([2, 3].map(|last| IpAddr::from([127, 0, 0, last])));
        let own = socket.own_addresses().unwrap();
        all.extend(own.into_iter().filter(|own| match own {
            IpAddr::V4(_) => true,
            IpAddr::V6(own) => !own.is_unicast_link_local(),
        }));
    }
    all
}

/// A node at a wildcard address answers from the address that it was asked at, and publishes
/// from the one that its subscriber knows.
pub async fn answers_leave_from_where_they_were_asked<R: Runtime>() {
    let mut wildcards = vec![(Ipv4Addr::UNSPECIFIED.into(), false)];
    if has_v6::<R>().await {
        wildcards.push((IpAddr::from(Ipv6Addr::UNSPECIFIED), true));
    }
    for (wildcard, both) in wildcards {
        let publish = |uri: Uri, from: Remote, publisher: Publisher| {
            publisher.subscribe(uri.0, &from).map_or("refused", |_| "")
        };
        let server = who_asks_node::<R>().on(SUBSCRIBE_URI, publish);
        let server = server.bind(SocketAddr::new(wildcard, 0)).await.unwrap();
        let port = server.local_addr().port();
        let mut all = addresses_of_this_machine::<R>().await;
        match both {
            true => all.push(V6),
            false => all.retain(IpAddr::is_ipv4),
        }
        for ip in all {
            let at = SocketAddr::new(ip, port);
            let asker = asker::<R>(at).await;
            let (told, news) = async_channel::unbounded();
            let hear = move |from: SocketAddr| told.try_send(from).unwrap();
            asker.on(NOTIFY_URI, hear, super::support::none()).unwrap();
            // An answer from elsewhere would end no request.
            let answer = asker.request(at, "who").timeout(NEVER).await.unwrap();
            let own: SocketAddr = String::from_utf8(answer.content.to_vec())
                .unwrap()
                .parse()
                .unwrap();
            assert_eq!(own.is_ipv4(), ip.is_ipv4());
            let uri = at.to_string();
            asker
                .subscribe(at, uri.clone())
                .request()
                .timeout(NEVER)
                .await
                .unwrap()
                .into_result()
                .unwrap();
            let message = Message::notify(uri.clone(), "");
            server.publisher().notify(uri, &message).unwrap();
            assert_eq!(news.recv().await.unwrap(), at);
        }
    }
}

/// Of several questions at once each is answered from where it came to.
pub async fn each_of_several_questions_has_its_own_source<R: Runtime>() {
    let server = who_asks_node::<R>();
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let server = server.bind(any).await.unwrap();
    let port = server.local_addr().port();
    let own = addresses_of_this_machine::<R>().await.into_iter();
    let mut asked: Vec<_> = own.filter(IpAddr::is_ipv4).collect();
    let raw = R::bind_datagrams(&DatagramOptions::new(any)).await.unwrap();
    let question = super::raw::frame(REQUEST_URI, "who", "");
    for ip in &asked {
        raw.send(&question, (*ip, port).into(), None).await.unwrap();
    }
    while !asked.is_empty() {
        let received = raw.receive(&mut bytes::BytesMut::new()).await.unwrap();
        let index = asked.iter().position(|ip| *ip == received.from.ip());
        asked.swap_remove(index.expect("it was asked there, and has not answered"));
    }
}

/// However an address is written, it is the same one.
pub async fn datagrams_go_by_one_form_of_an_address<R: Runtime>() {
    let v6 = has_v6::<R>().await;
    let server = who_asks_node::<R>();
    let server = server
        .bind(if v6 { "[::]:0" } else { "0.0.0.0:0" })
        .await
        .unwrap();
    let port = server.local_addr().port();
    let mut forms = vec![("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")];
    if v6 {
        forms.extend([
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
            ("[::]", "[::1]"),
            ("[::1]", "[::1]"),
        ]);
    }
    for (form, ip) in forms {
        let to: SocketAddr = format!("{form}:{port}").parse().unwrap();
        let asker = asker::<R>(to).await;
        let answer = asker.request(to, "who").timeout(NEVER).await.unwrap();
        let own = String::from_utf8(answer.content.to_vec()).unwrap();
        assert!(own.starts_with(ip), "{own}");
        assert_eq!(
            asker.remote(to).addr().unwrap().to_string(),
            format!("{ip}:{port}")
        );
    }
}

/// A node at a name is bound at all its addresses, on one port, and answers at each.
pub async fn a_name_is_bound_at_all_its_addresses<R: Runtime>() {
    let node = who_asks_node::<Named<R>>().bind("both:0").await.unwrap();
    let port = node.local_addr().port();
    let mut expected: Vec<SocketAddr> = vec![(V4, port).into()];
    if has_v6::<R>().await {
        expected.insert(0, (V6, port).into());
    }
    assert_eq!(node.local_addrs(), expected);
    for at in expected {
        let asker = asker::<R>(at).await;
        asker.request(at, "who").timeout(NEVER).await.unwrap();
        // It asks at either family itself.
        let other = who_asks_node::<R>()
            .bind(SocketAddr::new(at.ip(), 0))
            .await
            .unwrap();
        let answer = node
            .request(other.local_addr(), "who")
            .timeout(NEVER)
            .await
            .unwrap();
        assert_message(&answer, RESPOND_URI, "who", at.to_string());
    }
    // One that is mapped into IPv6 is what it is.
    for (mapped, ip) in [("127.0.0.1", V4), ("0.0.0.0", Ipv4Addr::UNSPECIFIED.into())] {
        let mapped = who_asks_node::<R>().bind(format!("[::ffff:{mapped}]:0"));
        assert_eq!(mapped.await.unwrap().local_addr().ip(), ip);
    }
    let taken = who_asks_node::<Named<R>>()
        .bind(format!("both:{port}"))
        .await;
    assert!(taken.is_err());
}

/// A datagram that cannot leave is told at once, and ends nothing else.
pub async fn what_cannot_leave_fails_at_once<R: Runtime>() {
    let other = who_asks_node::<R>().bind("127.0.0.1:0").await.unwrap();
    let node = who_asks_node::<R>().bind("127.0.0.1:0").await.unwrap();
    let mut events = node.events();
    // A loopback address leads to no other machine, and a socket of IPv4 to none of IPv6.
    let mut nowhere = vec![SocketAddr::from((V6, 9))];
    if cfg!(target_os = "linux") {
        nowhere.push((BLACK_HOLE, 9).into());
    }
    for to in nowhere {
        let error = node.request(to, "u").timeout(NEVER).await.unwrap_err();
        assert!(matches!(error, RequestError::NotSent(_)), "{error}");
        node.send(to, Message::notify("news", "")).await.unwrap();
        let event = events.next().await.unwrap();
        assert!(
            matches!(event, UdpEvent::NotSent { remote, .. } if remote == to),
            "{event:?}"
        );
        // The node goes on.
        node.request(other.local_addr(), "who")
            .timeout(NEVER)
            .await
            .unwrap();
    }
    assert!(node.metrics().datagrams.not_sent >= 2);
}
