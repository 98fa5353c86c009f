//! Auth fields of types and lengths that they should not have, or none at all: in
//! Python many of them raise, and the connection is closed.

use std::time::Duration;

use netaio_core::packify::{Int, Value};
use netaio_core::types::CREATE_URI;
use netaio_core::{AuthFailure, AuthFields, FieldRole, Layer, Message, Now, OpenError, Refusal};

use crate::forger::end::{End, Outcome};
use crate::forger::netaio::{self, Raised};
use crate::forger::{NOON, SECRET, body, frame, generator, hmac, overheard};

fn huge(negative: bool) -> Value {
    Value::Int(Int::from_be_magnitude(negative, &[0xff; 25]))
}

/// What no field may be.
fn odd() -> Vec<Value> {
    vec![
        Value::from(0),
        Value::from(-1),
        Value::from(1u64 << 32),
        huge(false),
        huge(true),
        Value::Bool(true),
        Value::Float(1_700_000_000.0),
        Value::from(""),
        Value::from("four"),
        Value::from("sixteen letters!"),
        Value::from("an hmac of thirty-two characters"),
        Value::Bytes(Vec::new()),
        Value::Bytes(vec![0; 3]),
        Value::Bytes(vec![0; 5]),
        Value::Bytes(vec![0; 15]),
        Value::Bytes(vec![0; 17]),
        Value::Bytes(vec![0; 31]),
        Value::Bytes(vec![0; 33]),
        Value::ByteArray(vec![0; 4]),
        Value::ByteArray(vec![0; 16]),
        Value::ByteArray(vec![0; 32]),
        Value::List(vec![Value::from(0); 4]),
        Value::Tuple(vec![Value::from(0); 32]),
        Value::None,
    ]
}

#[test]
fn odd_fields_are_failed_checks_and_the_connection_lives() {
    let honest = overheard(&Message::create("u", "x"), &mut generator(3));
    let roles = [
        ("ts", FieldRole::Timestamp),
        ("nonce", FieldRole::Nonce),
        ("hmac", FieldRole::Mac),
    ];
    let mut attacks = Vec::new();
    for (name, role) in roles {
        for value in odd() {
            let mut forged = honest.clone();
            forged.auth.set(name, &value).unwrap();
            attacks.push((forged, AuthFailure::Unfit(role)));
        }
        // What is genuine, as another type.
        let genuine = honest.auth.get_bytes(name).unwrap().to_vec();
        let items = genuine.iter().map(|byte| Value::from(*byte)).collect();
        for value in [Value::ByteArray(genuine.clone()), Value::List(items)] {
            let mut forged = honest.clone();
            forged.auth.set(name, &value).unwrap();
            attacks.push((forged, AuthFailure::Unfit(role)));
        }
        let mut missing = honest.clone();
        missing.auth.remove(name);
        attacks.push((missing.clone(), AuthFailure::Missing(role)));
        // Under a name that is bytes, and no text.
        let (key, value) = (name.as_bytes().to_vec(), genuine.into());
        missing.auth.insert(&Value::Bytes(key), &value).unwrap();
        attacks.push((missing, AuthFailure::Missing(role)));
    }
    let mut nothing = honest.clone();
    nothing.auth = AuthFields::new();
    attacks.push((nothing, AuthFailure::Missing(FieldRole::Timestamp)));

    let mut raised = Vec::new();
    let mut ends = End::both(&hmac());
    for (n, (forged, failure)) in (0..).zip(attacks) {
        let section = body(&forged.uri, &forged.content);
        raised.extend(netaio::check(SECRET, &forged.auth, &section).err());
        let time = Duration::from_secs(8 * n);
        let now = Now::new(NOON.monotonic + time, NOON.unix + time.as_secs());
        for end in &mut ends {
            end.node.on(CREATE_URI, (), Layer::new()).unwrap();
            let refusal = Refusal::Open {
                message_type: CREATE_URI,
                error: OpenError::Auth(failure),
            };
            let outcomes = end.receive(now, &frame(&forged));
            assert_eq!(outcomes, [Outcome::Refused(refusal)], "{forged:?}");
            let told = [Message::auth_error("ERROR", "HMAC auth failed")];
            assert_eq!(end.told(), told);
            let outcomes = end.receive(now, &frame(&honest));
            assert!(matches!(outcomes[..], [Outcome::Called(_)]));
        }
    }
    for error in ["OverflowError", "TypeError"] {
        assert!(raised.contains(&Raised(error)), "{error} not in {raised:?}");
    }
}
