//! A server on a Unix domain socket and a client of it: netaio over a stream of bytes
//! that is not TCP. It ends by itself.
//!
//!     cargo run -p netaio-tokio --example unix_socket

type Failure = Box<dyn std::error::Error>;

#[cfg(unix)]
#[tokio::main]
async fn main() -> Result<(), Failure> {
    unix::run().await
}

#[cfg(not(unix))]
fn main() -> Result<(), Failure> {
    println!("this system has no Unix domain sockets that tokio knows of");
    Ok(())
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::DirBuilderExt;
    use std::path::PathBuf;
    use std::{env, fs, process};

    use netaio_tokio::transport::UnixConnector;
    use netaio_tokio::types::{REQUEST_URI, SUBSCRIBE_URI};
    use netaio_tokio::{Client, Connection, Content, Message, Publisher, Reply, Server, Uri};
    use tokio::net::UnixListener;

    use super::Failure;

    /// A directory that only its owner may enter: who may connect to a socket
    /// is who may reach its path. It goes when this is dropped.
    struct Private(PathBuf);

    impl Private {
        fn new() -> Result<Self, Failure> {
            let path = env::temp_dir().join(format!("netaio-{}", process::id()));
            fs::DirBuilder::new().mode(0o700).create(&path)?;
            Ok(Self(path))
        }
    }

    impl Drop for Private {
        fn drop(&mut self) {
            // What cannot be removed is left for the system to clean up.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn subscribe(uri: Uri, who: Connection, publisher: Publisher) -> Result<&'static str, Reply> {
        match publisher.subscribe(uri.0, &who) {
            Ok(_) => Ok("subscribed"),
            Err(error) => Err(Reply::error(error.to_string())),
        }
    }

    pub(super) async fn run() -> Result<(), Failure> {
        let private = Private::new()?;
        let path = private.0.join("socket");
        // `build` in the place of `bind`: it needs no TCP port.
        let server = Server::builder()
            .on((REQUEST_URI, "echo"), |content: Content| content)
            .on(SUBSCRIBE_URI, subscribe)
            .build()?;
        server.serve(UnixListener::bind(&path)?)?;
        println!("listening on {}", path.display());

        let client = Client::builder().connector(UnixConnector).build()?;
        let mut messages = client.messages();
        let connection = client.connect(format!("unix:{}", path.display())).await?;

        let answer = connection
            .request("echo")
            .content("hello")
            .await?
            .into_result()?;
        println!("echo: {}", String::from_utf8_lossy(&answer.content));
        assert_eq!(answer.content, "hello");

        connection
            .subscribe("news")
            .request()
            .await?
            .into_result()?;
        let news = Message::notify("news", "it works without TCP");
        let delivery = server.publisher().notify("news", &news)?;
        assert_eq!((delivery.accepted(), delivery.lost()), (1, 0));
        let told = messages.next().await.ok_or("the client is gone")?.message;
        println!("news: {}", String::from_utf8_lossy(&told.content));
        assert_eq!(told.content, news.content);

        server.stop().await;
        println!("the client was told: {}", connection.closed().await);
        Ok(())
    }
}
