//! A CRM that answers at once, as Pipedrive does: every number has its person, and nothing is limited.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::messages::number_of_person;

/// Most records of a page.
const PAGE: u64 = 500;

/// The CRM. It runs on a thread of its own until the end of the program.
#[derive(Clone)]
pub struct Crm(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    requests: AtomicU64,
    activities: AtomicU64,
    people: AtomicU64,
}

impl Crm {
    /// Starts it on a free port.
    pub fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            requests: AtomicU64::new(0),
            activities: AtomicU64::new(0),
            people: AtomicU64::new(0),
        });
        let crm = Self(shared);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serving = crm.clone();
        std::thread::spawn(move || runtime.block_on(serving.serve(listener)));
        Ok(crm)
    }

    /// Its origin.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// How many requests it has answered.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// How many activities were created.
    pub fn activities(&self) -> u64 {
        self.0.activities.load(Ordering::Relaxed)
    }

    /// From now on it lists this many people.
    pub fn set_people(&self, people: u64) {
        self.0.people.store(people, Ordering::Relaxed);
    }

    async fn serve(self, listener: std::net::TcpListener) -> Result<()> {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            let crm = self.clone();
            // An error ends one connection only.
            tokio::spawn(async move { crm.connection(stream).await.ok() });
        }
    }

    async fn connection(&self, mut stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let (mut buffer, mut filled) = (vec![0; 64 * 1024], 0);
        loop {
            let read = stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            let Some(request) = Request::parse(&buffer[..filled]) else {
                continue;
            };
            let body = self.answer(request.method, request.target);
            let length = request.length;
            buffer.copy_within(length..filled, 0);
            filled -= length;
            let mut answer = String::with_capacity(body.len() + 128);
            write!(
                answer,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )?;
            stream.write_all(answer.as_bytes()).await?;
        }
    }

    fn answer(&self, method: &str, target: &str) -> String {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let data = match (method, path) {
            ("POST", "/api/v2/activities") => {
                let id = self.0.activities.fetch_add(1, Ordering::Relaxed) + 1;
                // By hand, as the next one: these two are answered for every message.
                return format!(
                    r#"{{"success":true,"data":{{"id":{id},"is_deleted":false,"done":true}}}}"#
                );
            }
            (_, "/api/v2/persons/search") => {
                let digits = digits(parameter(query, "term"));
                return format!(
                    r#"{{"success":true,"data":{{"items":[{{"result_score":1,"item":{{"id":{digits},"type":"person","name":"Casey Customer","phones":["+1{digits}"],"emails":[]}}}}]}},"additional_data":{{"next_cursor":null}}}}"#
                );
            }
            (_, "/v1/users/me") => {
                json!({"id": 1, "name": "Bench", "company_domain": "example", "active_flag": true})
            }
            (_, "/v1/users") => json!([{"id": 1, "name": "Bench", "active_flag": true}]),
            (_, "/v1/activityTypes") => {
                json!([{"id": 1, "key_string": "call", "active_flag": true}])
            }
            (_, "/api/v2/persons") => return self.people(query),
            _ => match path.strip_prefix("/api/v2/persons/") {
                Some(id) => person(id.parse().unwrap_or(1), &format!("+1{id}")),
                None => json!([]),
            },
        };
        json!({"success": true, "data": data, "additional_data": {"next_cursor": null}}).to_string()
    }

    /// A page of all people; the cursor is the number of the next one.
    fn people(&self, query: &str) -> String {
        let people = self.0.people.load(Ordering::Relaxed);
        let since = parameter(query, "updated_since");
        let first: u64 = parameter(query, "cursor").parse().unwrap_or(0);
        let limit = parameter(query, "limit").parse().unwrap_or(PAGE).min(PAGE);
        // Nothing changes after the first pass.
        let end = if since.is_empty() {
            (first + limit).min(people)
        } else {
            first
        };
        let page: Vec<Value> = (first..end)
            .map(|n| person(n + 1, &number_of_person(n)))
            .collect();
        let next = (end < people && !page.is_empty()).then(|| end.to_string());
        json!({"success": true, "data": page, "additional_data": {"next_cursor": next}}).to_string()
    }
}

fn person(id: u64, phone: &str) -> Value {
    json!({
        "id": id, "name": "Casey Customer", "owner_id": 1, "visible_to": 3, "open_deals_count": 0, "is_deleted": false,
        "phones": [{"value": phone, "primary": true}], "emails": [],
        "add_time": "2026-01-01T00:00:00Z", "update_time": "2026-01-01T00:00:00Z",
    })
}

/// The ten digits of a number in any of the forms that are searched for.
fn digits(term: &str) -> &str {
    let start = term.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let digits = &term[start..];
    match digits.len() {
        11 => &digits[1..],
        _ => digits,
    }
}

fn parameter<'q>(query: &'q str, name: &str) -> &'q str {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.find_map(|(key, value)| (key == name).then_some(value));
    // A plus sign is escaped; digits are not.
    value.map_or("", |value| value.trim_start_matches("%2B"))
}

/// A request that has arrived as a whole.
struct Request<'r> {
    method: &'r str,
    target: &'r str,
    length: usize,
}

impl<'r> Request<'r> {
    fn parse(received: &'r [u8]) -> Option<Self> {
        let end = received
            .windows(4)
            .position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&received[..end]).ok()?;
        let mut lines = head.lines();
        let mut first = lines.next()?.split(' ');
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        let length = end + 4 + length.unwrap_or(0);
        (received.len() >= length).then_some(Self {
            method: first.next()?,
            target: first.next()?,
            length,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_every_form() {
        for target in [
            "term=2125550101&fields=phone",
            "term=%2B12125550101",
            "fields=phone&term=12125550101",
        ] {
            assert_eq!(digits(parameter(target, "term")), "2125550101");
        }
    }

    #[test]
    fn a_request_is_complete_with_its_body() {
        let request = b"POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET";
        assert!(Request::parse(&request[..request.len() - 4]).is_none());

        let parsed = Request::parse(request).unwrap();

        assert_eq!((parsed.method, parsed.target), ("POST", "/x"));
        assert_eq!(parsed.length, request.len() - 3);
    }
}
