//! Where the two are meant to differ. Every difference has to fit one of these, by what is in
//! the frame and not only by what we say of it.

use netaio_core::packify::{DecodeErrorKind, DecodeLimits, MAX_DEPTH, Value, ValueRef};
use netaio_core::{
    AuthFailure, Body, DecryptFailure, FieldRole, FrameErrorKind, MessageType, OpenError,
};
use netaio_tests::judge::{Accepted, Refused};
use netaio_tests::python::{self, Verdict};
use netaio_tests::vectors::Layers;

use crate::generate::Case;

/// A difference that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exception {
    /// Row 1.
    MacNotBytes,
    /// Row 2.
    NonceOrTimestamp,
    /// Row 3.
    ErrorRunsHandler,
    /// Row 9.
    NotADict,
    /// Row 10.
    TooDeep,
    /// Row 11.
    TooManyItems,
    /// The table of limits.
    AuthTooLong,
    /// PROTOCOL 1.
    NoAuthSection,
    /// PROTOCOL 4.3.
    UriPastEnd,
    /// Row 12.
    TooLongDecrypted,
}

impl Exception {
    pub(crate) const ALL: [Self; 10] = [
        Self::MacNotBytes,
        Self::NonceOrTimestamp,
        Self::ErrorRunsHandler,
        Self::NotADict,
        Self::TooDeep,
        Self::TooManyItems,
        Self::AuthTooLong,
        Self::NoAuthSection,
        Self::UriPastEnd,
        Self::TooLongDecrypted,
    ];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::MacNotBytes => "only they accept: hmac is not 32 bytes (row 1)",
            Self::NonceOrTimestamp => {
                "only they accept: nonce is not 16 bytes, or ts not 4 or a u32 (row 2)"
            }
            Self::ErrorRunsHandler => {
                "only they accept: failed inner check of an error message (row 3)"
            }
            Self::NotADict => "only they accept: auth section is not a dict (row 9)",
            Self::TooDeep => "only they accept: auth section over 32 deep (row 10)",
            Self::TooManyItems => "only they accept: over 1,024 items in the auth section (row 11)",
            Self::AuthTooLong => "only they accept: auth section over 8 KiB (limits)",
            Self::NoAuthSection => "only we accept: no auth section at all (PROTOCOL 1)",
            Self::UriPastEnd => "only they accept: decrypted uri past the end (PROTOCOL 4.3)",
            Self::TooLongDecrypted => {
                "only we accept: decrypted to more than can be built (row 12)"
            }
        }
    }

    /// The exception that a difference is, if it is one.
    pub(crate) fn of(
        case: &Case,
        ours: &Result<Accepted, Refused>,
        theirs: &Verdict,
    ) -> Option<Self> {
        match (ours, theirs) {
            (Err(ours), Verdict::Accepted(theirs)) => Self::they_accept(case, ours, theirs),
            (Ok(ours), Verdict::Refused(theirs)) => {
                if theirs.stage == "auth fields" && case.auth_len() == Some(0) {
                    return Some(Self::NoAuthSection);
                }
                let len = ours.message.uri.len() + ours.message.content.len();
                (theirs.stage.ends_with("decrypt") && len > Body::MAX_PAYLOAD)
                    .then_some(Self::TooLongDecrypted)
            }
            _ => None,
        }
    }

    fn they_accept(case: &Case, ours: &Refused, theirs: &python::Accepted) -> Option<Self> {
        let when = |fits: bool, exception| fits.then_some(exception);
        match ours {
            Refused::Frame(FrameErrorKind::AuthTooLong { len, .. }) => when(
                case.auth_len() == Some(*len) && *len > 8 * 1024,
                Self::AuthTooLong,
            ),
            Refused::Frame(FrameErrorKind::AuthNotADict) => {
                when(theirs.auth.is_none(), Self::NotADict)
            }
            Refused::Frame(FrameErrorKind::AuthNotPackify(error)) => match error.kind() {
                DecodeErrorKind::TooDeep { .. } => when(parses(case, MAX_DEPTH), Self::TooDeep),
                DecodeErrorKind::TooManyItems { .. } => when(parses(case, 32), Self::TooManyItems),
                _ => None,
            },
            Refused::Inner(OpenError::Auth(_)) if says_error(theirs.kind) => {
                Some(Self::ErrorRunsHandler)
            }
            Refused::Outer(OpenError::Auth(failure)) => of_auth(*failure, "hmac", case),
            Refused::Inner(OpenError::Auth(failure)) => of_auth(*failure, Layers::INNER_HMAC, case),
            Refused::Outer(OpenError::Decrypt(DecryptFailure::UriPastBody { uri_len })) => when(
                *uri_len > theirs.uri.len() + theirs.content.len(),
                Self::UriPastEnd,
            ),
            Refused::Outer(OpenError::Decrypt(DecryptFailure::Corrupt)) => when(
                theirs.uri.is_empty() && theirs.content.is_empty(),
                Self::UriPastEnd,
            ),
            _ => None,
        }
    }
}

/// Rows 1 and 2.
fn of_auth(failure: AuthFailure, mac: &str, case: &Case) -> Option<Exception> {
    let auth = case.auth().unwrap_or_default();
    let Ok(Value::Dict(fields)) = Value::decode(auth, &DecodeLimits::DEFAULT) else {
        return None;
    };
    let is_bytes = |name: &str, wanted: usize| matches!(fields.get(name), Some(Value::Bytes(bytes)) if bytes.len() == wanted);
    let is_u32 = |name: &str| matches!(fields.get(name), Some(Value::Int(int)) if u32::try_from(int).is_ok());
    match failure {
        AuthFailure::Unfit(FieldRole::Mac) => {
            (!is_bytes(mac, 32)).then_some(Exception::MacNotBytes)
        }
        AuthFailure::Unfit(FieldRole::Nonce) => {
            (!is_bytes("nonce", 16)).then_some(Exception::NonceOrTimestamp)
        }
        AuthFailure::Unfit(FieldRole::Timestamp) => {
            (!is_bytes("ts", 4) && !is_u32("ts")).then_some(Exception::NonceOrTimestamp)
        }
        _ => None,
    }
}

fn says_error(kind: u8) -> bool {
    [MessageType::ERROR, MessageType::AUTH_ERROR].contains(&MessageType::new(kind))
}

/// Whether the auth section is packify but for its depth or number of items; deeper than
/// [`MAX_DEPTH`] we cannot say.
fn parses(case: &Case, depth: usize) -> bool {
    let limits = DecodeLimits {
        depth,
        items: usize::MAX,
        ..DecodeLimits::DEFAULT
    };
    match ValueRef::parse(case.auth().unwrap_or_default(), &limits) {
        Ok(_) => true,
        Err(error) => error.kind() == DecodeErrorKind::TooDeep { limit: MAX_DEPTH },
    }
}

/// Why both refuse a frame at different steps, if that is as it should be.
pub(crate) fn other_step(
    case: &Case,
    ours: &Refused,
    theirs: &python::Refusal,
) -> Option<&'static str> {
    let when = |fits: bool, why| fits.then_some(why);
    match ours {
        Refused::Frame(FrameErrorKind::AuthTooLong { .. }) => Some("    we: auth section too long"),
        // They look into the auth section before the body is there.
        Refused::Frame(FrameErrorKind::Truncated { .. }) if theirs.stage == "auth fields" => {
            Some("    we wait for the whole frame first")
        }
        _ if theirs.stage == "auth fields" => {
            when(case.auth_len() == Some(0), "    they: no auth section")
        }
        Refused::Frame(FrameErrorKind::AuthNotADict) => Some("    we: auth section is not a dict"),
        Refused::Frame(FrameErrorKind::AuthNotPackify(error)) => {
            let limits = matches!(
                error.kind(),
                DecodeErrorKind::TooDeep { .. } | DecodeErrorKind::TooManyItems { .. }
            );
            when(
                limits,
                "    we: auth section too deep or with too many items",
            )
        }
        // They go on to the next step.
        Refused::Outer(OpenError::Auth(failure)) if theirs.stage != "auth" => {
            let row = of_auth(*failure, "hmac", case);
            when(row.is_some(), "    we: hmac, nonce or ts unfit")
        }
        Refused::Inner(OpenError::Auth(failure)) if theirs.stage == "inner decrypt" => {
            let row = of_auth(*failure, Layers::INNER_HMAC, case);
            let goes_on = row.is_some() || case.frame.first().is_some_and(|kind| says_error(*kind));
            when(goes_on, "    we: inner hmac")
        }
        Refused::Outer(OpenError::Decrypt(
            DecryptFailure::UriPastBody { .. } | DecryptFailure::Corrupt,
        )) => when(
            theirs.stage.starts_with("inner"),
            "    we: decrypted uri past the end; they: inner check",
        ),
        _ => None,
    }
}
