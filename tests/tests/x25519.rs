//! Boxes that the real netaio sealed open here, ours open there, and what it refuses is
//! refused.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

use std::collections::BTreeMap;
use std::io;

use chacha20::ChaCha8Rng;
use netaio_core::plugin::X25519Cipher;
use netaio_core::{Body, DecryptFailure, Message, MessageType, OpenError, SealError};
use netaio_tests::python::{Python, PythonError};
use netaio_tests::script::{Draw, Script};
use netaio_tests::x25519::{self, Boxed, PythonBoxes, Side};
use rand_core::{Rng, SeedableRng};

fn receiver(line: &Boxed) -> Side {
    let (seed, data) = (&line.receiver.0, &line.sender_data.0);
    Side::new(seed, data, line.encrypt_uri, line.secret.as_deref())
}

fn message(line: &Boxed) -> Option<Message> {
    let (kind, uri, content) = (line.kind?, line.uri.as_ref()?, line.content.as_ref()?);
    let kind = MessageType::new(kind);
    Some(Message::new(kind, uri.0.clone(), content.0.clone()))
}

/// A message without the fields that a plugin wrote.
fn bare(mut message: Message) -> Message {
    message.auth.clear();
    message
}

#[test]
fn the_packages_boxes_open() -> io::Result<()> {
    let mut opened = 0;
    for line in x25519::boxed()? {
        let Some(message) = message(&line) else {
            continue;
        };
        let ours = receiver(&line).open(&line.frame.0);
        assert_eq!(ours.map(bare), Ok(message), "{}", line.name);
        opened += 1;
    }
    assert!(opened >= 40, "only {opened} boxes");
    Ok(())
}

#[test]
fn messages_are_sealed_to_the_packages_bytes() -> io::Result<()> {
    let mut made = 0;
    for line in x25519::boxed()? {
        let (Some(sealed), Some(message)) = (&line.sealed, message(&line)) else {
            continue;
        };
        let name = &line.name;
        let (seed, data) = (&sealed.sender.0, &sealed.receiver_data.0);
        let sender = Side::new(seed, data, line.encrypt_uri, line.secret.as_deref());
        // What each tells about itself, too.
        assert_eq!(sender.cipher.peer_data(), line.sender_data.0, "{name}");
        let cut = sealed.cut.map(|place| Draw::Cut {
            place,
            of: 40 + 2 + message.uri.len() + message.content.len(),
        });
        let bytes = [Some(&sealed.nonce), sealed.hmac_nonce.as_ref()];
        let [nonce, hmac_nonce] = bytes.map(|hex| Some(Draw::Bytes(hex?.0.clone())));
        let mut script = Script::new([nonce, cut, hmac_nonce].into_iter().flatten());
        let frame = sender.seal(&message, sealed.ts.unwrap_or(0).into(), &mut script);
        assert_eq!(frame.as_ref(), Ok(&line.frame.0), "{name}: another frame");
        assert_eq!(script.left(), 0, "{name}: drew too little");
        made += 1;
    }
    assert!(made >= 40, "only {made} boxes");
    Ok(())
}

#[test]
fn what_the_package_refuses_is_refused_for_the_reason_given() -> io::Result<()> {
    let mut whys = BTreeMap::<_, usize>::new();
    for line in x25519::boxed()? {
        let Some(why) = &line.why else { continue };
        let failure = match &**why {
            "changed" => DecryptFailure::Corrupt,
            "no key" => DecryptFailure::NoPeerKey,
            "weak key" => DecryptFailure::WeakPeerKey,
            other => panic!("{}: {other} is no reason", line.name),
        };
        let refused = receiver(&line).open(&line.frame.0);
        assert_eq!(refused, Err(OpenError::Decrypt(failure)), "{}", line.name);
        *whys.entry(why.clone()).or_default() += 1;
    }
    let counts: Vec<_> = whys.into_values().collect();
    assert!(counts.len() == 3 && counts.iter().all(|count| *count >= 8));
    Ok(())
}

#[test]
fn both_refuse_to_seal_for_a_peer_without_a_good_key() -> Result<(), PythonError> {
    let python = Python::get()?;
    let mut python = python.as_ref().map(PythonBoxes::start).transpose()?;
    let message = Message::ok("uri", "content");
    for line in x25519::boxed().unwrap() {
        let error = match line.why.as_deref() {
            Some("no key") => SealError::NoPeerKey("X25519Cipher"),
            Some("weak key") => SealError::WeakPeerKey,
            _ => continue,
        };
        let side = receiver(&line);
        let sealed = side.seal(&message, 0, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(sealed, Err(error), "{}", line.name);
        let (seed, data) = (&line.receiver.0, &line.sender_data.0);
        if let Some(python) = &mut python {
            let sealed = python.seal(seed, data, false, &message);
            assert!(sealed.is_err(), "{}", line.name);
        }
    }
    Ok(())
}

/// Messages of a fixed generator's, of all sizes up to the largest.
fn messages(rng: &mut ChaCha8Rng, overhead: usize) -> Vec<Message> {
    let types = MessageType::BASE;
    let most = Body::MAX_PAYLOAD - overhead;
    let sizes = (0..20).map(|n| n * n).chain([63, 64, 65, 1000, 10_000]);
    let sizes: Vec<_> = sizes.chain([most - 1, most]).collect();
    let message = |(index, size): (usize, &usize)| {
        let mut bytes = vec![0; *size];
        rng.fill_bytes(&mut bytes);
        let content = bytes.split_off(index.min(*size));
        Message::new(types[index % types.len()], bytes, content)
    };
    sizes.iter().enumerate().map(message).collect()
}

#[test]
fn the_package_opens_ours_and_we_its() -> Result<(), PythonError> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let mut python = PythonBoxes::start(&python)?;
    let (our_seed, their_seed) = ([0x0a; 32], [0xb0; 32]);
    let data = |seed| X25519Cipher::from_seed(seed).peer_data();
    let (our_data, their_data) = (data(our_seed), data(their_seed));
    let mut rng = ChaCha8Rng::seed_from_u64(25519);
    for encrypt_uri in [false, true] {
        let side = Side::new(&our_seed, &their_data, encrypt_uri, None);
        let overhead = if encrypt_uri { 42 } else { 40 };
        for message in messages(&mut rng, overhead) {
            let what = (encrypt_uri, message.uri.len(), message.content.len());
            let ours = side.seal(&message, 0, &mut rng).unwrap();
            let opened = python.open(&their_seed, &our_data, encrypt_uri, &ours)?;
            assert!(opened == message, "{what:?}: ours, opened by the package");
            let theirs = python.seal(&their_seed, &our_data, encrypt_uri, &message)?;
            let opened = side.open(&theirs).map(bare);
            assert!(
                opened == Ok(message),
                "{what:?}: the package's, opened here"
            );
            assert_ne!(ours, theirs, "{what:?}: a nonce drawn twice");

            // Neither opens what was changed, nor what was meant for another.
            let mut frame = ours;
            let at = frame.len() - 1;
            frame[at] ^= 1;
            frame.splice(5..9, crc32fast::hash(&frame[12..]).to_be_bytes());
            assert!(
                python
                    .open(&their_seed, &our_data, encrypt_uri, &frame)
                    .is_err()
            );
            let refused = side.open(&frame);
            assert_eq!(refused, Err(OpenError::Decrypt(DecryptFailure::Corrupt)));
        }
    }
    Ok(())
}
