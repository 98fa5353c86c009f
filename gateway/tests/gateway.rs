//! Two servers in front of one NATS.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::Site;
use common::nats::{self, NatsServer};
use netaio_driver::core::{Change, Gap};
use netaio_gateway::GatewayOptions;
use netaio_tokio::config::RequestBuilder;
use netaio_tokio::types::{ERROR, NOT_FOUND, OK};
use netaio_tokio::{Client, Message, Reply, Subscription};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// The next notification: its content, what has happened, and whether some may be lost before it.
async fn next(news: &mut Subscription) -> (String, Option<Change>, Option<u64>) {
    let news = news.next().await.unwrap().unwrap();
    let message = &news.message;
    let content = String::from_utf8_lossy(&message.content).into_owned();
    (content, Change::of(message), Gap::of(message))
}

async fn two_sites(nats: &NatsServer) -> [Site; 2] {
    [
        Site::start(&nats.url()).await,
        Site::start(&nats.url()).await,
    ]
}

fn publish(client: &Client, uri: &'static str, content: impl Into<Bytes>) -> RequestBuilder {
    client.request_message(Message::publish(uri, content))
}

async fn content(client: &Client, uri: &str) -> String {
    let answer = client
        .request(uri.to_owned())
        .await
        .unwrap()
        .into_result()
        .unwrap();
    String::from_utf8_lossy(&answer.content).into_owned()
}

#[tokio::test]
async fn publications_come_to_the_subscribers_of_both_once_and_in_order() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let [here, there] = two_sites(&nats).await;
    let (a, b) = (here.client().await, there.client().await);
    let mut at_a = a.subscribe("sensors/7").await.unwrap();
    let mut at_b = b.subscribe("sensors/7").await.unwrap();
    for number in 0..200 {
        let (publisher, told) = match number % 2 {
            0 => (&a, "1"),
            _ => (&b, "1"),
        };
        let answer = publish(publisher, "sensors/7", number.to_string())
            .await
            .unwrap();
        assert_eq!(
            (answer.message_type, &answer.content[..]),
            (OK, told.as_bytes())
        );
    }
    for news in [&mut at_a, &mut at_b] {
        // Those of each publisher in their order; what comes by NATS may be overtaken by the others.
        let mut expected = [0, 1];
        for _ in 0..200 {
            let (content, change, lost) = next(news).await;
            let number: usize = content.parse().unwrap();
            assert_eq!((expected[number % 2], change, lost), (number, None, None));
            expected[number % 2] += 2;
        }
        assert_eq!(expected, [200, 201]);
    }
    // A byte that is no letter counts three there.
    let long = a.subscribe("-.".repeat(1_000)).await.unwrap_err();
    assert!(long.to_string().contains("too long for NATS"), "{long}");
    // Who asks to hear no more is asked for no more at NATS, either.
    drop(at_b);
    let answer = publish(&a, "sensors/7", "last").await.unwrap();
    assert_eq!(answer.content, "1");
    assert_eq!(next(&mut at_a).await.0, "last");
}

#[tokio::test]
async fn of_all_who_create_a_resource_one_does() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let [here, there] = two_sites(&nats).await;
    let clients = [here.client().await, there.client().await];
    let mut news = clients[1].subscribe("r/0").await.unwrap();
    for resource in 0..20 {
        let uri = format!("r/{resource}");
        let attempts = (0..6).map(|attempt| {
            let (client, uri) = (clients[attempt % 2].clone(), uri.clone());
            tokio::spawn(async move { client.create(uri, attempt.to_string()).await.unwrap() })
        });
        let mut created = Vec::new();
        for (attempt, answer) in attempts.collect::<Vec<_>>().into_iter().enumerate() {
            let answer = answer.await.unwrap();
            match answer.message_type {
                OK => created.push(attempt.to_string()),
                _ => assert_eq!(
                    (answer.message_type, &answer.content[..]),
                    (ERROR, &b"cannot overwrite"[..])
                ),
            }
        }
        let [winner] = &created[..] else {
            panic!("{uri} was created by {created:?}");
        };
        for client in &clients {
            assert_eq!(content(client, &uri).await, *winner);
        }
    }
    let (_, change, lost) = next(&mut news).await;
    assert_eq!((change, lost), (Some(Change::Created), None));
}

#[tokio::test]
async fn changes_come_to_the_subscribers_of_both_in_order() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let [here, there] = two_sites(&nats).await;
    let (a, b) = (here.client().await, there.client().await);
    for (client, missing) in [(&a, "r"), (&b, "r")] {
        assert_eq!(
            client.update(missing, "x").await.unwrap().message_type,
            NOT_FOUND
        );
        assert_eq!(
            client.delete(missing).await.unwrap().message_type,
            NOT_FOUND
        );
        assert_eq!(
            client.request(missing).await.unwrap().message_type,
            NOT_FOUND
        );
    }
    let mut all = [
        a.subscribe("r").await.unwrap(),
        b.subscribe("r").await.unwrap(),
    ];
    a.create("r", "1").await.unwrap().into_result().unwrap();
    b.update("r", "2").await.unwrap().into_result().unwrap();
    a.update("r", "3").await.unwrap().into_result().unwrap();
    b.delete("r").await.unwrap().into_result().unwrap();
    a.create("r", "4").await.unwrap().into_result().unwrap();
    for news in &mut all {
        for (content, change) in [
            ("1", Change::Created),
            ("2", Change::Updated),
            ("3", Change::Updated),
            ("", Change::Deleted),
            ("4", Change::Created),
        ] {
            assert_eq!(next(news).await, (content.to_owned(), Some(change), None));
        }
    }
    // What a tool of NATS puts is a change too, and what is put under no uri is none.
    let tool = async_nats::connect(nats.url()).await.unwrap();
    let bucket = async_nats::jetstream::new(tool)
        .get_key_value("netaio")
        .await
        .unwrap();
    bucket.put("==", "no uri".into()).await.unwrap();
    bucket.put("r", "5".into()).await.unwrap();
    for news in &mut all {
        assert_eq!(
            next(news).await,
            ("5".to_owned(), Some(Change::Updated), None)
        );
    }
    assert_eq!(content(&b, "r").await, "5");
}

#[tokio::test]
async fn services_share_the_requests_of_all_gateways() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let [here, there] = two_sites(&nats).await;
    let (a, b) = (here.client().await, there.client().await);
    let asked = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let mut services = Vec::new();
    for (site, asked) in [(&here, &asked[0]), (&there, &asked[1])] {
        let asked = asked.clone();
        let service = site.gateway.service("sum/*", move |request| {
            asked.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(request.uri.starts_with(b"sum/"));
                match &request.content[..] {
                    b"panic" => panic!("asked to"),
                    b"error" => Reply::error("no"),
                    content => Reply::ok(content.len().to_string()),
                }
            }
        });
        services.push(service.await.unwrap());
    }
    for number in 0..100 {
        let client = [&a, &b][number % 2];
        let answer = client.request("sum/x").content("four").await.unwrap();
        assert_eq!((answer.message_type, &answer.content[..]), (OK, &b"4"[..]));
    }
    let counts = asked.each_ref().map(|asked| asked.load(Ordering::Relaxed));
    assert_eq!(counts.iter().sum::<usize>(), 100);
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
    for (content, expected) in [("error", "no"), ("panic", "internal error")] {
        let answer = a.request("sum/x").content(content).await.unwrap();
        assert_eq!(
            (answer.message_type, &answer.content[..]),
            (ERROR, expected.as_bytes())
        );
    }
    // A program of NATS asks, and answers.
    let program = async_nats::connect(nats.url()).await.unwrap();
    let mut requests = program.subscribe("netaio.service.upper").await.unwrap();
    // With the answer NATS has the subscription too: a flush does not wait for that.
    let answer = program
        .request("netaio.service.sum.x", "12345".into())
        .await
        .unwrap();
    assert_eq!(answer.payload, "5");
    let answering = tokio::spawn(async move {
        use futures_util::StreamExt;
        let request = requests.next().await.unwrap();
        let headers = request.headers.unwrap();
        assert!(
            headers
                .get("Netaio-From")
                .unwrap()
                .as_str()
                .starts_with("127.0.0.1:")
        );
        let upper = String::from_utf8_lossy(&request.payload).to_uppercase();
        program
            .publish(request.reply.unwrap(), upper.into())
            .await
            .unwrap();
        program.flush().await.unwrap();
    });
    assert_eq!(
        b.request("upper")
            .content("a")
            .await
            .unwrap()
            .into_result()
            .unwrap()
            .content,
        "A"
    );
    answering.await.unwrap();
    // Nobody answers any more: that is said at once, not after a time.
    for service in services {
        service.stop().await;
    }
    let answer = a
        .request("sum/x")
        .timeout(Duration::from_secs(3_600))
        .await
        .unwrap();
    assert_eq!(answer.message_type, NOT_FOUND);
}

#[tokio::test]
async fn without_nats_requests_are_answered_and_afterwards_all_is_as_before() {
    let Some(mut nats) = NatsServer::start() else {
        return;
    };
    let site = Site::start(&nats.url()).await;
    let client = site.client().await;
    let mut news = client.subscribe("a").await.unwrap();
    client
        .create("r", "1")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    publish(&client, "a", "before")
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(next(&mut news).await, ("before".to_owned(), None, None));
    nats.kill();
    // One after the other of a connection is answered, and each waits: these come by four.
    let others = [
        site.client().await,
        site.client().await,
        site.client().await,
    ];
    let (read, change, publication, subscribe) = tokio::join!(
        client.request("r"),
        others[0].update("r", "2"),
        publish(&others[1], "a", "lost"),
        others[2].subscribe("b"),
    );
    for answer in [read, change, publication] {
        let answer = answer.unwrap();
        assert_eq!(
            (answer.message_type, &answer.content[..]),
            (ERROR, &b"unavailable"[..])
        );
    }
    assert!(subscribe.unwrap_err().to_string().contains("unavailable"));
    assert!(!site.gateway.is_connected());
    assert!(nats.restart());
    // One that waits when it comes back is answered.
    while client.request("r").await.unwrap().message_type == ERROR {}
    assert!(["1", "2"].contains(&&*content(&client, "r").await));
    // What others publish from now on comes, and says that some may be missing.
    let other = Site::start(&nats.url()).await;
    let other = other.client().await;
    loop {
        publish(&other, "a", "after")
            .await
            .unwrap()
            .into_result()
            .unwrap();
        let (content, _, lost) = next(&mut news).await;
        if content == "after" {
            assert_eq!((lost, site.gateway.losses()), (Some(1), 1));
            break;
        }
    }
}

#[tokio::test]
async fn who_has_a_uri_and_patterns_of_it_hears_each_message_once() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let [here, there] = two_sites(&nats).await;
    let (a, b, c) = (
        here.client().await,
        here.client().await,
        there.client().await,
    );
    let mut exact = a.subscribe("sensors/7").await.unwrap();
    let mut any = b.subscribe("sensors/*").await.unwrap();
    let mut rest = b.subscribe("**").await.unwrap();
    for number in 0..50 {
        publish(&c, "sensors/7", number.to_string()).await.unwrap();
    }
    c.create("sensors/8", "new").await.unwrap();
    publish(&c, "sensors/7", "last").await.unwrap();
    let all = (0..50).map(|number| number.to_string());
    for content in all.clone().chain(["last".to_owned()]) {
        assert_eq!(next(&mut exact).await.0, content);
    }
    // Changes and publications of two uris come by one way, each in its order.
    for news in [&mut any, &mut rest] {
        let mut heard = Vec::new();
        while heard.len() < 52 {
            heard.push(next(news).await.0);
        }
        heard.retain(|content| content != "new");
        assert_eq!(
            heard,
            all.clone().chain(["last".to_owned()]).collect::<Vec<_>>()
        );
    }
}

/// How many subscriptions a server of NATS has for a subject, as its monitoring page says.
async fn subscriptions(monitor: SocketAddr, subject: &str) -> usize {
    let mut stream = TcpStream::connect(monitor).await.unwrap();
    let ask = format!("GET /subsz?subs=1 HTTP/1.0\r\nHost: {monitor}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page.matches(&format!(r#""subject": "{subject}""#)).count()
}

#[tokio::test]
async fn nats_has_one_subscription_for_a_uri_and_a_server() {
    let monitor = nats::free_address();
    let Some(nats) = NatsServer::start_with(&format!("http: \"{monitor}\"\n")) else {
        return;
    };
    let [here, there] = two_sites(&nats).await;
    let mut kept = Vec::new();
    for site in [&here, &here, &here, &there] {
        let client = site.client().await;
        kept.push(client.subscribe("sensors/7").await.unwrap());
    }
    assert_eq!(subscriptions(monitor, "netaio.uri.sensors.7").await, 2);
    // Nobody is subscribed there any more.
    drop(kept.pop());
    while subscriptions(monitor, "netaio.uri.sensors.7").await > 1 {}
}

#[tokio::test]
async fn a_service_is_told_how_long_it_is_waited_for_and_given_up_then() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let most = Duration::from_millis(300);
    let options = GatewayOptions::new(&nats.url()).unwrap();
    let options = options.with_timeout(most).unwrap();
    let here = Site::start(&nats.url()).await.gateway;
    let there = Site::start_at(options, "127.0.0.1:0").await;
    let (told, mut hears) = mpsc::unbounded_channel();
    let running = Arc::new(());
    let handlers = Arc::downgrade(&running);
    let service = here.service("slow", move |request| {
        let running = running.clone();
        told.send(request.timeout).unwrap();
        async move {
            std::future::pending::<()>().await;
            drop(running);
            Reply::ok("")
        }
    });
    let service = service.await.unwrap();
    let asker = there.client().await;
    let answer = asker.request("slow").await.unwrap();
    assert_eq!(
        (answer.message_type, &answer.content[..]),
        (ERROR, &b"unavailable"[..])
    );
    let timeout = hears.recv().await.unwrap();
    assert!(
        timeout.is_some_and(|timeout| timeout <= most),
        "{timeout:?}"
    );
    // The service itself has one.
    while handlers.strong_count() > 1 {
        tokio::task::yield_now().await;
    }
    service.stop().await;
}
