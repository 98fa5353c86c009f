//! Beginning and ending management.

use super::*;

/// Accepts no peer whose id begins with an x.
struct NoX;

impl PeerPlugin for NoX {
    fn pack(&self, peer: &Peer) -> Result<Vec<u8>, SealError> {
        DefaultPeerPlugin.pack(peer)
    }

    fn unpack(&self, packed: &[u8], limits: &DecodeLimits) -> Result<Peer, PeerError> {
        DefaultPeerPlugin.unpack(packed, limits)
    }

    fn validate(&self, peer: &Peer) -> bool {
        !peer.id.starts_with(b"x")
    }
}

#[test]
fn the_peer_plugin_has_a_say() {
    let mut node = Discovery::<u16>::new(Arc::default(), Arc::new(NoX));
    node.set_local(Some(Peer::new("xavier"))).unwrap();
    let begin = node.begin(at(0), ManagementConfig::new());
    assert_eq!(begin, Err(ManagementError::NotValid));
    node.set_local(Some(Peer::new("me"))).unwrap();
    node.begin(at(0), ManagementConfig::new()).unwrap();
    assert!(!advertise(&mut node, 0, 1, "xena") && advertise(&mut node, 0, 1, "ares"));
    let events = events(&mut node);
    assert!(matches!(&events[0], PeerEvent::Added(known) if known.peer.id == "ares"));
    assert_eq!(events[1], refused(1, PeerError::NotValid));
}

#[test]
fn management_that_cannot_work_does_not_begin() {
    let begin = |node: &mut Discovery<u16>, config| node.begin(at(0), config).unwrap_err();
    let config = ManagementConfig::new;
    let mut node = Discovery::<u16>::new(Arc::default(), Arc::new(DefaultPeerPlugin));
    assert_eq!(begin(&mut node, config()), ManagementError::NoLocalPeer);
    node.set_local(Some(Peer::new(""))).unwrap();
    assert_eq!(begin(&mut node, config()), ManagementError::NotValid);
    for peer in [
        Peer::new("me").with_data(alloc::vec![0; 8193]),
        Peer::new(alloc::vec![0; 8193]),
    ] {
        node.set_local(Some(peer)).unwrap();
        let (len, max) = (8193, 8192);
        assert_eq!(
            begin(&mut node, config()),
            ManagementError::TooMuchData { len, max }
        );
    }
    for peer in [
        Peer::new("me").with_data(alloc::vec![0; 8192]),
        Peer::new(alloc::vec![0; 8192]),
    ] {
        let mut node = node_with(Wire::default(), peer);
        assert_eq!(node.begin(at(0), config()), Ok(()));
    }
    node.set_local(Some(Peer::new("me"))).unwrap();
    let zero = Some(Duration::ZERO);
    for config in [config().with_every(zero), config().with_timeout(zero)] {
        assert_eq!(begin(&mut node, config), ManagementError::ZeroTime);
    }
    let too_short = |seconds, every| ManagementError::TimeoutTooShort {
        timeout: SECOND * seconds,
        every: SECOND * every,
    };
    let short = config().with_timeout(Some(SECOND * 39));
    assert_eq!(begin(&mut node, short), too_short(39, 20));
    let long = config().with_app_id(alloc::vec![0; 65_536]);
    let too_long = SealError::UriTooLong {
        len: 65_536,
        max: 65_535,
    };
    assert_eq!(
        begin(&mut node, long),
        ManagementError::NotSendable(too_long)
    );
    // A uri of this length could be sent, with nothing behind it.
    let long = config().with_app_id(alloc::vec![0; 65_535]);
    let refused = begin(&mut node, long);
    assert!(matches!(
        refused,
        ManagementError::NotSendable(SealError::BodyTooLong { max: 65_422, .. })
    ));
    assert!(node.poll_advertisement().is_none() && node.managed().next().is_none());

    node.begin(at(0), config()).unwrap();
    assert_eq!(
        begin(&mut node, config().with_every(None)),
        ManagementError::AlreadyManaged(APP.into())
    );
    assert_eq!(node.managed().count(), 1);
    // All share one table.
    let other = |every, timeout| {
        let config = config().with_app_id("other");
        let config = config.with_every(Some(SECOND * every));
        config.with_timeout(Some(SECOND * timeout))
    };
    assert_eq!(begin(&mut node, other(5, 30)), too_short(30, 20));
    assert_eq!(begin(&mut node, other(31, 100)), too_short(60, 31));
    node.begin(at(0), config().with_app_id("other")).unwrap();
}

#[test]
fn a_local_peer_that_fits_no_message_is_noticed_at_once() {
    let limits = Limits::default().with_peer_data(100_000).unwrap();
    let wire = || Wire {
        limits: limits.clone(),
        ..Wire::default()
    };
    // Of netaio's 65,422 bytes the uri takes 6, the id 4, and packing the rest 10.
    let fits = |len| {
        let mut node = node_with(wire(), Peer::new("me").with_data(alloc::vec![0; len]));
        node.begin(at(0), ManagementConfig::new())
    };
    assert_eq!(fits(65_422 - 20), Ok(()));
    let too_long = SealError::BodyTooLong {
        len: 65_423,
        max: 65_422,
    };
    assert_eq!(
        fits(65_422 - 19),
        Err(ManagementError::NotSendable(too_long))
    );
}

#[test]
fn app_ids_are_managed_side_by_side() {
    let mut node = node("me");
    let inner = Layer::new().with_auth(HmacAuth::new("secret"));
    let config = ManagementConfig::new()
        .with_app_id("other")
        .with_every(Some(SECOND * 7))
        .with_timeout(Some(SECOND * 40))
        .with_inner(inner);
    node.begin(at(0), config).unwrap();
    node.begin(at(0), ManagementConfig::for_streams().with_app_id("third"))
        .unwrap();
    let uris = |messages: &[PeerMessage]| -> Vec<_> {
        let uris = messages.iter().map(|PeerMessage { message, inner }| {
            assert_eq!(inner.is_empty(), message.uri != "other");
            message.uri.clone()
        });
        uris.collect()
    };
    let all = |node: &mut Discovery<u16>| -> Vec<_> {
        core::iter::from_fn(|| node.poll_advertisement()).collect()
    };
    assert_eq!(uris(&all(&mut node)), ["other", "third"]);
    assert_eq!(node.poll_deadline(), Some(SECOND * 7));
    node.handle_timeout(at(21));
    assert_eq!(uris(&all(&mut node)), ["netaio", "other"]);

    // One table, in which the shortest timeout counts.
    let mut other = message(types::ADVERTISE_PEER, "a", "");
    other.uri = "other".into();
    assert_eq!(node.handle(at(21), 1, &other).unwrap().uri, "other");
    node.handle_timeout(at(61));
    assert!(node.peers().is_empty());
    node.handle(at(70), 1, &other);
    assert_eq!(uris(&[node.stop(b"other").unwrap()]), ["other"]);
    assert!(node.handle(at(70), 1, &other).is_none());
    node.handle_timeout(at(110));
    assert_eq!(node.peers().len(), 1);

    let farewells = node.stop_all();
    assert_eq!(uris(&farewells), ["netaio", "third"]);
    assert!(
        farewells
            .iter()
            .all(|farewell| farewell.message.message_type == types::DISCONNECT)
    );
    assert!(node.stop_all().is_empty());
    // What was due and not taken is not sent behind the farewell.
    assert!(node.poll_advertisement().is_none());
    assert_eq!(node.poll_deadline(), None);
}

#[test]
fn a_changed_local_peer_is_introduced_at_once() {
    let mut node = node("me");
    advertise(&mut node, 0, 1, "a");
    events(&mut node);
    let local = Peer::new("me").with_data("new");
    node.set_local(Some(local.clone())).unwrap();
    let introduced = node.poll_advertisement().unwrap().message;
    assert_eq!(introduced, message(types::ADVERTISE_PEER, "me", "new"));
    // What could not be introduced is refused, and the old one stays.
    let large = Peer::new("me").with_data(alloc::vec![0; 9000]);
    assert!(node.set_local(Some(large)).is_err());
    assert_eq!(node.set_local(None), Err(ManagementError::NoLocalPeer));
    assert_eq!(node.local(), Some(&local));
    assert!(node.poll_advertisement().is_none());
    let farewell = message(types::DISCONNECT, "me", "new");
    assert_eq!(node.farewell(APP).unwrap().message, farewell);
    // A peer whose id this node takes is removed.
    node.set_local(Some(Peer::new("a"))).unwrap();
    let gone = PeerEvent::Removed {
        known: known(Peer::new("a").with_data("data"), &[1], Duration::ZERO),
        reason: RemovalReason::Application,
    };
    assert_eq!(events(&mut node), [gone]);
    assert!(!advertise(&mut node, 0, 1, "a"));
}
