//! Messages larger than netaio's 64 KiB, in a format of one's own for header,
//! auth fields and body, with every message authenticated. It ends by itself.
//!
//!     cargo run -p netaio-tokio --example big_bodies

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use netaio_tokio::config::{Codec, Limits};
use netaio_tokio::core::packify::DecodeLimits;
use netaio_tokio::core::{
    AuthFields, AuthFormat, BodyFormat, FrameErrorKind, Header, HeaderFormat,
};
use netaio_tokio::error::SealError;
use netaio_tokio::plugin::HmacAuth;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Client, Content, MessageType, Server};

const MIB: usize = 1 << 20;

/// All three formats at once: each is a trait, and could be a type of its own.
struct Wide;

/// Message type, length of the auth section, length of the body section,
/// checksum: 1 and three times 4 bytes.
impl HeaderFormat for Wide {
    fn header_len(&self) -> usize {
        13
    }

    fn decode(&self, bytes: &[u8]) -> Result<Header, FrameErrorKind> {
        let &[kind, a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3] = bytes else {
            return Err(FrameErrorKind::Custom("a wide header has 13 bytes"));
        };
        Ok(Header {
            message_type: MessageType::new(kind),
            auth_len: u32::from_be_bytes([a0, a1, a2, a3]) as usize,
            body_len: u32::from_be_bytes([b0, b1, b2, b3]) as usize,
            checksum: Some(u32::from_be_bytes([c0, c1, c2, c3])),
        })
    }

    fn encode(&self, header: &Header, out: &mut [u8]) -> Result<(), SealError> {
        let word = |len: usize| u32::try_from(len).map_err(|_| SealError::Plugin("over 4 GiB"));
        let checksum = header.checksum.unwrap_or_default();
        let words = [word(header.auth_len)?, word(header.body_len)?, checksum];
        out[0] = header.message_type.value();
        out[1..].copy_from_slice(&words.map(u32::to_be_bytes).concat());
        Ok(())
    }
}

/// The fields of an HMAC, whose lengths say it all: 52 bytes in the place of
/// packify's 96. A message that no plugin sealed, as errors may be, has none.
const FIELDS: [(&str, usize); 3] = [("ts", 4), ("nonce", 16), ("hmac", 32)];

impl AuthFormat for Wide {
    fn decode(&self, section: &[u8], _: &DecodeLimits) -> Result<AuthFields, FrameErrorKind> {
        const DAMAGED: FrameErrorKind = FrameErrorKind::Custom("auth fields have 0 or 52 bytes");
        let (mut fields, mut rest) = (AuthFields::new(), section);
        for (name, len) in FIELDS.into_iter().filter(|_| !section.is_empty()) {
            let (value, behind) = rest.split_at_checked(len).ok_or(DAMAGED)?;
            fields.set_bytes(name, value).map_err(|_| DAMAGED)?;
            rest = behind;
        }
        rest.is_empty().then_some(fields).ok_or(DAMAGED)
    }

    fn encode(&self, fields: &AuthFields, out: &mut Vec<u8>) -> Result<(), SealError> {
        for (name, len) in FIELDS.into_iter().filter(|_| !fields.is_empty()) {
            let value = fields.get_bytes(name).filter(|value| value.len() == len);
            out.extend(value.ok_or(SealError::Plugin("there is room for an HMAC's fields only"))?);
        }
        Ok(())
    }
}

/// The length of the uri, the uri, the content.
impl BodyFormat for Wide {
    fn decode(&self, section: &[u8]) -> Result<(Range<usize>, Range<usize>), FrameErrorKind> {
        let short = FrameErrorKind::BodyTooShort { len: section.len() };
        let (uri_len, rest) = section.split_first_chunk().ok_or(short)?;
        let (uri_len, room) = (u32::from_be_bytes(*uri_len) as usize, rest.len());
        if uri_len > room {
            return Err(FrameErrorKind::UriPastBody { uri_len, room });
        }
        Ok((4..4 + uri_len, 4 + uri_len..section.len()))
    }

    fn encode(&self, uri: &[u8], content: &[u8], out: &mut Vec<u8>) {
        // It is no longer than `max_uri`.
        out.extend((uri.len() as u32).to_be_bytes());
        out.extend_from_slice(uri);
        out.extend_from_slice(content);
    }

    fn max_uri(&self) -> usize {
        MIB
    }

    fn max_payload(&self) -> usize {
        2 * MIB
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let codec = Codec::netaio()
        .with_header(Arc::new(Wide))
        .with_auth(Arc::new(Wide))
        .with_body(Arc::new(Wide));
    // The default limits refuse such bodies by their header, and leave 10 s for
    // them to arrive.
    let limits = Limits::default()
        .with_body(2 * MIB + 4)?
        .with_frame_timeout(Duration::from_secs(60))?;
    let server = Server::builder()
        .codec(codec.clone())
        .limits(limits.clone())
        .auth(HmacAuth::new("secret"))
        .on((REQUEST_URI, "echo"), |content: Content| content)
        .bind("127.0.0.1:0")
        .await?;
    let client = |secret: &str| {
        let client = Client::builder().codec(codec.clone());
        let client = client.limits(limits.clone()).auth(HmacAuth::new(secret));
        client.build()
    };

    let friend = client("secret")?;
    friend.connect(server.local_addr()).await?;
    let content: Vec<u8> = (0..MIB).map(|at| (at % 251) as u8).collect();
    let answer = friend.request("echo").content(content.clone()).await?;
    assert!(answer.is_verified() && answer.content == content);
    println!("{} bytes went there and came back, verified", content.len());
    let too_much = friend.request("echo").content(vec![0; 2 * MIB]).await;
    let error = too_much.err().ok_or("it was sent")?;
    println!("more is refused at once: {error}");

    let stranger = client("another secret")?;
    stranger.connect(server.local_addr()).await?;
    let answer = stranger.request("echo").content(content).await?;
    let error = answer.into_result().err().ok_or("it was accepted")?;
    println!("without the secret: {error}");
    server.stop().await;
    Ok(())
}
