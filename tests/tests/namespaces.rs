//! UDP nodes across a network: the real Python netaio's and ours, each on a host of its own,
//! find each other by multicasts, talk, and lose each other.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, reason = "the helpers of tests fail as tests do")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::process::Command;
use std::time::Duration;

use netaio_core::types::{NOTIFY_URI, SUBSCRIBE_URI};
use netaio_tests::interop::cases;
use netaio_tests::namespaces::{Host, INDEX, INTERFACE, Network};
use netaio_tests::puppet::{Identity, Management, Node, NodeOptions, Op, SaidPeer};
use netaio_tests::python::{Inner, Python, PythonError, Result, ServerOptions};

/// Whoever is in a group is heard at its own port, so that all have the same.
const PORT: u16 = 8888;

/// The package's group.
const ALL_HOSTS: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1));

/// A group of the block that is for use within an organization.
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 255, 13, 41));

/// The package's node hears no group unless it is bound to all addresses.
const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A node, and what others know of it.
struct Member {
    node: Node,
    identity: Identity,
    at: SocketAddr,
}

/// The package and a network, or the end of the test.
macro_rules! python_and_network {
    () => {
        match (Python::get()?, Network::new()) {
            (Some(python), Some(network)) => (python, network),
            _ => return Ok(()),
        }
    };
}

fn layers(outer: &str) -> ServerOptions {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == outer);
    case.expect("a case of this name").options()
}

/// A node in the package's group.
fn options(id: &'static str, address: IpAddr) -> NodeOptions {
    NodeOptions {
        address,
        port: PORT,
        groups: vec![ALL_HOSTS],
        identity: Some(Identity::with_seed(id, id.len() as u8)),
        ..NodeOptions::default()
    }
}

/// A node of the package's.
fn theirs(python: &Python, host: &Host, options: &NodeOptions) -> Result<Member> {
    let command = host.enter(&python.command("node.py"));
    start("node.py", command, host, options)
}

/// A node of ours.
fn ours(host: &Host, options: &NodeOptions) -> Result<Member> {
    let command = host.enter(&Command::new(env!("CARGO_BIN_EXE_node")));
    start("our node", command, host, options)
}

fn start(name: &str, command: Command, host: &Host, options: &NodeOptions) -> Result<Member> {
    let at = match options.address {
        IpAddr::V4(_) => SocketAddr::new(host.address, PORT),
        // What goes to a group of the link is from an address of the link.
        IpAddr::V6(any) if any.is_unspecified() => {
            SocketAddrV6::new(host.link_address, PORT, 0, INDEX).into()
        }
        IpAddr::V6(_) => SocketAddr::new(host.address_v6, PORT),
    };
    Ok(Member {
        node: Node::start(name, command, options)?,
        identity: options.identity.expect("it has peers"),
        at,
    })
}

impl Member {
    /// Waits until it knows the other one and nobody else. What happened since it was asked last
    /// is returned, where it says that.
    fn finds(&mut self, other: &Self) -> Result<Vec<String>> {
        let said = self.node.wait_for_peers(&[other.identity.id])?;
        let expected = SaidPeer {
            addresses: vec![other.at],
            ..other.identity.said()
        };
        assert_eq!(said.peers, [expected]);
        Ok(said.events)
    }

    /// Waits until it knows nobody.
    fn is_alone(&mut self) -> Result<Vec<String>> {
        Ok(self.node.wait_for_peers(&[])?.events)
    }

    fn asks(&mut self, other: &Self, inner: &Inner) -> Result<()> {
        self.node.to = Some(other.at);
        let answer = self.node.request(Op::Request, b"echo", b"echoed")?;
        assert_eq!(answer.message()?, ("RESPOND_URI", &b"echoed"[..]));
        let answer = self
            .node
            .request_with(Op::Request, b"inner", b"deep", inner)?;
        assert_eq!(answer.message()?, ("RESPOND_URI", &b"deep"[..]));
        // By the key in the other one's peer data.
        let answer = self.node.request_boxed(&self.identity, b"a secret")?;
        assert_eq!(answer.message()?, ("RESPOND_URI", &b"a secret"[..]));
        let answer = self.node.request(Op::Request, b"nothing", b"")?;
        assert_eq!(answer.message()?, ("NOT_FOUND", &b"not found"[..]));
        Ok(())
    }

    /// Tells its peers, its group and its subscribers something, which are the other one.
    fn publishes(&mut self, other: &mut Self) -> Result<()> {
        let (notify, none) = (NOTIFY_URI.value(), &Inner::default());
        self.node
            .broadcast(notify, b"peers", b"a broadcast", none)?;
        other.hears("NOTIFY_URI", b"a broadcast")?;
        self.node
            .multicast(notify, b"group", b"a multicast", none)?;
        other.hears("NOTIFY_URI", b"a multicast")?;
        other.node.to = Some(self.at);
        other.node.send(SUBSCRIBE_URI.value(), b"news", b"", none)?;
        other.hears("CONFIRM_SUBSCRIBE", b"")?;
        self.node.notify(notify, b"news", b"today", none)?;
        other.hears("NOTIFY_URI", b"today")
    }

    fn hears(&mut self, name: &str, content: &[u8]) -> Result<()> {
        assert_eq!(self.node.next()?.message()?, (name, content));
        Ok(())
    }
}

/// Each begins to manage its peers, finds the other one, and talks to it.
fn meet(one: &mut Member, other: &mut Member, management: &Management) -> Result<()> {
    one.node.manage_peers(management)?;
    other.node.manage_peers(management)?;
    one.finds(other)?;
    other.finds(one)?;
    one.asks(other, &management.inner)?;
    other.asks(one, &management.inner)?;
    one.publishes(other)?;
    other.publishes(one)
}

#[test]
fn nodes_meet_and_part_behind_any_layers() -> Result<()> {
    let (python, network) = python_and_network!();
    for (number, case) in cases().iter().enumerate() {
        let named = |id, address| NodeOptions {
            layers: case.options(),
            ..options(id, address)
        };
        let mut theirs = theirs(&python, &network.here, &named("python", ANY))?;
        // Bound to its own address, and to any.
        let address = [network.there.address, ANY][number % 2];
        let mut ours = ours(&network.there, &named("ours", address))?;
        let management = Management {
            inner: case.inner.clone(),
            ..Management::default()
        };
        meet(&mut theirs, &mut ours, &management)?;

        theirs.node.stop_peer_management("netaio")?;
        assert_eq!(
            ours.is_alone()?,
            ["python gone: Disconnect"],
            "{}",
            case.name
        );
        theirs.node.manage_peers(&management)?;
        assert_eq!(ours.finds(&theirs)?, ["python came"]);
        ours.node.stop_peer_management("netaio")?;
        theirs.is_alone()?;
        ours.node.manage_peers(&management)?;
        theirs.finds(&ours)?;
        // Whoever stops takes its leave.
        match number % 2 == 0 {
            true => {
                theirs.node.close()?;
                assert_eq!(ours.is_alone()?, ["python gone: Disconnect"]);
                ours.node.close()?;
            }
            false => {
                ours.node.close()?;
                theirs.is_alone()?;
                theirs.node.close()?;
            }
        }
    }
    Ok(())
}

#[test]
fn whoever_falls_silent_is_dropped() -> Result<()> {
    let (python, network) = python_and_network!();
    let management = Management {
        silence: 1,
        ..Management::default()
    };
    let mut theirs = theirs(&python, &network.here, &options("python", ANY))?;
    let mut killed = ours(&network.there, &options("killed", network.there.address))?;
    meet(&mut theirs, &mut killed, &management)?;
    killed.node.kill();
    theirs.is_alone()?;

    let mut ours = ours(&network.there, &options("ours", network.there.address))?;
    ours.node.manage_peers(&management)?;
    ours.finds(&theirs)?;
    theirs.finds(&ours)?;
    theirs.node.kill();
    assert_eq!(ours.is_alone()?, ["python gone: TimedOut"]);
    ours.node.close()
}

#[test]
fn other_groups_are_met_in_too() -> Result<()> {
    let (python, network) = python_and_network!();
    let management = Management::default();
    let in_groups = |id, address, groups: &[IpAddr]| NodeOptions {
        groups: groups.to_vec(),
        ..options(id, address)
    };
    let address = network.there.address;
    for (address, groups) in [(address, [ALL_HOSTS, GROUP]), (ANY, [GROUP, ALL_HOSTS])] {
        let mut ours = ours(&network.there, &in_groups("ours", address, &groups))?;
        ours.node.manage_peers(&management)?;
        // It is heard in its first group, and hears in both.
        for group in groups {
            let options = in_groups("python", ANY, &[group]);
            let mut theirs = theirs(&python, &network.here, &options)?;
            theirs.node.manage_peers(&management)?;
            theirs.finds(&ours)?;
            assert_eq!(ours.finds(&theirs)?, ["python came"]);
            theirs.asks(&ours, &Inner::default())?;
            theirs.node.close()?;
            assert_eq!(ours.is_alone()?, ["python gone: Disconnect"]);
        }
        ours.node.close()?;
    }
    Ok(())
}

#[test]
fn strangers_are_no_peers() -> Result<()> {
    let (python, network) = python_and_network!();
    let named = |id, address, layers: &ServerOptions| NodeOptions {
        layers: layers.clone(),
        ..options(id, address)
    };
    let hmac = layers("HMAC");
    let mut wrong = hmac.clone();
    wrong.outer.secret = Some("wrong".into());
    let none = ServerOptions::default();
    let mut ours = ours(&network.there, &named("ours", network.there.address, &hmac))?;
    let management = Management::default();
    ours.node.manage_peers(&management)?;
    let other_app = Management {
        app_id: "other",
        ..Management::default()
    };
    for (id, layers, management) in [
        ("wrong", &wrong, &management),
        ("without", &none, &management),
        ("other app", &hmac, &other_app),
    ] {
        // It is told to begin before it is told to end: it has said who it is.
        let mut stranger = theirs(&python, &network.here, &named(id, ANY, layers))?;
        stranger.node.manage_peers(management)?;
        stranger.is_alone()?;
        stranger.node.close()?;
    }
    let mut theirs = theirs(&python, &network.here, &named("python", ANY, &hmac))?;
    theirs.node.manage_peers(&management)?;
    // Datagrams that came before it are those of the strangers.
    assert_eq!(ours.finds(&theirs)?, ["python came"]);
    theirs.node.close()?;
    ours.node.close()
}

#[test]
fn nodes_of_ours_meet_in_groups_of_either_family() -> Result<()> {
    let Some(network) = Network::new() else {
        return Ok(());
    };
    let all_nodes: IpAddr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into();
    let site: IpAddr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0x1337, 1).into();
    let (Network { here, there }, any) = (&network, Ipv6Addr::UNSPECIFIED.into());
    let (one, other) = (here.address_v6, there.address_v6);
    for (layers, group, one, other) in [
        ("plain", ALL_HOSTS, here.address, there.address),
        ("plain", all_nodes, one, other),
        ("HMAC", site, one, other),
        ("both, inner both", all_nodes, any, any),
    ] {
        let named = |id, address| NodeOptions {
            layers: self::layers(layers),
            groups: vec![group],
            interface: Some(INTERFACE),
            ..options(id, address)
        };
        let mut one = ours(here, &named("one", one))?;
        let mut other = ours(there, &named("other", other))?;
        let management = Management {
            inner: self::layers(layers).inner,
            ..Management::default()
        };
        meet(&mut one, &mut other, &management)?;
        one.node.close()?;
        let left = other.is_alone()?;
        assert_eq!(
            left.last().map(String::as_str),
            Some("one gone: Disconnect")
        );
        other.node.close()?;
    }
    Ok(())
}

/// Interfaces go, and come again with other indices or the same: nobody says so.
#[test]
fn nodes_join_again_as_interfaces_come() -> Result<()> {
    let Some(mut network) = Network::new() else {
        return Ok(());
    };
    let site: IpAddr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0x1337, 1).into();
    let any_v6 = Ipv6Addr::UNSPECIFIED.into();
    let (v4, v6) = ([ANY; 2], [any_v6; 2]);
    let (at_v4, at_v6) = (addresses(&network, false), addresses(&network, true));
    let mut index = INDEX;
    for (bound, group, next) in [
        (v4, ALL_HOSTS, INDEX + 1),
        (at_v4, GROUP, INDEX),
        (v6, site, INDEX + 1),
        (at_v6, site, INDEX),
        (v4, GROUP, INDEX),
        (at_v4, GROUP, INDEX),
        (at_v6, site, INDEX),
    ] {
        let named = |id, address| NodeOptions {
            groups: vec![group],
            ..options(id, address)
        };
        let [one, other] = bound;
        let mut one = ours(&network.here, &named("one", one))?;
        let mut other = ours(&network.there, &named("other", other))?;
        let sites = addresses(&network, true);
        if group == site {
            (one.at, other.at) = ((sites[0], PORT).into(), (sites[1], PORT).into());
        }
        let management = Management::default();
        meet(&mut one, &mut other, &management)?;
        network.cut()?;
        network.lay(next, 1)?;
        for member in [&mut one, &mut other] {
            member.node.timeout = LONG;
            let joined = member.node.wait_for_group();
            joined.map_err(|error| {
                PythonError::new(format!("{group}, {index} to {next}: {error}"))
            })?;
        }
        one.publishes(&mut other)?;
        other.publishes(&mut one)?;
        one.node.close()?;
        other.node.close()?;
        index = next;
    }
    Ok(())
}

/// Those who are bound to all addresses get others with their interfaces.
#[test]
fn nodes_may_start_before_their_interface_and_be_without_it() -> Result<()> {
    let Some(mut network) = Network::new() else {
        return Ok(());
    };
    network.cut()?;
    let named = |id| NodeOptions {
        groups: vec![GROUP],
        ..options(id, ANY)
    };
    let mut one = ours(&network.here, &named("one"))?;
    let mut other = ours(&network.there, &named("other"))?;
    let management = Management {
        silence: 1,
        ..Management::default()
    };
    for member in [&mut one, &mut other] {
        member.node.timeout = LONG;
        member.node.manage_peers(&management)?;
    }
    for number in [1, 3, 5] {
        network.lay(INDEX, number)?;
        one.at.set_ip(network.here.address);
        other.at.set_ip(network.there.address);
        assert_eq!(
            one.finds(&other)?.last().map(String::as_str),
            Some("other came")
        );
        assert_eq!(
            other.finds(&one)?.last().map(String::as_str),
            Some("one came")
        );
        network.cut()?;
        assert_eq!(one.is_alone()?, ["other gone: TimedOut"]);
        assert_eq!(other.is_alone()?, ["one gone: TimedOut"]);
    }
    Ok(())
}

/// What interfaces that come again, and what is made of that, takes at most.
const LONG: Duration = Duration::from_secs(60);

/// The addresses of both hosts in a family.
fn addresses(network: &Network, v6: bool) -> [IpAddr; 2] {
    let Network { here, there } = network;
    match v6 {
        true => [here.address_v6, there.address_v6],
        false => [here.address, there.address],
    }
}
