//! Subscriptions that last for a time, and are renewed.

use core::net::Ipv4Addr;

use super::*;
use crate::message::Lease;

const SERVER: u8 = 200;
const CLIENT: u8 = 1;
const SECOND: Duration = Duration::from_secs(1);

/// A node that subscribes whoever asks for it.
fn server_with(limits: Limits) -> End {
    let mut server = with_config(LinkConfig::new().with_limits(limits));
    server.node.serve_subscriptions(Layer::new()).unwrap();
    server
}

fn server() -> End {
    server_with(Limits::default())
}

/// A node that asks for a minute.
fn client() -> End {
    let mut config = LinkConfig::new();
    config.lease = Some(60 * SECOND);
    with_config(config)
}

/// Two nodes, and what has happened at the client, until a time. Datagrams take none.
fn run(client: &mut End, server: Option<&mut End>, until: Now) -> Vec<DatagramEvent<()>> {
    let (mut happened, mut now) = (Vec::new(), client.link.exchange.now);
    let mut server = server;
    loop {
        happened.extend(client.events(now));
        let out = client.sent();
        if let Some(server) = &mut server {
            for (_, datagram) in &out {
                server.receive(now, at(CLIENT), datagram);
            }
            server.events(now);
            let answers = server.sent();
            for (_, datagram) in &answers {
                client.receive(now, at(SERVER), datagram);
            }
            if !answers.is_empty() {
                continue;
            }
        }
        let deadlines = [
            client.deadline(),
            server.as_mut().and_then(|it| it.deadline()),
        ];
        let next = deadlines.into_iter().flatten().map(|(at, _)| at).min();
        match next.filter(|next| *next <= until.monotonic) {
            Some(next) => now = after(now, next.saturating_sub(now.monotonic)),
            None => break,
        }
    }
    if let Some(server) = server {
        server.events(until);
    }
    happened.extend(client.events(until));
    happened
}

fn seconds(seconds: u64) -> Now {
    after(NOON, SECOND * u32::try_from(seconds).unwrap())
}

fn subscribe(client: &mut End, now: Now, uri: &'static str) -> RequestId {
    let message = Message::subscribe(uri);
    let options = RequestOptions::new();
    client.request(now, at(SERVER), &message, &options).unwrap()
}

/// A client that is subscribed to the uri.
fn subscribed(server: &mut End, uri: &'static str) -> End {
    let mut client = client();
    let request = subscribe(&mut client, NOON, uri);
    let happened = run(&mut client, Some(server), NOON);
    assert!(matches!(
        &happened[..],
        [DatagramEvent::Answered { request: answered, answer, .. }]
            if *answered == request && answer.message.message_type == types::CONFIRM_SUBSCRIBE
    ));
    client
}

fn count(server: &mut End, uri: &str) -> usize {
    server.node.subscribers(uri.as_bytes()).len()
}

#[test]
fn a_subscription_is_renewed_at_a_third_of_its_lease() {
    let mut server = server();
    let mut client = subscribed(&mut server, "news");
    let third = seconds(20).monotonic;
    assert_eq!(client.deadline(), Some((third, DeadlineReason::Renewal)));
    // The application hears nothing of it.
    assert!(run(&mut client, Some(&mut server), seconds(10_000)).is_empty());
    assert_eq!(count(&mut server, "news"), 1);
    // Once it asks and once for each third.
    assert_eq!(server.link.counters().received, 1 + 10_000 / 20);
    assert_eq!(
        (client.link.pending_requests(), client.link.queued()),
        (0, 0)
    );
}

#[test]
fn a_server_forgets_who_is_gone() {
    let mut server = server();
    drop(subscribed(&mut server, "news"));
    let minute = seconds(60);
    assert_eq!(
        server.deadline(),
        Some((minute.monotonic, DeadlineReason::Peers))
    );
    server.events(seconds(59));
    assert_eq!(count(&mut server, "news"), 1);
    server.events(minute);
    assert_eq!((count(&mut server, "news"), server.deadline()), (0, None));
}

#[test]
fn a_server_that_was_started_anew_knows_its_subscribers_within_a_renewal() {
    let mut first = server();
    let mut client = subscribed(&mut first, "news");
    run(&mut client, Some(&mut first), seconds(50));
    let mut second = server();
    assert!(run(&mut client, Some(&mut second), seconds(70)).is_empty());
    assert_eq!(count(&mut second, "news"), 1);
}

#[test]
fn a_lapse_is_told_once_and_the_first_answer_mends_it() {
    let mut server = server();
    let mut client = subscribed(&mut server, "news");
    let happened = run(&mut client, None, seconds(1_000));
    let lapsed = |event: &DatagramEvent<()>| {
        matches!(event, DatagramEvent::Lapsed { remote, uri }
            if *remote == at(SERVER) && uri == "news")
    };
    assert_eq!(happened.len(), 1, "{happened:?}");
    assert!(lapsed(&happened[0]));
    let mut anew = self::server();
    let happened = run(&mut client, Some(&mut anew), seconds(1_020));
    let is_back = |event: &DatagramEvent<()>| {
        matches!(event, DatagramEvent::Resubscribed { remote, uri }
            if *remote == at(SERVER) && uri == "news")
    };
    assert!(happened.len() == 1 && is_back(&happened[0]), "{happened:?}");
    assert_eq!(count(&mut anew, "news"), 1);
    // And the next one is told again.
    let happened = run(&mut client, None, seconds(2_000));
    assert!(happened.len() == 1 && lapsed(&happened[0]), "{happened:?}");
}

#[test]
fn a_server_grants_less_and_no_more_than_was_asked_for() {
    let limits = Limits::default();
    let limits = limits.with_subscription_lease(SECOND * 9).unwrap();
    let mut server = server_with(limits);
    let mut client = subscribed(&mut server, "news");
    let third = seconds(3).monotonic;
    assert_eq!(client.deadline(), Some((third, DeadlineReason::Renewal)));
    run(&mut client, Some(&mut server), seconds(100));
    assert_eq!(count(&mut server, "news"), 1);
    server.events(seconds(110));
    assert_eq!(count(&mut server, "news"), 0);

    let mut server = self::server();
    let ask = Message::subscribe("a").with_lease(SECOND * 5);
    server.receive(NOON, at(3), datagram(&Layer::new(), &ask));
    server.events(NOON);
    let answer = server.sent().remove(0).1;
    let [answer] = &unopened(&answer)[..] else {
        panic!("one answer");
    };
    assert_eq!(Lease::of(answer), Some(SECOND * 5));
}

#[test]
fn what_plain_peers_do_stays_as_it_is() {
    // A plain client at a server of ours.
    let mut server = server();
    server.receive(
        NOON,
        at(3),
        datagram(&Layer::new(), &Message::subscribe("a")),
    );
    server.events(NOON);
    let (_, answer) = server.sent().remove(0);
    assert_eq!(answer, frame(&Message::confirm_subscribe("a")));
    assert_eq!(server.deadline(), None);
    server.events(seconds(1_000_000));
    assert_eq!(count(&mut server, "a"), 1);

    // A client of ours at a plain server, whose subscriptions last.
    let mut client = client();
    subscribe(&mut client, NOON, "a");
    client.sent();
    client.receive(NOON, at(SERVER), frame(&Message::confirm_subscribe("a")));
    assert_eq!(client.events(NOON).len(), 1);
    assert_eq!(client.deadline(), None);

    // Without leases it says what netaio says.
    let mut config = LinkConfig::new();
    config.lease = None;
    config.correlation = config.correlation.with_requests(false);
    let mut client = with_config(config);
    subscribe(&mut client, NOON, "a");
    assert_eq!(client.sent()[0].1, frame(&Message::subscribe("a")));
}

#[test]
fn unsubscribing_ends_it_however_it_is_sent() {
    for by_request in [true, false] {
        let mut server = server();
        let mut client = subscribed(&mut server, "news");
        subscribe(&mut client, NOON, "other");
        run(&mut client, Some(&mut server), seconds(1));
        let end = Message::unsubscribe("news");
        match by_request {
            true => {
                let options = RequestOptions::new();
                client
                    .request(seconds(1), at(SERVER), &end, &options)
                    .unwrap();
            }
            false => client.send(at(SERVER), &end).unwrap(),
        }
        run(&mut client, Some(&mut server), seconds(1_000));
        assert_eq!(
            (count(&mut server, "news"), count(&mut server, "other")),
            (0, 1)
        );
        // Also while it is being renewed.
        let mut client = subscribed(&mut self::server(), "news");
        assert!(client.events(seconds(20)).is_empty());
        assert_eq!(
            (client.sent().len(), client.link.pending_requests()),
            (1, 1)
        );
        client.send(at(SERVER), &end).unwrap();
        assert!(client.events(seconds(20)).is_empty());
        assert_eq!(client.link.renewals.deadline(), None);
    }
}

#[test]
fn a_renewal_that_is_refused_is_told_once_and_tried_again() {
    let mut client = subscribed(&mut server(), "news");
    let lapsed: fn(&DatagramEvent<()>) -> bool =
        |event| matches!(event, DatagramEvent::Lapsed { .. });
    let resubscribed: fn(&DatagramEvent<()>) -> bool =
        |event| matches!(event, DatagramEvent::Resubscribed { .. });
    for (time, message, told) in [
        (20, Message::error("news", "no room"), Some(lapsed)),
        (40, Message::not_permitted("news", "no"), None),
        (
            60,
            Message::confirm_subscribe("news").with_lease(SECOND * 60),
            Some(resubscribed),
        ),
        (80, Message::error("news", "no room"), Some(lapsed)),
        (
            100,
            Message::confirm_subscribe("news").with_lease(SECOND * 60),
            Some(resubscribed),
        ),
        (
            120,
            Message::confirm_subscribe("news").with_lease(SECOND * 60),
            None,
        ),
    ] {
        assert!(client.events(seconds(time)).is_empty());
        let sent = client.sent();
        assert_eq!(sent.len(), 1, "{time}");
        let ask = &unopened(&sent[0].1)[0];
        assert_eq!(
            (ask.message_type, &ask.uri[..]),
            (types::SUBSCRIBE_URI, &b"news"[..])
        );
        assert_eq!(Lease::of(ask), Some(SECOND * 60));
        client.receive(seconds(time), at(SERVER), frame(&message));
        let happened = client.events(seconds(time));
        assert!(
            happened.len() == usize::from(told.is_some())
                && told.is_none_or(|told| happened.iter().all(told)),
            "{happened:?}"
        );
        let next = seconds(time + 20).monotonic;
        assert_eq!(client.deadline(), Some((next, DeadlineReason::Renewal)));
    }
}

#[test]
fn as_many_are_renewed_as_a_node_takes_and_the_rest_asks_for_no_lease() {
    let limits = Limits::default().with_subscriptions(2).unwrap();
    let mut client = with_config(LinkConfig::new().with_limits(limits));
    let mut leased = 0;
    for uri in ["a", "b", "c"] {
        subscribe(&mut client, NOON, uri);
        let sent = client.sent().remove(0).1;
        leased += usize::from(Lease::of(&unopened(&sent)[0]).is_some());
    }
    assert_eq!(leased, 2);
    // Those that are given up, or not answered, make room.
    let mut client = with_config(LinkConfig::new());
    for round in 0..2_000 {
        let request = subscribe(&mut client, seconds(round * 20), "a");
        let sent = client.sent().remove(0).1;
        assert!(Lease::of(&unopened(&sent)[0]).is_some(), "{round}");
        if round % 2 == 0 {
            client.link.cancel(request);
        }
        client.events(seconds(round * 20 + 11));
    }
    assert_eq!(client.link.renewals.deadline(), None);
}

/// As many as may be subscribed.
const FORGED: u32 = 65_536;

fn forged(number: u32) -> SocketAddr {
    (Ipv4Addr::from_bits(0xac10_0000 + number), 8888).into()
}

/// So few go for one that comes.
const FEW: usize = 30;

/// A server that so many forged addresses have asked for a subscription, and how many have
/// one: as many as there is room for.
fn flooded() -> (End, usize) {
    let mut server = server();
    let ask = datagram(&Layer::new(), &Message::subscribe("news"));
    for number in 0..FORGED {
        server.receive(NOON, forged(number), &ask);
        server.events(NOON);
        server.sent();
    }
    let taken = count(&mut server, "news");
    assert!((50_000..FORGED as usize).contains(&taken), "{taken}");
    (server, taken)
}

#[test]
fn a_flood_of_forged_subscribers_keeps_no_node_of_ours_out() {
    let (mut server, taken) = flooded();
    // A plain one from elsewhere is refused, as nothing tells it from the forged ones.
    let plain = datagram(&Layer::new(), &Message::subscribe("news"));
    server.receive(seconds(2), at(3), plain);
    server.events(seconds(2));
    // It is told so, unless too many others are.
    for (_, answer) in server.sent() {
        assert_eq!(unopened(&answer)[0].message_type, types::ERROR);
    }
    // One that knows cookies shows that it receives, and displaces the newest.
    let mut client = client();
    let request = subscribe(&mut client, seconds(3), "news");
    let happened = run(&mut client, Some(&mut server), seconds(5));
    assert!(
        matches!(
            &happened[..],
            [DatagramEvent::Answered { request: answered, answer, .. }]
                if *answered == request && answer.message.message_type == types::CONFIRM_SUBSCRIBE
        ),
        "{happened:?}"
    );
    // A few may go for it: in a full table of hashes the place of one that went is not always
    // free for another.
    let left = count(&mut server, "news");
    assert!((taken - FEW..=taken).contains(&left), "{left} of {taken}");
    let newest = |number| forged(u32::try_from(taken - number).unwrap());
    let subscribers: Vec<_> = server.node.subscribers(b"news").collect();
    let has = |address| subscribers.contains(&crate::place::Place::Datagram(address));
    assert!(has(at(CLIENT)) && has(forged(0)) && has(newest(FEW + 2)) && !has(newest(1)));
    // It stays, renewed, whatever else comes.
    assert!(run(&mut client, Some(&mut server), seconds(200)).is_empty());
    let subscribers: Vec<_> = server.node.subscribers(b"news").collect();
    assert!(subscribers.contains(&crate::place::Place::Datagram(at(CLIENT))));
}

#[test]
fn what_forged_subscribers_are_sent_stays_within_the_budget_for_strangers() {
    let (mut server, taken) = flooded();
    let (burst, total) = (4 * 1024 * 1024, 64 * 1024 * 1024);
    let news = Message::notify("news", alloc::vec![0; 3_000]);
    let mut bytes = 0;
    for _ in 0..3 {
        let to: Vec<_> = server.node.subscribers(b"news").collect();
        let to = to.into_iter().filter_map(|place| place.address());
        server.forward(NOON, to, &news, true).unwrap();
        loop {
            server.events(NOON);
            let sent = server.sent();
            if sent.is_empty() {
                break;
            }
            bytes += sent
                .iter()
                .map(|(_, datagram)| datagram.len())
                .sum::<usize>();
        }
    }
    // Of three times as many messages.
    assert!(bytes > total / 2 && bytes <= total + burst, "{bytes}");
    assert!(server.link.counters().unvalidated > 2 * taken as u64);
}
