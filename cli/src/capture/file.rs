//! Files of captured packets: pcap and pcapng.

use bytes::{Buf, BytesMut};
use pcap_parser::nom::Err as NomError;
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{
    Block, parse_block_be, parse_block_le, parse_pcap_frame, parse_pcap_frame_be,
    parse_pcap_frame_modified, parse_pcap_header,
};

use super::time::Time;

/// The longest record that is read, in bytes.
const LONGEST: usize = 16 << 20;

/// The most interfaces of a section.
const INTERFACES: usize = 4096;

/// The block that a pcapng file, and each of its sections, begins with.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Why a capture cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("capture at byte {offset}: {kind}")]
pub(crate) struct CaptureError {
    offset: u64,
    kind: CaptureErrorKind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CaptureErrorKind {
    #[error("the file is cut off here: {0} bytes are no whole record")]
    Truncated(usize),
    #[error("a record of {0} bytes; at most {max} are read", max = LONGEST)]
    TooLong(u64),
    #[error("this is no record of the format")]
    Malformed,
    #[error("a packet of interface {0}, which nothing has described")]
    NoInterface(u32),
    #[error("more than {max} interfaces", max = INTERFACES)]
    Interfaces,
}

/// A packet as it was captured.
#[derive(Debug)]
pub(super) struct Record {
    /// Not every kind of record has one.
    pub(super) time: Option<Time>,
    /// What stands at the start of the data: a LINKTYPE_ number.
    pub(super) link: i32,
    pub(super) data: Vec<u8>,
}

/// Reads records from bytes that come in chunks.
pub(super) struct Records {
    format: Format,
    /// Of the bytes that are read.
    offset: u64,
}

enum Format {
    Unknown,
    Pcap {
        big_endian: bool,
        modified: bool,
        per_second: u64,
        link: i32,
    },
    Ng {
        big_endian: bool,
        interfaces: Vec<Interface>,
    },
}

struct Interface {
    link: i32,
    snaplen: u32,
    per_second: u64,
    time_offset: i64,
}

impl Records {
    /// The bytes that tell a capture.
    pub(super) const MAGIC: usize = 4;

    /// Whether a file that begins so is a capture.
    pub(super) fn are_in(start: &[u8]) -> bool {
        matches!(
            start,
            [0xa1, 0xb2, 0xc3, 0xd4, ..]
                | [0xd4, 0xc3, 0xb2, 0xa1, ..]
                | [0xa1, 0xb2, 0x3c, 0x4d, ..]
                | [0x4d, 0x3c, 0xb2, 0xa1, ..]
                | [0x34, 0xcd, 0xb2, 0xa1, ..]
        ) || start.starts_with(&SECTION)
    }

    pub(super) fn new() -> Self {
        Self {
            format: Format::Unknown,
            offset: 0,
        }
    }

    /// The next packet, if all of it has come.
    ///
    /// # Errors
    /// There is something else, and nothing behind it can be read.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Record>, CaptureError> {
        loop {
            let step = match &mut self.format {
                Format::Unknown => self.begin(input),
                Format::Pcap {
                    big_endian,
                    modified,
                    per_second,
                    link,
                } => pcap(input, (*big_endian, *modified), *per_second, *link),
                Format::Ng {
                    big_endian,
                    interfaces,
                } => ng(input, big_endian, interfaces),
            };
            let step = step.map_err(|kind| self.wrong(kind))?;
            let Some(Step { consumed, record }) = step else {
                return Ok(None);
            };
            input.advance(consumed.min(input.len()));
            self.offset = self.offset.saturating_add(consumed as u64);
            if record.is_some() {
                return Ok(record);
            }
        }
    }

    /// At the end of the file.
    ///
    /// # Errors
    /// It ends within a record.
    pub(super) fn finish(&self, rest: &[u8]) -> Result<(), CaptureError> {
        match rest.len() {
            0 => Ok(()),
            len => Err(self.wrong(CaptureErrorKind::Truncated(len))),
        }
    }

    fn wrong(&self, kind: CaptureErrorKind) -> CaptureError {
        CaptureError {
            offset: self.offset,
            kind,
        }
    }

    /// Reads what the file begins with.
    fn begin(&mut self, input: &[u8]) -> Result<Option<Step>, CaptureErrorKind> {
        if input.len() < Self::MAGIC {
            return Ok(None);
        }
        if input.starts_with(&SECTION) {
            // The section's header is a block as any other.
            self.format = Format::Ng {
                big_endian: false,
                interfaces: Vec::new(),
            };
            return Ok(Some(Step::over(0)));
        }
        let Some((rest, header)) = parsed(parse_pcap_header(input))? else {
            return Ok(None);
        };
        let nanoseconds = header.is_nanosecond_precision();
        self.format = Format::Pcap {
            big_endian: header.is_bigendian(),
            modified: header.is_modified_format(),
            per_second: if nanoseconds {
                1_000_000_000
            } else {
                1_000_000
            },
            // The bits above say whether, and how long, checksums of Ethernet frames are there.
            link: header.network.0 & 0xffff,
        };
        Ok(Some(Step::over(input.len().saturating_sub(rest.len()))))
    }
}

/// What was read.
struct Step {
    consumed: usize,
    record: Option<Record>,
}

impl Step {
    fn over(consumed: usize) -> Self {
        Self {
            consumed,
            record: None,
        }
    }
}

type Parsed<'a, T> = Result<(&'a [u8], T), NomError<pcap_parser::PcapError<&'a [u8]>>>;

fn parsed<'a, T>(result: Parsed<'a, T>) -> Result<Option<(&'a [u8], T)>, CaptureErrorKind> {
    match result {
        Ok(parsed) => Ok(Some(parsed)),
        Err(NomError::Incomplete(_)) => Ok(None),
        Err(_) => Err(CaptureErrorKind::Malformed),
    }
}

/// Four bytes as a number.
fn number(input: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let bytes = input.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(match big_endian {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    })
}

/// Refuses what is too long before it is waited for.
fn check(len: u32) -> Result<(), CaptureErrorKind> {
    match len as usize <= LONGEST {
        true => Ok(()),
        false => Err(CaptureErrorKind::TooLong(len.into())),
    }
}

fn pcap(
    input: &[u8],
    (big_endian, modified): (bool, bool),
    per_second: u64,
    link: i32,
) -> Result<Option<Step>, CaptureErrorKind> {
    let Some(len) = number(input, 8, big_endian) else {
        return Ok(None);
    };
    check(len)?;
    let frame = match (modified, big_endian) {
        (true, _) => parse_pcap_frame_modified(input),
        (false, true) => parse_pcap_frame_be(input),
        (false, false) => parse_pcap_frame(input),
    };
    let Some((rest, frame)) = parsed(frame)? else {
        return Ok(None);
    };
    // Some writers let the fraction run over.
    let units = u64::from(frame.ts_sec).saturating_mul(per_second);
    let units = units.saturating_add(frame.ts_usec.into());
    Ok(Some(Step {
        consumed: input.len().saturating_sub(rest.len()),
        record: Some(Record {
            time: Some(Time::new(units, per_second, 0)),
            link,
            data: frame.data.to_vec(),
        }),
    }))
}

fn ng(
    input: &[u8],
    big_endian: &mut bool,
    interfaces: &mut Vec<Interface>,
) -> Result<Option<Step>, CaptureErrorKind> {
    if input.starts_with(&SECTION) {
        // It says itself how its numbers are to be read.
        match number(input, 8, false) {
            None => return Ok(None),
            Some(0x1a2b_3c4d) => *big_endian = false,
            Some(0x4d3c_2b1a) => *big_endian = true,
            Some(_) => return Err(CaptureErrorKind::Malformed),
        }
        interfaces.clear();
    }
    let Some(len) = number(input, 4, *big_endian) else {
        return Ok(None);
    };
    check(len)?;
    // A whole block, so that what its parts say of their lengths cannot reach past it.
    let Some(block) = input.get(..len as usize) else {
        return Ok(None);
    };
    if len < 12 || len % 4 != 0 {
        return Err(CaptureErrorKind::Malformed);
    }
    let parsed = match *big_endian {
        true => parse_block_be(block),
        false => parse_block_le(block),
    };
    let Ok((_, block)) = parsed else {
        return Err(CaptureErrorKind::Malformed);
    };
    let record = match block {
        Block::InterfaceDescription(described) => {
            if interfaces.len() == INTERFACES {
                return Err(CaptureErrorKind::Interfaces);
            }
            interfaces.push(Interface {
                link: described.linktype.0,
                snaplen: described.snaplen,
                per_second: per_second(described.if_tsresol),
                time_offset: described.if_tsoffset,
            });
            None
        }
        Block::EnhancedPacket(packet) => {
            let number = packet.if_id as usize;
            let interface = interfaces.get(number);
            let interface = interface.ok_or(CaptureErrorKind::NoInterface(packet.if_id))?;
            let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            Some(Record {
                time: Some(Time::new(
                    units,
                    interface.per_second,
                    interface.time_offset,
                )),
                link: interface.link,
                data: packet.packet_data().to_vec(),
            })
        }
        Block::SimplePacket(packet) => {
            let interface = interfaces.first();
            let interface = interface.ok_or(CaptureErrorKind::NoInterface(0))?;
            let data = packet.packet_data();
            let len = match interface.snaplen {
                0 => data.len(),
                len => data.len().min(len as usize),
            };
            Some(Record {
                time: None,
                link: interface.link,
                data: data.get(..len).unwrap_or_default().to_vec(),
            })
        }
        _ => None,
    };
    Ok(Some(Step {
        consumed: len as usize,
        record,
    }))
}

/// How many units of time a second has, as an interface says it: a negative power of 10, or of 2
/// where the highest bit is set. What is too fine for any clock is seconds.
fn per_second(resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    let units = match resolution & 0x80 {
        0 => 10_u64.checked_pow(exponent),
        _ => 1_u64.checked_shl(exponent),
    };
    units.unwrap_or(1)
}
