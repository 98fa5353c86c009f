//! Plugins with fields that are given, missing or malformed.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;

use super::*;
use crate::error::FieldRole::{self, Mac, Nonce, Timestamp};
use crate::packify::{DecodeLimits, Dict, Value};
use crate::testing::Curious;

const NOW: Now = Now::new(Duration::ZERO, 0x0123_4567);
const BODY: &[u8] = b"\0\x03uricontent";

fn make(plugin: &HmacAuth, fields: &mut AuthFields) -> Result<(), SealError> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut context = SealContext {
        now: NOW,
        rng: &mut rng,
        peers: PeerContext::default(),
    };
    plugin.make(fields, BODY, &mut context)
}

fn check(plugin: &HmacAuth, fields: &AuthFields) -> Result<(), AuthFailure> {
    let context = OpenContext {
        now: NOW,
        peers: PeerContext::default(),
    };
    plugin.check(fields.view(), BODY, &context)
}

fn made(plugin: &HmacAuth) -> AuthFields {
    let mut fields = AuthFields::new();
    make(plugin, &mut fields).unwrap();
    fields
}

#[test]
fn an_hmac_has_the_fields_that_are_configured() {
    let plugin = HmacAuth::new("secret")
        .with_hmac_field("h")
        .with_nonce_field("n")
        .with_ts_field("t");
    let fields = made(&plugin);
    let lens = ["h", "n", "t"].map(|name| fields.get_bytes(name).map(<[u8]>::len));
    assert_eq!(lens, [Some(32), Some(16), Some(4)]);
    assert_eq!(fields.len(), 3);
    assert_eq!(check(&plugin, &fields), Ok(()));
    let names = FieldNames {
        own: alloc::vec!["h"],
        shared: alloc::vec!["n", "t"],
    };
    assert_eq!(plugin.fields(), names);
    assert_eq!(plugin.error(), Message::error_message("HMAC auth failed"));
    assert!(!plugin.is_peer_specific());
}

#[test]
fn a_given_timestamp_is_a_number_of_32_bits_however_it_is_written() {
    let plugin = HmacAuth::new("secret");
    let with = |ts: Value| {
        let mut fields = AuthFields::new();
        fields.set("ts", &ts).unwrap();
        make(&plugin, &mut fields).map(|()| fields.get_bytes("ts").map(<[u8]>::to_vec))
    };
    let wrong = Err(SealError::Plugin(
        "the given timestamp is no number of 32 bits",
    ));
    let cases = [
        (Value::from(7), Ok([0, 0, 0, 7])),
        (u32::MAX.into(), Ok([255; 4])),
        (b"".into(), Ok([0; 4])),
        (b"\x01\x02".into(), Ok([0, 0, 1, 2])),
        (b"\xff\xff\xff\xff".into(), Ok([255; 4])),
        (b"\0\0\x01\x02\x03\x04".into(), Ok([1, 2, 3, 4])),
        (b"\x01\0\0\0\0".into(), wrong.clone()),
        ((1u64 << 32).into(), wrong.clone()),
        ((-1).into(), wrong.clone()),
        ("7".into(), wrong),
    ];
    for (given, bytes) in cases {
        let expected = bytes.map(|bytes: [u8; 4]| Some(bytes.to_vec()));
        assert_eq!(with(given.clone()), expected, "{given:?}");
    }
    let now = made(&plugin);
    assert_eq!(now.get_bytes("ts"), Some(&[0x01, 0x23, 0x45, 0x67][..]));
}

#[test]
fn a_given_nonce_is_kept_if_it_is_one() {
    let plugin = HmacAuth::new("secret");
    let drawn = made(&plugin).get_bytes("nonce").map(<[u8]>::to_vec);
    for (given, kept) in [
        (Value::from([7; 16]), true),
        ([7; 15].into(), false),
        ([7; 17].into(), false),
        (Value::ByteArray([7; 16].into()), false),
    ] {
        let mut fields = AuthFields::new();
        fields.set("nonce", &given).unwrap();
        make(&plugin, &mut fields).unwrap();
        let nonce = fields.get_bytes("nonce").map(<[u8]>::to_vec);
        assert_eq!(
            nonce,
            if kept {
                Some([7; 16].into())
            } else {
                drawn.clone()
            }
        );
        assert_eq!(check(&plugin, &fields), Ok(()));
    }
}

#[test]
fn a_field_that_is_missing_or_of_another_form_is_named() {
    let plugin = HmacAuth::new("secret");
    let cases: [(&str, FieldRole, usize); 3] = [
        ("ts", Timestamp, 4),
        ("nonce", Nonce, 16),
        ("hmac", Mac, 32),
    ];
    for (name, role, len) in cases {
        let mut fields = made(&plugin);
        fields.remove(name);
        assert_eq!(check(&plugin, &fields), Err(AuthFailure::Missing(role)));
        for value in [
            Value::Bytes(alloc::vec![0; len - 1]),
            Value::Bytes(alloc::vec![0; len + 1]),
            Value::ByteArray(alloc::vec![0; len]),
            "text".into(),
            0.into(),
            (1u64 << 32).into(),
        ] {
            fields.set(name, &value).unwrap();
            assert_eq!(
                check(&plugin, &fields),
                Err(AuthFailure::Unfit(role)),
                "{name} {value:?}"
            );
        }
    }
}

#[test]
fn a_timestamp_may_be_the_number_that_its_bytes_are() {
    let plugin = HmacAuth::new("secret");
    let mut fields = made(&plugin);
    fields.set_u64("ts", NOW.unix).unwrap();
    assert_eq!(check(&plugin, &fields), Ok(()));
    fields.set_u64("ts", NOW.unix + 1).unwrap();
    assert_eq!(check(&plugin, &fields), Err(AuthFailure::Mismatch));
}

#[test]
fn every_byte_of_fields_and_body_is_authenticated() {
    let plugin = HmacAuth::new("secret");
    for name in ["ts", "nonce", "hmac"] {
        let fields = made(&plugin);
        let bytes = fields.get_bytes(name).unwrap();
        for at in 0..bytes.len() {
            let (mut changed, mut forged) = (bytes.to_vec(), fields.clone());
            changed[at] ^= 1;
            forged.set_bytes(name, &changed).unwrap();
            assert_eq!(check(&plugin, &forged), Err(AuthFailure::Mismatch));
        }
    }
    let fields = made(&plugin);
    assert_eq!(
        check(&HmacAuth::new("other"), &fields),
        Err(AuthFailure::Mismatch)
    );
}

#[test]
fn field_roles_are_named_in_errors() {
    let said = [Mac, Nonce, Timestamp].map(|role| alloc::format!("{role}"));
    assert_eq!(said, ["mac", "nonce", "timestamp"]);
}

#[test]
fn a_uri_too_long_to_be_hidden_is_the_callers_error() {
    let mut payload = Payload::new();
    payload.load(&[b'u'; 65_535], b"");
    assert_eq!(hidden_uri::hide(&mut payload), Ok(()));
    payload.load(&[b'u'; 65_536], b"");
    let too_long = SealError::UriTooLong {
        len: 65_536,
        max: 65_535,
    };
    assert_eq!(hidden_uri::hide(&mut payload), Err(too_long));
}

#[test]
fn a_stream_cipher_says_whether_it_hides_the_uri_and_needs_its_vector() {
    let cipher = Sha256StreamCipher::new("key").with_iv_field("i");
    assert!(cipher.encrypts_uri() && !cipher.is_peer_specific());
    assert!(!cipher.clone().with_plain_uri().encrypts_uri());
    let names = FieldNames {
        own: alloc::vec!["i"],
        shared: Vec::new(),
    };
    assert_eq!(CipherPlugin::fields(&cipher), names);

    let mut payload = Payload::new();
    payload.load(b"uri", b"content");
    let context = OpenContext {
        now: NOW,
        peers: PeerContext::default(),
    };
    let mut decrypt = |fields: &AuthFields| {
        let decrypted = cipher.decrypt(&mut payload, fields.view(), &context);
        (decrypted, payload.bytes().to_vec())
    };
    let mut fields = AuthFields::new();
    let untouched = (Err(DecryptFailure::NoIv), b"uricontent".to_vec());
    assert_eq!(decrypt(&fields), untouched);
    fields.set("i", &"text".into()).unwrap();
    assert_eq!(decrypt(&fields), untouched);
    fields.set("i", &Value::ByteArray(b"v".into())).unwrap();
    assert_ne!(decrypt(&fields).1, b"uricontent");
}

#[test]
fn a_peers_data_is_packed_and_parsed() {
    let plugin: Box<dyn PeerPlugin> = Box::new(DefaultPeerPlugin);
    let data = Value::from(Dict::from_pairs([("k".into(), 1.into())]).unwrap());
    let packed = plugin.encode_data(&data).unwrap();
    assert_eq!(packed, data.to_vec().unwrap());
    let limits = DecodeLimits::DEFAULT;
    let peer = Peer::new("id").with_data(packed);
    assert_eq!(plugin.parse_data(&peer, &limits), Ok(data));
    assert_eq!(
        plugin.parse_data(&Peer::new("id"), &limits),
        Err(PeerError::NotAPeer)
    );
    assert!(plugin.validate(&peer));
}

#[test]
fn an_introduction_is_a_pair_of_bytes() {
    let unpack = |value: Value| {
        let packed = value.to_vec().unwrap();
        DefaultPeerPlugin.unpack(&packed, &DecodeLimits::DEFAULT)
    };
    let bytes = |text: &str| Value::Bytes(text.into());
    let peer = Peer::new("id").with_data("data");
    let pair = alloc::vec![bytes("id"), bytes("data")];
    assert_eq!(unpack(Value::Tuple(pair.clone())), Ok(peer.clone()));
    assert_eq!(unpack(Value::List(pair.clone())), Ok(peer));
    assert_eq!(
        unpack((bytes("id"), Value::None).into()),
        Ok(Peer::new("id"))
    );
    for other in [
        bytes("id"),
        Value::Tuple(alloc::vec![bytes("id")]),
        Value::Tuple([pair, alloc::vec![Value::None]].concat()),
        ("id", bytes("data")).into(),
        (bytes("id"), "data").into(),
    ] {
        assert_eq!(unpack(other.clone()), Err(PeerError::NotAPeer), "{other:?}");
    }
}

#[test]
fn a_layer_is_what_its_plugins_are() {
    let auth = || HmacAuth::new("secret");
    let cipher = || Sha256StreamCipher::new("key");
    let what = |layer: &Layer| {
        (
            layer.auth().is_some(),
            layer.cipher().is_some(),
            layer.is_empty(),
            layer.is_peer_specific(),
        )
    };
    let none = Layer::new();
    assert_eq!(what(&none), (false, false, true, false));
    let both = none.clone().with_auth(auth()).with_cipher(cipher());
    assert_eq!(what(&both), (true, true, false, false));
    assert_eq!(
        what(&both.clone().without_auth()),
        (false, true, false, false)
    );
    assert_eq!(
        what(&both.clone().without_cipher()),
        (true, false, false, false)
    );
    let neither = both.clone().without_auth().without_cipher();
    assert_eq!(what(&neither), (false, false, true, false));
    let curious = both.clone().with_auth(Curious);
    assert_eq!(what(&curious), (true, true, false, true));
    assert_eq!(what(&curious.without_auth()), (false, true, false, false));
    assert_eq!(what(&both), (true, true, false, false));
}

#[test]
fn layers_share_a_plugin_and_not_one_that_is_equal() {
    let one = Layer::new().with_auth(HmacAuth::new("secret"));
    let ciphered = one.clone().with_cipher(Sha256StreamCipher::new("key"));
    assert!(one.shares_auth(&one) && one.shares_auth(&ciphered));
    let equal = Layer::new().with_auth(HmacAuth::new("secret"));
    assert!(!one.shares_auth(&equal) && !one.shares_auth(&Layer::new()));
    assert!(!Layer::new().shares_auth(&Layer::new()));
}
