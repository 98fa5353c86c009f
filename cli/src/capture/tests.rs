//! Captures of whatever bytes.

use bytes::BytesMut;
use etherparse::PacketBuilder;
use netaio_core::{Layer, MessageType, Sealer, Wire};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn how() -> How {
    How {
        layer: Layer::new(),
        json: false,
    }
}

/// What is printed of a file, in chunks of so many bytes.
fn printed(file: &[u8], chunk: usize, ports: &[u16]) -> (String, Result<(), CliError>) {
    let mut out = Vec::new();
    let wire = Arc::new(Wire::default());
    let mut capture = Capture::new(wire, ports.to_vec(), how(), &mut out);
    let mut input = BytesMut::new();
    let mut result = Ok(());
    for chunk in file.chunks(chunk) {
        input.extend_from_slice(chunk);
        result = capture.read(&mut input);
        if result.is_err() {
            break;
        }
    }
    let result = result.and_then(|()| capture.finish(&input));
    (String::from_utf8(out).unwrap(), result)
}

/// A file of packets of a link layer.
fn pcap(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    file.extend([[0; 4], [0; 4], [0xff; 4], link.to_le_bytes()].concat());
    for packet in packets {
        let len = (packet.len() as u32).to_le_bytes();
        file.extend([[0; 4], [0; 4], len, len].concat());
        file.extend(packet);
    }
    file
}

fn frame(number: usize) -> Vec<u8> {
    let wire = Wire::default();
    let message = netaio_core::Message::new(MessageType::OK, number.to_string(), "content");
    let mut rng = <chacha20::ChaCha20Rng as rand_core::SeedableRng>::from_seed([0; 32]);
    let mut context = netaio_core::plugin::SealContext {
        now: netaio_core::Now::default(),
        rng: &mut rng,
        peers: netaio_core::plugin::PeerContext::default(),
    };
    let mut frame = Vec::new();
    let none = Layer::new();
    Sealer::new()
        .seal_with_given_fields(&wire, &none, &none, &message, &mut context, &mut frame)
        .unwrap();
    frame
}

fn segment(sequence: u32, payload: &[u8], syn: bool) -> Vec<u8> {
    let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    let builder = builder.tcp(50_000, 8888, sequence, 65_535);
    let builder = if syn { builder.syn() } else { builder };
    let mut packet = Vec::new();
    builder.write(&mut packet, payload).unwrap();
    packet
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Packets of any bytes.
    #[test]
    fn no_packet_stops_it(
        link in select(&[0_u32, 1, 12, 101, 108, 113, 147, 228, 229, 276][..]),
        packets in vec(vec(any::<u8>(), 0..120), 0..8),
        chunk in 1_usize..400,
    ) {
        let (_, result) = printed(&pcap(link, &packets), chunk, &[]);
        prop_assert!(result.is_ok(), "{:?}", result);
    }

    /// Files of any bytes, behind what tells a capture.
    #[test]
    fn no_file_stops_it(
        start in select(vec![
            vec![0xa1, 0xb2, 0xc3, 0xd4],
            vec![0x4d, 0x3c, 0xb2, 0xa1],
            vec![0x34, 0xcd, 0xb2, 0xa1],
            vec![0x0a, 0x0d, 0x0d, 0x0a],
            vec![10, 13, 13, 10, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a],
            vec![10, 13, 13, 10, 12, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 12, 0, 0, 0],
        ]),
        bytes in vec(prop_oneof![Just(0_u8), 0_u8..40, any::<u8>()], 0..300),
        chunk in 1_usize..400,
    ) {
        let _ = printed(&[start, bytes].concat(), chunk, &[8888]);
    }

    /// Blocks of any bytes, whose lengths are right.
    #[test]
    fn no_block_stops_it(
        blocks in vec((select(&[1_u32, 2, 3, 4, 5, 6, 9, 10, 0x0bad, 0x8000_0001][..]),
            vec(prop_oneof![Just(0_u8), 0_u8..40, any::<u8>()], 0..100)), 0..8),
    ) {
        let mut file = vec![10, 13, 13, 10, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
        file.extend([[0xff; 4], [0xff; 4], [28, 0, 0, 0]].concat());
        for (kind, mut body) in blocks {
            body.resize(body.len().next_multiple_of(4), 0);
            let len = (body.len() as u32 + 12).to_le_bytes();
            file.extend([&kind.to_le_bytes()[..], &len, &body, &len].concat());
        }
        let _ = printed(&file, 1000, &[]);
    }

    /// Segments in any order, each as often as it likes: the frames are those that were sent.
    #[test]
    fn segments_in_any_order_are_the_stream(
        first in any::<u32>(),
        cuts in vec((0_usize..400, 1_usize..60), 0..80),
        chunk in 1_usize..4000,
    ) {
        let stream: Vec<u8> = (0..10).flat_map(frame).collect();
        let mut packets = vec![segment(first, b"", true)];
        let place = |at: usize| first.wrapping_add(1).wrapping_add(at as u32);
        for (at, len) in cuts {
            let at = at.min(stream.len());
            let end = at.saturating_add(len).min(stream.len());
            packets.push(segment(place(at), &stream[at..end], false));
        }
        packets.push(segment(place(0), &stream, false));
        let (text, result) = printed(&pcap(101, &packets), chunk, &[]);
        prop_assert!(result.is_ok());
        let shown: Vec<_> = text.lines().filter_map(|line| line.split(" OK ").nth(1)).collect();
        let wanted: Vec<_> = (0..10).map(|number| format!("{number} 7 bytes \"content\"")).collect();
        prop_assert_eq!(shown, wanted);
    }

    /// Some of them are missing: what is printed was sent, in its order, and the rest is said.
    #[test]
    fn what_is_missing_makes_no_frame(missing in vec(any::<bool>(), 10), with_start in any::<bool>()) {
        let mut packets = vec![];
        let (mut at, mut wanted) = (8_u32, Vec::new());
        if with_start {
            packets.push(segment(7, b"", true));
        }
        for (number, missing) in missing.iter().enumerate() {
            let frame = frame(number);
            if !missing {
                packets.push(segment(at, &frame, false));
                wanted.push(format!("{number} 7 bytes \"content\""));
            }
            at += frame.len() as u32;
        }
        let (text, result) = printed(&pcap(101, &packets), 1000, &[]);
        prop_assert!(result.is_ok());
        let shown: Vec<_> = text.lines().filter_map(|line| line.split(" OK ").nth(1)).collect();
        prop_assert_eq!(shown, wanted);
    }
}

/// What never becomes whole is bounded: directions, what waits in each, and what all have.
#[test]
fn what_waits_is_bounded() {
    let wire = Arc::new(Wire::default());
    let mut streams = Streams::new(&wire);
    let payload = vec![0; 60_000];
    for number in 0..20_000_u32 {
        let from = (std::net::Ipv4Addr::from(number), 50_000).into();
        let way = (from, ([10, 0, 0, 2], 8888).into());
        let add = |streams: &mut Streams, sequence, payload: &[u8], syn| {
            let segment = packet::Segment {
                sequence,
                acknowledged: None,
                syn,
                fin: false,
                rst: false,
                payload,
            };
            streams.add(way, &segment, true);
        };
        add(&mut streams, 0, b"", true);
        // Never the byte that is awaited.
        add(&mut streams, 1000, &payload, false);
    }
    assert!(streams.bytes <= 65 << 20, "{}", streams.bytes);
    assert!(streams.forgotten > 10_000);
}
