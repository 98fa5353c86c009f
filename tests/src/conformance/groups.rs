//! UDP nodes in multicast groups, all on the loopback interface.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use async_channel::Receiver;
use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{Message, SealError, SendError, SendOptions};
use netaio_driver::{
    BuildError, Content, DatagramOptions, DatagramSocket, Runtime, UdpNode, UdpNodeBuilder,
};

use super::datagrams::meet_in_a_group;
use super::raw_node::{bind_node, skip};
use super::support::{assert_message, none};

/// A group of the block that is for use within an organization.
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 13, 41);
const OTHER_GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 13, 42);
/// A group that crosses no router.
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x1337, 2);

/// A node that meets others in the group.
pub(super) fn member<R: Runtime>() -> UdpNodeBuilder<R> {
    UdpNode::builder()
        .group(GROUP)
        .interface(Ipv4Addr::LOCALHOST)
}

/// Binds nodes to 127.0.0.1, 127.0.0.2 and so on, on one port; none where this
/// machine has no such addresses.
///
/// The first of them has its port for itself, and so no other test's nodes are in
/// a group there.
pub(super) async fn neighbours<R: Runtime, const N: usize>(
    make: impl Fn(usize) -> UdpNodeBuilder<R>,
) -> Option<[UdpNode<R>; N]> {
    'ports: loop {
        let mut nodes = Vec::new();
        let mut port = 0;
        for number in 0..N {
            let ip = Ipv4Addr::new(127, 0, 0, u8::try_from(number + 1).expect("few nodes"));
            match make(number).bind(SocketAddr::from((ip, port))).await {
                Ok(node) => {
                    port = node.local_addr().port();
                    nodes.push(node);
                }
                // Somebody else has it there: try with another port.
                Err(BuildError::Bind { source, .. })
                    if source.kind() == ErrorKind::AddrInUse && number > 0 =>
                {
                    continue 'ports;
                }
                Err(error) if number > 0 => {
                    skip(&format!("this machine has no address {ip}: {error}"));
                    return None;
                }
                Err(error) => panic!("{error}"),
            }
        }
        return nodes.try_into().ok();
    }
}

/// Lets a node note what it is notified of.
fn noting<R: Runtime>(node: UdpNodeBuilder<R>) -> (UdpNodeBuilder<R>, Receiver<String>) {
    let (told, heard) = async_channel::unbounded();
    let note = move |content: Content, from: SocketAddr| {
        // The test may be over, and another's node be heard still.
        let _ = told.try_send(format!("{content} from {}", from.ip()));
    };
    (node.on(NOTIFY_URI, note), heard)
}

/// Nodes that note what they are notified of.
async fn noting_neighbours<R: Runtime, const N: usize>(
    make: impl Fn() -> UdpNodeBuilder<R>,
) -> Option<([UdpNode<R>; N], [Receiver<String>; N])> {
    let notes = std::sync::Mutex::new(Vec::new());
    let nodes = neighbours::<R, N>(|number| {
        let (node, heard) = noting(make());
        let mut notes = notes.lock().unwrap();
        notes.truncate(number);
        notes.push(heard);
        node
    });
    let nodes = nodes.await?;
    Some((nodes, notes.into_inner().unwrap().try_into().unwrap()))
}

fn notify(content: &'static str) -> Message {
    Message::notify("news", content)
}

/// What a node sends to its group reaches every other member once, and not
/// itself, though all are on one machine.
pub async fn a_multicast_reaches_every_other_member_once<R: Runtime>() {
    let Some((nodes, heard)) = noting_neighbours::<R, 3>(member).await else {
        return;
    };
    let port = nodes[0].local_addr().port();
    assert_eq!(nodes[0].group(), Some((GROUP, port).into()));
    for node in &nodes {
        node.multicast(notify("hello")).await.unwrap();
    }
    // Behind all that is on its way.
    for node in &nodes {
        for to in &nodes {
            if node.local_addr() != to.local_addr() {
                node.send(to.local_addr(), notify("end")).await.unwrap();
            }
        }
    }
    for (number, heard) in heard.iter().enumerate() {
        let mut notes = Vec::new();
        for _ in 0..4 {
            notes.push(heard.recv().await.unwrap());
        }
        notes.sort_unstable();
        let others = (1..=3).filter(|other| *other != number + 1);
        let mut expected: Vec<_> = others
            .flat_map(|other| ["end", "hello"].map(|word| format!("{word} from 127.0.0.{other}")))
            .collect();
        expected.sort_unstable();
        assert_eq!(notes, expected);
    }
    for node in &nodes {
        assert_eq!(node.metrics().datagrams.received, 4);
    }
}

/// A request to the group is answered by whoever is there.
pub async fn a_multicast_is_answered_by_everybody<R: Runtime>() {
    let (told, heard) = async_channel::unbounded();
    let nodes = neighbours::<R, 3>(|number| {
        let told = told.clone();
        member().on(REQUEST_URI, move || number.to_string()).on(
            RESPOND_URI,
            move |content: Content| {
                told.try_send(content.to_string()).unwrap();
            },
        )
    });
    let Some([_one, two, _three]) = nodes.await else {
        return;
    };
    two.multicast(Message::request("who")).await.unwrap();
    let mut names = [heard.recv().await.unwrap(), heard.recv().await.unwrap()];
    names.sort_unstable();
    assert_eq!(names, ["0", "2"]);
}

/// Multicasts pass the layers, and options leave plugins out or bring an inner
/// layer.
pub async fn multicasts_pass_the_layers<R: Runtime>() {
    let inner = none().with_auth(HmacAuth::new("inner").with_hmac_field("camh"));
    let (told, heard) = async_channel::unbounded();
    let nodes = neighbours::<R, 2>(|_| {
        let told = told.clone();
        member()
            .auth(HmacAuth::new("secret"))
            .cipher(Sha256StreamCipher::new("key"))
            .on((NOTIFY_URI, "outer"), |_: Content| ())
            .on((NOTIFY_URI, "inner"), move |content: Content| {
                told.try_send(content.to_string()).unwrap();
            })
            .inner(inner.clone())
    });
    let Some([one, two]) = nodes.await else {
        return;
    };
    let (plain, with_inner) = (
        SendOptions::new(),
        SendOptions::new().with_inner(inner.clone()),
    );
    for (uri, options) in [
        ("outer", plain.clone()),
        ("inner", plain.clone()),
        ("inner", plain.without_auth()),
        ("inner", with_inner),
    ] {
        let message = Message::notify(uri, "sealed");
        one.multicast_with(None, message, options).await.unwrap();
    }
    assert_eq!(heard.recv().await.unwrap(), "sealed");
    let counters = two.metrics().datagrams;
    assert_eq!((counters.received, counters.refused), (4, 2));
}

/// A node hears what it sends to its own group where that is wanted.
pub async fn ones_own_multicasts_come_back_where_wanted<R: Runtime>() {
    for (ignore, expected) in [(true, "last"), (false, "first")] {
        let (node, heard) = noting::<R>(member().ignore_own_ip(ignore));
        let node = node.bind("127.0.0.1:0").await.unwrap();
        node.multicast(notify("first")).await.unwrap();
        let (other, _heard) = noting::<R>(member());
        let other = bind_node(other).await;
        let remote = node.remote(other.local_addr());
        // Its answer comes behind.
        assert_message(
            &remote.request("u").await.unwrap(),
            NOT_FOUND,
            "ERROR",
            "not found",
        );
        other.send(node.local_addr(), notify("last")).await.unwrap();
        let expected = format!("{expected} from 127.0.0.1");
        assert_eq!(heard.recv().await.unwrap(), expected);
    }
}

/// Where an address is shared by consent, all hear the group, each node itself
/// included: nothing tells them apart.
pub async fn nodes_share_a_port_by_consent<R: Runtime>() {
    let shared = || {
        noting::<R>(
            UdpNode::builder()
                .group(GROUP)
                .interface(Ipv4Addr::LOCALHOST)
                .shared_port(true),
        )
    };
    let (one, one_hears) = shared();
    let one = one.bind("127.0.0.1:0").await.unwrap();
    let error = member::<R>().bind(one.local_addr()).await.unwrap_err();
    assert!(matches!(error, BuildError::Bind { .. }));
    let (two, two_hears) = shared();
    let two = two.bind(one.local_addr()).await.unwrap();
    assert_eq!(one.local_addr(), two.local_addr());
    for (node, word) in [(&one, "one"), (&two, "two")] {
        node.multicast(notify(word)).await.unwrap();
    }
    for heard in [one_hears, two_hears] {
        let mut words = [heard.recv().await.unwrap(), heard.recv().await.unwrap()];
        words.sort_unstable();
        assert_eq!(words, ["one from 127.0.0.1", "two from 127.0.0.1"]);
    }
}

/// A node may be in several groups, and multicasts to the first of them, on its
/// own port or another.
pub async fn groups_and_ports_can_be_chosen<R: Runtime>() {
    let both = || member().group(OTHER_GROUP);
    let Some((nodes, heard)) = noting_neighbours::<R, 2>(both).await else {
        return;
    };
    let outside = UdpNode::<R>::builder()
        .group(OTHER_GROUP)
        .interface(Ipv4Addr::LOCALHOST);
    let outside = outside.bind("127.0.0.1:0").await.unwrap();
    let port = nodes[0].local_addr().port();
    let to_port =
        outside.multicast_with(Some(port), notify("to the other group"), SendOptions::new());
    to_port.await.unwrap();
    for heard in &heard {
        let note = heard.recv().await.unwrap();
        assert_eq!(note, "to the other group from 127.0.0.1");
    }
    nodes[0].multicast(notify("to the first")).await.unwrap();
    let note = heard[1].recv().await.unwrap();
    assert_eq!(note, "to the first from 127.0.0.1");
    assert_eq!(outside.metrics().datagrams.received, 0);
}

/// A node without a group says so, and a group that cannot be joined is an error
/// when the node is bound.
pub async fn a_group_that_is_none_is_an_error<R: Runtime>() {
    let node = bind_node(UdpNode::<R>::builder()).await;
    assert_eq!(node.group(), None);
    let error = node.multicast(notify("nobody")).await.unwrap_err();
    assert!(matches!(error, SendError::Seal(SealError::Plugin(_))));
    assert!(error.to_string().contains("group"), "{error}");
    for group in [IpAddr::from([10, 1, 2, 3]), GROUP_V6.into()] {
        let error = UdpNode::<R>::builder().group(group).bind("127.0.0.1:0");
        let error = error.await.unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:0"), "{error}");
        assert!(error.contains(&group.to_string()), "{error}");
    }
}

/// Nodes meet in an IPv6 group, on whatever interface has one.
pub async fn nodes_meet_in_an_ipv6_group<R: Runtime>() {
    let any = DatagramOptions::new((Ipv4Addr::LOCALHOST, 0).into());
    let own = R::bind_datagrams(&any).await.unwrap().own_addresses();
    let own = own.unwrap().into_iter().filter(IpAddr::is_ipv6);
    let mut problem = None;
    for ip in [Ipv6Addr::LOCALHOST.into()].into_iter().chain(own) {
        match meet_in_a_group::<R>(ip).await {
            Ok(()) => return meet_on::<R>(ip).await,
            Err(error) => problem = Some(error),
        }
    }
    skip(&format!("no interface has an IPv6 group: {problem:?}"));
}

/// Sends to the IPv6 group on the interface that has an address.
async fn meet_on<R: Runtime>(ip: IpAddr) {
    let node = || {
        UdpNode::<R>::builder()
            .group(GROUP_V6)
            .interface(ip)
            .multicast_ttl(0)
            // Some of the addresses are this machine's own.
            .ignore_own_ip(false)
    };
    let (receiving, heard) = noting(node());
    let receiving = receiving.bind("[::]:0").await.unwrap();
    let sending = node().bind("[::]:0").await.unwrap();
    let port = receiving.local_addr().port();
    let sent = sending.multicast_with(Some(port), notify("hello"), SendOptions::new());
    sent.await.unwrap();
    let note = heard.recv().await.unwrap();
    assert!(note.starts_with("hello from "), "{note}");
}
