//! A CRM that answers in buffers of fixed size, and notes the count of allocations at two activities.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use counting_allocator::allocations;

/// Every number has its person.
#[derive(Clone)]
pub struct Crm(Arc<Shared>);

struct Shared {
    url: String,
    activities: AtomicU64,
    /// The activities at which the count is noted, and the counts.
    first: (u64, AtomicU64),
    last: (u64, AtomicU64),
}

impl Crm {
    /// Starts it; allocations are counted from one activity to another.
    pub fn start(first: u64, last: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let crm = Self(Arc::new(Shared {
            url: format!("http://{address}"),
            activities: AtomicU64::new(0),
            first: (first, AtomicU64::new(0)),
            last: (last, AtomicU64::new(0)),
        }));
        let accepting = crm.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let crm = accepting.clone();
                thread::spawn(move || crm.serve(stream));
            }
        });
        crm
    }

    /// Its origin.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Allocations from the first to the last activity; 0 before that.
    pub fn counted(&self) -> u64 {
        let last = self.0.last.1.load(Ordering::Acquire);
        last.saturating_sub(self.0.first.1.load(Ordering::Acquire))
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut request = [0; 16 * 1024];
        let mut filled = 0;
        while let Ok(read @ 1..) = stream.read(&mut request[filled..]) {
            filled += read;
            let Some(length) = length(&request[..filled]) else {
                continue;
            };
            self.answer(&mut stream, &request[..length]);
            request.copy_within(length..filled, 0);
            filled -= length;
        }
    }

    fn answer(&self, stream: &mut TcpStream, request: &[u8]) {
        let mut body = [0; 512];
        let mut rest = &mut body[..];
        let target = text(request).split(' ').nth(1).unwrap_or_default();
        let written = if request.starts_with(b"POST /api/v2/activities") {
            let id = self.note_activity();
            write!(rest, r#"{{"success":true,"data":{{"id":{id}}}}}"#)
        } else if let Some(digits) = ten_digits(target, "term=") {
            let person = format_args!(
                r#"{{"id":{digits},"name":"Casey Customer","phones":["+1{digits}"],"emails":[]}}"#
            );
            write!(
                rest,
                r#"{{"success":true,"data":{{"items":[{{"item":{person}}}]}}}}"#
            )
        } else if let Some(digits) = ten_digits(target, "/persons/") {
            let phone = format_args!(r#"{{"value":"+1{digits}"}}"#);
            write!(
                rest,
                r#"{{"success":true,"data":{{"id":{digits},"phones":[{phone}]}}}}"#
            )
        } else if target.starts_with("/v1/users/me") {
            write!(
                rest,
                r#"{{"success":true,"data":{{"id":1,"name":"Test"}}}}"#
            )
        } else {
            write!(rest, r#"{{"success":true,"data":[]}}"#)
        };
        written.expect("an answer is short");
        let length = 512 - rest.len();
        let mut answer = [0; 1024];
        let mut rest = &mut answer[..];
        write!(
            rest,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}",
            text(&body[..length])
        )
        .expect("an answer is short");
        let length = 1024 - rest.len();
        // The worker may have given up.
        stream.write_all(&answer[..length]).ok();
    }

    fn note_activity(&self) -> u64 {
        let id = self.0.activities.fetch_add(1, Ordering::Relaxed) + 1;
        for (at, count) in [&self.0.first, &self.0.last] {
            if id == *at {
                count.store(allocations(), Ordering::Release);
            }
        }
        id
    }
}

/// The length of the first request, once it has arrived.
fn length(received: &[u8]) -> Option<usize> {
    let end = received
        .windows(4)
        .position(|window| window == b"\r\n\r\n")?;
    let head = text(&received[..end]);
    let body = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().ok())?
    });
    let length = end + 4 + body.unwrap_or_default();
    (received.len() >= length).then_some(length)
}

/// The national number that follows `before`.
fn ten_digits<'t>(target: &'t str, before: &str) -> Option<&'t str> {
    let (_, rest) = target.split_once(before)?;
    let end = rest.find(['&', '?']).unwrap_or(rest.len());
    let start = end.checked_sub(10)?;
    Some(&rest[start..end]).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
