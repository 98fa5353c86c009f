//! Publish and subscribe: a server that passes news on, two clients that want
//! to know, and one that tells. It ends by itself.
//!
//!     cargo run -p netaio-tokio --example pubsub

use netaio_tokio::events::Messages;
use netaio_tokio::types::{NOTIFY_URI, PUBLISH_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI};
use netaio_tokio::{Client, Connection, Content, Message, Publisher, Reply, Server, Uri};

type Failure = Box<dyn std::error::Error>;

/// Nobody is subscribed by the messages themselves: handlers do it, and may say
/// no. The answer is a `CONFIRM_SUBSCRIBE`.
fn subscribe(uri: Uri, who: Connection, publisher: Publisher) -> Result<&'static str, Reply> {
    if uri.starts_with(b"secret") {
        return Err(Reply::not_permitted("this is not for you"));
    }
    match publisher.subscribe(uri.0, &who) {
        Ok(_) => Ok(""),
        Err(error) => Err(Reply::error(error.to_string())),
    }
}

fn unsubscribe(uri: Uri, who: Connection, publisher: Publisher) -> &'static str {
    match publisher.unsubscribe(&uri, &who) {
        true => "",
        false => "there was no subscription",
    }
}

/// Tells the subscribers, and answers with how many there are. One that does not
/// read is cut off in the end; nobody waits for it.
fn publish(uri: Uri, content: Content, publisher: Publisher) -> Result<String, Reply> {
    let news = Message::notify(uri.0.clone(), content.0);
    match publisher.notify(&uri, &news) {
        Ok(delivery) => Ok(delivery.accepted().to_string()),
        Err(error) => Err(Reply::error(error.to_string())),
    }
}

/// A client that is subscribed to some topics, and the news it gets.
async fn subscriber(
    server: &Server,
    topics: &[&'static str],
) -> Result<(Client, Messages), Failure> {
    let client = Client::builder().build()?;
    // From here on what comes is kept until it is read.
    let messages = client.messages();
    client.connect(server.local_addr()).await?;
    for topic in topics {
        client.subscribe(*topic).await?.ok()?;
    }
    Ok((client, messages))
}

/// The next news, as text.
async fn next(messages: &mut Messages) -> Result<String, Failure> {
    let news = messages.next().await.ok_or("the client is gone")?.message;
    assert_eq!(news.message_type, NOTIFY_URI);
    let (uri, content) = (Uri(news.uri), Content(news.content));
    Ok(format!("{uri}: {content}"))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let server = Server::builder()
        .on(SUBSCRIBE_URI, subscribe)
        .on(UNSUBSCRIBE_URI, unsubscribe)
        .on(PUBLISH_URI, publish)
        .bind("127.0.0.1:0")
        .await?;

    let (ann, mut to_ann) = subscriber(&server, &["music", "weather"]).await?;
    let (bob, mut to_bob) = subscriber(&server, &["music"]).await?;
    let refused = bob.subscribe("secret plans").await?.ok();
    println!(
        "bob may not know everything: {}",
        refused.err().ok_or("he may")?
    );

    let (cora, _) = subscriber(&server, &[]).await?;
    let tell = async |topic: &'static str, content: &'static str| -> Result<(), Failure> {
        let answer = cora
            .request_message(Message::publish(topic, content))
            .await?;
        let told = Content(answer.ok()?.content);
        println!("cora published about {topic}; subscribers told: {told}");
        Ok(())
    };
    tell("music", "a concert tonight").await?;
    tell("weather", "rain").await?;
    tell("sports", "nothing").await?;
    bob.unsubscribe("music").await?.ok()?;
    tell("music", "a second concert").await?;
    // The server has something to say to everybody.
    server
        .publisher()
        .broadcast(&Message::notify("all", "goodbye"))?;

    for expected in [
        "music: a concert tonight",
        "weather: rain",
        "music: a second concert",
        "all: goodbye",
    ] {
        let news = next(&mut to_ann).await?;
        println!("ann was told of {news}");
        assert_eq!(news, expected);
    }
    for expected in ["music: a concert tonight", "all: goodbye"] {
        let news = next(&mut to_bob).await?;
        println!("bob was told of {news}");
        assert_eq!(news, expected);
    }
    // A subscription ends with its connection.
    ann.close().await;
    server.stop().await;
    Ok(())
}
