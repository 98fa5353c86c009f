//! Packed values: both ways of reading agree, and what is read is written in
//! one way only.

use netaio_packify::{
    DecodeLimits, Int, IntRef, MAX_DEPTH, SerdeErrorKind, Value, ValueRef, from_slice, to_value,
};

use crate::heap::{self, Bound};
use crate::input::Input;

/// More than the default admits, so that deep and long values are read too.
pub(super) const WIDE: DecodeLimits = DecodeLimits {
    depth: MAX_DEPTH,
    items: 1 << 20,
    packables: true,
};

/// What the documentation of `Value::decode` promises.
const UNPACKING: Bound = Bound(25, 0);
/// The packed bytes, and no buffer is smaller than 8.
const PACKING: Bound = Bound(1, 8);
/// All that is done with a value and kept for comparisons.
pub(super) const ALL: Bound = Bound(100, 4096);

/// The first byte chooses: to read the rest as a packed value, within the
/// default limits or wide ones, or to build a value from it.
pub fn packify(data: &[u8]) {
    let mut input = Input::new(data);
    ALL.hold("all", data.len(), || match input.below(3) {
        0 => read(input.rest(), &DecodeLimits::DEFAULT),
        1 => read(input.rest(), &WIDE),
        _ => write(&input.value(5)),
    });
}

/// Reads it in every way, within the bounds of memory for each.
pub(super) fn read(packed: &[u8], limits: &DecodeLimits) {
    let view = Bound(0, 0).hold("looking", 0, || ValueRef::parse(packed, limits));
    let (value, unpacking) = heap::peak(|| Value::decode(packed, limits));
    let ((view, consumed), value) = match (view, value) {
        (Ok(view), Ok(value)) => (view, value),
        (Err(of_view), Err(of_value)) => {
            assert_eq!(of_view, of_value);
            assert_eq!(unpacking, 0, "what is refused allocates nothing");
            assert!(of_view.offset() <= packed.len());
            return;
        }
        (view, value) => panic!("one reads it, one does not: {view:?}, {value:?}"),
    };
    UNPACKING.check("unpacking", consumed, unpacking);
    let own = &packed[..consumed];
    let consumed_again = ValueRef::parse(own, limits).map(|(_, consumed)| consumed);
    assert_eq!(consumed_again, Ok(consumed), "bytes behind it matter");
    let shorter = &own[..consumed - 1];
    assert!(
        ValueRef::parse(shorter, limits).is_err(),
        "one byte is nobody's"
    );
    look(&view);

    let canonical = pack(&value);
    by_serde(own, limits, &canonical);
    let of_view = UNPACKING.hold("unpacking a view", consumed, || view.to_value());
    assert_eq!(of_view.to_vec().as_ref(), Ok(&canonical));
    // Packify takes the smallest widths, but spells decimals out: 1E-6 is packed
    // as 0.000001.
    assert!(
        canonical.len() <= consumed || holds_decimal(&view) && canonical.len() <= 2 * consumed,
        "{} bytes from {consumed}",
        canonical.len()
    );
    let again = Value::decode(&canonical, limits).expect("it is within the limits still");
    assert_eq!(again.to_vec().as_ref(), Ok(&canonical));
}

/// A packed value, read and written by serde as without.
fn by_serde(packed: &[u8], limits: &DecodeLimits, canonical: &[u8]) {
    let value: Value = from_slice(packed, limits).expect("it is read without");
    assert_eq!(value.to_vec().as_deref(), Ok(canonical));
    match to_value(&value) {
        Ok(value) => assert_eq!(value.to_vec().as_deref(), Ok(canonical)),
        Err(error) => assert!(matches!(error.kind(), SerdeErrorKind::TooDeep { .. })),
    }
}

fn write(value: &Value) {
    let packed = pack(value);
    let (view, consumed) = ValueRef::parse(&packed, &WIDE).expect("what is packed can be read");
    assert_eq!(consumed, packed.len());
    assert_eq!(view.to_value().to_vec(), Ok(packed));
}

/// Packs it, into a buffer of the right length.
pub(super) fn pack(value: &Value) -> Vec<u8> {
    let (packed, packing) = heap::peak(|| value.to_vec());
    let packed = packed.expect("no part is longer than 4 GiB");
    assert_eq!(value.packed_len(), Ok(packed.len()));
    PACKING.check("packing", packed.len(), packing);
    packed
}

/// Looks at every part of a view.
fn look(view: &ValueRef<'_>) {
    match *view {
        ValueRef::Int(int) => look_at_int(int),
        ValueRef::List(items) | ValueRef::Set(items) | ValueRef::Tuple(items) => {
            assert_eq!(items.len(), items.count());
            assert_eq!(items.len(), items.packed().count());
            for (item, packed) in items.zip(items.packed()) {
                look(&item);
                same(&item, packed);
            }
        }
        ValueRef::Dict(pairs) => {
            assert_eq!(pairs.len(), pairs.count());
            assert_eq!(pairs.len(), pairs.packed().count());
            let owned = view.to_value();
            let owned = owned.as_dict().expect("a dict");
            for ((key, value), packed) in pairs.zip(pairs.packed()) {
                look(&key);
                look(&value);
                same(&key, packed.key);
                same(&value, packed.value);
                if let Some(key) = key.as_str()
                    && pairs.len() < 100
                {
                    let found = pairs.get(key).map(|value| value.to_value().to_vec());
                    assert_eq!(found, owned.get(key).map(Value::to_vec));
                }
            }
        }
        _ => {}
    }
}

/// Whether `packed` is the item and nothing more.
fn same(item: &ValueRef<'_>, packed: &[u8]) {
    let (read, consumed) = ValueRef::parse(packed, &WIDE).expect("an item can be read alone");
    assert_eq!(consumed, packed.len());
    // A look at scalars is enough: containers are looked at item by item.
    if matches!(
        item,
        ValueRef::Bytes(_) | ValueRef::Str(_) | ValueRef::Int(_)
    ) {
        assert_eq!(read.to_value(), item.to_value());
    }
}

fn holds_decimal(view: &ValueRef<'_>) -> bool {
    match *view {
        ValueRef::Decimal(_) => true,
        ValueRef::List(mut items) | ValueRef::Set(mut items) | ValueRef::Tuple(mut items) => {
            items.any(|item| holds_decimal(&item))
        }
        ValueRef::Dict(mut pairs) => {
            pairs.any(|(key, value)| holds_decimal(&key) || holds_decimal(&value))
        }
        _ => false,
    }
}

fn look_at_int(int: IntRef<'_>) {
    let owned: Int = int.to_int();
    assert_eq!(int.to_u32(), u32::try_from(&owned).ok());
    assert_eq!(int.to_u64(), u64::try_from(&owned).ok());
    assert_eq!(int.to_i64(), i64::try_from(&owned).ok());
    assert_eq!(int.is_negative(), owned.is_negative());
    assert_eq!(int.magnitude(), owned.magnitude());
    if let Ok(number) = i128::try_from(&owned) {
        assert_eq!(format!("{owned}"), format!("{number}"));
    } else if owned.magnitude().len() < 300 {
        assert!(format!("{owned}").len() > 38);
    }
}
