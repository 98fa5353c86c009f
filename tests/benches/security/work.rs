//! Layers, and what of SHA-256 they need at least.

use std::hint::black_box;
use std::time::{Duration, Instant};

use netaio_tests::figures::Spread;
use netaio_tokio::plugin::Layer;
use netaio_tokio::plugin::{HmacAuth, Sha256StreamCipher};
use sha2::block_api::compress256;

use crate::URI;

/// What a layer has. The AEAD layer is not among them: it refuses requests that come again, and these do.
#[derive(Clone, Copy)]
pub(crate) struct Layers {
    pub(crate) name: &'static str,
    mac: bool,
    cipher: bool,
}

const NONE: Layers = Layers {
    name: "none",
    mac: false,
    cipher: false,
};
pub(crate) const ALL: [Layers; 4] = [
    NONE,
    Layers {
        name: "HMAC",
        mac: true,
        ..NONE
    },
    Layers {
        name: "cipher",
        cipher: true,
        ..NONE
    },
    Layers {
        name: "both",
        mac: true,
        cipher: true,
    },
];

impl Layers {
    pub(crate) fn layer(self) -> Layer {
        let mut layer = Layer::new();
        if self.mac {
            layer = layer.with_auth(HmacAuth::new("secret"));
        }
        if self.cipher {
            layer = layer.with_cipher(Sha256StreamCipher::new("key"));
        }
        layer
    }

    /// What SHA-256 has to do to seal or to open a message with such a content.
    pub(crate) fn work(self, content: usize) -> Compressions {
        const BLOCK: usize = 64;
        /// The byte and the number that end what is hashed.
        const END: usize = 9;
        const PAD: usize = 136;
        let payload = URI.len() + content;
        let mut work = Compressions::default();
        // In front of a uri stands its length, once more where it is hidden.
        let section = 2 + payload + if self.cipher { 2 } else { 0 };
        // A digest of the nonce, and one of three digests.
        let derived = 1 + (3 * 32 + END).div_ceil(BLOCK);
        if self.mac {
            let inner = (PAD + 4 + section + END).div_ceil(BLOCK);
            let outer = (PAD + 32 + END).div_ceil(BLOCK);
            work.chained += derived + inner + outer;
        }
        if self.cipher {
            work.chained += derived;
            work.single += (2 + payload).div_ceil(32);
        }
        work
    }
}

/// Compressions of SHA-256.
#[derive(Clone, Copy, Default)]
pub(crate) struct Compressions {
    /// Of a block behind another one.
    chained: usize,
    /// Of blocks by themselves.
    single: usize,
}

impl Compressions {
    pub(crate) fn total(self) -> usize {
        self.chained + self.single
    }

    /// How long they take, in nanoseconds: the least of some turns, as whatever else the machine
    /// does makes it longer.
    pub(crate) fn time(self) -> f64 {
        const TURN: Duration = Duration::from_micros(200);
        // Looking at the clock takes its time too.
        let at_once = if self.total() < 100 { 8 } else { 1 };
        if self.total() == 0 {
            return 0.0;
        }
        let blocks = vec![[7; 64]; self.chained];
        let mut state = [7; 8];
        let turns = (0..101).map(|_| {
            let (begun, mut times) = (Instant::now(), 0);
            while begun.elapsed() < TURN {
                for _ in 0..at_once {
                    compress256(&mut state, black_box(&blocks));
                    for _ in 0..self.single {
                        let mut state = black_box([7; 8]);
                        compress256(&mut state, black_box(&[[7; 64]]));
                        black_box(state);
                    }
                }
                times += at_once;
            }
            begun.elapsed().as_nanos() as f64 / f64::from(times)
        });
        Spread::of(turns).least
    }
}
