//! A sender of webhooks that allocates nothing while it sends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bridge_tests::bridge::{WEBHOOK_TOKEN, call};

const ID: &str = "call-00000000";
const NUMBER: &str = "+12125550100";

/// One connection to `ingest`.
pub struct Sender {
    stream: TcpStream,
    request: Vec<u8>,
    id_at: usize,
    number_at: usize,
    sent: u64,
}

impl Sender {
    /// Connects.
    pub fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let body = call(ID, NUMBER);
        let request = format!(
            "POST /api/v1/genesys/webhook HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {WEBHOOK_TOKEN}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self {
            stream: TcpStream::connect(address).expect("ingest listens"),
            id_at: request.find(ID).expect("an id"),
            number_at: request.find(NUMBER).expect("a number"),
            request: request.into_bytes(),
            sent: 0,
        }
    }

    /// Posts so many calls, each of another customer, one after the other.
    pub fn send(&mut self, count: u64) {
        for _ in 0..count {
            let n = self.sent;
            self.sent += 1;
            write!(&mut self.request[self.id_at..], "call-{n:08}").expect("the id has room");
            let (area, line) = (212 + n / 100, n % 100);
            let number = &mut self.request[self.number_at..];
            write!(&mut *number, "+1{area}55501{line:02}").expect("the number has room");
            self.stream.write_all(&self.request).expect("it is sent");
            self.read_answer();
        }
    }

    /// Reads an answer, whose head and body arrive in one piece or two.
    fn read_answer(&mut self) {
        let mut buffer = [0; 1024];
        let mut filled = 0;
        // The body is one JSON object without another inside.
        while !buffer[..filled].ends_with(b"}") {
            let read = self.stream.read(&mut buffer[filled..]).expect("an answer");
            assert!(read > 0, "ingest closed the connection");
            filled += read;
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "a webhook is refused");
    }
}
