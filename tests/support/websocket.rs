//! Text frames of WebSockets (RFC 6455), as far as a test server needs them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The answer to the key of a client.
pub fn accept_key(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

/// Sends a message as a text frame.
pub async fn send(stream: &mut BufReader<TcpStream>, message: &Value) -> std::io::Result<()> {
    let text = message.to_string().into_bytes();
    let mut frame = vec![0x81];
    match (u8::try_from(text.len()), u16::try_from(text.len())) {
        (Ok(length @ 0..=125), _) => frame.push(length),
        (_, Ok(length)) => frame.extend([&[126][..], &length.to_be_bytes()].concat()),
        _ => frame.extend([&[127][..], &(text.len() as u64).to_be_bytes()].concat()),
    }
    frame.extend(text);
    stream.write_all(&frame).await
}

/// The next text message, as JSON; `None` once the client has left.
pub async fn receive(stream: &mut BufReader<TcpStream>) -> Option<Value> {
    loop {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await.ok()?;
        let length = match head[1] & 127 {
            126 => stream.read_u16().await.ok()?.into(),
            127 => usize::try_from(stream.read_u64().await.ok()?).ok()?,
            length => usize::from(length),
        };
        let mut mask = [0; 4];
        stream.read_exact(&mut mask).await.ok()?;
        let mut text = vec![0; length];
        stream.read_exact(&mut text).await.ok()?;
        text.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match head[0] & 15 {
            1 => return serde_json::from_slice(&text).ok(),
            8 => return None,
            _ => {}
        }
    }
}
