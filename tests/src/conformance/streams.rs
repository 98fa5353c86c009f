//! Streams of any kind, and frames of any format.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_channel::Sender;
use bytes::BytesMut;
use netaio_driver::core::packify::{DecodeLimits, ValueRef};
use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    AuthFields, AuthFormat, BodyFormat, CloseReason, Codec, FrameErrorKind, Header, HeaderFormat,
    Layer, Limits, Message, MessageType, SealError,
};
use netaio_driver::{BuildError, Client, Connection, Content, ReadHalf, Runtime, Server, Uri};

use super::pipe::{Shape, duplex};
use super::support::{assert_message, listen, pair, spawn, spawn_all, yield_times};

/// Longer than any test runs: large messages take their time on a busy machine.
const NEVER: Duration = Duration::from_secs(3600);

/// Streams of every temper: whole, in single bytes, with pauses, and such as
/// keep back what is not flushed, as TLS does.
pub async fn streams_of_every_temper_carry_messages<R: Runtime>() {
    let later = |content: Content| async move {
        yield_times(2).await;
        content
    };
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "now"), |content: Content| content)
        .on((REQUEST_URI, "later"), later);
    let server = listen(server).await;
    let client = Client::<R>::builder().build().unwrap();
    for chunk in [usize::MAX, 1, 7, 1000] {
        for holds_back in [false, true] {
            for hesitates in [false, true] {
                let shape = Shape {
                    capacity: if chunk == 1 { 64 } else { 64 * 1024 },
                    chunk,
                    holds_back,
                    hesitates,
                };
                let [(reader, writer), (far_reader, far_writer)] = duplex(shape);
                server.serve_halves(far_reader, far_writer, None).unwrap();
                let name = format!("{shape:?}");
                let connection = client.connect_halves(reader, writer, None, &name).unwrap();
                assert!(client.connection(&name).is_some());
                exchange::<R>(&connection, if chunk < 100 { 1_000 } else { 60_000 }).await;
                connection.close().await;
            }
        }
    }
}

/// Requests of growing size, some at a time.
async fn exchange<R: Runtime>(connection: &Connection, largest: usize) {
    for uri in ["now", "later"] {
        for size in [0, 1, largest / 3, largest] {
            let requests = (0..4).map(|number| {
                let content = vec![number; size];
                let request = connection.request(uri).content(content.clone());
                async move { (request.timeout(NEVER).await.unwrap(), content) }
            });
            for (answer, content) in spawn_all::<R, _>(requests).await {
                assert_message(&answer, RESPOND_URI, uri, content);
            }
        }
    }
}

/// Where a stream has no address, handlers can tell; one that insists is
/// answered for.
pub async fn a_stream_without_an_address_says_so<R: Runtime>() {
    let somewhere: SocketAddr = ([192, 0, 2, 1], 7).into();
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "insists"), |address: SocketAddr| {
            address.to_string()
        })
        .on((REQUEST_URI, "asks"), |address: Option<SocketAddr>| {
            format!("{address:?}")
        })
        .on((REQUEST_URI, "asks", somewhere), || "from somewhere");
    let server = listen(server).await;
    let client = Client::<R>::builder().build().unwrap();
    let [near, (reader, writer)] = duplex(Shape::PLAIN);
    server.serve_halves(reader, writer, None).unwrap();
    let without = client
        .connect_halves(near.0, near.1, None, "without")
        .unwrap();
    let [near, (reader, writer)] = duplex(Shape::PLAIN);
    server
        .serve_halves(reader, writer, Some(somewhere))
        .unwrap();
    let with = client.connect_halves(near.0, near.1, None, "with").unwrap();

    let answer = without.request("insists").await.unwrap();
    assert_message(&answer, ERROR, "insists", "this connection has no address");
    let answer = without.request("asks").await.unwrap();
    assert_message(&answer, RESPOND_URI, "asks", "None");
    let answer = with.request("insists").await.unwrap();
    assert_message(&answer, RESPOND_URI, "insists", "192.0.2.1:7");
    let answer = with.request("asks").await.unwrap();
    assert_message(&answer, RESPOND_URI, "asks", "from somewhere");
}

/// A stream that is said to be readable at first and is not, as new sockets are on tokio.
struct Mistaken {
    is_mistaken: bool,
    /// Whether it was read from when it was waited for.
    waits: Sender<bool>,
    was_read: bool,
}

impl ReadHalf for Mistaken {
    const WAITS_WITHOUT_BUFFER: bool = true;

    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.is_mistaken) {
            return Poll::Ready(Ok(()));
        }
        self.waits.try_send(self.was_read).unwrap();
        Poll::Pending
    }

    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut BytesMut) -> Poll<io::Result<usize>> {
        self.was_read = true;
        Poll::Pending
    }
}

/// Whoever has nothing to say is waited for without a buffer, whatever the runtime thought of
/// its socket at first.
pub async fn nothing_is_read_into_while_nothing_comes<R: Runtime>() {
    let server = Server::<R>::builder().on(REQUEST_URI, || "");
    let server = server.build().unwrap();
    let (waits, waited) = async_channel::unbounded();
    let reader = Mistaken {
        is_mistaken: true,
        waits,
        was_read: false,
    };
    let [_near, (_, writer)] = duplex(Shape::PLAIN);
    server.serve_halves(reader, writer, None).unwrap();
    assert!(waited.recv().await.unwrap());
    server.stop().await;
}

/// A server without a socket serves the streams it is handed, and stops as any
/// other does.
pub async fn a_server_may_listen_on_nothing<R: Runtime>() {
    let server = Server::<R>::builder().on(REQUEST_URI, |content: Content| content);
    let server = server.build().unwrap();
    assert_eq!(server.local_addr(), ([0, 0, 0, 0], 0).into());
    let client = Client::<R>::builder().build().unwrap();
    assert!(client.connect(server.local_addr()).await.is_err());
    let [near, (reader, writer)] = duplex(Shape::PLAIN);
    server.serve_halves(reader, writer, None).unwrap();
    let to = client.connect_halves(near.0, near.1, None, "pipe").unwrap();
    let answer = to.request("u").content("x").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "x");
    server.stop().await;
    assert_eq!(to.closed().await, CloseReason::Remote);
    let [_near, (reader, writer)] = duplex(Shape::PLAIN);
    assert!(server.serve_halves(reader, writer, None).is_err());
    let clash = Server::<R>::builder()
        .auth(HmacAuth::new("outer"))
        .on(REQUEST_URI, || "")
        .inner_auth(HmacAuth::new("inner"));
    assert!(matches!(clash.build(), Err(BuildError::Layer { .. })));
}

/// Bodies of 64 KiB, many at once in both directions, with everything sealed.
pub async fn large_bodies_cross_in_both_directions<R: Runtime>() {
    let seal = || {
        let cipher = Sha256StreamCipher::new("key").with_plain_uri();
        Layer::new()
            .with_auth(HmacAuth::new("secret"))
            .with_cipher(cipher)
    };
    const SIZE: usize = 65_000;
    const MESSAGES: u8 = 10;
    let echo = |uri: Uri, content: Content, to: Connection| async move {
        let copy = Message::notify(uri.0, content.0.clone());
        to.send(copy).await.unwrap();
        content
    };
    let server = Server::<R>::builder().outer(seal()).on(CREATE_URI, echo);
    let pair = pair(server, Client::builder().outer(seal())).await;
    let mut messages = pair.client.messages();
    let copies = spawn::<R, _>(async move {
        let mut copies = Vec::new();
        for _ in 0..MESSAGES {
            copies.push(messages.next().await.unwrap().message);
        }
        copies
    });
    let requests = (0..MESSAGES).map(|number| {
        let request = pair
            .connection
            .create([number].to_vec(), vec![number; SIZE]);
        async move { request.timeout(NEVER).await.unwrap() }
    });
    let answers = spawn_all::<R, _>(requests).await;
    for (number, answer) in (0..).zip(&answers) {
        assert_message(answer, OK, [number], vec![number; SIZE]);
    }
    let mut seen: Vec<u8> = Vec::new();
    for copy in copies.await {
        let number = copy.uri[0];
        assert_message(&copy, NOTIFY_URI, [number], vec![number; SIZE]);
        seen.push(number);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..MESSAGES).collect::<Vec<_>>());
}

/// A header with 32-bit lengths.
struct WideHeader;

impl WideHeader {
    const LEN: usize = 13;
}

impl HeaderFormat for WideHeader {
    fn header_len(&self) -> usize {
        Self::LEN
    }

    fn decode(&self, bytes: &[u8]) -> Result<Header, FrameErrorKind> {
        let word = |at: usize| {
            let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
            word.map(u32::from_be_bytes)
        };
        let (Some(kind), Some(auth), Some(body), Some(checksum)) =
            (bytes.first(), word(1), word(5), word(9))
        else {
            return Err(FrameErrorKind::Custom("a wide header has 13 bytes"));
        };
        Ok(Header {
            message_type: MessageType::new(*kind),
            auth_len: auth as usize,
            body_len: body as usize,
            checksum: Some(checksum),
        })
    }

    fn encode(&self, header: &Header, out: &mut [u8]) -> Result<(), SealError> {
        let checksum = header.checksum.unwrap_or_default();
        let words = [header.auth_len as u32, header.body_len as u32, checksum];
        out[0] = header.message_type.value();
        out[1..].copy_from_slice(&words.map(u32::to_be_bytes).concat());
        Ok(())
    }
}

/// A body whose uri has a length of 32 bits, and comes last.
struct WideBody;

impl BodyFormat for WideBody {
    fn decode(&self, section: &[u8]) -> Result<(Range<usize>, Range<usize>), FrameErrorKind> {
        let short = FrameErrorKind::BodyTooShort { len: section.len() };
        let (len, rest) = section.split_first_chunk::<4>().ok_or(short)?;
        let uri_len = u32::from_be_bytes(*len) as usize;
        if uri_len > rest.len() {
            let room = rest.len();
            return Err(FrameErrorKind::UriPastBody { uri_len, room });
        }
        Ok((4..4 + uri_len, 4 + uri_len..section.len()))
    }

    fn encode(&self, uri: &[u8], content: &[u8], out: &mut Vec<u8>) {
        out.extend((uri.len() as u32).to_be_bytes());
        out.extend(uri);
        out.extend(content);
    }

    fn max_uri(&self) -> usize {
        1 << 16
    }

    fn max_payload(&self) -> usize {
        2 << 20
    }
}

/// Auth fields without packify: names and bytes, each behind its length.
struct PlainFields;

impl AuthFormat for PlainFields {
    fn decode(
        &self,
        mut section: &[u8],
        _limits: &DecodeLimits,
    ) -> Result<AuthFields, FrameErrorKind> {
        fn next<'a>(section: &mut &'a [u8]) -> Option<&'a [u8]> {
            let (len, rest) = section.split_first()?;
            let (part, rest) = rest.split_at_checked((*len).into())?;
            *section = rest;
            Some(part)
        }
        let mut fields = AuthFields::new();
        while !section.is_empty() {
            let name = next(&mut section).and_then(|name| std::str::from_utf8(name).ok());
            let (Some(name), Some(bytes)) = (name, next(&mut section)) else {
                return Err(FrameErrorKind::Custom("a field ends early"));
            };
            let set = fields.set_bytes(name, bytes);
            set.map_err(|_| FrameErrorKind::Custom("a field is too long"))?;
        }
        Ok(fields)
    }

    fn encode(&self, fields: &AuthFields, out: &mut Vec<u8>) -> Result<(), SealError> {
        for (name, value) in fields.view().iter() {
            let (ValueRef::Str(name), ValueRef::Bytes(bytes)) = (name, value) else {
                return Err(SealError::Plugin("this format holds names and bytes"));
            };
            for part in [name.as_bytes(), bytes] {
                out.push(part.len() as u8);
                out.extend(part);
            }
        }
        Ok(())
    }
}

/// A format of one's own, of header, auth fields and body, with 32-bit lengths
/// moves a mebibyte in one message, through every layer.
pub async fn a_format_of_ones_own_moves_a_mebibyte<R: Runtime>() {
    let codec = || {
        let codec = Codec::netaio().with_header(Arc::new(WideHeader));
        let codec = codec.with_auth(Arc::new(PlainFields));
        codec.with_body(Arc::new(WideBody))
    };
    let limits = || Limits::default().with_body(3 << 20).unwrap();
    let outer = || {
        let outer = Layer::new().with_auth(HmacAuth::new("secret"));
        outer.with_cipher(Sha256StreamCipher::new("key"))
    };
    let inner = || {
        let cipher = Sha256StreamCipher::new("inner").with_iv_field("vi");
        let auth = HmacAuth::new("inner").with_hmac_field("camh");
        Layer::new()
            .with_auth(auth)
            .with_cipher(cipher.with_plain_uri())
    };
    for (outer, inner) in [(Layer::new(), Layer::new()), (outer(), inner())] {
        let server = Server::<R>::builder()
            .codec(codec())
            .limits(limits())
            .outer(outer.clone())
            .on(REQUEST_URI, |content: Content| async move { content })
            .inner(inner.clone());
        let client = Client::builder()
            .codec(codec())
            .limits(limits())
            .outer(outer);
        let pair = pair(server, client).await;
        let large: Vec<u8> = (0..1u32 << 20).map(|number| number as u8).collect();
        for (uri, content) in [("large", large), ("small", vec![1])] {
            let request = pair.connection.request(uri).content(content.clone());
            let answer = request.inner(inner.clone()).timeout(NEVER).await;
            assert_message(&answer.unwrap(), RESPOND_URI, uri, content);
        }
    }
}
