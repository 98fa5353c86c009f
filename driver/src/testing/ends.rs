//! A client and a server, joined by a pipe in memory.

use std::io;
use std::net::SocketAddr;

use super::pipe::{self, Stream, Wire};
use crate::client::Client;
use crate::connection::Connection;
use crate::options::ConnectionOptions;
use crate::runtime::Runtime;
use crate::server::Server;

/// The two ends of a connection in memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ends {
    /// The client's, to send and to request by.
    pub client: Connection,
    /// The server's: the [`Remote`](crate::Remote) that its handlers see.
    pub server: Connection,
    /// What is between them.
    pub wire: Wire,
}

/// Joins a client to a server by a pipe in memory. All else is as over a socket: frames, layers,
/// limits and the end. The connection has no address and no name.
///
/// ```
/// use netaio_driver::core::types::REQUEST_URI;
/// use netaio_driver::testing;
/// use netaio_driver::{Client, Content, Publisher, Remote, Runtime, Server};
///
/// /// A handler of the application.
/// async fn join(who: Remote, rooms: Publisher, room: Content) -> &'static str {
///     match rooms.subscribe(&**room, &who) {
///         Ok(_) => "joined",
///         Err(_) => "full",
///     }
/// }
///
/// async fn joining_a_room_subscribes<R: Runtime>() -> Result<(), Box<dyn std::error::Error>> {
///     let server = Server::<R>::builder().build()?;
///     let client = Client::<R>::builder().build()?;
///     let ends = testing::connect(&client, &server)?;
///
///     let (who, rooms) = (Remote::from(&ends.server), server.publisher().clone());
///     assert_eq!(join(who, rooms, Content("lobby".into())).await, "joined");
///     assert_eq!(server.publisher().subscribers("lobby"), 1);
///     Ok(())
/// }
/// ```
///
/// # Errors
/// The server is stopping or full, or the operating system has no randomness to give.
pub fn connect<R: Runtime>(client: &Client<R>, server: &Server<R>) -> io::Result<Ends> {
    connect_with(client, server, None, ConnectionOptions::new())
}

/// As [`connect`], with options of both ends, and with the address that the server sees.
///
/// # Errors
/// As [`connect`].
pub fn connect_with<R: Runtime>(
    client: &Client<R>,
    server: &Server<R>,
    seen: Option<SocketAddr>,
    options: ConnectionOptions,
) -> io::Result<Ends> {
    let streams = pipe::streams(None);
    join(
        client,
        server,
        streams,
        (seen, None),
        [options.clone(), options],
    )
}

/// Joins a client to a server by a stream. They see these addresses, and have these options: the
/// server first.
pub(super) fn join<R: Runtime>(
    client: &Client<R>,
    server: &Server<R>,
    (near, far, wire): (Stream, Stream, Wire),
    (seen, sees): (Option<SocketAddr>, Option<SocketAddr>),
    [served, connected]: [ConnectionOptions; 2],
) -> io::Result<Ends> {
    let server = server.serve_halves_with(far.reader, far.writer, seen, served)?;
    let client = client.connect_halves_with(near.reader, near.writer, sees, connected)?;
    Ok(Ends {
        client,
        server,
        wire,
    })
}
