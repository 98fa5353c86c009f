//! Values that are packed, and what their bytes become when they are damaged.

use arbitrary::Arbitrary;
use netaio_packify::{DecodeErrorKind, DecodeLimits, Value};

use crate::described::{AnyValue, Damage, Extent};
use crate::packify;

/// A value, limits for who reads it, and what happens to it on its way.
#[derive(Debug, Arbitrary)]
pub struct Values<'a> {
    limits: AnyLimits,
    damage: Vec<Damage>,
    value: AnyValue<'a>,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum AnyLimits {
    Default,
    Wide,
    /// Depth and items, and whether packables are read.
    Chosen(u8, u8, bool),
}

impl AnyLimits {
    fn get(self) -> DecodeLimits {
        match self {
            Self::Default => DecodeLimits::DEFAULT,
            Self::Wide => packify::WIDE,
            Self::Chosen(depth, items, packables) => DecodeLimits {
                depth: depth.into(),
                items: items.into(),
                packables,
            },
        }
    }
}

/// Packs the value and reads it; then damages its bytes and reads them.
pub fn values(input: &Values<'_>) {
    let limits = input.limits.get();
    let value = input.value.build();
    let packed = packify::pack(&value);

    let read = Value::decode(&packed, &limits);
    let within = Extent::of(&value).is_within(&limits);
    match read {
        Ok(read) => {
            assert!(within, "{limits:?} do not hold");
            assert_eq!(read.to_vec().as_ref(), Ok(&packed));
        }
        Err(error) => {
            use DecodeErrorKind::{PackableRefused, TooDeep, TooManyItems};
            let expected = matches!(
                error.kind(),
                PackableRefused | TooDeep { .. } | TooManyItems { .. }
            );
            assert!(expected && !within, "{error}");
        }
    }
    let read_all = |packed: &[u8]| {
        packify::ALL.hold("all", packed.len(), || packify::read(packed, &limits));
    };
    read_all(&packed);
    let mut damaged = packed;
    for damage in &input.damage {
        damage.apply(&mut damaged);
        read_all(&damaged);
    }
}
