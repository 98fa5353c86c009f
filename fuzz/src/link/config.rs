//! How the two ends are configured.

use std::time::Duration;

use netaio_core::packify::DecodeLimits;
use netaio_core::plugin::{HmacAuth, Layer, Sha256StreamCipher};
use netaio_core::{
    AuthErrorReply, Correlation, Limits, LinkConfig, MessageType, MessageTypes, SlowConsumerPolicy,
    Wire,
};

use crate::traffic::CUSTOM;

const MAX_QUEUE: usize = 132_096;
const UNREGISTERED: u8 = 41;

/// Two bits of the first byte: none; silence about failed checks; requests and
/// replies of both ends carry ids; requests of the client do, to a plain server.
pub(super) const IDS: u8 = 0xc0;
pub(super) const IDS_BOTH: u8 = 0x80;
const IDS_CLIENT: u8 = 0xc0;

/// The configuration of the client's end, or of the server's.
pub(super) fn config(client: bool, layer: u8, limits: u8, stranger: bool) -> LinkConfig {
    let mut types = MessageTypes::base();
    types.register(CUSTOM, "CUSTOM").expect("a free value");
    debug_assert!(!types.contains(MessageType::new(UNREGISTERED)));
    // Handlers run side by side only where ids tell their answers apart.
    let ids = layer & 0x80 != 0;
    let mut config = LinkConfig::new()
        .with_outer(outer_layer(layer, stranger))
        .with_wire(Wire {
            types,
            limits: limits_of(limits, ids),
            ..Wire::default()
        });
    let ids = Correlation::default();
    match layer & IDS {
        0x40 => config.auth_error = AuthErrorReply::Silent,
        IDS_BOTH => config.correlation = ids.with_requests(true),
        IDS_CLIENT => {
            config.correlation = ids.with_requests(client).with_replies(client);
        }
        _ => {}
    }
    config
}

/// Tight ones, some of them at the script's choice.
fn limits_of(choice: u8, ids: bool) -> Limits {
    let seconds = |seconds, bit: u8| (choice & bit != 0).then(|| Duration::from_secs(seconds));
    let packify = DecodeLimits {
        items: 64,
        ..DecodeLimits::DEFAULT
    };
    let slow_consumer = match choice & 0xf {
        3 | 7 | 11 => SlowConsumerPolicy::DropNewest,
        12..=15 => SlowConsumerPolicy::DropOldest,
        _ => SlowConsumerPolicy::Disconnect,
    };
    let side_by_side = match choice & 1 {
        0 if ids => 4,
        _ => 1,
    };
    Limits::default()
        .with_handlers_per_connection(side_by_side)
        .and_then(|limits| limits.with_handlers(if choice & 8 == 0 { 1024 } else { 2 }))
        .and_then(|limits| limits.with_frames_per_turn(if choice & 2 == 0 { 64 } else { 2 }))
        .and_then(|limits| limits.with_outbound_queue(MAX_QUEUE))
        .and_then(|limits| limits.with_backlog(MAX_QUEUE / 2))
        .and_then(|limits| limits.with_backlog_time(Duration::from_secs(3)))
        .and_then(|limits| limits.with_slow_consumer(slow_consumer))
        .and_then(|limits| limits.with_pending_requests(if choice & 1 == 0 { 1024 } else { 4 }))
        .and_then(|limits| limits.with_failures(if choice & 2 == 0 { 8 } else { 1 }))
        .and_then(|limits| limits.with_idle_timeout(seconds(30, 4)))
        .and_then(|limits| limits.with_auth_timeout(seconds(5, 8)))
        .and_then(|limits| limits.with_packify(packify))
        .expect("limits that can work")
}

pub(super) fn outer_layer(choice: u8, stranger: bool) -> Layer {
    let secret = if stranger { "another" } else { "secret" };
    let mut layer = Layer::new();
    if choice & 1 != 0 {
        layer = layer.with_auth(HmacAuth::new(secret));
    }
    if has_cipher(choice) {
        let cipher = Sha256StreamCipher::new(secret);
        layer = layer.with_cipher(if choice & 4 == 0 {
            cipher
        } else {
            cipher.with_plain_uri()
        });
    }
    layer
}

pub(super) fn has_cipher(choice: u8) -> bool {
    choice & 2 != 0
}

/// Most often none.
pub(super) fn inner_layer(choice: u8) -> Layer {
    let auth = || HmacAuth::new("admin").with_hmac_field("camh");
    let cipher = || {
        let cipher = Sha256StreamCipher::new("inner");
        cipher.with_iv_field("vi").with_plain_uri()
    };
    match choice {
        8 => Layer::new().with_auth(auth()),
        9 => Layer::new().with_cipher(cipher()),
        10 => Layer::new().with_auth(auth()).with_cipher(cipher()),
        _ => Layer::new(),
    }
}
