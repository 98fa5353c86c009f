//! Every committed vector: what the real netaio made, read and refused, byte for byte.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

use std::collections::BTreeMap;
use std::io;

use netaio_core::packify::{DecodeErrorKind, DecodeLimits, MAX_DEPTH, Value};
use netaio_core::plugin::{PeerContext, SealContext};
use netaio_core::{
    AuthFailure, AuthFields, Body, DecryptFailure, FieldRole, FrameErrorKind, Layer, LayerError,
    Message, MessageType, Now, OpenError, SealError, Sealer, Wire,
};
use netaio_tests::judge::{self, Refused, judge, packed_fields};
use netaio_tests::script::{Draw, Script};
use netaio_tests::vectors::{self, Accepted, Judgement, Layers, Sealed};

/// Seals with the auth fields that the message has, at this time and with these draws.
fn seal(
    wire: &Wire,
    layers: &Layers,
    message: &Message,
    unix: u64,
    script: &mut Script,
) -> Result<Vec<u8>, SealError> {
    let mut context = SealContext {
        now: Now {
            unix,
            ..Now::default()
        },
        rng: script,
        peers: PeerContext::default(),
    };
    let mut out = Vec::new();
    Sealer::new().seal_with_given_fields(
        wire,
        &layers.outer(),
        &layers.inner(),
        message,
        &mut context,
        &mut out,
    )?;
    Ok(out)
}

#[test]
fn accepted_frames_are_read_as_the_package_reads_them() -> io::Result<()> {
    let wire = judge::wire(true);
    let lines = vectors::accepted()?;
    assert!(lines.len() >= 500, "only {} frames", lines.len());
    for line in &lines {
        let name = &line.name;
        let ours = judge(&line.frame.0, &line.layers, &wire)
            .unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        assert_eq!(ours.message.message_type.value(), line.kind, "{name}");
        assert!(ours.message.uri == line.uri.0, "{name}: another uri");
        assert!(
            ours.message.content == line.content.0,
            "{name}: another content"
        );
        assert_eq!(packed_fields(&ours.message.auth), line.auth, "{name}");
        assert_eq!((ours.checksum, ours.rest), (line.checksum, 0), "{name}");
    }
    Ok(())
}

#[test]
fn canonical_frames_encode_to_the_same_bytes() -> io::Result<()> {
    let wire = judge::wire(true);
    let (mut canonical, mut others, mut too_long) = (0, 0, 0);
    for line in vectors::accepted()? {
        let name = &line.name;
        let plain = Layers::default();
        let ours = judge(&line.frame.0, &plain, &wire)
            .unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        let encoded = seal(&wire, &plain, &ours.wire, 0, &mut Script::new([]));
        let len = ours.wire.uri.len() + ours.wire.content.len();
        if len > Body::MAX_PAYLOAD {
            // Received, but never sent: HARDENING row 12.
            assert!(
                matches!(encoded, Err(SealError::BodyTooLong { .. })),
                "{name}"
            );
            too_long += 1;
            continue;
        }
        let encoded = encoded.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(encoded == line.frame.0, line.canonical, "{name}");
        if line.canonical {
            canonical += 1;
            continue;
        }
        others += 1;
        // What is packed anew holds the same, and stays as it is.
        let again = judge(&encoded, &line.layers, &wire)
            .unwrap_or_else(|refused| panic!("{name}, encoded anew: {refused:?}"));
        assert_eq!(packed_fields(&again.wire.auth), line.auth, "{name}");
        let twice = seal(&wire, &plain, &again.wire, 0, &mut Script::new([]));
        assert!(twice.is_ok_and(|twice| twice == encoded), "{name}");
    }
    assert!(
        canonical >= 500 && others >= 50,
        "{canonical} canonical, {others} others"
    );
    assert_eq!(too_long, 1);
    Ok(())
}

#[test]
fn messages_are_sealed_to_the_packages_bytes() -> io::Result<()> {
    let wire = judge::wire(true);
    let mut counts = BTreeMap::<_, usize>::new();
    for line in vectors::accepted()? {
        let (Some(sealed), Some(given)) = (&line.sealed, &line.given) else {
            continue;
        };
        let name = &line.name;
        let message = unsealed(&line, sealed, given);
        let mut script = Script::new(draws(&line, sealed, &message.auth));
        let unix = sealed.ts.or(sealed.inner_ts).unwrap_or_default();
        let frame = seal(&wire, &line.layers, &message, unix.into(), &mut script);
        let frame = frame.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(frame == line.frame.0, "{name}: another frame");
        assert_eq!(script.left(), 0, "{name}: drew too little");
        let layers = &line.layers;
        let outer = (layers.secret.is_some(), layers.key.is_some());
        let inner = (layers.inner_secret.is_some(), layers.inner_key.is_some());
        let what = match (outer, inner) {
            ((false, false), (false, false)) => "plain",
            (_, (false, false)) => "one layer",
            _ => "two layers",
        };
        *counts.entry(what).or_default() += 1;
    }
    assert!(
        counts["plain"] >= 100 && counts["one layer"] >= 100,
        "{counts:?}"
    );
    assert!(counts["two layers"] >= 50, "{counts:?}");
    Ok(())
}

#[test]
fn what_has_an_empty_secret_is_neither_opened_nor_sealed() -> io::Result<()> {
    let wire = judge::wire(true);
    let lines = vectors::with_empty_secrets()?;
    assert!(lines.len() >= 2, "only {} frames", lines.len());
    for line in lines {
        let refused = judge(&line.frame.0, &line.layers, &wire).map(|_| ());
        let auth = OpenError::Auth(AuthFailure::EmptySecret);
        let cipher = OpenError::Decrypt(DecryptFailure::EmptySecret);
        let expected = match line.layers.secret.is_some() {
            true => Refused::Outer(auth),
            false => Refused::Outer(cipher),
        };
        assert_eq!(refused, Err(expected), "{}", line.name);
        let message = Message::ok("uri", "content");
        let sealed = seal(&wire, &line.layers, &message, 0, &mut Script::new([]));
        assert_eq!(sealed, Err(SealError::EmptySecret), "{}", line.name);
        let layers = [line.layers.outer(), line.layers.inner()];
        let fits = layers.iter().try_for_each(Layer::check_secrets);
        assert_eq!(fits, Err(LayerError::EmptySecret), "{}", line.name);
    }
    Ok(())
}

/// The message before any layer.
fn unsealed(line: &Accepted, sealed: &Sealed, given: &[vectors::PackedField]) -> Message {
    let limits = DecodeLimits {
        depth: MAX_DEPTH,
        ..DecodeLimits::DEFAULT
    };
    let value = |packed: &vectors::Hex| Value::decode(&packed.0, &limits).unwrap();
    let mut message = Message::new(
        MessageType::new(line.kind),
        line.uri.0.clone(),
        line.content.0.clone(),
    );
    for (key, packed) in given {
        message.auth.insert(&value(key), &value(packed)).unwrap();
    }
    // Where the layers' fields have different names the package looked at the clock twice; we
    // have one time for both layers, so the inner one is given its own.
    if let (Some(inner), Some(outer)) = (sealed.inner_ts, sealed.ts)
        && inner != outer
    {
        message.auth.set_bytes("ts", &inner.to_be_bytes()).unwrap();
    }
    message
}

/// What the layers draw, in their order, where the message does not bring it along.
fn draws(line: &Accepted, sealed: &Sealed, given: &AuthFields) -> Vec<Draw> {
    let names = line.layers.outer_names();
    let is_given = |name: &str| given.get_bytes(name).is_some_and(|nonce| nonce.len() == 16);
    let bytes = |hex: &vectors::Hex| Draw::Bytes(hex.0.clone());
    let mut draws = Vec::new();
    draws.extend(sealed.inner_iv.as_ref().map(bytes));
    let inner_nonce = sealed.inner_nonce.as_ref().filter(|_| !is_given("nonce"));
    draws.extend(inner_nonce.map(bytes));
    draws.extend(sealed.iv.as_ref().map(bytes));
    draws.extend(sealed.cut.map(|place| Draw::Cut {
        place,
        of: line.uri.0.len() + line.content.0.len() + 2,
    }));
    // An inner HMAC with the same field has made it.
    let made = sealed.inner_nonce.is_some() && names.nonce == "nonce";
    let nonce = sealed.nonce.as_ref();
    draws.extend(
        nonce
            .filter(|_| !made && !is_given(&names.nonce))
            .map(bytes),
    );
    draws
}

#[test]
fn refused_frames_are_refused_for_the_reason_given() -> io::Result<()> {
    let wire = judge::wire(false);
    let lines = vectors::refused()?;
    assert!(lines.len() >= 100, "only {} frames", lines.len());
    let mut whys = BTreeMap::<_, usize>::new();
    for line in &lines {
        let (name, why) = (&line.name, &*line.why);
        *whys.entry(why).or_default() += 1;
        let refused = match judge(&line.frame.0, &line.layers, &wire) {
            Err(refused) => refused,
            Ok(_) => panic!("{name}: accepted, although {why}"),
        };
        assert_eq!(layer_of(&refused), line.layer, "{name}: {refused:?}");
        assert!(fits(why, &refused), "{name}: {why}, but we say {refused:?}");
        // Where both look at a layer, it is the same one.
        let ours = match refused {
            Refused::Frame(_) => continue,
            Refused::Outer(_) => false,
            Refused::Inner(_) => true,
        };
        if let Some(stage) = &line.stage {
            assert_eq!(stage.starts_with("inner"), ours, "{name}: {stage}");
        }
    }
    assert!(whys.len() >= 25, "{whys:?}");
    Ok(())
}

/// The vectors' word for the step that an error belongs to.
fn layer_of(refused: &Refused) -> &'static str {
    match refused {
        Refused::Frame(kind) => match kind {
            FrameErrorKind::AuthNotPackify(_) | FrameErrorKind::AuthNotADict => "auth",
            FrameErrorKind::BodyTooShort { .. } | FrameErrorKind::UriPastBody { .. } => "body",
            FrameErrorKind::Checksum { .. } => "checksum",
            _ => "frame",
        },
        Refused::Outer(error) | Refused::Inner(error) => match error {
            OpenError::Auth(_) => "hmac",
            OpenError::Decrypt(_) => "cipher",
            _ => "?",
        },
    }
}

/// Whether an error is what the vectors call `why`.
fn fits(why: &str, refused: &Refused) -> bool {
    use AuthFailure::{Mismatch, Missing, Unfit};
    use FieldRole::{Mac, Nonce, Timestamp};
    match refused {
        Refused::Frame(kind) => match why {
            "truncated header" | "truncated auth section" | "truncated body" => {
                matches!(kind, FrameErrorKind::Truncated { .. })
                    // A section that is announced too long is not waited for.
                    || matches!(kind, FrameErrorKind::AuthTooLong { len: 65_535, .. })
            }
            "unknown type" => matches!(kind, FrameErrorKind::UnknownType(_)),
            "auth too long" => matches!(kind, FrameErrorKind::AuthTooLong { .. }),
            "auth not a dict" => *kind == FrameErrorKind::AuthNotADict,
            "body under 2 bytes" => matches!(kind, FrameErrorKind::BodyTooShort { .. }),
            "uri past body" => matches!(kind, FrameErrorKind::UriPastBody { .. }),
            "checksum" => matches!(kind, FrameErrorKind::Checksum { .. }),
            _ => {
                let FrameErrorKind::AuthNotPackify(error) = kind else {
                    return false;
                };
                match error.kind() {
                    DecodeErrorKind::PackableRefused => why == "packable in auth",
                    DecodeErrorKind::TooDeep { .. } => why == "too deep",
                    // Sets within one another are refused for that first.
                    DecodeErrorKind::Unhashable if why == "too deep" => true,
                    DecodeErrorKind::TooManyItems { .. } => why == "too many items",
                    _ => why == "auth not packify",
                }
            }
        },
        Refused::Outer(OpenError::Auth(failure)) | Refused::Inner(OpenError::Auth(failure)) => {
            match why {
                // Where several are missing, each side has its own order of looking.
                "hmac missing" | "nonce missing" => matches!(failure, Missing(_)),
                // An int of zero is the package's "missing".
                "ts missing" => matches!(failure, Missing(Timestamp) | Unfit(Timestamp)),
                "hmac length" | "hmac not bytes" => *failure == Unfit(Mac),
                "nonce length" | "nonce not bytes" => *failure == Unfit(Nonce),
                "ts length" | "ts not bytes or u32" => *failure == Unfit(Timestamp),
                "hmac wrong" => *failure == Mismatch,
                _ => false,
            }
        }
        Refused::Outer(OpenError::Decrypt(failure))
        | Refused::Inner(OpenError::Decrypt(failure)) => match why {
            "iv missing" | "iv not bytes" => *failure == DecryptFailure::NoIv,
            "decrypted uri past end" => matches!(failure, DecryptFailure::UriPastBody { .. }),
            "decrypted body under 2 bytes" => *failure == DecryptFailure::Corrupt,
            _ => false,
        },
        _ => false,
    }
}

#[test]
fn odd_frames_are_decided_as_documented() -> io::Result<()> {
    let wire = judge::wire(false);
    let lines = vectors::differing()?;
    let mut abouts = BTreeMap::<_, usize>::new();
    for line in &lines {
        let (name, about) = (&line.name, &*line.about);
        *abouts
            .entry(about.split(':').next().unwrap_or_default())
            .or_default() += 1;
        let ours = judge(&line.frame.0, &line.layers, &wire);
        match about {
            // An empty section kills the package; it is the empty dict to us.
            about if about.starts_with("PROTOCOL 1") => {
                assert_eq!(line.python, Judgement::Refuses, "{name}");
                let ours = ours.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
                assert!(ours.message.auth.is_empty(), "{name}");
            }
            // Both refuse.
            "Decimal()'s exponent limits" => {
                assert_eq!(line.python, Judgement::Refuses, "{name}");
                let refused = ours.map(drop).unwrap_err();
                assert!(fits("auth not packify", &refused), "{name}: {refused:?}");
            }
            // The limit is for what is sent, HARDENING row 12; this has been received.
            about if about.starts_with("decrypt builds a body") => {
                assert_eq!(line.python, Judgement::Refuses, "{name}");
                let message = ours
                    .unwrap_or_else(|refused| panic!("{name}: {refused:?}"))
                    .message;
                let len = message.uri.len() + message.content.len();
                assert!(len > Body::MAX_PAYLOAD, "{name}: {len}");
            }
            // Both accept, and read the same.
            _ => {
                assert_eq!(line.python, Judgement::Accepts, "{name}");
                let ours = ours.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
                let message = &ours.message;
                assert_eq!(Some(message.message_type.value()), line.kind, "{name}");
                let parts = (Some(&*message.uri), Some(&*message.content));
                let (uri, content) = (line.uri.as_ref(), line.content.as_ref());
                assert_eq!(
                    parts,
                    (uri.map(|h| &*h.0), content.map(|h| &*h.0)),
                    "{name}"
                );
                assert_eq!(Some(packed_fields(&message.auth)), line.auth, "{name}");
            }
        }
    }
    assert!(lines.len() >= 20 && abouts.len() == 5, "{abouts:?}");
    Ok(())
}
