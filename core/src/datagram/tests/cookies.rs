//! Budgets of bytes for those who have not shown that they receive at their address, and
//! the cookies that show it.

use super::*;
use crate::plugin::HmacAuth;

const SERVER: u8 = 200;
const LONG: usize = 6000;

fn limits() -> Limits {
    Limits::default()
        .with_unvalidated_burst(40_000)
        .and_then(|limits| limits.with_unvalidated_rate(10_000))
        .and_then(|limits| limits.with_unvalidated_total(100_000))
        .unwrap()
}

fn server(outer: Layer, inner: Layer) -> End {
    let mut server = with_config(limited(limits()).with_outer(outer));
    server.node.on(types::REQUEST_URI, (), inner).unwrap();
    server
}

fn from(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], port))
}

fn has(datagram: &[u8], field: &str) -> bool {
    unopened(datagram)[0].auth.get(field).is_some()
}

/// What the server answers to a datagram, with as many bytes as its handler has to say. Says
/// too how often that was called.
fn ask(
    server: &mut End,
    now: Now,
    from: SocketAddr,
    datagram: &[u8],
    len: usize,
) -> (Vec<Vec<u8>>, usize) {
    server.receive(now, from, datagram);
    let mut calls = 0;
    for event in server.events(now) {
        if let DatagramEvent::Call { call, message, .. } = event {
            calls += 1;
            let answer = Message::respond_uri(message.uri, alloc::vec![b'x'; len]);
            server.reply(now, call, answer);
        }
    }
    let sent = server.sent().into_iter();
    let sent = sent.inspect(|(to, _)| assert_eq!(*to, from));
    (sent.map(|(_, datagram)| datagram).collect(), calls)
}

/// Lets a node ask the server until it has its answer or nothing more comes, and says what that
/// is, how many datagrams it sent, and how often the handler was called.
fn answered(
    client: &mut End,
    server: &mut End,
    now: Now,
    address: SocketAddr,
    options: &RequestOptions,
) -> (Option<Message>, usize, usize) {
    let request = Message::request("u");
    client.request(now, at(SERVER), &request, options).unwrap();
    let (mut sent, mut calls) = (0, 0);
    loop {
        let out = client.sent();
        if out.is_empty() {
            return (None, sent, calls);
        }
        for (_, datagram) in out {
            sent += 1;
            let (answers, called) = ask(server, now, address, &datagram, LONG);
            calls += called;
            for answer in answers {
                client.receive(now, at(SERVER), answer);
            }
        }
        for event in client.events(now) {
            if let DatagramEvent::Answered { answer, .. } = event {
                return (Some(answer.message), sent, calls);
            }
        }
    }
}

/// Spends the budget of a host, as somebody does who writes its address into datagrams.
fn spend(server: &mut End, now: Now, outer: &Layer, host: u8) {
    let request = datagram(outer, &Message::request("u"));
    for _ in 0..10 {
        ask(server, now, from(host, 1), &request, LONG);
    }
}

#[test]
fn whoever_has_shown_nothing_has_a_budget_of_bytes_whatever_vouches_for_it() {
    for outer in [Layer::new(), hmac("secret")] {
        let mut server = server(outer.clone(), Layer::new());
        let request = datagram(&outer, &Message::request("u"));
        let (mut received, mut told) = (0, 0);
        let mut bytes = |now, count: usize| {
            let (mut long, mut short) = (0, 0);
            for port in 0..count as u16 {
                let (answers, calls) = ask(&mut server, now, from(1, port), &request, LONG);
                let sent: usize = answers.iter().map(Vec::len).sum();
                match calls {
                    1 => long += sent,
                    _ => short += sent,
                }
            }
            received += count * request.len();
            told += short;
            assert!(told <= 3 * received, "{told}");
            long
        };
        let at_once = bytes(NOON, 1000);
        assert!((26_000..=40_000).contains(&at_once), "{at_once}");
        let later = bytes(after(NOON, SECOND * 2), 1000);
        assert!((14_000..=26_000).contains(&later), "{later}");
        let all = bytes(after(NOON, SECOND * 100), 1000);
        assert!((26_000..=40_000).contains(&all), "{all}");
        assert!(server.link.counters().unvalidated > 2900);
    }
}

#[test]
fn all_who_have_shown_nothing_share_another() {
    let mut server = server(Layer::new(), Layer::new());
    let request = datagram(&Layer::new(), &Message::request("u"));
    let mut sent = 0;
    for host in 0..SERVER {
        let (answers, calls) = ask(&mut server, NOON, from(host, 1), &request, LONG);
        sent += calls * answers[0].len();
    }
    assert!((70_000..=100_000).contains(&sent), "{sent}");
}

#[test]
fn a_plain_peer_gets_what_netaio_sends_until_a_quarter_is_spent() {
    let mut server = server(Layer::new(), Layer::new());
    let request = datagram(&Layer::new(), &Message::request("u"));
    let expected = frame(&Message::respond_uri("u", alloc::vec![b'x'; LONG]));
    let mut last = Vec::new();
    for nth in 0..10 {
        let (answers, _) = ask(&mut server, NOON, from(1, 1), &request, LONG);
        last = answers.into_iter().next().unwrap();
        match nth {
            0 | 1 => assert_eq!(last, expected),
            2..5 => assert!(has(&last, "sck") && last.len() - expected.len() < 30),
            5 => {}
            _ => assert!(last.len() <= 50, "{}", last.len()),
        }
    }
    let told = unopened(&last).remove(0);
    assert_eq!(
        (told.message_type, &told.uri[..]),
        (types::ERROR, &b"u"[..])
    );
}

#[test]
fn who_goes_on_shows_it_and_is_never_asked_again() {
    for outer in [Layer::new(), hmac("secret")] {
        let mut server = server(outer.clone(), Layer::new());
        let mut client = end(outer);
        let options = RequestOptions::new();
        for _ in 0..100 {
            let (answer, sent, calls) =
                answered(&mut client, &mut server, NOON, from(1, 1), &options);
            assert_eq!(answer.unwrap().message_type, types::RESPOND_URI);
            assert_eq!((sent, calls), (1, 1));
        }
        // For a while: then it shows it again.
        let mut now = NOON;
        for _ in 0..100 {
            now = after(now, SECOND * 3);
            for _ in 0..10 {
                let (answer, sent, calls) =
                    answered(&mut client, &mut server, now, from(1, 1), &options);
                assert_eq!(answer.unwrap().message_type, types::RESPOND_URI);
                assert_eq!((sent, calls), (1, 1));
            }
        }
        assert_eq!(server.link.counters().unvalidated, 0);
    }
}

#[test]
fn many_short_runs_of_one_host_are_never_refused() {
    let inner = Layer::new().with_auth(HmacAuth::new("inner").with_hmac_field("camh"));
    for (outer, inner) in [
        (Layer::new(), Layer::new()),
        (hmac("secret"), Layer::new()),
        (hmac("secret"), inner),
    ] {
        let mut server = server(outer.clone(), inner.clone());
        for (ids, port) in [false, true].into_iter().cycle().zip(1..=100) {
            let options = RequestOptions::new()
                .with_inner(inner.clone())
                .with_correlation(ids);
            let mut client = with_config(LinkConfig::new().with_outer(outer.clone()));
            let (answer, sent, calls) =
                answered(&mut client, &mut server, NOON, from(1, port), &options);
            assert_eq!(answer.unwrap().message_type, types::RESPOND_URI, "{port}");
            // The handler is called once, however often was asked.
            assert_eq!((sent, calls), (if port > 5 { 2 } else { 1 }, 1), "{port}");
        }
    }
}

#[test]
fn a_one_time_handler_is_left_to_who_shows_it() {
    let mut server = with_config(limited(limits()));
    server
        .node
        .on(types::REQUEST_URI, (), Layer::new())
        .unwrap();
    spend(&mut server, NOON, &Layer::new(), 1);
    server
        .node
        .once((types::REQUEST_URI, "u"), (), Layer::new())
        .unwrap();
    let request = datagram(&Layer::new(), &Message::request("u"));
    assert_eq!(ask(&mut server, NOON, from(1, 2), &request, 1).1, 0);
    assert!(server.node.remove_once((types::REQUEST_URI, "u")).is_some());
}

#[test]
fn a_cookie_is_good_where_it_was_given() {
    let mut server = server(Layer::new(), Layer::new());
    let plain = datagram(&Layer::new(), &Message::request("u"));
    spend(&mut server, NOON, &Layer::new(), 1);
    let (answers, _) = ask(&mut server, NOON, from(1, 1), &plain, LONG);
    let given = unopened(&answers[0]).remove(0);
    let cookie = given.auth.get_bytes("sck").unwrap();
    assert_eq!((cookie.len(), cookie[0]), (13, 1));
    let with = |cookie: &[u8]| {
        let mut request = Message::request("u");
        request.auth.set_bytes("ck", cookie).unwrap();
        frame(&request)
    };
    let mut right = cookie.to_vec();
    right[0] = 0;
    let mut wrong = right.clone();
    wrong[12] ^= 1;
    let spent = after(NOON, Duration::from_millis(1));
    for (port, cookie, calls) in [
        (2, &right, 0),
        (1, &wrong, 0),
        (1, &right, 1),
        (2, &right, 0),
    ] {
        let (_, called) = ask(&mut server, spent, from(1, port), &with(cookie), LONG);
        assert_eq!(called, calls, "{port}");
    }
    // It lifts the budget, for all that comes from there.
    for _ in 0..100 {
        assert_eq!(ask(&mut server, spent, from(1, 1), &plain, LONG).1, 1);
    }
    // For a minute.
    let late = after(NOON, SECOND * 61);
    spend(&mut server, late, &Layer::new(), 1);
    assert_eq!(ask(&mut server, late, from(1, 1), &plain, LONG).1, 0);
    // And the cookie for two.
    let late = after(NOON, SECOND * 130);
    spend(&mut server, late, &Layer::new(), 1);
    assert_eq!(ask(&mut server, late, from(1, 1), &with(&right), LONG).1, 0);
}

#[test]
fn who_is_asked_again_and_again_ends_with_the_error() {
    let mut client = end(Layer::new());
    let options = RequestOptions::new();
    client
        .request(NOON, at(SERVER), &Message::request("u"), &options)
        .unwrap();
    let mut again = Message::error("u", "ask again");
    again.auth.set_bytes("sck", &[1, 7, 7]).unwrap();
    let first = client.sent().remove(0).1;
    assert!(!has(&first, "ck"));
    for _ in 0..2 {
        client.receive(NOON, at(SERVER), frame(&again));
        assert!(client.events(NOON).is_empty());
        let sent = client.sent();
        let [(to, repeated)] = &sent[..] else {
            panic!("{sent:?}");
        };
        assert_eq!(*to, at(SERVER));
        let repeated = unopened(repeated).remove(0);
        assert_eq!(repeated.auth.get_bytes("ck"), Some(&[0, 7, 7][..]));
        assert_eq!(
            (repeated.message_type, &repeated.uri[..]),
            (types::REQUEST_URI, &b"u"[..])
        );
    }
    client.receive(NOON, at(SERVER), frame(&again));
    let events = client.events(NOON);
    assert!(
        matches!(&events[..], [DatagramEvent::Answered { answer, .. }] if answer.message.is_error())
    );
    assert!(client.sent().is_empty());
}

#[test]
fn a_request_that_is_asked_again_keeps_its_time() {
    let mut client = end(Layer::new());
    let options = RequestOptions::new().with_timeout(SECOND);
    client
        .request(NOON, at(SERVER), &Message::request("u"), &options)
        .unwrap();
    let mut again = Message::error("u", "ask again");
    again.auth.set_bytes("sck", &[1, 7]).unwrap();
    let later = after(NOON, Duration::from_millis(900));
    client.receive(later, at(SERVER), frame(&again));
    assert!(client.events(later).is_empty());
    let events = client.events(after(NOON, SECOND));
    assert!(matches!(
        events[..],
        [DatagramEvent::Failed { error: RequestError::TimedOut(time), .. }] if time == SECOND
    ));
}

#[test]
fn handlers_that_take_long_have_room_for_a_short_answer() {
    let mut server = server(Layer::new(), Layer::new());
    let request = datagram(&Layer::new(), &Message::request("u"));
    let mut calls = Vec::new();
    for _ in 0..100 {
        server.receive(NOON, from(1, 1), &request);
        for event in server.events(NOON) {
            if let DatagramEvent::Call { call, .. } = event {
                calls.push(call);
            }
        }
    }
    let asked_again = server.sent().len();
    assert_eq!((calls.len(), asked_again), (7, 93));
    // One long one takes what is not kept for others, and another one would be too much.
    for expected in [true, false] {
        let long = Message::respond_uri("u", alloc::vec![0; 12_000]);
        server.reply(NOON, calls.pop().unwrap(), long);
        let sent = server.sent();
        assert_eq!(
            sent.iter().any(|(_, answer)| answer.len() > 12_000),
            expected
        );
    }
    for call in calls {
        let short = Message::respond_uri("u", alloc::vec![0; 4000]);
        server.reply(NOON, call, short);
        assert_eq!(
            unopened(&server.sent()[0].1)[0].message_type,
            types::RESPOND_URI
        );
    }
    // None is kept any more.
    let later = after(NOON, SECOND * 4);
    assert_eq!(ask(&mut server, later, from(1, 1), &request, 30_000).1, 1);
}

#[test]
fn who_expects_no_answer_is_heard_in_any_case() {
    let mut server = server(Layer::new(), Layer::new());
    server.node.on(types::NOTIFY_URI, (), Layer::new()).unwrap();
    spend(&mut server, NOON, &Layer::new(), 1);
    let notification = datagram(&Layer::new(), &Message::notify("u", "news"));
    server.receive(NOON, from(1, 1), notification);
    let call = server.call(NOON);
    server.reply(NOON, call, None);
}

#[test]
fn notifications_have_the_budget_and_ours_show_it_by_themselves() {
    for in_one in [true, false] {
        let mut server = server(Layer::new(), Layer::new());
        let mut client = end(Layer::new());
        let (ours, plain) = (from(1, 1), from(2, 1));
        let news = Message::notify("news", alloc::vec![b'x'; LONG]);
        let mut told = [0, 0];
        for _ in 0..100 {
            server.forward(NOON, [ours, plain], &news, in_one).unwrap();
            for (to, datagram) in server.sent() {
                if to == plain {
                    told[1] += 1;
                    continue;
                }
                client.receive(NOON, at(SERVER), datagram);
                assert_eq!(client.message().content.len(), LONG);
                told[0] += 1;
            }
            for (to, datagram) in client.sent() {
                assert_eq!(to, at(SERVER));
                server.receive(NOON, ours, datagram);
            }
            // Nobody is told of what has nothing else to say.
            let events = server.events(NOON);
            let suppressed = |it: &_| matches!(it, DatagramEvent::Suppressed { .. });
            assert!(events.iter().all(suppressed), "{events:?}");
        }
        assert_eq!(told, [100, 6], "{in_one}");
        assert_eq!(server.link.counters().unvalidated, 94);
        // It was shown once.
        assert_eq!(server.link.counters().received, 1);
    }
}

#[test]
fn a_forged_notification_makes_a_node_send_little() {
    let mut client = end(hmac("secret"));
    let mut news = Message::notify("news", "");
    news.auth.set_bytes("sck", &[0, 7]).unwrap();
    let recorded = datagram(&hmac("secret"), &news);
    // What an application says is not taken for a link's own.
    assert!(!has(&recorded, "sck"));
    let mut plain = end(Layer::new());
    for _ in 0..100 {
        plain.receive(NOON, at(9), frame(&news));
    }
    plain.events(NOON);
    assert_eq!(plain.sent().len(), 10);
    // One that does not pass the layer, nothing.
    client.receive(NOON, at(9), frame(&news));
    client.events(NOON);
    let answer = unopened(&client.sent().remove(0).1).remove(0);
    assert!(answer.is_error() && answer.auth.get("ck").is_none());
}

#[test]
fn the_longest_answer_has_no_room_for_a_cookie_and_is_sent_without() {
    let limits = limits().with_unvalidated_burst(1 << 20).unwrap();
    let limits = limits.with_unvalidated_total(1 << 20).unwrap();
    let mut server = with_config(limited(limits));
    server
        .node
        .on(types::REQUEST_URI, (), Layer::new())
        .unwrap();
    let request = datagram(&Layer::new(), &Message::request("u"));
    let longest = DatagramLink::MAX_DATAGRAM - frame(&Message::respond_uri("u", "")).len();
    // What a body holds is less.
    let longest = longest.min(65_421);
    let (mut with, mut without) = (0, 0);
    for len in [longest, 65_350].into_iter().cycle().take(12) {
        let (answers, _) = ask(&mut server, NOON, from(1, 1), &request, len);
        assert!(answers[0].len() > len && answers[0].len() <= DatagramLink::MAX_DATAGRAM);
        match has(&answers[0], "sck") {
            true => with += 1,
            false => without += 1,
        }
    }
    assert!(with >= 4 && without >= 4, "{with}, {without}");
}

#[test]
fn cookies_can_be_switched_off_and_their_fields_be_a_plugins() {
    let plugin = |name: &str| Layer::new().with_auth(HmacAuth::new("s").with_nonce_field(name));
    for (outer, cookies) in [
        (Layer::new(), false),
        (plugin("ck"), true),
        (plugin("sck"), true),
    ] {
        let mut config = limited(limits()).with_outer(outer.clone());
        config.cookies = cookies;
        let mut server = with_config(config);
        server
            .node
            .on(types::REQUEST_URI, (), Layer::new())
            .unwrap();
        let request = datagram(&outer, &Message::request("u"));
        let mut sent = 0;
        for _ in 0..20 {
            let (answers, calls) = ask(&mut server, NOON, from(1, 1), &request, LONG);
            assert_eq!(answers.len(), calls);
            sent += calls;
            for answer in answers {
                let given = unopened(&answer)[0].auth.get_bytes("sck").map(<[u8]>::len);
                assert_ne!(given, Some(13));
            }
        }
        assert_eq!(sent, 5);
    }
    // An application's own fields stay where there are no cookies.
    let mut config = LinkConfig::new();
    config.cookies = false;
    let mut node = with_config(config);
    let mut message = Message::request("u");
    message.auth.set_bytes("ck", b"mine").unwrap();
    node.send(at(1), &message).unwrap();
    assert!(has(&node.sent()[0].1, "ck"));
}

#[test]
fn tables_are_bounded_and_idle_senders_forgotten() {
    let limits = limits()
        .with_unverified_senders(64)
        .and_then(|limits| limits.with_unvalidated_total(usize::MAX))
        .unwrap();
    let mut server = with_config(limited(limits));
    server
        .node
        .on(types::REQUEST_URI, (), Layer::new())
        .unwrap();
    let request = datagram(&Layer::new(), &Message::request("u"));
    let mut calls = 0;
    let hosts = (0..1000u32).map(|n| SocketAddr::from(((0x0b00_0000 + n).to_be_bytes(), 1)));
    for host in hosts.clone() {
        calls += ask(&mut server, NOON, host, &request, LONG).1;
    }
    assert_eq!((calls, server.link.replies.senders.spenders()), (64, 64));
    // When they have their budget back others have their turn.
    let later = after(NOON, SECOND);
    calls = 0;
    for host in hosts {
        server.receive(later, host, &request);
        for event in server.events(later) {
            if let DatagramEvent::Call { call, .. } = event {
                calls += 1;
                server.reply(later, call, None);
            }
        }
    }
    assert_eq!(calls, 1000);
}
