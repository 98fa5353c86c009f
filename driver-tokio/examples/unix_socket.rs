//! A server on a Unix domain socket and a client of it: netaio over any stream
//! of bytes, with `serve_stream` and `connect_stream`. It ends by itself.
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
    use std::time::Duration;
    use std::{env, fs, process};

    use netaio_tokio::types::{REQUEST_URI, SUBSCRIBE_URI};
    use netaio_tokio::{
        Client, Connection, Content, Message, Publisher, Reply, Server, Uri, connect_stream,
        serve_stream,
    };
    use tokio::net::{UnixListener, UnixStream};

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

    /// Hands every connection to the server, which does the rest.
    async fn accept(listener: UnixListener, server: Server) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors, as a rule: some may come back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            // The other end of a Unix socket has no address to speak of.
            if let Err(error) = serve_stream(&server, stream, None) {
                eprintln!("a connection was refused: {error}");
            }
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
        let listener = UnixListener::bind(&path)?;
        let accepting = tokio::spawn(accept(listener, server.clone()));
        println!("listening on {}", path.display());

        let client = Client::builder().build()?;
        let mut messages = client.messages();
        let stream = UnixStream::connect(&path).await?;
        let connection = connect_stream(&client, stream, "local server")?;

        let answer = connection.request("echo").content("hello").await?.ok()?;
        println!("echo: {}", String::from_utf8_lossy(&answer.content));
        assert_eq!(answer.content, "hello");

        connection.subscribe("news").await?.ok()?;
        let news = Message::notify("news", "it works without TCP");
        let delivery = server.publisher().notify("news", &news)?;
        assert_eq!((delivery.accepted(), delivery.lost()), (1, 0));
        let told = messages.next().await.ok_or("the client is gone")?.message;
        println!("news: {}", String::from_utf8_lossy(&told.content));
        assert_eq!(told.content, news.content);

        accepting.abort();
        server.stop().await;
        println!("the client was told: {}", connection.closed().await);
        Ok(())
    }
}
