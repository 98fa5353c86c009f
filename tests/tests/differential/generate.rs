//! Frames to ask both about: the vectors, mutations of them, and fresh ones.

use chacha20::ChaCha8Rng;
use netaio_core::packify::{Dict, Value};
use netaio_core::plugin::{PeerContext, SealContext};
use netaio_core::{Message, MessageType, Now, Sealer};
use netaio_tests::judge;
use netaio_tests::vectors::{self, Layers};
use rand_core::{Rng, SeedableRng};

use crate::mutate::{self, Sections};
use crate::values;

/// A frame and its receiver.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// How it was made.
    pub(crate) made: String,
    pub(crate) frame: Vec<u8>,
    /// The receiver's layers, with netaio's own field names.
    pub(crate) layers: Layers,
    pub(crate) all_types: bool,
}

impl Case {
    /// The length of the auth section, as its header says.
    pub(crate) fn auth_len(&self) -> Option<usize> {
        let bytes = self.frame.get(1..3)?.try_into().ok()?;
        Some(usize::from(u16::from_be_bytes(bytes)))
    }

    /// The auth section.
    pub(crate) fn auth(&self) -> Option<&[u8]> {
        self.frame.get(9..9 + self.auth_len()?)
    }
}

/// A seeded source of choices.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Less than `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = self.below(choices.len());
        &choices[index]
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

/// The vectors.
pub(crate) struct Seeds {
    all: Vec<Case>,
    /// Those short enough to be mutated thousands of times.
    short: Vec<Case>,
}

impl Seeds {
    pub(crate) fn load() -> Self {
        let accepted = vectors::accepted().unwrap().into_iter();
        let refused = vectors::refused().unwrap().into_iter();
        let differing = vectors::differing().unwrap().into_iter();
        let lines = accepted
            .map(|line| (line.name, line.frame, line.layers, true))
            .chain(refused.map(|line| (line.name, line.frame, line.layers, false)))
            .chain(differing.map(|line| (line.name, line.frame, line.layers, false)));
        let all: Vec<Case> = lines
            // The oracle knows netaio's own field names only.
            .filter(|(_, _, layers, _)| layers.names.is_none())
            .map(|(name, frame, layers, all_types)| Case {
                made: name,
                frame: frame.0,
                layers,
                all_types,
            })
            .collect();
        let short = all.iter().filter(|case| case.frame.len() < 3_000);
        let short = short.cloned().collect();
        Self { all, short }
    }

    /// The vectors as they are.
    pub(crate) fn cases(&self) -> impl Iterator<Item = Case> {
        self.all.iter().cloned()
    }
}

/// Makes cases, the same ones from the same seed.
pub(crate) struct Generator<'a> {
    seeds: &'a Seeds,
    dice: Dice,
    sealer: Sealer,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(seeds: &'a Seeds, seed: u64) -> Self {
        Self {
            seeds,
            dice: Dice(ChaCha8Rng::seed_from_u64(seed)),
            sealer: Sealer::new(),
        }
    }

    /// The next case.
    pub(crate) fn case(&mut self) -> Case {
        match self.dice.below(100) {
            0..55 => {
                let case = self.seed();
                self.mutated(case)
            }
            55..70 => self.sealed(),
            70..80 => {
                let case = self.sealed();
                self.mutated(case)
            }
            80..92 => self.loose(),
            _ => self.odd_field(),
        }
    }

    fn seed(&mut self) -> Case {
        let cases = match self.dice.chance(1) {
            true => &self.seeds.all,
            false => &self.seeds.short,
        };
        self.dice.pick(cases).clone()
    }

    fn mutated(&mut self, mut case: Case) -> Case {
        for _ in 0..1 + self.dice.below(3) {
            let other = self.seed();
            let what = mutate::mutate(&mut self.dice, &mut case, &other);
            case.made.push_str(", ");
            case.made.push_str(what);
        }
        case
    }

    fn layers(&mut self) -> Layers {
        let dice = &mut self.dice;
        let text = |dice: &mut Dice, percent| {
            let texts = ["s", "a longer secret", "schlüssel"];
            dice.chance(percent)
                .then(|| (*dice.pick(&texts)).to_owned())
        };
        Layers {
            secret: text(dice, 50),
            key: text(dice, 50),
            plain_uri: dice.chance(40),
            inner_secret: text(dice, 20),
            inner_key: text(dice, 20),
            names: None,
        }
    }

    /// A message that we sealed, with random auth fields.
    fn sealed(&mut self) -> Case {
        let layers = self.layers();
        let count = self.dice.below(5);
        let fields = values::fields(&mut self.dice, count, 3);
        self.seal("sealed", layers, fields)
    }

    fn seal(&mut self, made: &str, layers: Layers, fields: Dict) -> Case {
        let dice = &mut self.dice;
        let kinds: Vec<MessageType> = judge::wire(true).types.iter().collect();
        let (kind, uri_len, len) = (*dice.pick(&kinds), dice.below(20), dice.below(200));
        let (uri, content) = (dice.bytes(uri_len), dice.bytes(len));
        let mut message = Message::new(kind, uri, content);
        for (key, value) in fields {
            message.auth.insert(&key, &value).unwrap();
        }
        let mut context = SealContext {
            now: Now {
                unix: dice.bits(),
                ..Now::default()
            },
            rng: &mut dice.0,
            peers: PeerContext::default(),
        };
        let mut frame = Vec::new();
        self.sealer
            .seal(
                &judge::wire(true),
                &layers.outer(),
                &layers.inner(),
                &message,
                &mut context,
                &mut frame,
            )
            .unwrap();
        Case {
            made: made.to_owned(),
            frame,
            layers,
            all_types: self.dice.chance(90),
        }
    }

    /// A sealed message whose auth section is packed in another way.
    fn loose(&mut self) -> Case {
        let mut case = self.sealed();
        case.made = "packed loosely".to_owned();
        self.repack(&mut case, |_, fields| fields);
        case
    }

    /// A sealed message with one of the plugins' fields replaced.
    fn odd_field(&mut self) -> Case {
        let mut layers = self.layers();
        if layers.secret.is_none() && layers.key.is_none() {
            layers.secret = Some("s".to_owned());
        }
        let mut case = self.seal("odd field", layers, Dict::new());
        self.repack(&mut case, |dice, fields| {
            let names = ["hmac", "nonce", "ts", "iv", "camh", "vi"];
            let name = Value::Str((*dice.pick(&names)).to_owned());
            let old = fields.get_value(&name).cloned();
            let new = match (dice.below(4), old) {
                (0, Some(Value::Bytes(bytes))) => Value::ByteArray(bytes),
                (1, Some(Value::Bytes(bytes))) => {
                    Value::List(bytes.iter().map(|byte| Value::from(*byte)).collect())
                }
                (2, Some(Value::Bytes(bytes))) if bytes.len() == 4 => {
                    let bytes = bytes.try_into().unwrap_or_default();
                    Value::from(u32::from_be_bytes(bytes))
                }
                _ => values::value(dice, 2),
            };
            let mut fields = fields;
            let _ = fields.insert(name, new);
            fields
        });
        case
    }

    /// Changes the auth fields and packs them loosely.
    fn repack(&mut self, case: &mut Case, change: impl FnOnce(&mut Dice, Dict) -> Dict) {
        let Some(mut sections) = Sections::of(&case.frame) else {
            return;
        };
        let limits = netaio_core::packify::DecodeLimits::DEFAULT;
        let Ok(Value::Dict(fields)) = Value::decode(&sections.auth, &limits) else {
            return;
        };
        let fields = Value::Dict(change(&mut self.dice, fields));
        let mut auth = Vec::new();
        values::pack_loosely(&mut self.dice, &fields, &mut auth);
        sections.auth = auth;
        case.frame = sections.frame(true);
    }
}
