//! A handler behind a check of its own runs for nobody who fails it, and is there
//! still for who passes. (In netaio's TCP server the handler runs when whoever is
//! told of the failure answers nothing, and a one-time handler is gone.)

use std::sync::Arc;

use netaio_core::packify::Value;
use netaio_core::plugin::HmacAuth;
use netaio_core::types::{CREATE_URI, REQUEST_URI, RESPOND_URI};
use netaio_core::{
    AuthErrorReply, Layer, LinkConfig, Message, OpenError, Refusal, RequestOptions, SendOptions,
};

use crate::forger::end::{End, Outcome};
use crate::forger::{NOON, frame, generator, hmac, overheard};

/// Messages that do not pass [`hmac`].
fn forgeries(message: &Message) -> Vec<Message> {
    let honest = overheard(message, &mut generator(5));
    let mut changed = honest.clone();
    changed.content = "forged".into();
    let mut list = changed.clone();
    let items = (0..32).map(|_| 0.into()).collect();
    list.auth.set("hmac", &Value::List(items)).unwrap();
    let mut unsealed = message.clone();
    unsealed.content = "forged".into();
    vec![changed, list, unsealed]
}

#[test]
fn a_handler_never_runs_after_a_failed_check_whatever_is_answered() {
    let replies = [
        (AuthErrorReply::Plugin, true),
        (AuthErrorReply::Silent, false),
        (AuthErrorReply::Handler(Arc::new(|_| None)), false),
        (
            AuthErrorReply::Handler(Arc::new(|_| Some(Message::ok("", "fine")))),
            true,
        ),
    ];
    for (auth_error, tells) in replies {
        for inner in [false, true] {
            let (outer, own) = match inner {
                true => (Layer::new(), hmac()),
                false => (hmac(), Layer::new()),
            };
            let config = LinkConfig {
                auth_error: auth_error.clone(),
                ..LinkConfig::new().with_outer(outer)
            };
            for mut end in [End::stream(config.clone()), End::datagrams(config)] {
                end.node.on(CREATE_URI, (), own.clone()).unwrap();
                let message = Message::create("u", "genuine");
                for forged in forgeries(&message) {
                    let outcomes = end.receive(NOON, &frame(&forged));
                    assert!(
                        matches!(
                            outcomes[..],
                            [Outcome::Refused(Refusal::Open {
                                message_type: CREATE_URI,
                                error: OpenError::Auth(_)
                            })]
                        ),
                        "{outcomes:?}"
                    );
                    assert_eq!(end.told().len(), usize::from(tells));
                }
                let honest = overheard(&message, &mut generator(5));
                let outcomes = end.receive(NOON, &frame(&honest));
                assert!(matches!(&outcomes[..], [Outcome::Called(_)]));
            }
        }
    }
}

#[test]
fn forgeries_leave_a_one_time_handler_to_the_genuine_message() {
    let message = Message::create("u", "genuine");
    for mut end in End::both(&Layer::new()) {
        end.node.once((CREATE_URI, "u"), (), hmac()).unwrap();
        for forged in forgeries(&message) {
            let outcomes = end.receive(NOON, &frame(&forged));
            assert!(
                matches!(outcomes[..], [Outcome::Refused(_)]),
                "{outcomes:?}"
            );
        }
        let honest = frame(&overheard(&message, &mut generator(5)));
        let outcomes = end.receive(NOON, &honest);
        assert!(matches!(&outcomes[..], [Outcome::Called(called)] if called.content == "genuine"));
        // Taken, once.
        let outcomes = end.receive(NOON, &honest);
        assert!(matches!(outcomes[..], [Outcome::Unrouted(_)]));
    }
}

/// netaio waits for an answer with a one-time handler: a forged answer eats it.
#[test]
fn forged_answers_leave_the_request_to_the_genuine_one() {
    let answer = Message::new(RESPOND_URI, "u", "genuine");
    for inner in [false, true] {
        let outer = if inner { Layer::new() } else { hmac() };
        for mut end in End::both(&outer) {
            let options = match inner {
                true => SendOptions::new().with_inner(hmac()),
                false => SendOptions::new(),
            };
            let options = RequestOptions::new().with_send_options(options);
            let id = end.request(&Message::new(REQUEST_URI, "u", ""), &options);
            for forged in forgeries(&answer) {
                let outcomes = end.receive(NOON, &frame(&forged));
                match outcomes[..] {
                    [Outcome::Refused(Refusal::Answer { request, .. })] => {
                        assert_eq!((request, inner), (id, true));
                    }
                    [Outcome::Refused(Refusal::Open { .. })] => assert!(!inner),
                    _ => panic!("{outcomes:?}"),
                }
                assert_eq!(end.pending_requests(), 1);
            }
            let honest = overheard(&answer, &mut generator(5));
            match &end.receive(NOON, &frame(&honest))[..] {
                [Outcome::Answered(request, answer)] => {
                    assert_eq!(
                        (*request, &answer.message.content[..]),
                        (id, &b"genuine"[..])
                    );
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(end.pending_requests(), 0);
        }
    }
}

/// Who may speak to a node is not thereby its administrator.
#[test]
fn the_mac_of_one_layer_does_not_open_the_other() {
    let admin = HmacAuth::new("admin").with_hmac_field("camh");
    for mut end in End::both(&hmac()) {
        let inner = Layer::new().with_auth(admin.clone());
        end.node.on(CREATE_URI, (), inner).unwrap();
        let mut message = overheard(&Message::create("u", ""), &mut generator(5));
        let mac = message.auth.get_bytes("hmac").unwrap().to_vec();
        message.auth.set_bytes("camh", &mac).unwrap();
        let outcomes = end.receive(NOON, &frame(&message));
        assert!(
            matches!(outcomes[..], [Outcome::Refused(_)]),
            "{outcomes:?}"
        );
    }
}
