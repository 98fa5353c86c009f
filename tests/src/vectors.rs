//! The test vectors, typed. `tests/data/README.md` says what each field means.

use std::path::Path;
use std::{fmt, fs, io};

use netaio_core::Layer;
use netaio_core::plugin::{HmacAuth, Sha256StreamCipher};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::python;

/// Bytes that are hex in the file.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Hex(pub Vec<u8>);

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&python::hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        python::unhex(&text).map(Self).map_err(D::Error::custom)
    }
}

/// A packed key and a packed value.
pub type PackedField = (Hex, Hex);

/// The layers that a receiver has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Layers {
    /// Secret of the outer HMAC.
    pub secret: Option<String>,
    /// Key of the outer stream cipher.
    pub key: Option<String>,
    /// Whether the outer cipher leaves the uri readable.
    pub plain_uri: bool,
    /// Secret of the inner HMAC, whose field is [`Layers::INNER_HMAC`].
    pub inner_secret: Option<String>,
    /// Key of the inner stream cipher, whose field is [`Layers::INNER_IV`] and which leaves
    /// the uri readable.
    pub inner_key: Option<String>,
    /// The outer plugins' field names, where they are not netaio's own.
    pub names: Option<Names>,
}

/// Field names of the outer plugins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Names {
    /// Of the MAC.
    pub hmac: String,
    /// Of the nonce.
    pub nonce: String,
    /// Of the timestamp.
    pub ts: String,
    /// Of the initialization vector.
    pub iv: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            hmac: "hmac".to_owned(),
            nonce: "nonce".to_owned(),
            ts: "ts".to_owned(),
            iv: "iv".to_owned(),
        }
    }
}

impl Layers {
    /// The field of the inner HMAC.
    pub const INNER_HMAC: &str = "camh";
    /// The field of the inner initialization vector.
    pub const INNER_IV: &str = "vi";

    /// The field names of the outer plugins.
    #[must_use]
    pub fn outer_names(&self) -> Names {
        self.names.clone().unwrap_or_default()
    }

    /// Whether one of the secrets and keys is empty.
    #[must_use]
    pub fn has_empty_secret(&self) -> bool {
        let secrets = [&self.secret, &self.key, &self.inner_secret, &self.inner_key];
        let mut secrets = secrets.into_iter().flatten();
        secrets.any(String::is_empty)
    }

    /// The outer layer.
    #[must_use]
    pub fn outer(&self) -> Layer {
        let names = self.outer_names();
        let mut layer = Layer::new();
        if let Some(secret) = &self.secret {
            let auth = HmacAuth::new(secret)
                .with_hmac_field(names.hmac)
                .with_nonce_field(names.nonce)
                .with_ts_field(names.ts);
            layer = layer.with_auth(auth);
        }
        if let Some(key) = &self.key {
            let cipher = Sha256StreamCipher::new(key).with_iv_field(names.iv);
            layer = layer.with_cipher(if self.plain_uri {
                cipher.with_plain_uri()
            } else {
                cipher
            });
        }
        layer
    }

    /// The inner layer.
    #[must_use]
    pub fn inner(&self) -> Layer {
        let mut layer = Layer::new();
        if let Some(secret) = &self.inner_secret {
            layer = layer.with_auth(HmacAuth::new(secret).with_hmac_field(Self::INNER_HMAC));
        }
        if let Some(key) = &self.inner_key {
            let cipher = Sha256StreamCipher::new(key).with_iv_field(Self::INNER_IV);
            layer = layer.with_cipher(cipher.with_plain_uri());
        }
        layer
    }
}

/// A line of `frames.jsonl`: a frame that the package accepts.
#[derive(Clone, Debug, Deserialize)]
pub struct Accepted {
    /// Unique in the file.
    pub name: String,
    /// The whole frame.
    pub frame: Hex,
    /// The receiver's layers.
    #[serde(flatten)]
    pub layers: Layers,
    /// The message type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// The uri, after all layers.
    pub uri: Hex,
    /// The content, after all layers.
    pub content: Hex,
    /// The auth fields of the frame in the order of the wire, packed as packify packs them.
    pub auth: Vec<PackedField>,
    /// The header's checksum.
    pub checksum: u32,
    /// Whether encoding what was decoded gives the same bytes.
    pub canonical: bool,
    /// The auth fields that the message had before it was sealed.
    pub given: Option<Vec<PackedField>>,
    /// What the layers drew, where the package made the frame.
    pub sealed: Option<Sealed>,
}

/// What the layers drew while they sealed a message.
#[derive(Clone, Debug, Deserialize)]
pub struct Sealed {
    /// The outer HMAC's nonce.
    pub nonce: Option<Hex>,
    /// The outer HMAC's time, in Unix seconds.
    pub ts: Option<u32>,
    /// The outer cipher's initialization vector.
    pub iv: Option<Hex>,
    /// How many bytes of the ciphertext became the uri.
    pub cut: Option<usize>,
    /// The inner HMAC's nonce.
    pub inner_nonce: Option<Hex>,
    /// The inner HMAC's time, in Unix seconds.
    pub inner_ts: Option<u32>,
    /// The inner cipher's initialization vector.
    pub inner_iv: Option<Hex>,
}

/// A line of `refused.jsonl`: a frame that this implementation refuses.
#[derive(Clone, Debug, Deserialize)]
pub struct Refused {
    /// Unique in the file.
    pub name: String,
    /// The bytes, not necessarily a whole frame.
    pub frame: Hex,
    /// The receiver's layers.
    #[serde(flatten)]
    pub layers: Layers,
    /// The reason, in a few words.
    pub why: String,
    /// `frame`, `auth`, `body`, `checksum`, `hmac` or `cipher`.
    pub layer: String,
    /// What the package does.
    pub python: Judgement,
    /// The step at which the package refuses.
    pub stage: Option<String>,
    /// The row of the hardening table that speaks of it.
    pub row: Option<u8>,
}

/// A line of `differ.jsonl`: a frame on which the two may differ.
#[derive(Clone, Debug, Deserialize)]
pub struct Differing {
    /// Unique in the file.
    pub name: String,
    /// The whole frame.
    pub frame: Hex,
    /// The receiver's layers.
    #[serde(flatten)]
    pub layers: Layers,
    /// What is odd about it.
    pub about: String,
    /// What the package does.
    pub python: Judgement,
    /// The message type that the package reads.
    #[serde(rename = "type")]
    pub kind: Option<u8>,
    /// The uri that the package reads.
    pub uri: Option<Hex>,
    /// The content that the package reads.
    pub content: Option<Hex>,
    /// The auth fields that the package reads.
    pub auth: Option<Vec<PackedField>>,
}

/// What the package does with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// A handler runs.
    Accepts,
    /// None does.
    Refuses,
}

/// The frames that the package accepts, and this implementation too.
///
/// # Errors
///
/// The file is not there, or not what its README says.
pub fn accepted() -> io::Result<Vec<Accepted>> {
    let mut lines = load::<Accepted>("frames.jsonl")?;
    lines.retain(|line| !line.layers.has_empty_secret());
    Ok(lines)
}

/// The frames that the package accepts with an empty secret, which here is none.
///
/// # Errors
///
/// The file is not there, or not what its README says.
pub fn with_empty_secrets() -> io::Result<Vec<Accepted>> {
    let mut lines = load::<Accepted>("frames.jsonl")?;
    lines.retain(|line| line.layers.has_empty_secret());
    Ok(lines)
}

/// The frames that this implementation refuses.
///
/// # Errors
///
/// The file is not there, or not what its README says.
pub fn refused() -> io::Result<Vec<Refused>> {
    load("refused.jsonl")
}

/// The frames on which the two may differ.
///
/// # Errors
///
/// The file is not there, or not what its README says.
pub fn differing() -> io::Result<Vec<Differing>> {
    load("differ.jsonl")
}

/// The lines of a file of `tests/data`.
///
/// # Errors
///
/// The file is not there, or not what its README says.
pub fn load<T: DeserializeOwned>(name: &str) -> io::Result<Vec<T>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name);
    let text = fs::read_to_string(path)?;
    let line = |(index, line)| {
        serde_json::from_str(line).map_err(|error| {
            let text = format!("{name}, line {}: {error}", index + 1);
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    };
    text.lines().enumerate().map(line).collect()
}
