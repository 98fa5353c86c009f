//! A MAC that is no bytes but a list of numbers: netaio sums up the differences, so
//! that negative ones make up for the others, and about one guess in a thousand
//! passes without the secret. Here none does, and guessing costs no memory.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do"
)]

mod allocations;
mod forger;

use std::time::Duration;

use forger::end::{End, Outcome};
use forger::netaio::{self, Raised};
use forger::{NOON, SECRET, body, frame, hmac, overheard};
use netaio_core::packify::{Dict, Int, Set, Value};
use netaio_core::types::CREATE_URI;
use netaio_core::{AuthFailure, FieldRole, Layer, LinkConfig, Message, Now, OpenError, Refusal};
use rand_core::Rng;

const GUESSES: usize = 100_000;

/// Makes a guess at a MAC, out of random numbers.
type Guess = fn(&mut dyn FnMut() -> u32) -> Value;

/// 32 numbers of which one makes up for the sum of random bytes, which is 4,080 on
/// average. (All bits of -4096 that a byte has are zero.)
fn balanced() -> Vec<i64> {
    let mut items = vec![0; 32];
    items[0] = -4096;
    items
}

fn values(items: impl IntoIterator<Item = i64>) -> Vec<Value> {
    items.into_iter().map(Value::from).collect()
}

/// Those that netaio accepts now and then.
const LUCKY: &[(&str, Guess)] = &[
    ("one for all", |_| Value::List(values(balanced()))),
    ("one for another", |_| {
        Value::List(values((0..32).map(|index| -(index % 2))))
    }),
    ("at random", |random| {
        let item = |_| i64::from(random() % 512) - 256;
        Value::List(values((0..32).map(item)))
    }),
    ("with large ones", |_| {
        let mut items = balanced();
        (items[1], items[2]) = (1 << 40, -(1 << 40));
        Value::List(values(items))
    }),
    ("with truths", |_| {
        let mut items = values(balanced());
        items[7] = Value::Bool(true);
        Value::List(items)
    }),
    ("a tuple", |_| Value::Tuple(values(balanced()))),
    ("a dict", |_| {
        let items = values(0..32).into_iter().zip(values(balanced()));
        Value::Dict(Dict::from_pairs(items).unwrap())
    }),
];

/// Those that it never accepts, and for many of which it raises.
const UNLUCKY: &[(&str, Guess)] = &[
    ("a bytearray", |random| {
        Value::ByteArray((0..32).map(|_| random() as u8).collect())
    }),
    ("too few bytes", |_| Value::Bytes(vec![0; 31])),
    ("too many bytes", |_| Value::Bytes(vec![0; 33])),
    ("no bytes", |_| Value::Bytes(Vec::new())),
    ("a text", |_| {
        Value::from("0123456789abcdef0123456789abcdef")
    }),
    ("nothing", |_| Value::None),
    ("a truth", |random| Value::Bool(random() % 2 == 0)),
    ("a number", |random| Value::from(random())),
    ("a fraction", |_| Value::Float(f64::NAN)),
    ("a huge number", |random| {
        let magnitude: Vec<_> = (0..1000).map(|_| random() as u8 | 1).collect();
        Value::Int(Int::from_be_magnitude(random() % 2 == 0, &magnitude))
    }),
    ("a set", |_| {
        Value::Set(Set::from_values(values(0..32)).unwrap())
    }),
    ("a list of lists", |_| {
        Value::List(vec![Value::List(values([-4096])); 32])
    }),
    ("a short list", |_| Value::List(values([-4096]))),
    ("a long list", |_| Value::List(values(0..900))),
    ("a dict by names", |_| {
        let name = |index: i64| Value::from(format!("{index}").as_str());
        let pairs = values(balanced()).into_iter().zip(0..);
        Value::Dict(Dict::from_pairs(pairs.map(|(item, index)| (name(index), item))).unwrap())
    }),
];

/// A message that was never sealed, with this for a MAC.
fn forged(mac: &Value, random: &mut dyn FnMut() -> u32) -> Message {
    let mut nonce = [0; 16];
    for chunk in nonce.chunks_exact_mut(4) {
        chunk.copy_from_slice(&random().to_be_bytes());
    }
    let mut message = Message::create("everything", "is mine");
    message
        .auth
        .set_bytes("ts", &[0x65, 0x53, 0xf1, 0])
        .unwrap();
    message.auth.set_bytes("nonce", &nonce).unwrap();
    message.auth.set("hmac", mac).unwrap();
    message
}

fn netaio_says(message: &Message) -> Result<bool, Raised> {
    let body = body(&message.uri, &message.content);
    netaio::check(SECRET, &message.auth, &body)
}

#[test]
fn a_hundred_thousand_guesses_pass_nowhere() {
    let mut rng = forger::generator(42);
    let genuine = overheard(&Message::create("u", "x"), &mut rng);
    assert_eq!(netaio_says(&genuine), Ok(true));
    let mut random = || rng.next_u32();

    // The check before all messages, that of a handler, and that of a node on
    // datagrams.
    let mut handlers = End::stream(LinkConfig::new());
    handlers.node.on(CREATE_URI, (), hmac()).unwrap();
    let [mut stream, mut datagrams] = End::both(&hmac());
    for end in [&mut stream, &mut datagrams] {
        end.node.on(CREATE_URI, (), Layer::new()).unwrap();
    }
    let mut ends = [stream, datagrams, handlers];

    let kinds: Vec<_> = LUCKY.iter().chain(UNLUCKY).collect();
    // Most are of those that are worth a try.
    let kind = |n: usize| match n % 20 {
        0 => LUCKY.len() + n / 20 % UNLUCKY.len(),
        _ => n % LUCKY.len(),
    };
    let mut accepted_by_netaio = vec![0; kinds.len()];
    let mut raised_by_netaio = vec![0; kinds.len()];
    let mut memory = 0;
    for n in 0..GUESSES {
        let (_, guess) = kinds[kind(n)];
        let message = forged(&guess(&mut random), &mut random);
        let mut passes_netaio = false;
        match netaio_says(&message) {
            Ok(accepted) => passes_netaio = accepted,
            Err(_) => raised_by_netaio[kind(n)] += 1,
        }
        accepted_by_netaio[kind(n)] += u32::from(passes_netaio);
        let frame = frame(&message);
        // Far enough apart that the connections live on.
        let time = Duration::from_secs(8 * n as u64);
        let now = Now::new(NOON.monotonic + time, NOON.unix + time.as_secs());
        // One after another has its turn, and all have what would be a hit.
        let of_ends = ends.iter_mut().enumerate();
        for (_, end) in of_ends.filter(|(index, _)| n % 3 == *index || passes_netaio) {
            let refusal = Refusal::Open {
                message_type: CREATE_URI,
                error: OpenError::Auth(AuthFailure::Unfit(FieldRole::Mac)),
            };
            assert_eq!(end.receive(now, &frame), [Outcome::Refused(refusal)]);
            let told = [Message::auth_error("ERROR", "HMAC auth failed")];
            assert_eq!(end.told(), told);
        }
        drop((message, frame));
        // What the first of them needed suffices for all others, but for a buffer
        // of a few places that is filled by chance.
        match n < GUESSES / 10 {
            true => memory = memory.max(allocations::now()),
            false => assert!(allocations::now() <= memory + 1024, "{n} guesses"),
        }
    }

    // Had it been netaio, the attack would have been one.
    let names = kinds.iter().map(|(name, _)| name);
    let tally: Vec<_> = names
        .zip(&accepted_by_netaio)
        .zip(&raised_by_netaio)
        .collect();
    let (lucky, unlucky) = accepted_by_netaio.split_at(LUCKY.len());
    assert!(lucky.iter().all(|accepted| *accepted > 0), "{tally:?}");
    assert!(unlucky.iter().all(|accepted| *accepted == 0), "{tally:?}");
    assert!(
        raised_by_netaio.iter().any(|raised| *raised > 0),
        "{tally:?}"
    );

    // And the genuine passes still.
    for end in &mut ends {
        let outcomes = end.receive(NOON, &frame(&genuine));
        assert!(matches!(&outcomes[..], [Outcome::Called(message)] if message.content == "x"));
    }
}
