//! Cookies: whoever repeats one has shown that it receives at its address.
//!
//! They are stateless: a MAC over the address and a coarse time, under a key that a link draws
//! once. Two auth fields carry them, which plain peers ignore.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use rand_core::CryptoRng;
use zeroize::Zeroize;

use crate::message::AuthView;
use crate::now::Now;
use crate::packify::ValueRef;
use crate::plugin::pads::{self, Pads};
use crate::plugin::{Layer, sha256};
use crate::seal::LinkField;

/// The field with which a cookie is given.
const GIVEN: &str = "sck";
/// The field in which it is repeated.
const REPEATED: &str = "ck";

/// The first byte of either field, where the message means more than its cookie.
const BESIDE: u8 = 0;
/// The first byte of either field, where the message is there for its cookie only.
const ALONE: u8 = 1;

/// No cookie is given and none repeated.
pub(crate) const NO_COOKIES: CookieFields<'static> = CookieFields {
    given: None,
    repeated: None,
};

/// Whether a plugin of a layer writes one of the fields.
pub(crate) fn clash(layer: &Layer) -> bool {
    layer.writes(GIVEN) || layer.writes(REPEATED)
}

/// The fields of one frame.
#[derive(Clone, Copy, Default)]
pub(crate) struct CookieFields<'a> {
    pub(crate) given: Option<&'a Field>,
    pub(crate) repeated: Option<&'a Field>,
}

impl<'a> CookieFields<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_none() && self.repeated.is_none()
    }

    /// The fields as they are sealed.
    pub(crate) fn fields(self) -> [LinkField<'a>; 2] {
        let field = |name, value: Option<&'a Field>| LinkField {
            name,
            value: value.map(Field::as_bytes),
        };
        [field(GIVEN, self.given), field(REPEATED, self.repeated)]
    }
}

/// What one of the fields holds.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    bytes: [u8; 1 + Self::MAX_COOKIE],
    len: usize,
}

impl Field {
    /// The longest cookie that is repeated. Another implementation's may be as long.
    const MAX_COOKIE: usize = 32;

    /// The field for a cookie, unless that is too long or empty.
    fn new(first: u8, cookie: &[u8]) -> Option<Self> {
        let mut bytes = [0; 1 + Self::MAX_COOKIE];
        let (kind, rest) = bytes.split_first_mut()?;
        *kind = first;
        rest.get_mut(..cookie.len())?.copy_from_slice(cookie);
        let len = cookie.len().checked_add(1).filter(|len| *len > 1)?;
        Some(Self { bytes, len })
    }

    /// A cookie that is given beside an answer or a notification, or in an answer's place.
    pub(crate) fn give(cookie: &[u8], instead_of_an_answer: bool) -> Option<Self> {
        Self::new(if instead_of_an_answer { ALONE } else { BESIDE }, cookie)
    }

    /// A cookie that is repeated beside a message.
    pub(crate) fn repeat(cookie: &[u8]) -> Option<Self> {
        Self::new(BESIDE, cookie)
    }

    /// A cookie that is repeated by a message that says nothing else.
    pub(crate) fn repeat_alone(cookie: &[u8]) -> Option<Self> {
        Self::new(ALONE, cookie)
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// A cookie as a message gives it.
pub(crate) struct Given<'a> {
    pub(crate) cookie: &'a [u8],
    /// The message is no answer: the request is to be sent again, with the cookie.
    pub(crate) instead_of_an_answer: bool,
}

impl<'a> Given<'a> {
    /// The cookie that a message with these fields gives.
    pub(crate) fn of(auth: AuthView<'a>) -> Option<Self> {
        let (first, cookie) = split(auth, GIVEN)?;
        Some(Self {
            cookie,
            instead_of_an_answer: first == ALONE,
        })
    }
}

/// A cookie as a message repeats it.
pub(crate) struct Repeated<'a> {
    pub(crate) cookie: &'a [u8],
    /// The message says nothing else.
    pub(crate) alone: bool,
}

impl<'a> Repeated<'a> {
    /// The cookie that a message with these fields repeats.
    pub(crate) fn of(auth: AuthView<'a>) -> Option<Self> {
        let (first, cookie) = split(auth, REPEATED)?;
        Some(Self {
            cookie,
            alone: first == ALONE,
        })
    }
}

fn split<'a>(auth: AuthView<'a>, name: &str) -> Option<(u8, &'a [u8])> {
    let ValueRef::Bytes(value) = auth.get(name)? else {
        return None;
    };
    let (first, cookie) = value.split_first()?;
    let fits = (1..=Field::MAX_COOKIE).contains(&cookie.len());
    fits.then_some((*first, cookie))
}

/// Makes cookies, and knows its own.
pub(crate) struct CookieKey(Pads<{ pads::STANDARD }>);

impl CookieKey {
    /// Length of a cookie: a byte of the time, and the rest of a MAC. A request that is as short
    /// as can be is answered with three times its length, which an error with a cookie fits.
    const LEN: usize = 12;
    /// A cookie is good for this many seconds at least, and twice as many at most.
    const PERIOD: u64 = 64;

    pub(crate) fn new(rng: &mut dyn CryptoRng) -> Self {
        let mut key = [0; sha256::LEN];
        rng.fill_bytes(&mut key);
        let pads = Pads::of(&key);
        key.zeroize();
        Self(pads)
    }

    /// The cookie for an address.
    pub(crate) fn make(&self, now: Now, to: SocketAddr) -> [u8; Self::LEN] {
        let period = period(now);
        let mut cookie = [low_byte(period); Self::LEN];
        let tag = self.mac(period, to);
        for (byte, tag) in cookie.iter_mut().skip(1).zip(tag) {
            *byte = tag;
        }
        cookie
    }

    /// Whether it made a cookie for an address, a short time ago. It takes the same time
    /// whatever differs.
    pub(crate) fn made(&self, now: Now, cookie: &[u8], from: SocketAddr) -> bool {
        let Some((first, tag)) = cookie.split_first() else {
            return false;
        };
        if cookie.len() != Self::LEN {
            return false;
        }
        let this = period(now);
        let mut periods = [this, this.wrapping_sub(1)].into_iter();
        let period = periods.find(|period| low_byte(*period) == *first);
        let Some(period) = period else {
            return false;
        };
        let (mut made, mut given) = (self.mac(period, from), [0; sha256::LEN]);
        for (at, tag) in given.iter_mut().zip(tag) {
            *at = *tag;
        }
        for byte in made.iter_mut().skip(tag.len()) {
            *byte = 0;
        }
        sha256::equal(&made, &given)
    }

    fn mac(&self, period: u64, address: SocketAddr) -> [u8; sha256::LEN] {
        let ip = match address.ip().to_canonical() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut mac = [0; sha256::LEN];
        let feed = |hash: &mut sha256::Hash| {
            hash.update(&period.to_be_bytes());
            hash.update(&ip.octets());
            hash.update(&address.port().to_be_bytes());
        };
        self.0.mac(feed, &mut mac);
        mac
    }
}

impl fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieKey(..)")
    }
}

fn period(now: Now) -> u64 {
    now.monotonic
        .as_secs()
        .checked_div(CookieKey::PERIOD)
        .unwrap_or(0)
}

fn low_byte(period: u64) -> u8 {
    let [.., byte] = period.to_be_bytes();
    byte
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::message::AuthFields;
    use crate::testing::{NOON, after, generator};

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn a_cookie_is_good_for_its_address_and_a_while() {
        let key = CookieKey::new(&mut *generator(1));
        let other = CookieKey::new(&mut *generator(2));
        let cookie = key.make(NOON, at(1));
        assert!(key.made(NOON, &cookie, at(1)));
        assert!(key.made(after(NOON, Duration::from_secs(64)), &cookie, at(1)));
        for late in [128, 256 * 64, 257 * 64] {
            let late = after(NOON, Duration::from_secs(late));
            assert!(!key.made(late, &cookie, at(1)), "{late:?}");
        }
        assert!(!key.made(NOON, &cookie, at(2)));
        let elsewhere = SocketAddr::from(([10, 0, 0, 2], 1));
        assert!(!key.made(NOON, &cookie, elsewhere));
        assert!(!other.made(NOON, &cookie, at(1)));
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:1".parse().unwrap();
        assert!(key.made(NOON, &cookie, mapped));
    }

    #[test]
    fn no_other_bytes_are_a_cookie() {
        let key = CookieKey::new(&mut *generator(1));
        let cookie = key.make(NOON, at(1));
        for index in 0..cookie.len() {
            let mut changed = cookie;
            changed[index] ^= 1;
            assert!(!key.made(NOON, &changed, at(1)), "{index}");
            assert!(!key.made(NOON, &cookie[..index], at(1)), "{index}");
        }
        let longer = [&cookie[..], &[0]].concat();
        assert!(!key.made(NOON, &longer, at(1)));
    }

    #[test]
    fn fields_are_read_as_they_are_written() {
        let fields = |given: Option<Field>, repeated: Option<Field>| {
            let cookies = CookieFields {
                given: given.as_ref(),
                repeated: repeated.as_ref(),
            };
            let mut fields = AuthFields::new();
            for LinkField { name, value } in cookies.fields() {
                if let Some(value) = value {
                    fields.set_bytes(name, value).unwrap();
                }
            }
            fields
        };
        let answer = fields(Field::give(b"mine", true), Field::repeat(b"yours"));
        let given = Given::of(answer.view()).unwrap();
        assert!(given.cookie == b"mine" && given.instead_of_an_answer);
        let repeated = Repeated::of(answer.view()).unwrap();
        assert!(repeated.cookie == b"yours" && !repeated.alone);
        let alone = fields(Field::give(b"mine", false), Field::repeat_alone(b"yours"));
        assert!(!Given::of(alone.view()).unwrap().instead_of_an_answer);
        assert!(Repeated::of(alone.view()).unwrap().alone);
        assert!(Given::of(fields(None, None).view()).is_none());
    }

    #[test]
    fn what_is_no_cookie_is_none() {
        assert!(Field::repeat(b"").is_none() && Field::repeat(&[0; 33]).is_none());
        assert!(Field::repeat(&[0; 32]).is_some());
        let mut fields = AuthFields::new();
        for value in [&[][..], &[0], &[0; 34]] {
            fields.set_bytes("ck", value).unwrap();
            assert!(Repeated::of(fields.view()).is_none(), "{value:?}");
        }
        fields.set_u64("ck", 7).unwrap();
        assert!(Repeated::of(fields.view()).is_none());
    }
}
