//! Message types of one's own, 31 to 255: a thermometer reports, asks with a type
//! whose answer has a type of its own, too, and is warned by a message that it
//! did not ask for. It ends by itself.
//!
//!     cargo run -p netaio-tokio --example custom_types

use std::sync::{Mutex, PoisonError};

use netaio_tokio::config::MessageTypes;
use netaio_tokio::core::RegisterError;
use netaio_tokio::{
    Client, Connection, Message, MessageType, NoReply, Reply, Server, State, Text, Uri,
};
use tokio::sync::mpsc;

/// What both ends must know: a message of any other type is not sent, and one
/// that comes closes the connection.
struct Protocol {
    types: MessageTypes,
    /// A temperature. It is not answered.
    report: MessageType,
    /// Asks for the average.
    ask_average: MessageType,
    /// Answers that.
    average: MessageType,
    /// It is too hot.
    alarm: MessageType,
}

impl Protocol {
    fn new() -> Result<Self, RegisterError> {
        let mut types = MessageTypes::base();
        Ok(Self {
            report: types.register(31, "REPORT")?,
            ask_average: types.register(32, "ASK_AVERAGE")?,
            average: types.register(33, "AVERAGE")?,
            alarm: types.register(255, "ALARM")?,
            types,
        })
    }
}

/// The sum of all temperatures, and their number.
type Sum = Mutex<(f64, f64)>;

async fn listen(protocol: &Protocol) -> Result<Server, Box<dyn std::error::Error>> {
    let (average, alarm) = (protocol.average, protocol.alarm);
    let report = move |uri: Uri, text: Text, who: Connection, sum: State<Sum>| async move {
        let Ok(degrees) = text.parse::<f64>() else {
            return Some(Reply::error("that is no number"));
        };
        {
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            *sum = (sum.0 + degrees, sum.1 + 1.0);
        }
        if degrees > 30.0 {
            let warning = Message::new(alarm, uri.0, format!("{degrees} degrees"));
            // An error means that the client is gone, and needs no warning.
            let _ = who.send(warning).await;
        }
        None
    };
    // A plain text would be answered with the type `OK`.
    let ask_average = move |sum: State<Sum>| {
        let (sum, count) = *sum.lock().unwrap_or_else(PoisonError::into_inner);
        Reply::new(average, format!("{:.1}", sum / count))
    };
    let server = Server::builder()
        .types(protocol.types.clone())
        .state(Sum::default())
        .on(protocol.report, report)
        .on((protocol.ask_average, "cellar"), ask_average)
        .bind("127.0.0.1:0");
    Ok(server.await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protocol = Protocol::new()?;
    let server = listen(&protocol).await?;

    let (warn, mut warnings) = mpsc::channel(8);
    let client = Client::builder()
        .types(protocol.types.clone())
        .on(protocol.alarm, move |uri: Uri, text: Text| {
            // With eight of them unread, one more says nothing new.
            let _ = warn.try_send(format!("{uri}: {}", text.0));
            // Custom types may be requests; this one wants no answer.
            NoReply
        })
        .build()?;
    client.connect(server.local_addr()).await?;
    for degrees in ["19.5", "35.5", "20"] {
        let report = Message::new(protocol.report, "cellar", degrees);
        client.send(report).await?;
    }

    // `accept` names the type that answers, besides netaio's own.
    let ask = Message::new(protocol.ask_average, "cellar", "");
    let answer = client.request_message(ask).accept(protocol.average).await?;
    let name = protocol.types.name(answer.message_type).unwrap_or("?");
    println!("{name}: {}", String::from_utf8_lossy(&answer.content));
    assert_eq!((name, &answer.content[..]), ("AVERAGE", &b"25.0"[..]));

    let warning = warnings.recv().await.ok_or("the client is gone")?;
    println!("ALARM: {warning}");
    assert_eq!(warning, "cellar: 35.5 degrees");

    // A request that is not understood is answered as any other.
    let ask = Message::new(protocol.ask_average, "attic", "");
    let error = client.request_message(ask).await?.into_result().err();
    println!("of the attic: {}", error.ok_or("it has a thermometer")?);

    let unknown = Message::new(MessageType::new(99), "cellar", "");
    let error = client.send(unknown).await.err();
    println!(
        "a type that was not registered: {}",
        error.ok_or("it was sent")?
    );
    server.stop().await;
    Ok(())
}
