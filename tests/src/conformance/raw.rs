//! A peer that puts bytes on the wire itself, as a remote may that is broken,
//! hostile, or just not ours.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use netaio_driver::core::{Deframer, Message, MessageType, Wire};
use netaio_driver::{ReadHalf, Runtime, Server, WriteHalf};

/// One end of a stream.
pub(super) struct Raw<I, O> {
    reader: I,
    writer: O,
    input: BytesMut,
    deframer: Deframer,
    wire: Arc<Wire>,
}

/// One end of a TCP connection.
pub(super) type RawTcp<R> = Raw<<R as Runtime>::Reader, <R as Runtime>::Writer>;

/// Connects to a server.
pub(super) async fn dial<R: Runtime>(server: &Server<R>) -> RawTcp<R> {
    let (reader, writer) = R::connect(server.local_addr(), None)
        .await
        .expect("the server accepts");
    Raw::new(reader, writer)
}

impl<I: ReadHalf, O: WriteHalf> Raw<I, O> {
    pub(super) fn new(reader: I, writer: O) -> Self {
        let wire = Arc::new(Wire::default());
        Self {
            reader,
            writer,
            input: BytesMut::new(),
            deframer: Deframer::new(wire.clone()),
            wire,
        }
    }

    /// Splits it in one end that receives and one that sends.
    pub(super) fn split(self) -> (Raw<I, Nothing>, Raw<Nothing, O>) {
        let receiving = Raw {
            reader: self.reader,
            writer: Nothing,
            input: self.input,
            deframer: self.deframer,
            wire: self.wire,
        };
        (receiving, Raw::new(Nothing, self.writer))
    }

    /// Sends bytes, whatever they are.
    ///
    /// # Errors
    /// The other end is gone.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.writer.write(bytes).await?;
            bytes = &bytes[count..];
        }
        self.writer.flush().await
    }

    /// Sends a message, with the auth fields that it has.
    pub(super) async fn send(&mut self, message: &Message) {
        let frame = frame_with_fields(message);
        self.write(&frame).await.expect("the other end is there");
    }

    /// Sends no more; the other direction stays open.
    pub(super) async fn finish(&mut self) {
        self.writer.shutdown().await.expect("the writing side ends");
    }

    /// The next message, without opening any layer; none at the end, whether
    /// the other end closed or reset the connection.
    pub(super) async fn receive(&mut self) -> Option<Message> {
        loop {
            let frame = self.deframer.next(&mut self.input);
            if let Some(frame) = frame.expect("the peer sends frames") {
                let sealed = frame.decode(&self.wire);
                return Some(sealed.expect("the frame holds").into_message());
            }
            self.input.reserve(64 * 1024);
            match self.reader.read(&mut self.input).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// Everything that comes until the other end closes.
    pub(super) async fn receive_all(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.receive().await {
            messages.push(message);
        }
        messages
    }

    /// Some bytes as they come; none at the end.
    pub(super) async fn read_some(&mut self) -> Option<BytesMut> {
        let mut bytes = BytesMut::with_capacity(64 * 1024);
        match self.reader.read(&mut bytes).await {
            Ok(1..) => Some(bytes),
            Ok(0) | Err(_) => None,
        }
    }

    /// Reads some bytes and forgets them; 0 is the end.
    pub(super) async fn skip(&mut self, at_most: usize) -> usize {
        let mut bytes = BytesMut::with_capacity(at_most);
        self.reader.read(&mut bytes).await.unwrap_or(0)
    }
}

/// A direction in which nothing goes.
pub(super) struct Nothing;

impl ReadHalf for Nothing {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut BytesMut) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl WriteHalf for Nothing {
    fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A listening socket, for a client to connect to.
pub(super) struct RawListener<R: Runtime>(R::Listener);

impl<R: Runtime> RawListener<R> {
    pub(super) async fn new() -> Self {
        let any = ([127, 0, 0, 1], 0).into();
        Self(R::listen(any).await.expect("a port is free"))
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        R::local_address(&self.0).expect("it is bound")
    }

    pub(super) async fn accept(&self) -> RawTcp<R> {
        let (reader, writer, _) = R::accept(&self.0, None).await.expect("somebody connects");
        Raw::new(reader, writer)
    }
}

/// A frame without auth fields.
pub(super) fn frame(
    message_type: MessageType,
    uri: impl AsRef<[u8]>,
    content: impl AsRef<[u8]>,
) -> Vec<u8> {
    frame_of(message_type.value(), uri.as_ref(), content.as_ref(), 0)
}

/// A frame with the auth fields that a message has.
pub(super) fn frame_with_fields(message: &Message) -> Vec<u8> {
    let mut fields = Vec::new();
    message.auth.encode(&mut fields).expect("the fields fit");
    let kind = message.message_type.value();
    frame_with(kind, &fields, &message.uri, &message.content, 0)
}

/// A frame whose checksum is not that of its body.
pub(super) fn frame_with_bad_checksum(message_type: MessageType, uri: &str) -> Vec<u8> {
    frame_of(message_type.value(), uri.as_bytes(), b"", 1)
}

/// A frame with a correlation id.
pub(super) fn frame_with_id(
    message_type: MessageType,
    uri: impl AsRef<[u8]>,
    content: impl AsRef<[u8]>,
    id: u8,
) -> Vec<u8> {
    let fields = [
        &b"\x4d\x40\x01\x0c\x4c\x40\x02\x05\x02\x43\x03rid\x44"[..],
        &[id],
    ]
    .concat();
    let (uri, content) = (uri.as_ref(), content.as_ref());
    frame_with(message_type.value(), &fields, uri, content, 0)
}

/// The correlation id of a message that was received.
pub(super) fn id_of(message: &Message) -> Option<u64> {
    let id = message.auth.get("rid")?.as_int();
    id.expect("the id is a number").to_u64()
}

/// A frame, written down independently of the code under test; `damage` is
/// XORed into its checksum.
pub(super) fn frame_of(message_type: u8, uri: &[u8], content: &[u8], damage: u32) -> Vec<u8> {
    frame_with(message_type, &[0x4d, 0x40, 0x00], uri, content, damage)
}

fn frame_with(message_type: u8, fields: &[u8], uri: &[u8], content: &[u8], damage: u32) -> Vec<u8> {
    let uri_len = u16::try_from(uri.len()).expect("the uri fits");
    let body = [&uri_len.to_be_bytes(), uri, content].concat();
    let body_len = u16::try_from(body.len()).expect("the body fits");
    let checksum = crc32fast::hash(&body) ^ damage;
    let auth_len = u16::try_from(fields.len()).expect("the fields fit");
    let mut frame = vec![message_type];
    frame.extend(auth_len.to_be_bytes());
    frame.extend(body_len.to_be_bytes());
    frame.extend(checksum.to_be_bytes());
    frame.extend(fields);
    frame.extend(body);
    frame
}
