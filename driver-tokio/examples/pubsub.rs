//! Publish and subscribe: a server that passes news on, two clients that want
//! to know, and one that tells. It ends by itself.
//!
//!     cargo run -p netaio-tokio --example pubsub

use netaio_tokio::types::{PUBLISH_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI};
use netaio_tokio::{
    Client, Connection, Content, Message, Publisher, Reply, Server, Subscription, Uri,
};

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

/// A client of the server.
async fn client(server: &Server) -> Result<Client, Failure> {
    let client = Client::builder().build()?;
    client.connect(server.local_addr()).await?;
    Ok(client)
}

/// The next news of a topic, as text.
async fn next(news: &mut Subscription) -> Result<String, Failure> {
    let message = news.next().await.ok_or("the client is gone")??.message;
    let (uri, content) = (Uri(message.uri), Content(message.content));
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

    let (ann, bob, cora) = (
        client(&server).await?,
        client(&server).await?,
        client(&server).await?,
    );
    // What nobody has subscribed to is kept from here on until it is read.
    let mut other = ann.messages();
    let mut music = ann.subscribe("music").await?;
    let mut weather = ann.subscribe("weather").await?;
    let mut bobs_music = bob.subscribe("music").await?;
    let refused = bob.subscribe("secret plans").await;
    println!(
        "bob may not know everything: {}",
        refused.err().ok_or("he may")?
    );

    let tell = async |topic: &'static str, content: &'static str| -> Result<(), Failure> {
        let answer = cora
            .request_message(Message::publish(topic, content))
            .await?;
        let told = Content(answer.into_result()?.content);
        println!("cora published about {topic}; subscribers told: {told}");
        Ok(())
    };
    tell("music", "a concert tonight").await?;
    tell("weather", "rain").await?;
    tell("sports", "nothing").await?;
    let news = next(&mut bobs_music).await?;
    println!("bob was told of {news}");
    assert_eq!(news, "music: a concert tonight");
    // Dropping it would do, too; this waits until the server has confirmed it.
    bobs_music.unsubscribe().await?;
    tell("music", "a second concert").await?;
    // The server has something to say to everybody.
    server
        .publisher()
        .broadcast(&Message::notify("all", "goodbye"))?;

    assert_eq!(next(&mut music).await?, "music: a concert tonight");
    assert_eq!(next(&mut weather).await?, "weather: rain");
    assert_eq!(next(&mut music).await?, "music: a second concert");
    let goodbye = other.next().await.ok_or("the client is gone")?.message;
    assert_eq!(goodbye.content, "goodbye");
    // A subscription ends with its connection.
    ann.close().await;
    server.stop().await;
    Ok(())
}
