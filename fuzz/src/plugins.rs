//! Layers: strangers get in nowhere, and nothing that was changed on its way
//! passes.

use std::sync::LazyLock;

use bytes::BytesMut;
use netaio_core::packify::{DecodeLimits, Value, ValueRef};
use netaio_core::plugin::{
    Aead, HmacAuth, Layer, OpenContext, Peer, PeerContext, SealContext, Sha256StreamCipher,
    X25519Cipher,
};
use netaio_core::{
    AuthFields, Frame, Header, Limits, Message, MessageType, Now, OpenError, SealedMessage, Sealer,
    Wire,
};

use crate::heap::Bound;
use crate::input::{Dice, Input};

/// The first byte chooses the layers and whether the rest is a stranger's frame
/// or says what is done to one of ours.
pub fn plugins(data: &[u8]) {
    let mut input = Input::new(data);
    let choices = input.byte();
    ALL.hold("all", data.len(), || {
        let layers = &LAYERS[usize::from(choices >> 1) % LAYERS.len()];
        if choices & 1 == 0 {
            strange(layers, &mut input);
        } else {
            changed(layers, &mut input);
        }
    });
}

/// It happens in place, however long the message is.
const OPENING: Bound = Bound(0, 256);
/// What is done with a message, and the layers, which the first run makes.
const ALL: Bound = Bound(100, 32_768);

/// An outer and an inner layer, and the same layers of somebody whose secrets
/// no input was ever sealed with.
struct Layers {
    outer: Layer,
    inner: Layer,
    strangers_outer: Layer,
}

static LAYERS: LazyLock<Vec<Layers>> = LazyLock::new(|| {
    let hmac = || Layer::new().with_auth(HmacAuth::new("secret"));
    let strangers = || Layer::new().with_auth(HmacAuth::new("another secret"));
    let cipher = || Sha256StreamCipher::new("key");
    let inner = || Layer::new().with_auth(HmacAuth::new("admin").with_hmac_field("camh"));
    let inner_cipher = || {
        let cipher = Sha256StreamCipher::new("inner key");
        cipher.with_iv_field("vi").with_plain_uri()
    };
    let layers = |outer, inner, strangers_outer| Layers {
        outer,
        inner,
        strangers_outer,
    };
    Vec::from([
        layers(hmac(), Layer::new(), strangers()),
        layers(
            hmac().with_cipher(cipher()),
            Layer::new(),
            strangers().with_cipher(cipher()),
        ),
        layers(hmac(), inner(), strangers()),
        layers(
            hmac().with_cipher(cipher()),
            inner().with_cipher(inner_cipher()),
            strangers().with_cipher(cipher()),
        ),
        layers(
            hmac().with_cipher(cipher().with_plain_uri()),
            Layer::new().with_cipher(inner_cipher()),
            strangers(),
        ),
        layers(Layer::new().with_cipher(cipher()), inner(), strangers()),
        layers(
            Layer::new().with_cipher(cipher()),
            Layer::new().with_cipher(inner_cipher()),
            strangers(),
        ),
        layers(
            Layer::new().with_cipher(boxes("ours").with_encrypted_uri()),
            Layer::new(),
            Layer::new().with_cipher(boxes("a stranger's").with_encrypted_uri()),
        ),
        layers(hmac(), Layer::new().with_cipher(boxes("ours")), strangers()),
        layers(whole("secret"), Layer::new(), whole("another secret")),
        layers(whole("secret"), inner_whole(), whole("another secret")),
        layers(hmac(), inner_whole(), strangers()),
    ])
});

/// Without a window: the same message is opened more than once.
fn whole(secret: &str) -> Layer {
    Layer::new().with_cipher(Aead::new(secret).without_replay_window())
}

fn inner_whole() -> Layer {
    let aead = Aead::new("admin").without_replay_window();
    Layer::new().with_cipher(aead.with_field("camh").with_plain_uri())
}

fn boxes(whose: &str) -> X25519Cipher {
    let mut seed = [0; X25519Cipher::KEY_LEN];
    for (to, from) in seed.iter_mut().zip(whose.bytes()) {
        *to = from;
    }
    X25519Cipher::from_seed(seed)
}

/// Whom we talk to: ourselves, so that the same layer seals and opens.
fn peers() -> PeerContext<'static> {
    static REMOTE: LazyLock<Peer> =
        LazyLock::new(|| Peer::new("us").with_data(boxes("ours").peer_data()));
    PeerContext {
        remote: Some(&REMOTE),
        ..PeerContext::default()
    }
}

const NOW: Now = Now::new(std::time::Duration::ZERO, 1_700_000_000);

/// What a value of the input may hold is accepted too.
const LIMITS: DecodeLimits = DecodeLimits {
    packables: true,
    ..DecodeLimits::DEFAULT
};

fn wire() -> &'static Wire {
    static WIRE: LazyLock<Wire> = LazyLock::new(|| Wire {
        limits: Limits::default()
            .with_packify(LIMITS)
            .expect("limits that can work"),
        ..Wire::default()
    });
    &WIRE
}

fn open(message: &mut SealedMessage, layer: &Layer) -> Result<(), OpenError> {
    let (now, peers) = (NOW, peers());
    OPENING.hold("opening", 0, || {
        message.open(layer, wire(), &OpenContext { now, peers })
    })
}

fn open_within(message: &mut SealedMessage, layers: &Layers) -> Result<(), OpenError> {
    let (now, peers) = (NOW, peers());
    OPENING.hold("opening", 0, || {
        let context = OpenContext { now, peers };
        message.open_within(&layers.outer, &layers.inner, wire(), &context)
    })
}

/// The sections of a frame, to be changed at will.
#[derive(Clone)]
struct Sections {
    message_type: MessageType,
    auth: Vec<u8>,
    body: Vec<u8>,
}

impl Sections {
    /// The message, as far as it is one.
    fn decode(&self) -> Option<SealedMessage> {
        let header = Header {
            message_type: self.message_type,
            auth_len: self.auth.len(),
            body_len: self.body.len(),
            checksum: Some(crc32fast::hash(&self.body)),
        };
        let mut bytes = vec![0; Header::LEN];
        header.encode(&mut bytes).ok()?;
        bytes.extend_from_slice(&self.auth);
        bytes.extend_from_slice(&self.body);
        let frame = Frame::from_datagram(wire(), BytesMut::from(&bytes[..])).ok()?;
        frame.decode(wire()).ok()
    }

    fn fields(&self) -> Option<AuthFields> {
        AuthFields::decode(self.auth.clone().into(), &LIMITS).ok()
    }

    fn set_fields(&mut self, fields: &AuthFields) {
        self.auth.clear();
        fields
            .encode(&mut self.auth)
            .expect("no field is that long");
    }
}

fn seal(layers: &Layers, message: &Message, seed: u64) -> Option<Sections> {
    let mut context = SealContext {
        now: NOW,
        rng: &mut Dice(seed),
        peers: peers(),
    };
    let mut bytes = Vec::new();
    Sealer::new()
        .seal(
            wire(),
            &layers.outer,
            &layers.inner,
            message,
            &mut context,
            &mut bytes,
        )
        .ok()?;
    let header = Header::decode(&bytes[..Header::LEN]).expect("a header");
    let (auth, body) = bytes[Header::LEN..].split_at(header.auth_len);
    assert_eq!(body.len(), header.body_len);
    Some(Sections {
        message_type: header.message_type,
        auth: auth.to_vec(),
        body: body.to_vec(),
    })
}

/// A frame from anywhere: it does not pass under a secret that it was not
/// sealed with. What passes can be sealed again, and then passes again.
fn strange(layers: &Layers, input: &mut Input<'_>) {
    let bytes = input.rest();
    let Ok(frame) = Frame::from_datagram(wire(), BytesMut::from(bytes)) else {
        return;
    };
    // Checksums keep no forger away.
    let header = frame.header();
    let (auth, body) = bytes[Header::LEN..].split_at(header.auth_len);
    let sections = Sections {
        message_type: header.message_type,
        auth: auth.to_vec(),
        body: body[..header.body_len].to_vec(),
    };
    let Some(message) = sections.decode() else {
        return;
    };
    let refused = open(&mut message.clone(), &layers.strangers_outer);
    assert!(refused.is_err(), "forged");

    let mut opened = message;
    if open(&mut opened, &layers.outer).is_ok() && open_within(&mut opened, layers).is_ok() {
        round_trip(layers, &opened.into_message());
    }
}

fn round_trip(layers: &Layers, message: &Message) {
    // Sending has a tighter limit than receiving.
    let Some(sealed) = seal(layers, message, 1) else {
        assert!(message.uri.len() + message.content.len() > 65_000);
        return;
    };
    let mut again = sealed.decode().expect("what is sealed is a frame");
    assert_eq!(open(&mut again, &layers.outer), Ok(()));
    assert_eq!(open_within(&mut again, layers), Ok(()));
    let again = again.into_message();
    assert_eq!(again.message_type, message.message_type);
    assert_eq!(
        (again.uri, again.content),
        (message.uri.clone(), message.content.clone())
    );
}

/// A message of ours, changed on its way: it passes only if all that its MAC
/// covers is as it was.
fn changed(layers: &Layers, input: &mut Input<'_>) {
    let mut message = Message::create(input.short().to_vec(), input.short().to_vec());
    if input.flag() {
        message
            .auth
            .set("own", &input.value(2))
            .expect("no field is that long");
    }
    round_trip(layers, &message);
    let Some(genuine) = seal(layers, &message, 1) else {
        return;
    };
    let mut forged = genuine.clone();
    for _ in 0..8 {
        if !input.is_empty() {
            change(&mut forged, input);
        }
    }
    let Some(mut sealed) = forged.decode() else {
        return;
    };
    if open(&mut sealed, &layers.outer).is_err() {
        return;
    }
    if layers.outer.auth().is_some() {
        assert_eq!(
            covered(&forged, "hmac"),
            covered(&genuine, "hmac"),
            "forged"
        );
    }
    let payload = |sealed: SealedMessage| {
        let message = sealed.into_message();
        (message.uri, message.content)
    };
    let inner_payload = payload(sealed.clone());
    let boxed = |layer: &Layer| {
        layer
            .cipher()
            .is_some_and(|cipher| cipher.is_peer_specific())
    };
    if boxed(&layers.outer) {
        let mut expected = genuine.decode().expect("a frame");
        open(&mut expected, &layers.outer).expect("our own");
        assert_eq!(inner_payload, payload(expected), "forged");
    }
    // Nothing of a message may be another, but for bytes that nobody reads.
    if layers.outer.auth().is_none() && layers.outer.authenticates() {
        assert_eq!(forged.message_type, genuine.message_type, "forged");
        assert_eq!(forged.fields(), genuine.fields(), "forged");
        assert_eq!(forged.body, genuine.body, "forged");
    }
    // The inner MAC covers what the outer cipher was given.
    if open_within(&mut sealed, layers).is_ok() && layers.inner.auth().is_some() {
        let mut expected = genuine.decode().expect("a frame");
        open(&mut expected, &layers.outer).expect("our own");
        assert_eq!(inner_payload, payload(expected), "forged");
        let fields = |sections| covered(sections, "camh").1;
        assert_eq!(fields(&forged), fields(&genuine), "forged");
    }
}

/// The body, and the fields that a MAC depends on: itself, its nonce and its
/// timestamp as a number.
fn covered<'a>(sections: &'a Sections, mac: &str) -> (&'a [u8], [Option<Vec<u8>>; 3]) {
    let fields = sections.fields().expect("fields that were read before");
    let ts = match fields.get("ts") {
        Some(ValueRef::Int(int)) => int.to_u32().map(|ts| ts.to_be_bytes().to_vec()),
        Some(ValueRef::Bytes(bytes)) => Some(bytes.to_vec()),
        _ => None,
    };
    let bytes = |name| fields.get_bytes(name).map(<[u8]>::to_vec);
    (&sections.body, [bytes(mac), bytes("nonce"), ts])
}

const FIELDS: &[&str] = &["hmac", "nonce", "ts", "iv", "camh", "vi", "own", "aead"];

/// One change, as a forger might try it.
fn change(sections: &mut Sections, input: &mut Input<'_>) {
    let choice = input.below(9);
    let at = usize::from(input.byte());
    match choice {
        0 => flip(&mut sections.auth, at, input.byte()),
        1 => flip(&mut sections.body, at, input.byte()),
        2 => sections.message_type = MessageType::new(at as u8),
        3 => sections.body.truncate(at),
        4 => sections.body.extend_from_slice(input.short()),
        5 => sections.auth.extend_from_slice(input.short()),
        6 => {
            let bytes = input.short();
            if !bytes.is_empty() {
                sections.auth = bytes.to_vec();
            }
        }
        // Fields made anew, by the type that packify gives them.
        7 => {
            let Some(mut fields) = sections.fields() else {
                return;
            };
            let name = input.pick(FIELDS);
            let value = input.value(2);
            match fields.get(name).map(|value| value.to_value()) {
                // What is there already, in another guise.
                Some(Value::Bytes(bytes)) if at.is_multiple_of(4) => {
                    let guise = match at % 3 {
                        0 => Value::ByteArray(bytes),
                        1 => Value::List(bytes.into_iter().map(Value::from).collect()),
                        _ => {
                            Value::from(u32::from_be_bytes(*bytes.first_chunk().unwrap_or(&[0; 4])))
                        }
                    };
                    fields.set(name, &guise).expect("no field is that long");
                }
                _ if at.is_multiple_of(5) => {
                    fields.remove(name);
                }
                _ => fields.set(name, &value).expect("no field is that long"),
            }
            sections.set_fields(&fields);
        }
        // Bytes moved between the timestamp and the body, which the MAC covers
        // one behind the other.
        _ => {
            let Some(mut fields) = sections.fields() else {
                return;
            };
            let Some(ts) = fields.get_bytes("ts").map(<[u8]>::to_vec) else {
                return;
            };
            let joined = [ts, std::mem::take(&mut sections.body)].concat();
            let (ts, body) = joined.split_at(at.min(joined.len()));
            fields.set_bytes("ts", ts).expect("no field is that long");
            sections.body = body.to_vec();
            sections.set_fields(&fields);
        }
    }
}

fn flip(bytes: &mut [u8], at: usize, bits: u8) {
    let len = bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(at % len) {
        *byte ^= bits;
    }
}
