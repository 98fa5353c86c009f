//! The three auth fields of netaio's HMAC.

use alloc::string::String;

use crate::error::{AuthFailure, FieldRole, SealError};
use crate::message::{AuthFields, AuthView, FieldForm};
use crate::packify::ValueRef;
use crate::plugin::sha256::{IV_LEN, LEN};

/// Length of a timestamp, in bytes.
pub(super) const TS_LEN: usize = 4;

/// What the three fields hold.
pub(super) struct Stamp<'a> {
    pub(super) ts: [u8; TS_LEN],
    pub(super) nonce: &'a [u8; IV_LEN],
    pub(super) mac: &'a [u8; LEN],
}

/// Their names.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) ts: String,
    pub(super) mac: String,
    pub(super) nonce: String,
}

impl Default for Names {
    /// netaio's.
    fn default() -> Self {
        Self {
            ts: "ts".into(),
            mac: "hmac".into(),
            nonce: "nonce".into(),
        }
    }
}

/// Reads and writes the fields.
#[derive(Clone)]
pub(super) struct Fields {
    names: Names,
    /// None where two of them have one name.
    form: Option<FieldForm<3>>,
}

impl Fields {
    pub(super) fn new(names: Names) -> Self {
        let form = FieldForm::new([
            (&names.ts, TS_LEN),
            (&names.mac, LEN),
            (&names.nonce, IV_LEN),
        ]);
        Self { names, form }
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Changes their names.
    pub(super) fn rename(&mut self, change: impl FnOnce(&mut Names)) {
        let mut names = self.names.clone();
        change(&mut names);
        *self = Self::new(names);
    }

    /// Whether an inner and an outer layer may share a field: both keep what is in it.
    pub(super) fn is_shared(&self, field: &str) -> bool {
        [&self.names.nonce, &self.names.ts]
            .iter()
            .any(|own| *own == field)
    }

    /// What a received message has in them.
    #[inline]
    pub(super) fn read<'a>(&self, fields: AuthView<'a>) -> Result<Stamp<'a>, AuthFailure> {
        // As nodes of ours and of netaio's own send them.
        if let Some([ts, mac, nonce]) = self.form.as_ref().and_then(|form| form.read(fields))
            && let (Ok(ts), Ok(nonce), Ok(mac)) = (ts.try_into(), nonce.try_into(), mac.try_into())
        {
            return Ok(Stamp { ts, nonce, mac });
        }
        let Names { ts, mac, nonce } = &self.names;
        let [ts, nonce, mac] = fields.get_each_packed([ts.as_str(), nonce, mac]);
        Ok(Stamp {
            ts: fit(ts, FieldRole::Timestamp, timestamp_bytes)?,
            nonce: fit(nonce, FieldRole::Nonce, exact)?,
            mac: fit(mac, FieldRole::Mac, exact)?,
        })
    }

    /// Writes them.
    #[inline]
    pub(super) fn write(
        &self,
        stamp: &Stamp<'_>,
        fields: &mut AuthFields,
    ) -> Result<(), SealError> {
        let Stamp { ts, nonce, mac } = *stamp;
        let filled = |form| fields.fill(form, [&ts, mac, nonce]);
        if self.form.as_ref().is_some_and(filled) {
            return Ok(());
        }
        // Where a field is there already, each is set by itself.
        fields.set_bytes(&self.names.nonce, nonce)?;
        fields.set_bytes(&self.names.ts, &ts)?;
        fields.set_bytes(&self.names.mac, mac)
    }

    /// A nonce that is there already, if it is one.
    pub(super) fn given_nonce(&self, fields: &AuthFields) -> Option<[u8; IV_LEN]> {
        fields.get_bytes(&self.names.nonce)?.try_into().ok()
    }

    /// A timestamp that is there already, as a number of 32 bits, or that of `now`. Unix time fits
    /// 32 bits until 2106; then the counter starts over, as a sender's must.
    pub(super) fn timestamp(
        &self,
        fields: &AuthFields,
        now: u64,
    ) -> Result<[u8; TS_LEN], SealError> {
        let number = match fields.get(&self.names.ts) {
            None => Some(now as u32),
            Some(ValueRef::Bytes(bytes)) => bytes.iter().try_fold(0u32, |number, byte| {
                Some(number.checked_mul(256)? | u32::from(*byte))
            }),
            Some(ValueRef::Int(int)) => int.to_u32(),
            Some(_) => None,
        };
        let fits = number.map(u32::to_be_bytes);
        fits.ok_or(SealError::Plugin(
            "the given timestamp is no number of 32 bits",
        ))
    }
}

/// What a field holds, which has to be there and to fit.
#[inline]
fn fit<'a, T>(
    field: Option<&'a [u8]>,
    role: FieldRole,
    read: impl FnOnce(ValueRef<'a>) -> Option<T>,
) -> Result<T, AuthFailure> {
    let value = field.ok_or(AuthFailure::Missing(role))?;
    read(ValueRef::validated(value)).ok_or(AuthFailure::Unfit(role))
}

/// Exactly so many bytes.
fn exact<const N: usize>(value: ValueRef<'_>) -> Option<&[u8; N]> {
    value.as_bytes()?.try_into().ok()
}

/// Four bytes, or an integer that fits them. An integer zero is no timestamp to
/// netaio.
fn timestamp_bytes(value: ValueRef<'_>) -> Option<[u8; TS_LEN]> {
    match value {
        ValueRef::Bytes(bytes) => bytes.try_into().ok(),
        ValueRef::Int(int) => int.to_u32().filter(|ts| *ts != 0).map(u32::to_be_bytes),
        _ => None,
    }
}
