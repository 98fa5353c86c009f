//! An auth plugin that says for whom a message was sealed, and counts.

use netaio_driver::core::packify::ValueRef;
use netaio_driver::core::plugin::{AuthPlugin, FieldNames, OpenContext, SealContext};
use netaio_driver::core::{AuthFailure, AuthFields, AuthView, Message, Peer, SealError};

use super::support::Counter;

/// Writes the number of the seal, and the ids of both peers as far as they are
/// known. Everything passes its check that has a stamp for the local peer, or for
/// nobody.
#[derive(Clone, Debug)]
pub(super) struct Stamps {
    made: Counter,
    specific: bool,
}

fn name(peer: Option<&Peer>) -> String {
    let id = peer.map(|peer| String::from_utf8_lossy(&peer.id).into_owned());
    id.unwrap_or_else(|| "nobody".into())
}

impl Stamps {
    pub(super) fn new(specific: bool) -> Self {
        Self {
            made: Counter::default(),
            specific,
        }
    }

    /// How many messages were sealed.
    pub(super) fn made(&self) -> usize {
        self.made.get()
    }

    /// The number of a message's stamp, whom it is from and whom it is for.
    pub(super) fn read(message: &Message) -> (Vec<u8>, (String, String)) {
        let field = |name| {
            let bytes = message.auth.get_bytes(name).expect("it has a stamp");
            bytes.to_vec()
        };
        let text = |name| String::from_utf8(field(name)).expect("it is a name");
        (field("number"), (text("from"), text("to")))
    }
}

impl AuthPlugin for Stamps {
    fn make(
        &self,
        fields: &mut AuthFields,
        _: &[u8],
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        fields.set_bytes("number", &self.made.add().to_be_bytes())?;
        fields.set_bytes("from", name(context.peers.local).as_bytes())?;
        fields.set_bytes("to", name(context.peers.remote).as_bytes())
    }

    fn check(
        &self,
        fields: AuthView<'_>,
        _: &[u8],
        context: &OpenContext<'_>,
    ) -> Result<(), AuthFailure> {
        let local = name(context.peers.local);
        match fields.get("to") {
            Some(ValueRef::Bytes(to)) if to == local.as_bytes() || to == b"nobody" => Ok(()),
            _ => Err(AuthFailure::Mismatch),
        }
    }

    fn error(&self) -> Message {
        Message::error_message("stamp auth failed")
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames {
            own: vec!["number", "from", "to"],
            shared: Vec::new(),
        }
    }

    fn is_peer_specific(&self) -> bool {
        self.specific
    }
}
