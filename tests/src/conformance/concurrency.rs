//! Many things at once: nothing is lost, and nothing gets what is another's.

use std::pin::pin;
use std::time::Duration;

use netaio_driver::core::types::*;
use netaio_driver::core::{Limits, Message};
use netaio_driver::{Client, Connection, Content, Messages, Runtime, Server, Uri};

use super::raw::{dial, frame};
use super::support::{
    Counter, Door, GiveUp, assert_message, both, connect, drop_at_every_poll, listen, plain_pair,
    poll_times, spawn, spawn_all, yield_times,
};

/// A handler that takes as many turns as the content says, and echoes it.
async fn echo_after_turns(content: Content) -> Content {
    let turns = content.iter().map(|byte| usize::from(*byte)).sum::<usize>() % 5;
    yield_times(turns).await;
    content
}

/// Asks for `same` in a thousand tasks, and each gets the answer to its own.
pub(super) async fn ask_a_thousand_times<R: Runtime>(connection: &Connection) {
    let requests = (0..1000).map(|number: usize| {
        let to = connection.clone();
        async move { to.request("same").content(number.to_string()).await }
    });
    let answers = spawn_all::<R, _>(requests).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_message(&answer.unwrap(), RESPOND_URI, "same", number.to_string());
    }
}

/// A thousand requests for one uri are in flight, and each caller gets the
/// answer to its own.
pub async fn a_thousand_requests_for_one_uri_cross_nothing<R: Runtime>() {
    let server = Server::<R>::builder().on((REQUEST_URI, "same"), echo_after_turns);
    let pair = plain_pair(server).await;
    ask_a_thousand_times::<R>(&pair.connection).await;
}

/// Many connections, each with many requests of many kinds at once.
pub async fn many_connections_at_once<R: Runtime>() {
    let server = listen(
        Server::<R>::builder()
            .on(REQUEST_URI, echo_after_turns)
            .on(CREATE_URI, echo_after_turns)
            .on(DELETE_URI, |uri: Uri| uri),
    )
    .await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(connect(Client::builder(), &server).await);
    }
    let work = clients.iter().enumerate().map(|(who, (_, connection))| {
        let to = connection.clone();
        async move {
            for round in 0..10 {
                let text = format!("{who} {round}");
                let read = to.request("u").content(text.clone()).into_future();
                let created = to.create("u", text.clone()).into_future();
                let ((read, created), deleted) =
                    both(both(read, created), to.delete("u").into_future()).await;
                assert_message(&read.unwrap(), RESPOND_URI, "u", &text);
                assert_message(&created.unwrap(), OK, "u", &text);
                assert_message(&deleted.unwrap(), OK, "u", "u");
            }
        }
    });
    spawn_all::<R, _>(work).await;
    assert_eq!(server.connections(), clients.len());
}

/// The answers of one connection keep the order of its requests, however long
/// their handlers take; other connections do not wait for them.
pub async fn answers_keep_the_order_of_requests<R: Runtime>() {
    let (door, calls) = (Door::new(), Counter::default());
    let slow = {
        let door = door.clone();
        move || {
            let door = door.clone();
            async move {
                door.pass().await;
                "slow"
            }
        }
    };
    let fast = {
        let calls = calls.clone();
        move || {
            calls.add();
            "fast"
        }
    };
    let release = move || {
        door.open();
        "released"
    };
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "slow"), slow)
        .on((REQUEST_URI, "fast"), fast)
        .on((REQUEST_URI, "release"), release)
        .on((REQUEST_URI, "turns"), echo_after_turns);
    let pair = plain_pair(server).await;
    let mut raw = dial(&pair.server).await;
    let batch = ["slow", "fast", "fast"].map(|uri| frame(REQUEST_URI, uri, ""));
    raw.write(&batch.concat()).await.unwrap();
    for _ in 0..20 {
        // Proof that others are served while `slow` is not done.
        let answer = pair.connection.request("turns").await.unwrap();
        assert_message(&answer, RESPOND_URI, "turns", "");
    }
    assert_eq!(calls.get(), 0);
    pair.connection.request("release").await.unwrap();
    for uri in ["slow", "fast", "fast"] {
        assert_message(&raw.receive().await.unwrap(), RESPOND_URI, uri, uri);
    }

    let contents: Vec<String> = (0..300).map(|n: u32| n.to_string()).collect();
    let requests = contents
        .iter()
        .map(|content| frame(REQUEST_URI, "turns", content));
    raw.write(&requests.collect::<Vec<_>>().concat())
        .await
        .unwrap();
    for content in contents {
        assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "turns", content);
    }
}

/// However far a request has come when its future is dropped, others for the
/// same uri get their own answers, and the connection stays in step.
pub async fn dropped_requests_lose_and_cross_nothing<R: Runtime>() {
    let server = Server::<R>::builder().on((REQUEST_URI, "same"), echo_after_turns);
    let pair = plain_pair(server).await;
    drop_at_every_poll(&pair.connection).await;
}

/// The same among hundreds of requests, of which every other is dropped.
pub async fn half_of_the_requests_dropped<R: Runtime>() {
    let server = Server::<R>::builder().on((REQUEST_URI, "same"), echo_after_turns);
    let pair = plain_pair(server).await;
    let requests = (0..400).map(|number: usize| {
        let request = pair.connection.request("same").content(number.to_string());
        async move {
            let polls = match number % 2 {
                0 => usize::MAX,
                _ => number / 2 % 3,
            };
            let give_up = if number % 4 == 1 {
                GiveUp::AtOnce
            } else {
                GiveUp::Woken
            };
            poll_times(request.into_future().as_mut(), polls, give_up).await
        }
    });
    let answers = spawn_all::<R, _>(requests).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert!(answer.is_some() || number % 2 == 1);
        if let Some(answer) = answer {
            assert_message(&answer.unwrap(), RESPOND_URI, "same", number.to_string());
        }
    }
}

/// Other futures may be dropped at any poll, too: connecting, sending, and
/// waiting for messages.
pub async fn dropped_futures_lose_nothing<R: Runtime>() {
    let numbers = Counter::default();
    let echo = |message: Message| Message::notify(message.uri, message.content);
    let pair = plain_pair(Server::<R>::builder().on(PUBLISH_URI, echo)).await;
    let mut messages = pair.client.messages();
    for give_up in [GiveUp::AtOnce, GiveUp::Woken] {
        for polls in 0.. {
            let next = numbers.add().to_string();
            let message = Message::publish("u", next.clone());
            let sent = poll_times(pin!(pair.connection.send(message)), polls, give_up).await;
            // Once polled, it is on its way, whether or not it was waited for.
            if polls > 0 {
                let received = next_at_last(&mut messages, give_up).await;
                assert_message(&received, NOTIFY_URI, "u", next);
            }
            if sent.is_some() {
                break;
            }
        }
        for polls in 0.. {
            let address = pair.server.local_addr();
            let connecting = pair.client.connect(address);
            let connected = poll_times(pin!(connecting), polls, give_up).await;
            let Some(connection) = connected else {
                continue;
            };
            connection.unwrap().close().await;
            break;
        }
        for polls in 0.. {
            let (_client, connection) = connect(Client::builder(), &pair.server).await;
            let closed = poll_times(pin!(connection.close()), polls, give_up).await;
            if polls > 0 {
                connection.closed().await;
            }
            if closed.is_some() {
                break;
            }
        }
    }
}

/// The next message, waited for by futures that are dropped at every poll.
async fn next_at_last(messages: &mut Messages, give_up: GiveUp) -> Message {
    for polls in 0.. {
        let next = poll_times(pin!(messages.next()), polls, give_up).await;
        if let Some(unsolicited) = next {
            return unsolicited.expect("the client lives").message;
        }
    }
    unreachable!("there is always one more poll")
}

/// More messages may be sent at once than a connection takes at once: they wait
/// for their turn. Those sent one after the other keep their order.
pub async fn thousands_of_sends_wait_for_their_turn<R: Runtime>() {
    const SENDERS: usize = 3000;
    let (told, heard) = async_channel::unbounded();
    let tell = move |uri: Uri, content: Content| {
        let _ = told.try_send((uri.to_string(), content.to_string()));
    };
    let pair = plain_pair(Server::<R>::builder().on(PUBLISH_URI, tell)).await;
    let senders = (0..SENDERS).map(|sender| {
        let to = pair.connection.clone();
        async move {
            for number in ["1", "2"] {
                let message = Message::publish(sender.to_string(), number);
                to.send(message).await.unwrap();
            }
        }
    });
    spawn_all::<R, _>(senders).await;
    let mut seen = vec![0; SENDERS];
    for _ in 0..2 * SENDERS {
        let (sender, number) = heard.recv().await.unwrap();
        let seen = &mut seen[sender.parse::<usize>().unwrap()];
        *seen += 1;
        assert_eq!(number, seen.to_string());
    }
}

/// More frames than one turn handles come with one read; all are answered, in
/// order, while others are served.
pub async fn a_batch_of_many_turns<R: Runtime>() {
    let server = Server::<R>::builder().on(REQUEST_URI, |content: Content| content);
    let pair = plain_pair(server).await;
    let mut raw = dial(&pair.server).await;
    let contents: Vec<String> = (0..2000).map(|n: u32| n.to_string()).collect();
    let batch: Vec<u8> = contents
        .iter()
        .flat_map(|content| frame(REQUEST_URI, "u", content))
        .collect();
    let others = spawn::<R, _>({
        let to = pair.connection.clone();
        async move {
            for _ in 0..50 {
                let answer = to.request("v").content("other").await.unwrap();
                assert_message(&answer, RESPOND_URI, "v", "other");
            }
        }
    });
    raw.write(&batch).await.unwrap();
    for content in contents {
        assert_message(&raw.receive().await.unwrap(), RESPOND_URI, "u", content);
    }
    others.await;
}

/// While an application sends without pause over a connection, answers that
/// come by the same one are still taken.
pub async fn a_flood_of_sends_starves_no_request<R: Runtime>() {
    let seen = Counter::default();
    let count = {
        let seen = seen.clone();
        move || {
            seen.add();
        }
    };
    let server = Server::<R>::builder()
        .on(PUBLISH_URI, count)
        .on(REQUEST_URI, echo_after_turns);
    let pair = plain_pair(server).await;
    let stop = Counter::default();
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (to, stop) = (pair.connection.clone(), stop.clone());
            spawn::<R, _>(async move {
                let mut sent = 0;
                while stop.get() == 0 {
                    to.send(Message::publish("u", "flood")).await.unwrap();
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    for number in 0..20u32 {
        let request = pair.connection.request("v").content(number.to_string());
        assert_message(
            &request.await.unwrap(),
            RESPOND_URI,
            "v",
            number.to_string(),
        );
    }
    stop.add();
    let mut sent = 0;
    for sender in senders {
        sent += sender.await;
    }
    // The last request comes behind every flooding message.
    pair.connection.request("v").await.unwrap();
    assert_eq!(seen.get(), sent);
}

/// While a server sends without pause, a request that it does not answer still
/// times out.
pub async fn a_flood_of_messages_starves_no_timeout<R: Runtime>() {
    let listener = super::raw::RawListener::<R>::new().await;
    // The end need not wait for that of the flood.
    let limits = Limits::default()
        .with_shutdown_grace(Duration::ZERO)
        .unwrap();
    let client = Client::<R>::builder().limits(limits).build().unwrap();
    let to = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let flood = spawn::<R, _>(async move {
        let batch = frame(NOTIFY_URI, "u", [7; 500]).repeat(100);
        while server.write(&batch).await.is_ok() {}
    });
    let short = Duration::from_millis(20);
    let error = to.request("never").timeout(short).await.unwrap_err();
    assert_eq!(error, netaio_driver::RequestError::TimedOut(short));
    to.close().await;
    flood.await;
}
