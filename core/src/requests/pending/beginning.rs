//! How a request's datagram begins: what the network quotes of one that it cannot deliver.

/// The first bytes of a datagram.
#[derive(Clone, Copy)]
pub(super) struct Beginning {
    bytes: [u8; Self::MAX],
    len: usize,
}

impl Beginning {
    /// The header with the checksum of the body, and most of the auth fields, the request's id
    /// among them as a rule.
    const MAX: usize = 48;

    pub(super) fn of(datagram: &[u8]) -> Self {
        let mut bytes = [0; Self::MAX];
        let len = datagram.len().min(Self::MAX);
        for (kept, byte) in bytes.iter_mut().zip(datagram) {
            *kept = *byte;
        }
        Self { bytes, len }
    }

    /// Whether a quotation is long enough to know the datagram by, and is of it.
    pub(super) fn is_in(&self, quoted: &[u8]) -> bool {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        !bytes.is_empty() && quoted.starts_with(bytes)
    }
}

impl core::fmt::Debug for Beginning {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Beginning").finish_non_exhaustive()
    }
}
