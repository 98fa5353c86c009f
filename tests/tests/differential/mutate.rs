//! Changes to frames: some blind, some that keep lengths and checksum right, so that what is
//! behind them is looked at.

use netaio_core::Header;

use crate::generate::{Case, Dice};

/// A frame taken apart at the lengths that its header gives.
pub(crate) struct Sections {
    pub(crate) kind: u8,
    checksum: [u8; 4],
    pub(crate) auth: Vec<u8>,
    pub(crate) body: Vec<u8>,
    rest: Vec<u8>,
}

impl Sections {
    /// `None` where it is not a whole frame.
    pub(crate) fn of(frame: &[u8]) -> Option<Self> {
        let header = Header::decode(frame.get(..Header::LEN)?).ok()?;
        let (auth, rest) = frame
            .get(Header::LEN..)?
            .split_at_checked(header.auth_len)?;
        let (body, rest) = rest.split_at_checked(header.body_len)?;
        Some(Self {
            kind: header.message_type.value(),
            checksum: header.checksum?.to_be_bytes(),
            auth: auth.to_vec(),
            body: body.to_vec(),
            rest: rest.to_vec(),
        })
    }

    /// The frame, with the lengths of its sections; `sum` makes its checksum right.
    pub(crate) fn frame(&self, sum: bool) -> Vec<u8> {
        let len = |section: &[u8]| {
            u16::try_from(section.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes()
        };
        let checksum = match sum {
            true => crc32(&self.body).to_be_bytes(),
            false => self.checksum,
        };
        let mut frame = vec![self.kind];
        frame.extend(len(&self.auth));
        frame.extend(len(&self.body));
        frame.extend(checksum);
        frame.extend_from_slice(&self.auth);
        frame.extend_from_slice(&self.body);
        frame.extend_from_slice(&self.rest);
        frame
    }
}

/// CRC-32 (IEEE), bit by bit: a second opinion on the core's.
fn crc32(bytes: &[u8]) -> u32 {
    let byte = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, byte)
}

/// Bytes that mean something to packify or to a length.
const TELLING: [u8; 24] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x0e, 0x0f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x48, 0x4a,
    0x4b, 0x4c, 0x4d, 0x81, 0x84, 0xc0, 0xc4, 0xff,
];

/// Changes a case in one way, and says which.
pub(crate) fn mutate(dice: &mut Dice, case: &mut Case, other: &Case) -> &'static str {
    if dice.chance(30) {
        return blindly(dice, case, other);
    }
    let Some(mut sections) = Sections::of(&case.frame) else {
        return blindly(dice, case, other);
    };
    let (what, sum) = match dice.below(10) {
        0 => (change(dice, &mut sections.auth, "auth"), false),
        1 | 2 => (change(dice, &mut sections.auth, "auth"), true),
        3 => (change(dice, &mut sections.body, "body"), false),
        4 | 5 => (change(dice, &mut sections.body, "body"), true),
        6 => {
            sections.kind = match dice.chance(50) {
                true => dice.below(256) as u8,
                false => *dice.pick(&[20, 23, 24, 30]),
            };
            ("another type", true)
        }
        7 => {
            if let Some(theirs) = Sections::of(&other.frame) {
                sections.auth = theirs.auth;
            }
            ("the auth section of another", true)
        }
        8 => {
            if let Some(theirs) = Sections::of(&other.frame) {
                sections.body = theirs.body;
            }
            ("the body of another", true)
        }
        _ => {
            sections.auth.clear();
            ("no auth section", true)
        }
    };
    case.frame = sections.frame(sum);
    what
}

/// Changes bytes, or their number.
fn change(dice: &mut Dice, section: &mut Vec<u8>, name: &'static str) -> &'static str {
    let at = dice.below(section.len().max(1));
    match dice.below(6) {
        0 => {
            if let Some(byte) = section.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        1 | 2 => {
            if let Some(byte) = section.get_mut(at) {
                *byte = *dice.pick(&TELLING);
            }
        }
        3 => {
            let count = 1 + dice.below(4);
            let bytes = dice.bytes(count);
            let at = at.min(section.len());
            section.splice(at..at, bytes);
        }
        4 => {
            let end = (at + 1 + dice.below(4)).min(section.len());
            section.drain(at.min(end)..end);
        }
        _ => {
            // A run of bytes again, behind itself.
            let end = (at + 1 + dice.below(12)).min(section.len());
            let run = section[at.min(end)..end].to_vec();
            section.splice(end..end, run);
        }
    }
    match name {
        "auth" => "auth section changed",
        _ => "body changed",
    }
}

fn blindly(dice: &mut Dice, case: &mut Case, other: &Case) -> &'static str {
    let frame = &mut case.frame;
    let at = dice.below(frame.len().max(1));
    match dice.below(8) {
        0 => {
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
            "a bit flipped"
        }
        1 => {
            if let Some(byte) = frame.get_mut(at) {
                *byte = *dice.pick(&TELLING);
            }
            "a byte set"
        }
        2 => {
            frame.truncate(at);
            "truncated"
        }
        3 => {
            let count = dice.below(30);
            frame.extend(dice.bytes(count));
            "bytes behind it"
        }
        4 => {
            let from = dice.below(other.frame.len().max(1));
            frame.truncate(at);
            frame.extend_from_slice(other.frame.get(from..).unwrap_or_default());
            "the end of another"
        }
        5 | 6 => {
            let place = *dice.pick(&[1, 3, 9]);
            if let Some(length) = frame.get_mut(place..place + 2) {
                let old = u16::from_be_bytes([length[0], length[1]]);
                let new = match dice.below(4) {
                    0 => old.wrapping_add(1),
                    1 => old.wrapping_sub(1),
                    2 => dice.bits() as u16,
                    _ => *dice.pick(&[0, 3, 255, 256, 8192, 8193, 65_535]),
                };
                length.copy_from_slice(&new.to_be_bytes());
            }
            "another length"
        }
        _ => {
            case.layers = other.layers.clone();
            "the layers of another"
        }
    }
}
