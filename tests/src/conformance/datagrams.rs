//! Datagrams and groups, as a node needs them of a runtime.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;

use bytes::BytesMut;
use netaio_driver::{DatagramOptions, DatagramSocket, Interface, Received, Runtime};

use super::raw_node::skip;
use super::support::{GiveUp, both, poll_times};

/// Groups of the block that is for use within an organization.
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 255, 13, 37));
const OTHER_GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 255, 13, 38));
/// A group that crosses no router.
const GROUP_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0x1337, 1));

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn options(ip: IpAddr, port: u16) -> DatagramOptions {
    DatagramOptions::new((ip, port).into())
}

/// A member of groups that meet on the loopback interface.
fn member(ip: IpAddr, port: u16, groups: &[IpAddr]) -> DatagramOptions {
    let mut options = options(ip, port);
    options.groups = groups.to_vec();
    options.interface = Some(match ip {
        IpAddr::V4(_) => LOOPBACK.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    });
    options
}

async fn bind<R: Runtime>(options: &DatagramOptions) -> R::Datagrams {
    R::bind_datagrams(options).await.expect("the socket opens")
}

/// A socket of the loopback interface, and its address.
async fn plain<R: Runtime>() -> (R::Datagrams, SocketAddr) {
    let socket = bind::<R>(&options(LOOPBACK, 0)).await;
    let address = socket.local_address().unwrap();
    (socket, address)
}

fn port(socket: &impl DatagramSocket) -> u16 {
    socket.local_address().unwrap().port()
}

async fn send(socket: &impl DatagramSocket, bytes: &[u8], to: impl Into<SocketAddr>) {
    assert_eq!(
        socket.send(bytes, to.into(), None).await.unwrap(),
        bytes.len()
    );
}

/// The next datagram and its sender.
async fn next(socket: &impl DatagramSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = BytesMut::new();
    let Received { len, from, .. } = socket.receive(&mut buffer).await.unwrap();
    assert_eq!(buffer.len(), len);
    (buffer.to_vec(), from)
}

/// Datagrams go both ways, and say where they are from.
pub async fn datagrams_go_both_ways<R: Runtime>() {
    let (one, first) = plain::<R>().await;
    let (two, second) = plain::<R>().await;
    send(&one, b"there", second).await;
    assert_eq!(next(&two).await, (b"there".to_vec(), first));
    send(&two, b"back", first).await;
    assert_eq!(next(&one).await, (b"back".to_vec(), second));
}

/// What is received is appended: the buffer keeps what it has.
pub async fn datagrams_are_appended<R: Runtime>() {
    let (one, _) = plain::<R>().await;
    let (two, second) = plain::<R>().await;
    let mut buffer = BytesMut::from("kept ");
    for part in ["one ", "two"] {
        send(&one, part.as_bytes(), second).await;
        let Received { len, .. } = two.receive(&mut buffer).await.unwrap();
        assert_eq!(len, part.len());
    }
    assert_eq!(&buffer[..], b"kept one two");
}

/// The largest datagram arrives whole, whatever room the buffer has; a larger
/// one is an error and nothing else.
pub async fn the_largest_datagram_arrives_whole<R: Runtime>() {
    const LARGEST: usize = 65_507;
    let (one, first) = plain::<R>().await;
    let (two, second) = plain::<R>().await;
    let large: Vec<u8> = (0..=LARGEST).map(|number| number as u8).collect();
    one.send(&large, second, None).await.unwrap_err();
    send(&one, &large[..LARGEST], second).await;
    assert_eq!(next(&two).await, (large[..LARGEST].to_vec(), first));
}

/// An empty datagram is a datagram.
pub async fn an_empty_datagram_arrives<R: Runtime>() {
    let (one, first) = plain::<R>().await;
    let (two, second) = plain::<R>().await;
    send(&one, b"", second).await;
    send(&one, b"next", second).await;
    assert_eq!(next(&two).await, (Vec::new(), first));
    assert_eq!(next(&two).await, (b"next".to_vec(), first));
}

/// One turn takes all the datagrams that are there, and waits for none.
pub async fn a_turn_takes_all_datagrams<R: Runtime>() {
    const DATAGRAMS: u8 = 100;
    let (one, first) = plain::<R>().await;
    let (two, second) = plain::<R>().await;
    let mut buffer = BytesMut::new();
    assert_eq!(two.try_receive(&mut buffer).unwrap(), None);
    for number in 0..DATAGRAMS {
        send(&one, &[number], second).await;
    }
    let mut waits = 0;
    while buffer.len() < DATAGRAMS.into() {
        assert_eq!(
            two.receive(&mut buffer).await.unwrap(),
            Received::new(1, first)
        );
        waits += 1;
        while let Some(received) = two.try_receive(&mut buffer).unwrap() {
            assert_eq!(received, Received::new(1, first));
        }
    }
    assert_eq!(&buffer[..], (0..DATAGRAMS).collect::<Vec<_>>());
    assert_eq!(two.try_receive(&mut buffer).unwrap(), None);
    // Linux has delivered what was sent to itself once it is sent.
    if cfg!(target_os = "linux") {
        assert_eq!(waits, 1);
    }
}

/// A receive that is given up takes no datagram with it, waiting or woken.
pub async fn a_receive_given_up_loses_nothing<R: Runtime>() {
    let (one, first) = plain::<R>().await;
    let (two, second) = plain::<R>().await;
    for give_up in [GiveUp::AtOnce, GiveUp::Woken] {
        for number in 0..20 {
            let mut buffer = BytesMut::new();
            let given_up = async {
                let waiting = pin!(two.receive(&mut buffer));
                poll_times(waiting, 1, give_up).await
            };
            let (received, ()) = both(given_up, send(&one, &[number], second)).await;
            assert!(received.is_none(), "{received:?}");
            assert_eq!(buffer.len(), 0);
            assert_eq!(next(&two).await, (vec![number], first));
        }
    }
}

/// A socket sends while it waits for a datagram.
pub async fn a_socket_sends_while_it_receives<R: Runtime>() {
    let (socket, address) = plain::<R>().await;
    let waiting = next(&socket);
    let (received, ()) = both(waiting, send(&socket, b"to itself", address)).await;
    assert_eq!(received, (b"to itself".to_vec(), address));
}

/// Where nobody listens, some systems let the next calls fail: after that the
/// socket is as good as before.
pub async fn a_datagram_to_nobody_ends_nothing<R: Runtime>() {
    let nobody = plain::<R>().await.1;
    let (one, first) = plain::<R>().await;
    let (two, second) = plain::<R>().await;
    // Errors that belong to what was sent to nobody.
    let mut errors = 0;
    for _ in 0..20 {
        if one.send(b"lost", nobody, None).await.is_err() {
            errors += 1;
        }
        while one.send(b"there", second, None).await.is_err() {
            errors += 1;
        }
        assert_eq!(next(&two).await, (b"there".to_vec(), first));
        send(&two, b"back", first).await;
        let mut buffer = BytesMut::new();
        while one.receive(&mut buffer).await.is_err() {
            errors += 1;
        }
        assert_eq!(&buffer[..], b"back");
    }
    assert!(errors <= 40, "{errors} errors for 20 lost datagrams");
}

/// An address belongs to one socket, unless both share it.
pub async fn an_address_is_shared_by_consent_only<R: Runtime>() {
    let (_one, taken) = plain::<R>().await;
    let mut second = DatagramOptions::new(taken);
    for shared in [false, true] {
        second.shared_port = shared;
        let error = R::bind_datagrams(&second).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
    }
    let mut first = options(LOOPBACK, 0);
    first.shared_port = true;
    let first = bind::<R>(&first).await;
    second.address = first.local_address().unwrap();
    let second = bind::<R>(&second).await;
    assert_eq!(
        second.local_address().unwrap(),
        first.local_address().unwrap()
    );
}

/// Two nodes of one machine share a port and hear all that their group is sent,
/// by themselves too.
pub async fn members_of_a_group_share_a_port<R: Runtime>() {
    let mut options = member(ANY, 0, &[GROUP]);
    options.shared_port = true;
    let one = bind::<R>(&options).await;
    let port = port(&one);
    options.address.set_port(port);
    let two = bind::<R>(&options).await;
    let stranger = bind::<R>(&member(ANY, 0, &[])).await;

    send(&one, b"from a member", (GROUP, port)).await;
    send(&stranger, b"from a stranger", (GROUP, port)).await;
    let strangers_port = stranger.local_address().unwrap().port();
    for socket in [&one, &two] {
        let from = SocketAddr::from((LOOPBACK, port));
        assert_eq!(next(socket).await, (b"from a member".to_vec(), from));
        let from = SocketAddr::from((LOOPBACK, strangers_port));
        assert_eq!(next(socket).await, (b"from a stranger".to_vec(), from));
    }
}

/// Sockets with addresses of their own, on one port, and in one group.
async fn neighbours<R: Runtime>(groups: &[IpAddr]) -> Option<[R::Datagrams; 2]> {
    let second = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    loop {
        let one = bind::<R>(&member(LOOPBACK, 0, groups)).await;
        let port = port(&one);
        match R::bind_datagrams(&member(second, port, groups)).await {
            Ok(two) => return Some([one, two]),
            // Somebody else has it there: try with another port.
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => {
                skip(&format!(
                    "this machine has no second loopback address: {error}"
                ));
                return None;
            }
        }
    }
}

/// A socket with an address hears its groups besides, on the same port, and
/// is itself found by the address that it sends from.
pub async fn an_address_and_a_group_go_together<R: Runtime>() {
    let Some([one, two]) = neighbours::<R>(&[GROUP, OTHER_GROUP]).await else {
        return;
    };
    let port = port(&one);
    let first = SocketAddr::from((LOOPBACK, port));
    for group in [GROUP, OTHER_GROUP] {
        send(&one, b"who is there?", (group, port)).await;
        // It hears itself too.
        assert_eq!(next(&one).await, (b"who is there?".to_vec(), first));
        let (content, from) = next(&two).await;
        assert_eq!((&content[..], from), (&b"who is there?"[..], first));
        send(&two, b"me", from).await;
        let second = two.local_address().unwrap();
        assert_eq!(next(&one).await, (b"me".to_vec(), second));
        send(&one, b"you", second).await;
        assert_eq!(next(&two).await, (b"you".to_vec(), first));
    }
}

/// What comes to the address does not keep the group's datagrams from their
/// turn, nor the other way round.
pub async fn no_group_and_no_address_starves_the_other<R: Runtime>() {
    const MANY: usize = 50;
    let one = bind::<R>(&member(LOOPBACK, 0, &[GROUP, OTHER_GROUP])).await;
    let address = one.local_address().unwrap();
    let group = SocketAddr::from((GROUP, address.port()));
    let sender = bind::<R>(&member(LOOPBACK, 0, &[])).await;
    for (flood, single) in [(address, group), (group, address)] {
        for _ in 0..MANY {
            send(&sender, b"flood", flood).await;
        }
        send(&sender, b"single", single).await;
        // There is always more of the other. A runtime may take its time to notice
        // that there is something on a socket, but not for ever: the test would hang.
        // How many come meanwhile is up to when the runtime's own thread gets a processor.
        while next(&one).await.0 != b"single" {
            send(&sender, b"flood", flood).await;
        }
        for _ in 0..MANY {
            assert_eq!(next(&one).await.0, b"flood");
        }
    }
}

/// A socket hears the groups that it joined, and not those that others did.
pub async fn groups_are_heard_by_their_members_only<R: Runtime>() {
    let mut options = member(ANY, 0, &[GROUP]);
    options.shared_port = true;
    let one = bind::<R>(&options).await;
    let port = port(&one);
    options.groups = vec![OTHER_GROUP];
    options.address.set_port(port);
    let other = bind::<R>(&options).await;
    send(&one, b"for the other", (OTHER_GROUP, port)).await;
    send(&other, b"for the one", (GROUP, port)).await;
    assert_eq!(next(&one).await.0, b"for the one");
    assert_eq!(next(&other).await.0, b"for the other");
}

/// An interface has several names.
pub async fn interfaces_go_by_address_index_and_name<R: Runtime>() {
    let mut options = member(LOOPBACK, 0, &[GROUP]);
    let mut names: Vec<Interface> = vec!["127.0.0.1".into()];
    if cfg!(target_os = "linux") {
        names.extend([Interface::Index(1), "lo".into()]);
    }
    for name in names {
        options.interface = Some(name.clone());
        let socket = bind::<R>(&options).await;
        let address = socket.local_address().unwrap();
        send(&socket, b"hello", (GROUP, address.port())).await;
        assert_eq!(next(&socket).await, (b"hello".to_vec(), address), "{name}");
    }
    // Unless one is named, it is that of the address.
    options.interface = None;
    let socket = bind::<R>(&options).await;
    let address = socket.local_address().unwrap();
    send(&socket, b"hello", (GROUP, address.port())).await;
    assert_eq!(next(&socket).await, (b"hello".to_vec(), address));
}

/// Options that cannot be met are errors that say why.
pub async fn options_that_cannot_be_met_are_errors<R: Runtime>() {
    let no_group = Ipv4Addr::new(10, 1, 2, 3).into();
    let mut nowhere = member(ANY, 0, &[GROUP]);
    nowhere.interface = Some("no such interface".into());
    for (options, problem) in [
        (member(LOOPBACK, 0, &[GROUP_V6]), "family"),
        (member(LOOPBACK, 0, &[no_group]), "10.1.2.3"),
        (member(ANY, 0, &[no_group]), "10.1.2.3"),
        (options(GROUP, 0), "is a group"),
        (nowhere, "no such interface"),
    ] {
        let error = R::bind_datagrams(&options).await.err();
        let error = error.expect("the options are refused").to_string();
        assert!(error.contains(problem), "{error}");
    }
}

/// Datagrams over IPv6.
pub async fn datagrams_over_ipv6<R: Runtime>() {
    let localhost = options(Ipv6Addr::LOCALHOST.into(), 0);
    let Some(one) = where_there_is_ipv6(R::bind_datagrams(&localhost).await) else {
        return;
    };
    let two = bind::<R>(&localhost).await;
    let (first, second) = (one.local_address().unwrap(), two.local_address().unwrap());
    send(&one, b"there", second).await;
    assert_eq!(next(&two).await, (b"there".to_vec(), first));
    send(&two, b"back", first).await;
    assert_eq!(next(&one).await, (b"back".to_vec(), second));
}

/// A socket with an IPv6 address leaves its port to IPv4.
pub async fn ipv6_leaves_ipv4_alone<R: Runtime>() {
    let loopback = options(Ipv6Addr::LOCALHOST.into(), 0);
    loop {
        let Some(six) = where_there_is_ipv6(R::bind_datagrams(&loopback).await) else {
            return;
        };
        let port = port(&six);
        match R::bind_datagrams(&options(LOOPBACK, port)).await {
            Ok(four) => {
                let address = four.local_address().unwrap();
                send(&four, b"hello", address).await;
                assert_eq!(next(&four).await, (b"hello".to_vec(), address));
                return;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::AddrInUse);
                // Is it us who has it?
                drop(six);
                if R::bind_datagrams(&options(LOOPBACK, port)).await.is_ok() {
                    panic!("an IPv6 socket takes IPv4's port");
                }
            }
        }
    }
}

/// A group is joined later where that is wanted, and anew as often as it is: what was joined
/// before is not in the way.
pub async fn groups_are_joined_anew<R: Runtime>() {
    let (sender, _) = plain::<R>().await;
    for ip in [LOOPBACK, ANY] {
        let mut options = member(ip, 0, &[GROUP]);
        options.join_later = true;
        let mut receiver = bind::<R>(&options).await;
        let to = (Ipv4Addr::LOCALHOST, port(&receiver));
        let group = (GROUP, port(&receiver));
        options.address = ([127, 0, 0, 1], 0).into();
        let multicasting = bind::<R>(&options).await;
        send(&multicasting, b"too early", group).await;
        send(&sender, b"hello", to).await;
        assert_eq!(next(&receiver).await.0, b"hello");
        for word in [&b"once"[..], b"twice"] {
            receiver.rejoin().unwrap();
            send(&multicasting, word, group).await;
            assert_eq!(next(&receiver).await.0, word);
        }
        send(&sender, b"and to it", to).await;
        assert_eq!(next(&receiver).await.0, b"and to it");
    }
}

/// A group over IPv6, at sockets with the wildcard address and with one. Some
/// loopback interfaces carry none: another does, and its datagrams stay here.
pub async fn a_group_over_ipv6<R: Runtime>() {
    let own = plain::<R>().await.0.own_addresses().unwrap();
    let own = own.into_iter().filter(IpAddr::is_ipv6);
    let mut problem = None;
    for ip in [Ipv6Addr::LOCALHOST.into()].into_iter().chain(own) {
        match meet_in_a_group::<R>(ip).await {
            Ok(()) => return,
            Err(error) => problem = Some(error),
        }
    }
    skip(&format!("no interface has an IPv6 group: {problem:?}"));
}

/// Sends to the IPv6 group on the interface that has an address.
pub(super) async fn meet_in_a_group<R: Runtime>(ip: IpAddr) -> io::Result<()> {
    let mut options = member(Ipv6Addr::UNSPECIFIED.into(), 0, &[GROUP_V6]);
    options.interface = Some(ip.into());
    options.multicast_ttl = 0;
    let sender = R::bind_datagrams(&options).await?;
    let from = port(&sender);
    for ip in [Ipv6Addr::UNSPECIFIED.into(), ip] {
        options.address.set_ip(ip);
        let receiver = R::bind_datagrams(&options).await?;
        let to = (GROUP_V6, port(&receiver)).into();
        sender.send(b"hello", to, None).await?;
        let (content, sender) = next(&receiver).await;
        assert_eq!((&content[..], sender.port()), (&b"hello"[..], from));
    }
    Ok(())
}

/// What a machine sends itself comes from one of its own addresses, and the
/// loopback interface's are none.
pub async fn a_machines_own_addresses_are_known<R: Runtime>() {
    let socket = bind::<R>(&options(ANY, 0)).await;
    let own = socket.own_addresses().unwrap();
    for address in &own {
        assert!(
            !address.is_loopback() && !address.is_unspecified(),
            "{own:?}"
        );
        if address.is_ipv4() {
            send(&socket, b"hello", (*address, port(&socket))).await;
            let (_, from) = next(&socket).await;
            assert!(own.contains(&from.ip()), "{from} is not one of {own:?}");
        }
    }
    if own.is_empty() {
        skip("this machine has no address but the loopback interface's");
    }
}

/// `None`, and a sentence, where the system has no IPv6.
fn where_there_is_ipv6<T>(socket: io::Result<T>) -> Option<T> {
    match socket {
        Ok(socket) => Some(socket),
        Err(error) => {
            skip(&format!(
                "this machine has no IPv6 loopback interface: {error}"
            ));
            None
        }
    }
}
