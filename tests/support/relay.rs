//! A judge in the vendor's place: what a notifier sends goes on to it, and its answer comes back.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::vendor::{Answer, Received, Vendor};

/// A vendor that answers as the server at `judge` does, such as `http://127.0.0.1:4010`, when asked what `edit` makes of a request: another path,
/// a header more or less.
pub async fn relay(judge: &str, edit: impl Fn(&mut Received) + Send + Sync + 'static) -> Vendor {
    let judge = judge.trim_start_matches("http://").to_owned();
    Vendor::start(move |received, _| {
        let mut request = received.clone();
        edit(&mut request);
        asked(&judge, &request)
    })
    .await
}

/// The answer's status and body. HTTP/1.0, so that the body's end is the connection's.
fn asked(judge: &str, request: &Received) -> Answer {
    let mut head = format!(
        "{} {} HTTP/1.0\r\nhost: {judge}\r\n",
        request.method, request.path
    );
    for (name, value) in &request.headers {
        if !["host", "connection"].contains(&name.as_str()) {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
    }
    let mut stream = TcpStream::connect(judge).unwrap();
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(&request.body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer::say(status, body)
}
