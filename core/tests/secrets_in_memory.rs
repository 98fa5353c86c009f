//! Of a secret nothing is left in the memory of the program when its plugin is gone, and
//! while it is there, nothing is where the plugin was before builders moved it.
//!
//! The program reads its own memory, as a file. What it looks for it knows only in disguise,
//! or it would find its own notes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: the memory of a program is a file on Linux");
}

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{self, File};
    use std::hint::black_box;
    use std::os::unix::fs::FileExt;
    use std::time::Duration;

    use bytes::BytesMut;
    use chacha20::ChaCha8Rng;
    #[cfg(feature = "x25519")]
    use netaio_core::Peer;
    use netaio_core::plugin::{
        Cover, HmacAuth, OpenContext, PeerContext, ReplayWindow, SealContext, Sha256StreamCipher,
    };
    use netaio_core::{Frame, Layer, Message, Now, Sealer, Wire};
    use rand_core::SeedableRng;
    use sha2::{Digest, Sha256, Sha512};
    use zeroize::Zeroize;

    const NOW: Now = Now::new(Duration::ZERO, 1_700_000_000);
    const MASK: u8 = 0xa5;

    /// Bytes that the program never holds as they are.
    struct Needle {
        name: &'static str,
        masked: Vec<u8>,
    }

    impl Needle {
        /// Takes bytes, and wipes them.
        fn new(name: &'static str, bytes: &mut [u8]) -> Self {
            let masked = bytes.iter().map(|byte| byte ^ MASK).collect();
            bytes.zeroize();
            Self { name, masked }
        }

        fn is_at(&self, bytes: &[u8]) -> bool {
            let pairs = bytes.iter().zip(&self.masked);
            bytes.len() == self.masked.len()
                && pairs.fold(true, |all, (a, b)| all & (a ^ MASK == *b))
        }
    }

    /// How often each needle is in the memory that the program can write to.
    fn found(needles: &[Needle]) -> Vec<usize> {
        const CHUNK: usize = 256 * 1024;
        let mut counts = vec![0; needles.len()];
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut chunk = vec![0; CHUNK];
        let own = chunk.as_ptr() as u64;
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let (range, mode) = (words.next().unwrap(), words.next().unwrap());
            if !mode.starts_with("rw") {
                continue;
            }
            let (start, end) = range.split_once('-').unwrap();
            let [mut at, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
            // Chunks overlap by less than a needle, so that none is missed or counted twice.
            while at < end {
                // What was read before is in the buffer, which is memory too.
                chunk.as_mut_slice().zeroize();
                let len = CHUNK.min((end - at) as usize);
                if memory.read_exact_at(&mut chunk[..len], at).is_err() {
                    break;
                }
                for (needle, count) in needles.iter().zip(&mut counts) {
                    let size = needle.masked.len();
                    let first = needle.masked[0] ^ MASK;
                    *count += (0..(len + 1).saturating_sub(size))
                        .filter(|place| {
                            let address = at + *place as u64;
                            let in_buffer = address >= own && address < own + CHUNK as u64;
                            !in_buffer
                                && chunk[*place] == first
                                && needle.is_at(&chunk[*place..*place + size])
                        })
                        .count();
                }
                let step = if at + len as u64 == end {
                    len
                } else {
                    len - 31
                };
                at += step as u64;
            }
        }
        chunk.as_mut_slice().zeroize();
        counts
    }

    fn assert_found(needles: &[Needle], expected: &[usize], when: &str) {
        let counts = found(needles);
        let shown: Vec<_> = needles
            .iter()
            .map(|needle| needle.name)
            .zip(&counts)
            .collect();
        assert_eq!(counts, expected, "{when}: {shown:?}");
    }

    /// A secret that is nowhere but in what is returned.
    fn secret(masked: &[u8]) -> Vec<u8> {
        masked.iter().map(|byte| byte ^ MASK).collect()
    }

    #[inline(never)]
    fn clean_stack() {
        let mut below = [0u8; 64 * 1024];
        below.zeroize();
        black_box(&mut below);
    }

    fn digest(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    /// SHA-256's state behind one pad of HMAC, as it is in memory.
    fn behind_pad(key: &[u8; 32], pad: u8) -> [u8; 32] {
        let mut block = [pad; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
        // FIPS 180-4, section 5.3.3.
        let mut state = [
            0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
            0x5be0cd19,
        ];
        sha2::block_api::compress256(&mut state, &[block]);
        block.zeroize();
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(&mut state) {
            bytes.copy_from_slice(&word.to_ne_bytes());
            word.zeroize();
        }
        bytes
    }

    /// What plugins derive from a secret, and from a seed.
    #[inline(never)]
    fn needles(masked: &[u8], seed: &[u8]) -> [Vec<Needle>; 3] {
        let (mut plain, mut plain_seed) = (secret(masked), secret(seed));
        let mut once = digest(&plain);
        let mut twice = digest(&once);
        let mut cover = digest(&[twice, digest(b""), digest(b"cover")].concat());
        let [mut inner, mut outer] = [0x36, 0x5c].map(|pad| behind_pad(&cover, pad));
        let mut scalar: [u8; 64] = Sha512::digest(&plain_seed).into();
        let mut root = hmac(&[0; 32], &plain);
        let mut key = hmac(&root, b"netaio aead 1 \x01");
        let whole = vec![
            Needle::new("the secret", &mut plain.clone()),
            Needle::new("the pseudorandom key", &mut root),
            Needle::new("the key", &mut key),
        ];
        let shared = vec![
            Needle::new("the secret", &mut plain),
            Needle::new("its digest", &mut once),
            Needle::new("the digest of that", &mut twice),
            Needle::new("the key of covers", &mut cover),
            Needle::new("what its inner pad makes", &mut inner),
            Needle::new("what its outer pad makes", &mut outer),
        ];
        let agreed = vec![
            Needle::new("the seed", &mut plain_seed),
            Needle::new("the scalar", &mut scalar[..32]),
        ];
        scalar.zeroize();
        [shared, agreed, whole]
    }

    fn hmac(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
        let pad = |pad: u8| {
            let mut block = vec![pad; 64];
            let bytes = block.iter_mut().zip(key);
            bytes.for_each(|(byte, key)| *byte ^= key);
            block
        };
        let mut text = [&pad(0x36), text].concat();
        let inner = digest(&text);
        text.zeroize();
        digest(&[&pad(0x5c)[..], &inner].concat())
    }

    #[inline(never)]
    fn shared_layer(masked: &[u8]) -> Layer {
        let mut secret = secret(masked);
        let window = ReplayWindow::new(Duration::from_secs(30), 1000);
        let auth = HmacAuth::new(&secret);
        // Builders move the plugin, a clone copies it.
        let auth = black_box(auth.clone()).with_hmac_field("camh");
        let auth = black_box(auth).with_replay_window(window);
        let auth = black_box(auth).with_cover(Cover::strict());
        let cipher = black_box(Sha256StreamCipher::new(&secret).with_iv_field("vi"));
        secret.zeroize();
        Layer::new().with_auth(auth).with_cipher(cipher)
    }

    /// Seals and opens a few messages.
    #[inline(never)]
    fn speak(layer: &Layer, peers: PeerContext<'_>) {
        let (wire, mut sealer, none) = (Wire::default(), Sealer::new(), Layer::new());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for size in [0, 10, 1000] {
            let message = Message::create("uri", vec![b'x'; size]);
            let mut context = SealContext {
                now: NOW,
                rng: &mut rng,
                peers,
            };
            let mut bytes = Vec::new();
            sealer
                .seal(&wire, layer, &none, &message, &mut context, &mut bytes)
                .unwrap();
            let frame = Frame::from_datagram(&wire, BytesMut::from(&bytes[..])).unwrap();
            let mut sealed = frame.decode(&wire).unwrap();
            let context = OpenContext { now: NOW, peers };
            sealed.open(layer, &wire, &context).unwrap();
            assert_eq!(sealed.into_message().content.len(), size);
        }
    }

    pub(crate) fn main() {
        // In disguise from the start.
        let masked: Vec<u8> = (0..32u8)
            .map(|at| at.wrapping_mul(83) ^ 0x39 ^ MASK)
            .collect();
        let seed: Vec<u8> = (0..32u8)
            .map(|at| at.wrapping_mul(59) ^ 0x6e ^ MASK)
            .collect();
        let [shared, agreed, whole] = needles(&masked, &seed);
        clean_stack();
        assert_found(&shared, &[0; 6], "before");
        // The search finds what there is.
        let mut there = secret(&masked);
        assert_found(&shared, &[1, 0, 0, 0, 0, 0], "with the secret there");
        there.zeroize();

        let layer = shared_layer(&masked);
        // One each of the plugins' digests, and of the states that the cover keeps, on the heap.
        assert_found(&shared, &[0, 0, 2, 0, 1, 1], "with the plugins there");
        speak(&layer, PeerContext::default());
        assert_found(&shared, &[0, 0, 2, 0, 1, 1], "after some messages");
        drop(layer);
        assert_found(&shared, &[0; 6], "without the plugins");

        assert_found(&agreed, &[0; 2], "before");
        #[cfg(feature = "x25519")]
        {
            let (layer, peer) = agreed_layer(&seed);
            assert_found(&agreed, &[0, 1], "with the plugin there");
            let peers = PeerContext {
                remote: Some(&peer),
                ..PeerContext::default()
            };
            speak(&layer, peers);
            assert_found(&agreed, &[0, 1], "after some messages");
            drop(layer);
            assert_found(&agreed, &[0; 2], "without the plugin");
        }
        assert_found(&whole, &[0; 3], "before");
        #[cfg(feature = "aead")]
        {
            let layer = whole_layer(&masked);
            assert_found(&whole, &[0, 1, 1], "with the plugin there");
            speak(&layer, PeerContext::default());
            assert_found(&whole, &[0, 1, 1], "after some messages");
            drop(layer);
            assert_found(&whole, &[0; 3], "without the plugin");
        }
        println!("nothing is left");
    }

    #[cfg(feature = "aead")]
    #[inline(never)]
    fn whole_layer(masked: &[u8]) -> Layer {
        use netaio_core::plugin::Aead;

        let mut secret = secret(masked);
        let aead = black_box(Aead::new("another")).with_field("aead");
        aead.keys().seal_with(&secret).unwrap();
        secret.zeroize();
        Layer::new().with_cipher(black_box(aead.clone()))
    }

    #[cfg(feature = "x25519")]
    #[inline(never)]
    fn agreed_layer(masked: &[u8]) -> (Layer, Peer) {
        use netaio_core::plugin::X25519Cipher;

        let mut seed = secret(masked);
        let mut array: [u8; 32] = seed[..].try_into().unwrap();
        let cipher = X25519Cipher::from_seed(array);
        array.zeroize();
        seed.zeroize();
        let cipher = black_box(cipher).with_encrypted_uri();
        let peer = Peer::new("me").with_data(cipher.peer_data());
        (Layer::new().with_cipher(black_box(cipher)), peer)
    }
}
