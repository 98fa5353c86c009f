//! SHA-256 (FIPS 180-4) with the SHA extensions.
//!
//! They keep the eight words of the state as `abef` and `cdgh`, the first letter in the highest
//! word, do two rounds an instruction, and want the words of a block added to the constants.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_set_epi32,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi32,
};

/// Bytes of a digest.
const LEN: usize = 32;

/// Section 4.2.2, for four rounds each.
const ROUNDS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// Four words, the first one the lowest.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn words([a, b, c, d]: [u32; 4]) -> __m128i {
    _mm_set_epi32(d as i32, c as i32, b as i32, a as i32)
}

/// A block on its way.
#[derive(Clone, Copy)]
struct Lane {
    abef: __m128i,
    cdgh: __m128i,
    /// The last sixteen words of the message schedule, the oldest four at the place that the
    /// next four come to.
    schedule: [__m128i; 4],
}

impl Lane {
    /// Four rounds, with words of the schedule and their constants.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn rounds(&mut self, words: __m128i, constants: __m128i) {
        let sum = _mm_add_epi32(words, constants);
        self.cdgh = _mm_sha256rnds2_epu32(self.cdgh, self.abef, sum);
        let high = _mm_shuffle_epi32(sum, 0x0e);
        self.abef = _mm_sha256rnds2_epu32(self.abef, self.cdgh, high);
    }

    /// Makes the next four words of the schedule, at place `AT`.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn extend<const AT: usize>(&mut self) {
        let [first, second, third, last] = [0, 1, 2, 3].map(|at| self.schedule[(AT + at) % 4]);
        let seventh = _mm_alignr_epi8(last, third, 4);
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(first, second), seventh);
        self.schedule[AT] = _mm_sha256msg2_epu32(sum, last);
    }
}

/// How many blocks are computed side by side. Six are a little faster for long texts, and slower for
/// short ones; of fewer the processor has too little to do.
const LANES: usize = 4;

/// As [`xor_keystream`](crate::xor_keystream).
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn xor_keystream(key: &[u8; LEN], data: &mut [u8]) {
    let start = start(key);
    let (blocks, _) = data.as_chunks_mut::<LEN>();
    let (groups, _) = blocks.as_chunks_mut::<LANES>();
    let mut counter = 0u32;
    for group in groups {
        xor_blocks(&start, counter, group);
        counter = counter.wrapping_add(LANES as u32);
    }
    let (_, rest) = data.as_chunks_mut::<{ LANES * LEN }>();
    match rest.len().div_ceil(LEN) {
        0 => {}
        1 => xor_rest::<1>(&start, counter, rest),
        2 => xor_rest::<2>(&start, counter, rest),
        _ => xor_rest::<LANES>(&start, counter, rest),
    }
}

/// As [`xor_blocks`], for up to `N` blocks of which the last one may be short.
#[target_feature(enable = "sha,sse4.1")]
fn xor_rest<const N: usize>(start: &Lane, counter: u32, rest: &mut [u8]) {
    let mut blocks = [[0; LEN]; N];
    let (bytes, _) = blocks.as_flattened_mut().split_at_mut(rest.len());
    bytes.copy_from_slice(rest);
    xor_blocks(start, counter, &mut blocks);
    rest.copy_from_slice(&blocks.as_flattened()[..rest.len()]);
}

/// What all blocks of a key begin with: the state after the rounds whose words are the key, and
/// the schedule but for the counter. The first four words that are made of the block's have
/// nothing of the counter either.
#[target_feature(enable = "sha,sse4.1")]
fn start(key: &[u8; LEN]) -> Lane {
    let (key, _) = key.as_chunks::<4>();
    let key = |at: usize| words([0, 1, 2, 3].map(|word| u32::from_be_bytes(key[at + word])));
    let [abef, cdgh] = initial();
    let length = words([0, 0, 0, 36 * 8]);
    let schedule = [key(0), key(4), counter_words(0), length];
    let mut lane = Lane {
        abef,
        cdgh,
        schedule,
    };
    lane.rounds(schedule[0], words(ROUNDS[0]));
    lane.rounds(schedule[1], words(ROUNDS[1]));
    lane.extend::<0>();
    lane
}

/// `abef` and `cdgh` of the initial state, section 5.3.3.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn initial() -> [__m128i; 2] {
    [
        words([0x9b05_688c, 0x510e_527f, 0xbb67_ae85, 0x6a09_e667]),
        words([0x5be0_cd19, 0x1f83_d9ab, 0xa54f_f53a, 0x3c6e_f372]),
    ]
}

/// The words behind the key: the counter, and the bit that ends the message.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn counter_words(counter: u32) -> __m128i {
    words([counter, 1 << 31, 0, 0])
}

/// XORs the digests of `N` successive counters into as many blocks.
#[target_feature(enable = "sha,sse4.1")]
fn xor_blocks<const N: usize>(start: &Lane, counter: u32, blocks: &mut [[u8; LEN]; N]) {
    let mut lanes = [*start; N];
    let mut counters = counter;
    for lane in &mut lanes {
        lane.schedule[2] = counter_words(counters);
        counters = counters.wrapping_add(1);
    }
    for (at, constants) in [(2, ROUNDS[2]), (3, ROUNDS[3]), (0, ROUNDS[4])] {
        for lane in &mut lanes {
            lane.rounds(lane.schedule[at], words(constants));
        }
    }
    step::<1, N>(&mut lanes, ROUNDS[5]);
    step::<2, N>(&mut lanes, ROUNDS[6]);
    step::<3, N>(&mut lanes, ROUNDS[7]);
    step::<0, N>(&mut lanes, ROUNDS[8]);
    step::<1, N>(&mut lanes, ROUNDS[9]);
    step::<2, N>(&mut lanes, ROUNDS[10]);
    step::<3, N>(&mut lanes, ROUNDS[11]);
    step::<0, N>(&mut lanes, ROUNDS[12]);
    step::<1, N>(&mut lanes, ROUNDS[13]);
    step::<2, N>(&mut lanes, ROUNDS[14]);
    step::<3, N>(&mut lanes, ROUNDS[15]);
    let [abef, cdgh] = initial();
    for (block, lane) in blocks.iter_mut().zip(lanes) {
        let (abef, cdgh) = (
            _mm_add_epi32(lane.abef, abef),
            _mm_add_epi32(lane.cdgh, cdgh),
        );
        let digest = [
            _mm_extract_epi64::<1>(abef),
            _mm_extract_epi64::<1>(cdgh),
            _mm_cvtsi128_si64(abef),
            _mm_cvtsi128_si64(cdgh),
        ];
        let (words, _) = block.as_chunks_mut();
        for (bytes, word) in words.iter_mut().zip(digest) {
            *bytes = (u64::from_be_bytes(*bytes) ^ word as u64).to_be_bytes();
        }
    }
}

/// Makes the next four words of the schedules, and does their rounds.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn step<const AT: usize, const N: usize>(lanes: &mut [Lane; N], constants: [u32; 4]) {
    let constants = words(constants);
    for lane in lanes {
        lane.extend::<AT>();
        lane.rounds(lane.schedule[AT], constants);
    }
}
