//! Boxes: those of `tests/data/x25519.jsonl`, which the package has judged, and others that
//! it seals or opens while the tests run.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use netaio_core::plugin::{HmacAuth, OpenContext, PeerContext, SealContext, X25519Cipher};
use netaio_core::{Deframer, Layer, Message, MessageType, Now, OpenError, Peer, Sealer, Wire};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::python::{self, Python, PythonError, Result};
use crate::vectors::{self, Hex};

/// A line of `x25519.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub struct Boxed {
    /// Unique in the file.
    pub name: String,
    /// The receiver's seed.
    pub receiver: Hex,
    /// The sender's peer data.
    pub sender_data: Hex,
    /// Whether the receiver's cipher hides the uri.
    pub encrypt_uri: bool,
    /// Secret of the outer HMAC.
    pub secret: Option<String>,
    /// The whole frame.
    pub frame: Hex,
    /// The reason for which it is refused.
    pub why: Option<String>,
    /// The message type.
    #[serde(rename = "type")]
    pub kind: Option<u8>,
    /// The uri that the package reads.
    pub uri: Option<Hex>,
    /// The content that the package reads.
    pub content: Option<Hex>,
    /// What the sender had and drew, where the package made the frame for its receiver.
    pub sealed: Option<Sealed>,
}

/// What a sender has, and draws while it seals.
#[derive(Clone, Debug, Deserialize)]
pub struct Sealed {
    /// The sender's seed.
    pub sender: Hex,
    /// The receiver's peer data.
    pub receiver_data: Hex,
    /// The box's nonce.
    pub nonce: Hex,
    /// How many bytes of the box became the uri.
    pub cut: Option<usize>,
    /// The HMAC's nonce.
    pub hmac_nonce: Option<Hex>,
    /// The HMAC's time, in Unix seconds.
    pub ts: Option<u32>,
}

/// The boxes that the package has judged.
///
/// # Errors
///
/// The file is not there, or not what its README says.
pub fn boxed() -> io::Result<Vec<Boxed>> {
    vectors::load("x25519.jsonl")
}

/// One of two peers: its own seed, and what it knows of the other.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its cipher.
    pub cipher: X25519Cipher,
    /// Its outer layer, the cipher in it.
    pub layer: Layer,
    /// The other one.
    pub remote: Peer,
}

impl Side {
    /// The side with this seed, towards a peer with this data, under an outer HMAC or none.
    ///
    /// # Panics
    ///
    /// The seed is not 32 bytes long.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test whose seed is wrong has failed")]
    pub fn new(seed: &[u8], remote: &[u8], encrypt_uri: bool, secret: Option<&str>) -> Self {
        let cipher = X25519Cipher::from_seed(seed.try_into().expect("seeds are 32 bytes"));
        let cipher = match encrypt_uri {
            true => cipher.with_encrypted_uri(),
            false => cipher,
        };
        let layer = Layer::new().with_cipher(cipher.clone());
        Self {
            layer: match secret {
                Some(secret) => layer.with_auth(HmacAuth::new(secret)),
                None => layer,
            },
            cipher,
            remote: Peer::new("peer").with_data(remote.to_vec()),
        }
    }

    fn peers(&self) -> PeerContext<'_> {
        PeerContext {
            remote: Some(&self.remote),
            ..PeerContext::default()
        }
    }

    /// The message as a frame for the other one.
    ///
    /// # Errors
    ///
    /// It cannot be sealed.
    pub fn seal(
        &self,
        message: &Message,
        unix: u64,
        rng: &mut dyn CryptoRng,
    ) -> std::result::Result<Vec<u8>, netaio_core::SealError> {
        let mut context = SealContext {
            now: Now {
                unix,
                ..Now::default()
            },
            rng,
            peers: self.peers(),
        };
        let (wire, inner, mut frame) = (Wire::default(), Layer::new(), Vec::new());
        let mut sealer = Sealer::new();
        sealer.seal(
            &wire,
            &self.layer,
            &inner,
            message,
            &mut context,
            &mut frame,
        )?;
        Ok(frame)
    }

    /// The message in a frame of the other one's.
    ///
    /// # Errors
    ///
    /// It does not pass the layer.
    ///
    /// # Panics
    ///
    /// The bytes are no frame.
    #[expect(clippy::expect_used, reason = "a test without a frame has failed")]
    pub fn open(&self, frame: &[u8]) -> std::result::Result<Message, OpenError> {
        let wire = Arc::new(Wire::default());
        let frame = Deframer::new(wire.clone()).next(&mut BytesMut::from(frame));
        let frame = frame.expect("a frame").expect("a whole frame");
        let mut sealed = frame.decode(&wire).expect("a sound frame");
        let (now, peers) = (Now::default(), self.peers());
        sealed.open(&self.layer, &wire, &OpenContext { now, peers })?;
        Ok(sealed.into_message())
    }
}

/// The package's plugin, at work. It ends with its handle.
#[derive(Debug)]
pub struct PythonBoxes {
    script: python::Script,
}

#[derive(Serialize)]
struct Question<'a> {
    r#do: &'a str,
    seed: String,
    peer: String,
    encrypt_uri: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Frame {
        frame: Hex,
    },
    Message {
        #[serde(rename = "type")]
        kind: u8,
        uri: Hex,
        content: Hex,
    },
    Error {
        error: String,
    },
}

impl PythonBoxes {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(python: &Python) -> Result<Self> {
        let script = python.spawn::<&str>("x25519.py", &[])?;
        Ok(Self { script })
    }

    /// Seals a message for the peer with this data.
    ///
    /// # Errors
    ///
    /// With the plugin's exception, or when the script has died.
    pub fn seal(
        &mut self,
        seed: &[u8],
        peer: &[u8],
        encrypt_uri: bool,
        message: &Message,
    ) -> Result<Vec<u8>> {
        let said = self.ask(&Question {
            kind: Some(message.message_type.value()),
            uri: Some(python::hex(&message.uri)),
            content: Some(python::hex(&message.content)),
            ..question("seal", seed, peer, encrypt_uri)
        })?;
        match said {
            Said::Frame { frame } => Ok(frame.0),
            _ => Err(PythonError::new("x25519.py opened what it was to seal")),
        }
    }

    /// Opens a frame of the peer with this data.
    ///
    /// # Errors
    ///
    /// With the plugin's exception, or when the script has died.
    pub fn open(
        &mut self,
        seed: &[u8],
        peer: &[u8],
        encrypt_uri: bool,
        frame: &[u8],
    ) -> Result<Message> {
        let said = self.ask(&Question {
            frame: Some(python::hex(frame)),
            ..question("open", seed, peer, encrypt_uri)
        })?;
        match said {
            Said::Message { kind, uri, content } => {
                Ok(Message::new(MessageType::new(kind), uri.0, content.0))
            }
            _ => Err(PythonError::new("x25519.py sealed what it was to open")),
        }
    }

    fn ask(&mut self, question: &Question<'_>) -> Result<Said> {
        match self.script.ask(question, python::PATIENCE)? {
            Said::Error { error } => Err(PythonError::new(error)),
            said => Ok(said),
        }
    }
}

fn question<'a>(r#do: &'a str, seed: &[u8], peer: &[u8], encrypt_uri: bool) -> Question<'a> {
    Question {
        r#do,
        seed: python::hex(seed),
        peer: python::hex(peer),
        encrypt_uri,
        frame: None,
        kind: None,
        uri: None,
        content: None,
    }
}
