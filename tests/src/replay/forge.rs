//! Frames of somebody who is none of the parties.

use chacha20::ChaCha12Rng;
use netaio_core::plugin::SealContext;
use netaio_core::{Layer, Now, Sealer, Wire};
use rand_core::SeedableRng;

use super::scenario::{Forged, Spoil};

/// Bytes of a header.
const HEADER: usize = 9;

/// The frame of a step, sealed with nonces that follow from the step's number.
pub(super) fn frame(forged: &Forged, step: usize, now: Now) -> Vec<u8> {
    let mut rng = ChaCha12Rng::seed_from_u64(step as u64);
    let mut context = SealContext {
        now,
        rng: &mut rng,
        peers: Default::default(),
    };
    let (wire, mut frame) = (Wire::default(), Vec::new());
    let (outer, inner) = (forged.outer(), Layer::new());
    Sealer::new()
        .seal(
            &wire,
            &outer,
            &inner,
            &forged.message(),
            &mut context,
            &mut frame,
        )
        .expect("the scenario's messages fit");
    if let Some(change) = forged.spoil {
        spoil(&mut frame, change);
    }
    frame.truncate(frame.len() - forged.cut);
    frame
}

/// Changes a byte, counted from the last one. Where the checksum shall fit again,
/// the bytes are one frame.
pub(super) fn spoil(bytes: &mut [u8], Spoil { back, checksum }: Spoil) {
    let last = bytes.len() - 1;
    bytes[last - back] ^= 1;
    if checksum {
        let body = HEADER + section(bytes, 1);
        let sum = crc32fast::hash(&bytes[body..]);
        bytes[5..HEADER].copy_from_slice(&sum.to_be_bytes());
    }
}

/// One of many frames.
pub(super) fn nth_frame(mut bytes: &[u8], number: usize) -> &[u8] {
    let frame = |bytes: &[u8]| HEADER + section(bytes, 1) + section(bytes, 3);
    for _ in 0..number {
        bytes = &bytes[frame(bytes)..];
    }
    &bytes[..frame(bytes)]
}

/// The length of a section that the header gives at this place.
fn section(frame: &[u8], at: usize) -> usize {
    usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]))
}
