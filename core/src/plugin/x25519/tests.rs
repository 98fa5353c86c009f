use alloc::format;
use alloc::string::String;

use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;

use super::*;
use crate::message::Body;
use crate::now::Now;
use crate::packify::DecodeLimits;
use crate::plugin::{Peer, PeerError, PeerPlugin};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cipher(seed: u8) -> X25519Cipher {
    X25519Cipher::from_seed([seed; 32])
}

fn peer(cipher: &X25519Cipher) -> Peer {
    Peer::new("id").with_data(cipher.peer_data())
}

fn peers(remote: &Peer) -> PeerContext<'_> {
    PeerContext {
        remote: Some(remote),
        ..PeerContext::default()
    }
}

fn payload(uri: &[u8], content: &[u8]) -> Payload {
    let mut payload = Payload::new();
    payload.load(uri, content);
    payload
}

fn encrypt(
    cipher: &X25519Cipher,
    peers: PeerContext<'_>,
    payload: &mut Payload,
) -> Result<(), SealError> {
    let mut context = SealContext {
        now: Now::default(),
        rng: &mut ChaCha8Rng::seed_from_u64(1),
        peers,
    };
    let mut fields = AuthFields::new();
    cipher.encrypt(payload, &mut fields, Body::MAX_URI, &mut context)?;
    assert!(fields.is_empty());
    Ok(())
}

fn decrypt(
    cipher: &X25519Cipher,
    peers: PeerContext<'_>,
    payload: &mut Payload,
) -> Result<(), DecryptFailure> {
    let now = Now::default();
    let fields = AuthFields::new();
    cipher.decrypt(payload, fields.view(), &OpenContext { now, peers })
}

#[test]
fn keys_and_peer_data_are_netaios() {
    // X25519CipherPlugin({"seed": b"\1" * 32})
    let cipher = cipher(1);
    assert_eq!(
        hex(cipher.public_key()),
        "1b1b58dd50ea14b60da17b790cd02754d970c9bab864ebb3c0f3016fe51d3f57"
    );
    assert_eq!(
        hex(cipher.verify_key()),
        "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
    );
    // DefaultPeerPlugin().encode_data({"pubkey": bytes(it.pubk), "vkey": bytes(it.vkey)})
    let packed = [
        "4d40022d2f4c400206224304766b65794120",
        &hex(cipher.verify_key()),
        "4c4002082243067075626b65794120",
        &hex(cipher.public_key()),
    ];
    assert_eq!(hex(&cipher.peer_data()), packed.concat());
    assert!(cipher.is_peer_specific() && !cipher.encrypts_uri());
    assert!(cipher.with_encrypted_uri().encrypts_uri());
}

#[test]
fn the_box_is_nacls() {
    let (ours, theirs) = (cipher(1), cipher(2));
    let (mut key, mut same) = (BoxKey::default(), BoxKey::default());
    assert!(ours.agree(*theirs.public_key(), &mut key));
    // Box(ours.key, theirs.pubk).encrypt(b"content", b"n" * 24)[24:]
    let mut text = *b"content";
    let tag = secretbox::seal(&key, &[b'n'; 24], &mut text).unwrap();
    assert_eq!(
        hex(&[&tag[..], &text].concat()),
        "3bb893bbccd9597c1e50ef9a3526619f37d1f9fcb59d74"
    );
    assert!(theirs.agree(*ours.public_key(), &mut same));
    assert_eq!(same, key);
    assert_eq!(
        secretbox::open(&key, &[b'n'; 24], &tag, &mut text),
        Some(())
    );
    assert_eq!(&text, b"content");
}

#[test]
fn peers_open_what_they_seal_for_each_other() {
    let contents: [&[u8]; 4] = [b"", b"content", &[7; 64], &[8; 20_000]];
    for encrypt_uri in [false, true] {
        let mode = |cipher: X25519Cipher| match encrypt_uri {
            true => cipher.with_encrypted_uri(),
            false => cipher,
        };
        let (ours, theirs) = (mode(cipher(1)), mode(cipher(2)));
        let (us, them) = (peer(&ours), peer(&theirs));
        for uri in [&b""[..], b"uri"] {
            for content in contents {
                let mut payload = payload(uri, content);
                encrypt(&ours, peers(&them), &mut payload).unwrap();
                let overhead = if encrypt_uri { 42 } else { 40 };
                assert_eq!(payload.len(), uri.len() + content.len() + overhead);
                if encrypt_uri {
                    assert!(payload.uri_len() >= 1 && payload.uri_len() < payload.len());
                } else {
                    assert_eq!(payload.uri(), uri);
                }
                assert_eq!(decrypt(&theirs, peers(&us), &mut payload), Ok(()));
                assert_eq!((payload.uri(), payload.content()), (uri, content));
            }
        }
    }
}

#[test]
fn what_was_changed_is_refused_and_left_as_it_came() {
    for encrypt_uri in [false, true] {
        let mut ours = cipher(1);
        ours.encrypt_uri = encrypt_uri;
        let them = peer(&cipher(2));
        let mut sealed = payload(b"uri", b"content");
        encrypt(&ours, peers(&them), &mut sealed).unwrap();
        let covered = if encrypt_uri { 0 } else { 3 };
        for at in covered..sealed.len() {
            for bit in [1, 0x80] {
                let mut forged = sealed.clone();
                forged.bytes_mut()[at] ^= bit;
                let before = forged.bytes().to_vec();
                let refused = decrypt(&ours, peers(&them), &mut forged);
                assert_eq!(refused, Err(DecryptFailure::Corrupt), "byte {at}");
                assert_eq!(forged.bytes(), before);
            }
        }
        for len in covered..sealed.len() {
            let cut = &sealed.bytes()[..len];
            let mut cut = payload(&cut[..covered], &cut[covered..]);
            let refused = decrypt(&ours, peers(&them), &mut cut);
            assert_eq!(refused, Err(DecryptFailure::Corrupt), "{len} bytes");
        }
    }
}

#[test]
fn a_third_party_opens_nothing() {
    let (ours, theirs, third) = (cipher(1), cipher(2), cipher(3));
    let mut sealed = payload(b"uri", b"content");
    encrypt(&ours, peers(&peer(&theirs)), &mut sealed).unwrap();
    for (cipher, remote) in [(&third, &ours), (&third, &theirs), (&theirs, &third)] {
        let refused = decrypt(cipher, peers(&peer(remote)), &mut sealed.clone());
        assert_eq!(refused, Err(DecryptFailure::Corrupt));
    }
}

#[test]
fn a_peer_that_is_unknown_or_has_no_key_is_an_error() {
    let ours = cipher(1);
    let name = X25519Cipher::NAME;
    let check = |peers, sealing, opening| {
        let mut payload = payload(b"uri", &[0; 50]);
        assert_eq!(encrypt(&ours, peers, &mut payload), Err(sealing));
        assert_eq!(decrypt(&ours, peers, &mut payload), Err(opening));
        assert_eq!(payload.bytes(), [&b"uri"[..], &[0; 50]].concat());
    };
    check(
        PeerContext::default(),
        SealError::NoPeer(name),
        DecryptFailure::NoPeer,
    );
    let dict = |key: Value| {
        let dict = Dict::from_pairs([("pubkey".into(), key)]).unwrap();
        Peer::new("id").with_data(Value::from(dict).to_vec().unwrap())
    };
    let strangers = [
        Peer::new("id"),
        Peer::new("id").with_data("no packify"),
        dict(Value::Bytes(alloc::vec![1; 31])),
        dict(Value::Str("1".repeat(32))),
    ];
    for stranger in &strangers {
        check(
            peers(stranger),
            SealError::NoPeerKey(name),
            DecryptFailure::NoPeerKey,
        );
    }
}

/// The points of low order: their multiples by a clamped scalar are all zero.
#[test]
fn keys_of_low_order_are_refused() {
    let mut points = [[0; 32]; 7];
    points[1][0] = 1;
    // p - 1, p and p + 1, where p is 2^255 - 19.
    for (point, low) in points[2..5].iter_mut().zip([0xec, 0xed, 0xee]) {
        *point = [0xff; 32];
        (point[0], point[31]) = (low, 0x7f);
    }
    // The two of order 8.
    points[5] = unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
    points[6] = unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157");
    let ours = cipher(1);
    for point in points {
        for high_bit in [0, 0x80] {
            let mut point = point;
            // Ignored, as RFC 7748 requires.
            point[31] |= high_bit;
            let key = Value::Bytes(point.to_vec());
            let data = Dict::from_pairs([("pubkey".into(), key)]).unwrap();
            let weak = Peer::new("id").with_data(Value::from(data).to_vec().unwrap());
            let mut payload = payload(b"uri", &[0; 50]);
            assert_eq!(
                encrypt(&ours, peers(&weak), &mut payload),
                Err(SealError::WeakPeerKey)
            );
            assert_eq!(
                decrypt(&ours, peers(&weak), &mut payload),
                Err(DecryptFailure::WeakPeerKey)
            );
        }
    }
}

fn unhex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap();
    }
    bytes
}

/// Peer data is the public key and nothing else.
struct BareKey;

impl PeerPlugin for BareKey {
    fn pack(&self, _: &Peer) -> Result<Vec<u8>, SealError> {
        Err(SealError::Plugin("not in this test"))
    }

    fn unpack(&self, _: &[u8], _: &DecodeLimits) -> Result<Peer, PeerError> {
        Err(PeerError::NotAPeer)
    }

    fn parse_data(&self, peer: &Peer, _: &DecodeLimits) -> Result<Value, PeerError> {
        let key = peer.data.as_deref().ok_or(PeerError::NotAPeer)?;
        let key = Value::Bytes(key.to_vec());
        let data = Dict::from_pairs([("pubkey".into(), key)]);
        data.map(Value::from).map_err(|_| PeerError::NotAPeer)
    }
}

#[test]
fn the_peer_plugin_says_what_the_data_is() {
    let (ours, theirs) = (cipher(1), cipher(2));
    let bare = Peer::new("id").with_data(theirs.public_key().to_vec());
    let context = PeerContext {
        plugin: Some(&BareKey),
        ..peers(&bare)
    };
    let mut payload = payload(b"uri", b"content");
    encrypt(&ours, context, &mut payload).unwrap();
    assert_eq!(decrypt(&theirs, peers(&peer(&ours)), &mut payload), Ok(()));
    assert_eq!(payload.content(), b"content");
}

#[test]
fn debug_shows_no_secret() {
    let cipher = cipher(0x5a);
    let text = format!("{cipher:?}");
    assert!(text.contains("public_key"));
    for secret in [&[0x5a; 4][..], &cipher.scalar.bytes()[..4]] {
        let shown = format!("{secret:?}");
        assert!(!text.contains(shown.trim_matches(['[', ']'])), "{text}");
    }
}

#[test]
fn a_pinned_key_counts_whatever_is_announced() {
    let (alice, mallory) = (cipher(1), cipher(2));
    let announced = |cipher: &X25519Cipher| Peer::new("alice").with_data(cipher.peer_data());
    let us = || cipher(3);
    let pinned = us()
        .with_pinned("alice", *alice.public_key())
        .with_pinned_only();
    let me = Peer::new("me").with_data(us().peer_data());
    // Mallory has announced her own key as Alice's.
    for (speaker, unpinned_passes, pinned_passes) in
        [(&mallory, true, false), (&alice, false, true)]
    {
        let mut sealed = payload(b"u", b"content");
        encrypt(speaker, peers(&me), &mut sealed).unwrap();
        let as_announced = announced(&mallory);
        let opened = decrypt(&us(), peers(&as_announced), &mut sealed.clone());
        assert_eq!(opened.is_ok(), unpinned_passes);
        let opened = decrypt(&pinned, peers(&as_announced), &mut sealed);
        assert_eq!(opened.is_ok(), pinned_passes);
    }
    let other = Peer::new("bob").with_data(mallory.peer_data());
    let mut text = payload(b"u", b"content");
    let refused = encrypt(&pinned, peers(&other), &mut text);
    assert_eq!(refused, Err(SealError::NotPinned));
    let refused = decrypt(&pinned, peers(&other), &mut text);
    assert_eq!(refused, Err(DecryptFailure::NotPinned));
}

#[cfg(feature = "std")]
#[test]
fn the_first_key_is_trusted_and_no_other() {
    let (alice, mallory, us) = (cipher(1), cipher(2), cipher(3).with_trust_on_first_use(1));
    let announced =
        |id: &'static str, cipher: &X25519Cipher| Peer::new(id).with_data(cipher.peer_data());
    let me = announced("me", &us);
    let from = |speaker: &X25519Cipher| {
        let mut sealed = payload(b"u", b"content");
        encrypt(speaker, peers(&me), &mut sealed).unwrap();
        sealed
    };
    // Alice is the first one; a message that does not hold trusts nobody.
    let [as_alice, as_mallory] = [&alice, &mallory].map(|speaker| announced("alice", speaker));
    let refused = decrypt(&us, peers(&as_mallory), &mut from(&alice));
    assert_eq!(refused, Err(DecryptFailure::Corrupt));
    assert_eq!(us.trusted(), []);
    assert_eq!(decrypt(&us, peers(&as_alice), &mut from(&alice)), Ok(()));
    assert_eq!(us.trusted(), [(b"alice".to_vec(), *alice.public_key())]);
    // Mallory announces her own key as Alice's: neither is she understood, nor spoken to.
    let refused = decrypt(&us, peers(&as_mallory), &mut from(&mallory));
    assert_eq!(refused, Err(DecryptFailure::KeyChanged));
    let mut text = payload(b"u", b"content");
    encrypt(&us, peers(&as_mallory), &mut text).unwrap();
    assert!(decrypt(&mallory, peers(&me), &mut text.clone()).is_err());
    assert_eq!(decrypt(&alice, peers(&me), &mut text), Ok(()));
    // There is room for one.
    let bob = announced("bob", &mallory);
    let refused = decrypt(&us, peers(&bob), &mut from(&mallory));
    assert_eq!(refused, Err(DecryptFailure::NotPinned));
    // Alice has a new key, and we were told so by other means. A clone knows of it too.
    assert!(us.clone().forget_trusted("alice") && !us.forget_trusted("alice"));
    assert_eq!(
        decrypt(&us, peers(&as_mallory), &mut from(&mallory)),
        Ok(())
    );
    // What was kept counts again, as if it had been used, and can be forgotten.
    let kept = cipher(3).with_trust_on_first_use(1);
    let (key, other) = (*alice.public_key(), *mallory.public_key());
    assert!(!cipher(3).trust("alice", key));
    assert!(kept.trust("alice", key) && kept.trust("alice", key));
    assert!(!kept.trust("alice", other) && !kept.trust("bob", other));
    let refused = decrypt(&kept, peers(&as_mallory), &mut from(&mallory));
    assert_eq!(refused, Err(DecryptFailure::KeyChanged));
    assert!(kept.forget_trusted("alice") && kept.trust("alice", other));
    // What is pinned is trusted as well, and is not forgotten.
    let pinned = us.with_pinned("carol", [9; 32]);
    assert_eq!(pinned.trusted().len(), 2);
    assert!(!pinned.forget_trusted("carol"));
}
