//! Choices and bytes, taken off the front of a fuzzer's input.

use std::convert::Infallible;

use arbitrary::{Arbitrary, Unstructured};
use netaio_packify::{Decimal, Dict, Int, Packable, Set, Value};
use rand_core::{TryCryptoRng, TryRng};

/// A fuzzer's input. Past its end every choice is 0 and every slice empty, so
/// any input can be read to the end of any script.
pub(super) struct Input<'a>(Unstructured<'a>);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number, or whatever else takes a fixed count of bytes.
    pub(super) fn any<T: Arbitrary<'a>>(&mut self) -> T {
        self.0.arbitrary().expect("zeros follow the end")
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.any()
    }

    /// A choice of `count`, at most 256.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.choose_index(count).expect("a choice")
    }

    pub(super) fn flag(&mut self) -> bool {
        self.any()
    }

    /// The next `len` bytes, or as many as there are.
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let len = len.min(self.0.len());
        self.0.bytes(len).expect("they are there")
    }

    /// As many of the next bytes as the one before them says.
    pub(super) fn short(&mut self) -> &'a [u8] {
        let len = self.byte().into();
        self.take(len)
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    /// One of the choices.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        *self.0.choose(choices).expect("a choice")
    }

    /// Any value that packify packs, of at most `depth` containers inside one
    /// another.
    pub(super) fn value(&mut self, depth: usize) -> Value {
        let scalars = 10;
        match self.below(if depth == 0 { scalars } else { scalars + 4 }) {
            0 => Value::None,
            1 => Value::Bytes(self.short().into()),
            2 => Value::ByteArray(self.short().into()),
            3 => Value::Str(self.text()),
            4 => Value::from(self.any::<i8>()),
            5 => Value::Int(Int::from_be_magnitude(self.flag(), self.short())),
            6 => Value::Bool(self.flag()),
            7 => Value::Float(f64::from_be_bytes(self.any())),
            8 => Value::Decimal(Decimal::parse(&self.text()).unwrap_or_default()),
            9 => Value::from(Packable {
                name: self.text().into(),
                data: self.short().into(),
            }),
            10 => Value::List(self.values(depth)),
            11 => Value::Tuple(self.values(depth)),
            12 => {
                let items = self.values(depth).into_iter();
                let hashable = items.filter(Value::is_hashable);
                Value::Set(Set::from_values(hashable).expect("hashable items"))
            }
            _ => {
                let keys = self.values(depth).into_iter().filter(Value::is_hashable);
                let keys: Vec<_> = keys.collect();
                let pairs = keys.into_iter().map(|key| (key, self.value(depth - 1)));
                Value::Dict(Dict::from_pairs(pairs).expect("hashable keys"))
            }
        }
    }

    fn values(&mut self, depth: usize) -> Vec<Value> {
        let count = self.below(6);
        (0..count).map(|_| self.value(depth - 1)).collect()
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.short()).into()
    }
}

/// Numbers without any secrecy, the same in every run.
pub(super) struct Dice(pub(super) u64);

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    /// SplitMix64.
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(number ^ (number >> 31))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            let bytes = self.try_next_u64()?.to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

// It is handed to plugins in place of a real generator.
impl TryCryptoRng for Dice {}
