use alloc::vec::Vec;
use core::time::Duration;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;

use super::session::COUNT_BITS;
use super::window::Window;
use super::*;
use crate::error::{LayerError, ReplayRefusal};
use crate::frame::{Frame, SealedMessage};
use crate::message::MessageType;
use crate::now::Now;
use crate::place::{LinkId, Place};
use crate::plugin::{HmacAuth, Layer, PeerContext, Sha256StreamCipher};
use crate::seal::Sealer;
use crate::wire::Wire;

const UNIX: u64 = 1_700_000_000;

const fn at(unix: u64) -> Now {
    Now::new(Duration::ZERO, unix)
}

fn peers(direction: Direction) -> PeerContext<'static> {
    PeerContext {
        direction,
        ..PeerContext::default()
    }
}

fn layer(aead: &Aead) -> Layer {
    Layer::new().with_cipher(aead.clone())
}

fn message() -> Message {
    let mut message = Message::new(MessageType::REQUEST_URI, "uri", "content");
    message.auth.set_u64("rid", 7).unwrap();
    message
}

fn seal_at(unix: u64, outer: &Layer, inner: &Layer, direction: Direction) -> SealedMessage {
    let mut context = SealContext {
        now: at(unix),
        rng: &mut ChaCha8Rng::seed_from_u64(1),
        peers: peers(direction),
    };
    let (wire, mut frame) = (Wire::default(), Vec::new());
    Sealer::new()
        .seal(&wire, outer, inner, &message(), &mut context, &mut frame)
        .unwrap();
    let frame = Frame::from_datagram(&wire, BytesMut::from(&frame[..])).unwrap();
    frame.decode(&wire).unwrap()
}

fn seal(aead: &Aead) -> SealedMessage {
    seal_at(UNIX, &layer(aead), &Layer::new(), Direction::ToServer)
}

fn open_for(
    aead: &Aead,
    sealed: &SealedMessage,
    peers: PeerContext<'_>,
) -> Result<Message, OpenError> {
    let (wire, mut sealed) = (Wire::default(), sealed.clone());
    let now = at(UNIX);
    sealed.open(&layer(aead), &wire, &OpenContext { now, peers })?;
    Ok(sealed.into_message())
}

fn open(aead: &Aead, sealed: &SealedMessage) -> Result<Message, OpenError> {
    open_for(aead, sealed, peers(Direction::ToServer))
}

fn refused(why: AuthFailure) -> Result<(), OpenError> {
    Err(OpenError::Auth(why))
}

#[test]
fn a_message_arrives_as_it_was_and_once() {
    for plain in [false, true] {
        let aead = |secret| match plain {
            true => Aead::new(secret).with_plain_uri(),
            false => Aead::new(secret),
        };
        let (ours, theirs) = (aead("secret"), aead("secret"));
        let sealed = seal(&ours);
        assert_eq!(sealed.uri(), if plain { &b"uri"[..] } else { b"" });
        let mut opened = open(&theirs, &sealed).unwrap();
        opened.auth.remove("aead");
        assert_eq!(opened, message());
        let again = refused(AuthFailure::Replay(ReplayRefusal::Seen));
        assert_eq!(open(&theirs, &sealed).map(drop), again);
        let another = refused(AuthFailure::UnknownKey);
        assert_eq!(open(&aead("another"), &sealed).map(drop), another);
    }
}

#[test]
fn each_node_of_a_program_takes_a_message_once() {
    let (ours, theirs) = (Aead::new("secret"), Aead::new("secret"));
    let sealed = seal(&ours);
    for node in [1, 2] {
        let peers = PeerContext {
            node,
            ..peers(Direction::ToServer)
        };
        assert!(open_for(&theirs, &sealed, peers).is_ok());
        assert!(open_for(&theirs, &sealed, peers).is_err());
    }
}

#[test]
fn over_datagrams_what_a_node_sent_itself_is_refused() {
    let (ours, theirs) = (Aead::new("secret"), Aead::new("secret"));
    let (one, other) = (
        Direction::Between { node: 1 },
        Direction::Between { node: 2 },
    );
    let sealed = seal_at(UNIX, &layer(&ours), &Layer::new(), one);
    let reflected = refused(AuthFailure::Reflected);
    assert_eq!(open_for(&ours, &sealed, peers(one)).map(drop), reflected);
    assert!(open_for(&ours, &sealed, peers(other)).is_ok());
    assert!(open_for(&theirs, &sealed, peers(one)).is_ok());
}

#[test]
fn inner_and_outer_layers_of_all_kinds_go_together() {
    let inner = || {
        let aead = Aead::new("inner").with_field("inner").with_plain_uri();
        Layer::new().with_cipher(aead)
    };
    let hmac = || Layer::new().with_auth(HmacAuth::new("secret"));
    let netaio = || hmac().with_cipher(Sha256StreamCipher::new("key"));
    let outers: [fn() -> Layer; 3] = [
        || Layer::new().with_cipher(Aead::new("outer")),
        || {
            let hmac = Layer::new().with_auth(HmacAuth::new("secret"));
            hmac.with_cipher(Aead::new("outer"))
        },
        Layer::new,
    ];
    let outers = outers.into_iter().map(|outer| outer());
    for outer in outers.chain([hmac(), netaio()]) {
        let inner = inner();
        outer.check_clash(&inner).unwrap();
        let mut sealed = seal_at(UNIX, &outer, &inner, Direction::ToClient);
        let context = OpenContext {
            now: at(UNIX),
            peers: peers(Direction::ToClient),
        };
        let wire = Wire::default();
        sealed.open(&outer, &wire, &context).unwrap();
        assert_eq!(sealed.uri(), b"uri");
        sealed.open_within(&outer, &inner, &wire, &context).unwrap();
        let opened = sealed.into_message();
        assert_eq!(
            (&opened.uri[..], &opened.content[..]),
            (&b"uri"[..], &b"content"[..])
        );
    }
    let same = Layer::new().with_cipher(Aead::new("other").with_plain_uri());
    let outer = Layer::new().with_cipher(Aead::new("outer"));
    assert!(outer.check_clash(&same).is_err());
}

#[test]
fn keys_change_without_a_stop() {
    let (ours, theirs) = (Aead::new("old"), Aead::new("old"));
    let (at_ours, at_theirs) = (ours.keys(), theirs.keys());
    for keys in [&at_ours, &at_theirs] {
        keys.accept("new").unwrap();
        // Twice is once.
        keys.accept("new").unwrap();
        assert_eq!(keys.len(), 2);
    }
    assert!(open(&theirs, &seal(&ours)).is_ok());
    at_ours.seal_with("new").unwrap();
    assert!(open(&theirs, &seal(&ours)).is_ok());
    assert!(open(&ours, &seal(&theirs)).is_ok());
    at_theirs.seal_with("new").unwrap();
    let old = seal(&Aead::new("old"));
    assert!(at_theirs.retire("old") && !at_theirs.retire("old"));
    assert!(open(&theirs, &seal(&ours)).is_ok());
    assert_eq!(
        open(&theirs, &old).map(drop),
        refused(AuthFailure::UnknownKey)
    );
    // The one that seals stays.
    assert!(!at_theirs.retire("new"));
    assert_eq!(at_theirs.len(), 1);
}

#[test]
fn contexts_separate_keys_whenever_they_are_set() {
    let accepted = |aead: Aead| aead.with_accepted("more");
    let one = accepted(Aead::new("secret")).with_context("one");
    let same = accepted(Aead::new("secret").with_context("one"));
    assert!(open(&same, &seal(&one)).is_ok());
    let more = Aead::new("more").with_context("one");
    assert!(open(&one, &seal(&more)).is_ok());
    assert!(open(&same, &seal(&more)).is_ok());
    let none = refused(AuthFailure::UnknownKey);
    assert_eq!(open(&Aead::new("secret"), &seal(&one)).map(drop), none);
}

#[test]
fn an_empty_secret_is_none() {
    for aead in [Aead::new(""), Aead::new("secret").with_accepted("")] {
        let layer = layer(&aead);
        assert_eq!(layer.check_secrets(), Err(LayerError::EmptySecret));
        let sealed = seal(&Aead::new("secret"));
        assert_eq!(
            open(&aead, &sealed).map(drop),
            refused(AuthFailure::EmptySecret)
        );
    }
    let keys = Aead::new("secret").keys();
    assert_eq!(keys.accept(""), Err(LayerError::EmptySecret));
    assert_eq!(keys.seal_with(""), Err(LayerError::EmptySecret));
    assert!(!keys.retire(""));
    assert!(layer(&Aead::new("secret")).check_secrets().is_ok());
}

#[test]
fn what_is_too_old_or_too_new_is_refused() {
    let opened = |theirs: &Aead, unix| {
        let ours = layer(&Aead::new("secret"));
        let sealed = seal_at(unix, &ours, &Layer::new(), Direction::ToServer);
        open(theirs, &sealed).map(drop)
    };
    let theirs = Aead::new("secret");
    let sent = |unix| opened(&theirs, unix);
    assert_eq!(sent(UNIX - 30), Ok(()));
    let replay = |why| refused(AuthFailure::Replay(why));
    assert_eq!(sent(UNIX - 31), replay(ReplayRefusal::TooOld));
    assert_eq!(sent(UNIX + 31), replay(ReplayRefusal::TooNew));
    // In every order, and without a window.
    let window = Duration::from_secs(30);
    for theirs in [
        Aead::new("secret").refuse_before(UNIX),
        Aead::new("secret").refuse_before(UNIX).refuse_before(1),
        Aead::new("secret")
            .refuse_before(UNIX)
            .with_replay_window(window, 8),
        Aead::new("secret")
            .refuse_before(UNIX)
            .without_replay_window(),
        Aead::new("secret")
            .without_replay_window()
            .refuse_before(UNIX),
    ] {
        let opened = |unix| opened(&theirs, unix);
        assert_eq!(opened(UNIX - 1), replay(ReplayRefusal::TooOld));
        assert_eq!(opened(UNIX), Ok(()));
    }
}

#[test]
fn a_clone_that_is_configured_changes_nothing_that_is_in_use() {
    // At different times, as all sessions here are the same one.
    let sealed = |secret, context: &str, at| {
        let aead = Aead::new(secret).with_context(context);
        seal_at(at, &layer(&aead), &Layer::new(), Direction::ToServer)
    };
    let passes = |aead: &Aead, sealed: &SealedMessage| open(aead, sealed).map(drop);
    let running = Aead::new("secret");
    let keys = running.keys();
    keys.accept("another").unwrap();
    let other = running.clone().with_context("one").with_accepted("more");
    assert_eq!((keys.len(), other.keys().len()), (2, 3));
    let none = refused(AuthFailure::UnknownKey);
    assert_eq!(passes(&running, &sealed("secret", "one", UNIX)), none);
    assert_eq!(passes(&running, &sealed("secret", "", UNIX)), Ok(()));
    // It has the secrets until then, and no later ones.
    for (secret, at) in [("secret", 1), ("another", 2), ("more", 3)] {
        let sealed = sealed(secret, "one", UNIX + at);
        assert_eq!(passes(&other, &sealed), Ok(()), "{secret}");
    }
    keys.seal_with("new").unwrap();
    assert_eq!(passes(&other, &sealed("new", "one", UNIX + 4)), none);
    // An empty secret, and a time, are the clone's.
    assert!(!running.clone().with_accepted("").has_secret());
    assert!(running.has_secret());
    let later = running.clone().refuse_before(UNIX + 5);
    let early = sealed("secret", "", UNIX + 4);
    let replay = |why| refused(AuthFailure::Replay(why));
    assert_eq!(passes(&later, &early), replay(ReplayRefusal::TooOld));
    assert_eq!(passes(&running, &early), Ok(()));
    // What passed before does not again; what passes afterwards, each remembers for itself.
    let fork = running.clone().with_accepted("more");
    assert_eq!(passes(&fork, &early), replay(ReplayRefusal::Seen));
    let late = sealed("secret", "", UNIX + 6);
    assert_eq!(passes(&fork, &late), Ok(()));
    assert_eq!(passes(&running, &late), Ok(()));
    let clone = running.clone();
    assert_eq!(passes(&clone, &late), replay(ReplayRefusal::Seen));
}

fn link(number: u64) -> Option<Place> {
    Some(Place::Link {
        link: LinkId::from_number(number),
        address: None,
    })
}

const FIRST: u64 = UNIX << COUNT_BITS;

#[test]
fn any_number_of_messages_passes_in_bounded_memory() {
    let mut window = Window::new(Duration::from_secs(30), 4);
    for number in 0..10_000 {
        let passed = window.admit((0, 1), FIRST + number, at(UNIX), link(1));
        assert_eq!(passed, Ok(()));
    }
    assert_eq!(window.sizes(), (1, Window::PER_SENDER));
    // Others have their place all the same.
    for sender in 2..4 {
        assert_eq!(
            window.admit((0, sender), FIRST, at(UNIX), link(sender)),
            Ok(())
        );
        let again = window.admit((0, sender), FIRST, at(UNIX), link(sender));
        assert_eq!(again, Err(ReplayRefusal::Seen));
    }
    // Of what passed nothing does again.
    for number in 0..10_000 {
        let again = window.admit((0, 1), FIRST + number, at(UNIX), link(1));
        assert!(again.is_err(), "{number}");
    }
}

#[test]
fn messages_may_overtake_one_another() {
    let mut window = Window::new(Duration::from_secs(30), 4);
    let mut admit = |number| window.admit((0, 1), FIRST + number, at(UNIX), None);
    // In blocks, each the wrong way round, odd numbers left out.
    let blocks = (0..20).flat_map(|block| {
        (0..Window::PER_SENDER as u64)
            .rev()
            .map(move |at| 2 * (block * 1024 + at))
    });
    let numbers: Vec<u64> = blocks.collect();
    for number in &numbers {
        assert_eq!(admit(*number), Ok(()), "{number}");
    }
    assert!(numbers.iter().all(|number| admit(*number).is_err()));
    // Late ones pass if they are above what was forgotten, once.
    let late = 2 * (20 * 1024) - 101;
    assert_eq!(admit(late), Ok(()));
    assert!(admit(late).is_err());
}

#[test]
fn from_one_place_come_as_many_senders_as_there_is_room_for_others() {
    let mut window = Window::new(Duration::from_secs(30), 8);
    let mut admit = |sender, place| window.admit((0, sender), FIRST, at(UNIX), link(place));
    let passed = (0..8).filter(|sender| admit(*sender, 1).is_ok()).count();
    assert_eq!(passed, 4);
    assert_eq!(admit(8, 2), Ok(()));
}

#[test]
fn senders_are_forgotten_and_nothing_of_theirs_passes_after_that() {
    let mut window = Window::new(Duration::from_secs(30), 8);
    for sender in 0..8 {
        let passed = window.admit((0, sender), FIRST + sender, at(UNIX), link(sender));
        assert_eq!(passed, Ok(()), "{sender}");
    }
    let full = window.admit((0, 9), FIRST, at(UNIX), link(9));
    assert_eq!(full, Err(ReplayRefusal::Full));
    // One of them goes on.
    let later = UNIX + 31;
    let went_on = window.admit((0, 0), later << COUNT_BITS, at(later), link(0));
    assert_eq!(went_on, Ok(()));
    for sender in 10..14 {
        let passed = window.admit((0, sender), later << COUNT_BITS, at(later), link(sender));
        assert_eq!(passed, Ok(()));
    }
    assert!(window.sizes().0 <= 8);
    // Even where the clock goes back.
    for sender in 0..8 {
        let again = window.admit((0, sender), FIRST + sender, at(UNIX), link(sender));
        assert!(again.is_err(), "{sender}");
    }
}
