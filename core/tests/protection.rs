//! The table in SECURITY.md of what each mode protects: every cell is an attack that is
//! made here, and the page says what came of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use netaio_core::plugin::{
    Aead, Cover, Direction, HmacAuth, OpenContext, PeerContext, ReplayWindow, SealContext,
    Sha256StreamCipher, X25519Cipher,
};
use netaio_core::types::{CREATE_URI, REQUEST_URI};
use netaio_core::{Frame, Layer, Message, Now, Peer, Sealer, Wire};
use rand_core::SeedableRng;

const PAGE: &str = include_str!("../SECURITY.md");
const NOW: Now = Now::new(Duration::ZERO, 1_700_000_000);
const CONTENT: &[u8] = b"a content that stands out";

/// Those who speak: each has the keys of all where the mode has keys for all.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    Alice = 1,
    Bob = 2,
    Carol = 3,
}
use Who::{Alice, Bob, Carol};

/// One end: what it seals and opens with, and what it knows of the one it speaks to.
struct End {
    layer: Layer,
    who: Who,
    remote: Option<Peer>,
}

/// The ways of the columns, as the page names them.
const MODES: [&str; 9] = [
    "plain",
    "AEAD",
    "HMAC",
    "HMAC, window",
    "HMAC, cover",
    "cipher",
    "HMAC, cipher",
    "HMAC, cover, window, cipher",
    "X25519",
];

fn agreeing(who: Who) -> X25519Cipher {
    X25519Cipher::from_seed([who as u8; 32])
}

/// `who`, as it speaks to `remote`. Each call makes another program of it.
fn end(mode: &str, who: Who, remote: Who) -> End {
    let mut layer = Layer::new();
    let parts: BTreeSet<&str> = mode.split(", ").collect();
    if parts.contains("HMAC") {
        let mut auth = HmacAuth::new("secret");
        if parts.contains("window") {
            auth = auth.with_replay_window(ReplayWindow::new(Duration::from_secs(30), 1000));
        }
        if parts.contains("cover") {
            auth = auth.with_cover(Cover::strict());
        }
        layer = layer.with_auth(auth);
    }
    if parts.contains("cipher") {
        layer = layer.with_cipher(Sha256StreamCipher::new("key"));
    }
    if parts.contains("AEAD") {
        layer = layer.with_cipher(Aead::new("secret"));
    }
    let x25519 = parts.contains("X25519");
    if x25519 {
        layer = layer.with_cipher(agreeing(who));
    }
    let known = || Peer::new("them").with_data(agreeing(remote).peer_data());
    End {
        layer,
        who,
        remote: x25519.then(known),
    }
}

/// What carries the messages.
#[derive(Clone, Copy)]
enum Transport {
    Stream,
    Datagrams,
}
use Transport::{Datagrams, Stream};

impl End {
    fn peers(&self, transport: Transport, sends: bool) -> PeerContext<'_> {
        // Alice connected to the others.
        let direction = match transport {
            Datagrams => Direction::Between {
                node: self.who as u64,
            },
            Stream if (self.who == Alice) == sends => Direction::ToServer,
            Stream => Direction::ToClient,
        };
        PeerContext {
            remote: self.remote.as_ref(),
            direction,
            ..PeerContext::default()
        }
    }

    fn seal(&self, message: &Message, transport: Transport, seed: u64) -> Vec<u8> {
        let mut context = SealContext {
            now: NOW,
            rng: &mut ChaCha8Rng::seed_from_u64(seed),
            peers: self.peers(transport, true),
        };
        let (wire, none, mut frame) = (Wire::default(), Layer::new(), Vec::new());
        Sealer::new()
            .seal(&wire, &self.layer, &none, message, &mut context, &mut frame)
            .unwrap();
        frame
    }

    fn open(&self, frame: &[u8], transport: Transport) -> Option<Message> {
        let wire = Wire::default();
        let context = OpenContext {
            now: NOW,
            peers: self.peers(transport, false),
        };
        let mut sealed = read(frame).decode(&wire).unwrap();
        sealed.open(&self.layer, &wire, &context).ok()?;
        Some(sealed.into_message())
    }
}

fn read(frame: &[u8]) -> Frame {
    Frame::from_datagram(&Wire::default(), BytesMut::from(frame)).unwrap()
}

/// A frame as somebody on the way makes it of another one: the checksum is right.
fn forged(frame: &[u8], change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let wire = Wire::default();
    let mut message = read(frame).decode(&wire).unwrap().into_message();
    change(&mut message);
    let mut context = SealContext {
        now: NOW,
        rng: &mut ChaCha8Rng::seed_from_u64(0),
        peers: PeerContext::default(),
    };
    let (none, mut out) = (Layer::new(), Vec::new());
    Sealer::new()
        .seal_with_given_fields(&wire, &none, &none, &message, &mut context, &mut out)
        .unwrap();
    out
}

/// What Bob makes of a request of Alice's with every single byte of its body changed.
fn changed_bodies(mode: &str) -> Vec<Message> {
    let frame = sent(mode, Stream);
    let len = {
        let message = read(&frame)
            .decode(&Wire::default())
            .unwrap()
            .into_message();
        message.uri.len() + message.content.len()
    };
    let flipped = (0..len).map(|at| {
        forged(&frame, |message| {
            let uri_len = message.uri.len();
            let mut bytes = [&message.uri[..], &message.content].concat();
            bytes[at] ^= 1;
            message.content = bytes.split_off(uri_len).into();
            message.uri = bytes.into();
        })
    });
    let opened = flipped.filter_map(|frame| end(mode, Bob, Alice).open(&frame, Stream));
    opened.collect()
}

fn request() -> Message {
    let mut message = Message::new(REQUEST_URI, "uri", CONTENT);
    message.auth.set_u64("rid", 7).unwrap();
    message
}

/// Alice's request to Bob.
fn sent(mode: &str, transport: Transport) -> Vec<u8> {
    end(mode, Alice, Bob).seal(&request(), transport, 1)
}

/// The attacks, as the page names them, and whether a mode withstands them.
#[expect(clippy::type_complexity, reason = "a table")]
const ATTACKS: [(&str, fn(&str) -> bool); 11] = [
    ("another type", |mode| {
        let frame = forged(&sent(mode, Stream), |message| {
            message.message_type = CREATE_URI
        });
        end(mode, Bob, Alice).open(&frame, Stream).is_none()
    }),
    ("another uri", |mode| {
        let opened = changed_bodies(mode);
        opened.iter().all(|message| message.uri == "uri")
    }),
    ("another content", |mode| {
        let opened = changed_bodies(mode);
        opened.iter().all(|message| message.content == CONTENT)
    }),
    ("the content is read", |mode| {
        let frame = sent(mode, Stream);
        !frame.windows(CONTENT.len()).any(|part| part == CONTENT)
    }),
    ("another auth field", |mode| {
        let frame = sent(mode, Stream);
        let fields = [
            forged(&frame, |message| message.auth.set_u64("rid", 8).unwrap()),
            forged(&frame, |message| assert!(message.auth.remove("rid"))),
            forged(&frame, |message| message.auth.set_u64("more", 8).unwrap()),
            forged(&frame, |message| {
                message.auth.set_bytes("iv", &[9; 16]).unwrap()
            }),
        ];
        fields
            .iter()
            .all(|frame| end(mode, Bob, Alice).open(frame, Stream).is_none())
    }),
    ("messages left out or in another order", |mode| {
        let alice = end(mode, Alice, Bob);
        let [_lost, second, third] = [1, 2, 3].map(|seed| alice.seal(&request(), Stream, seed));
        let bob = end(mode, Bob, Alice);
        let opened = [third, second].map(|frame| bob.open(&frame, Stream));
        opened.iter().any(Option::is_none)
    }),
    ("a second time to its receiver", |mode| {
        let (frame, bob) = (sent(mode, Stream), end(mode, Bob, Alice));
        assert!(bob.open(&frame, Stream).is_some());
        bob.open(&frame, Stream).is_none()
    }),
    ("to another receiver", |mode| {
        let frame = sent(mode, Stream);
        end(mode, Carol, Alice).open(&frame, Stream).is_none()
    }),
    ("back to its sender", |mode| {
        [Stream, Datagrams].into_iter().all(|transport| {
            let alice = end(mode, Alice, Bob);
            let frame = alice.seal(&request(), transport, 1);
            let arrives = end(mode, Bob, Alice).open(&frame, transport);
            assert!(arrives.is_some(), "{mode}");
            alice.open(&frame, transport).is_none()
        })
    }),
    ("one who has keys too poses as another", |mode| {
        // Carol is to Bob where Alice was.
        let frame = end(mode, Carol, Bob).seal(&request(), Datagrams, 1);
        end(mode, Bob, Alice).open(&frame, Datagrams).is_none()
    }),
    (
        "what was recorded is read with keys that leak later",
        |mode| {
            // Another program with Bob's keys.
            let frame = sent(mode, Stream);
            let read = end(mode, Bob, Alice).open(&frame, Stream);
            read.is_none_or(|message| message.content != CONTENT)
        },
    ),
];

/// The rows of a table, its head first, as the cells of each.
fn table(head: &str) -> Vec<Vec<&'static str>> {
    let head = format!("| {head}");
    let lines = PAGE.lines().skip_while(|line| !line.starts_with(&head));
    let rows = lines.take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(str::trim).collect()
    };
    let mut rows: Vec<Vec<_>> = rows.map(cells).collect();
    assert!(rows.len() > 2, "SECURITY.md has no such table");
    rows.remove(1);
    rows
}

#[test]
fn every_cell_is_what_the_attack_comes_to() {
    let mut rows = table("attack").into_iter();
    let head = rows.next().unwrap();
    let columns = ["attack"].into_iter().chain(MODES).chain(["TLS"]);
    assert_eq!(head, columns.collect::<Vec<_>>());
    let rows: Vec<_> = rows.collect();
    let mut made = Vec::new();
    for (name, withstands) in ATTACKS {
        let mut row = vec![name];
        row.extend(MODES.map(|mode| match withstands(mode) {
            true => "refused",
            false => "passes",
        }));
        made.push(row);
    }
    // What TLS does is its own; the page says in words which test is about it.
    let written: Vec<_> = rows
        .iter()
        .map(|row| row[..=MODES.len()].to_vec())
        .collect();
    let lines: Vec<_> = made.iter().map(|row| row.join(" | ")).collect();
    assert_eq!(made, written, "\nwanted:\n{}", lines.join("\n"));
}

/// Whether Bob refuses a message of Mallory's, who has announced her key as that of an id, when
/// `before` her somebody else has spoken to him under it.
fn bob_refuses_mallory(trust: &str, id: &'static str, before: Option<Who>) -> bool {
    let seed = |who: Who| X25519Cipher::from_seed([who as u8; 32]);
    let bobs = match trust {
        "first use" => seed(Bob).with_trust_on_first_use(10),
        "pinned" => seed(Bob)
            .with_pinned("alice", *seed(Alice).public_key())
            .with_pinned_only(),
        _ => seed(Bob),
    };
    let speaks = |who: Who| {
        let bob = Peer::new("bob").with_data(seed(Bob).peer_data());
        let sender = End {
            layer: Layer::new().with_cipher(seed(who)),
            who,
            remote: Some(bob),
        };
        let receiver = End {
            layer: Layer::new().with_cipher(bobs.clone()),
            who: Bob,
            remote: Some(Peer::new(id).with_data(seed(who).peer_data())),
        };
        receiver.open(&sender.seal(&request(), Stream, 1), Stream)
    };
    if let Some(before) = before {
        assert!(speaks(before).is_some(), "{trust}");
    }
    speaks(Carol).is_none()
}

#[test]
fn whose_key_it_is_is_known_as_the_page_says() {
    let attacks = [
        ("is there when Alice is first met", "alice", None),
        ("comes between later", "alice", Some(Alice)),
        ("poses as somebody whom Bob has never met", "dave", None),
    ];
    let mut rows = table("somebody on the way").into_iter();
    let head = rows.next().unwrap();
    for ((name, id, before), row) in attacks.into_iter().zip(rows) {
        assert_eq!(row[0], name);
        for (trust, cell) in head.iter().zip(&row).skip(1) {
            let refused = bob_refuses_mallory(trust, id, before);
            let made = if refused { "refused" } else { "passes" };
            assert_eq!(*cell, made, "{name}, {trust}");
        }
    }
}
