//! Waiting for servers that were asked again to notify.

use std::sync::Weak;

use super::shared::Shared;
use super::subscriptions::AskedAgain;
use crate::connection::Connection;
use crate::logging::{Shown, limited};
use crate::request::Response;

/// Waits for what a server answers that was asked again to notify.
pub(super) async fn confirm(client: Weak<Shared>, connection: Connection, (uri, sent): AskedAgain) {
    let answer = match sent {
        Ok(sent) => connection.finish_request(sent).await.map(Response::from),
        Err(error) => Err(error.into()),
    };
    let refused = match answer.map(Response::ok) {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        // It is asked again by the next connection, or the streams end.
        Err(_) if connection.close_reason().is_some() => return,
        Err(error) => Some(error.to_string()),
    };
    let (Some(client), Some(server)) = (client.upgrade(), connection.server_id()) else {
        return;
    };
    let subscriptions = &client.subscriptions;
    match &refused {
        None => subscriptions.renewed(&connection, server, &uri),
        Some(why) => {
            let logs = connection.logs();
            let (name, shown) = (connection.name(), Shown(&uri));
            limited!(logs, WARN, "not subscribed again", server = name, uri = %shown, %why);
            subscriptions.not_renewed(&connection, server, &uri, why);
        }
    }
    client.monitor.resubscribed(&connection, uri, refused);
}
