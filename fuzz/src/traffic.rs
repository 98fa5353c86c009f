//! What the nodes of a script say to each other.

use netaio_core::packify::Value;
use netaio_core::types::*;
use netaio_core::{AuthFields, Correlation, Header, Message, MessageType, Response};

/// A type of the scripts' own.
pub(super) const CUSTOM: u8 = 40;
pub(super) const URIS: &[&str] = &["a", "b", "", "ERROR"];
pub(super) const REQUESTS: &[MessageType] = &[
    REQUEST_URI,
    CREATE_URI,
    UPDATE_URI,
    DELETE_URI,
    SUBSCRIBE_URI,
    UNSUBSCRIBE_URI,
    PUBLISH_URI,
    MessageType::new(CUSTOM),
];
/// What a handler answers that was told to refuse.
pub(super) const REFUSAL: &str = "refused by the handler";

#[derive(Clone, Copy, Debug)]
pub(super) enum Handler {
    /// Answers at once.
    Answer,
    /// Answers when the script says so.
    Defer,
    /// Says that there is no answer.
    Ignore,
    /// Answers with what fits no frame.
    TooLarge,
    /// Drops its call.
    Drop,
}

impl Handler {
    /// One of them, most often one that answers.
    pub(super) fn of(choice: u8) -> Self {
        match choice & 7 {
            2 | 6 => Self::Defer,
            3 => Self::Ignore,
            4 => Self::TooLarge,
            5 => Self::Drop,
            _ => Self::Answer,
        }
    }
}

/// One of the types of requests.
pub(super) fn request_type(choice: u8) -> MessageType {
    REQUESTS[usize::from(choice) % REQUESTS.len()]
}

/// Whether somebody may wait for an answer to it.
pub(super) fn asks(message_type: MessageType) -> bool {
    REQUESTS.contains(&message_type)
}

/// The answer to a request, which repeats its content.
pub(super) fn answer_to(request: &Message) -> Message {
    let answer = match request.message_type {
        REQUEST_URI => RESPOND_URI,
        SUBSCRIBE_URI => CONFIRM_SUBSCRIBE,
        UNSUBSCRIBE_URI => CONFIRM_UNSUBSCRIBE,
        _ => OK,
    };
    Message::new(answer, request.uri.clone(), request.content.clone())
}

/// Whether it answers the request whose content is this number: with that, or with
/// an error in place of a handler's answer.
pub(super) fn answers(answer: &Response, serial: u32) -> bool {
    let content = &answer.message.content[..];
    let errors = [
        REFUSAL,
        "the handler gave no answer",
        "the reply could not be sent",
    ];
    let replaced = |text: &&str| content.starts_with(text.as_bytes());
    content == serial.to_be_bytes() || answer.message.is_error() && errors.iter().any(replaced)
}

/// The id of a request that its answer will repeat, if it will.
pub(super) fn repeated_id(correlation: &Correlation, request: &Message) -> Option<Value> {
    let id = request.auth.get(correlation.field())?.to_value();
    let packed = id.to_vec().ok()?;
    (correlation.replies() && packed.len() <= Correlation::MAX_ID).then_some(id)
}

/// A frame that no layer seals, of any type. `how`: a uri, from 16 up, and 1 for a
/// wrong checksum.
pub(super) fn unsealed(kind: u8, how: u8, fields: &AuthFields) -> Vec<u8> {
    let uri = URIS[usize::from(how >> 4) % URIS.len()];
    let body = [&(uri.len() as u16).to_be_bytes(), uri.as_bytes(), b"?"].concat();
    let mut auth = Vec::new();
    fields.encode(&mut auth).expect("few fields");
    let checksum = crc32fast::hash(&body) ^ u32::from(how & 0xf == 1);
    let header = Header {
        message_type: MessageType::new(kind % 64),
        auth_len: auth.len(),
        body_len: body.len(),
        checksum: Some(checksum),
    };
    let mut frame = vec![0; Header::LEN];
    header.encode(&mut frame).expect("short sections");
    [frame, auth, body].concat()
}
