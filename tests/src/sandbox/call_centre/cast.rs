//! Who is there: agents, queues, wrap-up codes, customers. Numbers are of ranges reserved for fiction.

use rand::Rng;
use rand::rngs::StdRng;

use super::super::genesys::model::{Contact, Directory, Named, User};

/// How many customers have a number of their own.
const CUSTOMERS: usize = 600;
/// How many pairs of customers share a number.
const SHARED: usize = 20;
const FIRST: [&str; 16] = [
    "Alex", "Blair", "Casey", "Devon", "Ellis", "Finley", "Gray", "Harper", "Indigo", "Jules",
    "Kai", "Lane", "Morgan", "Noel", "Parker", "Quinn",
];
const LAST: [&str; 20] = [
    "Archer", "Baker", "Carter", "Draper", "Elder", "Fisher", "Glover", "Hunter", "Ironside",
    "Joyner", "Keeler", "Lister", "Mason", "Norris", "Osborne", "Piper", "Quilter", "Ryder",
    "Sawyer", "Turner",
];
const QUEUES: [&str; 5] = ["Sales EN", "Sales DE", "Support", "Billing", "Web chat"];
const CODES: [&str; 6] = [
    "Quote requested",
    "Sold",
    "Not interested",
    "Complaint",
    "Call back later",
    "Wrong number",
];

/// Agents, queues and codes of the call centre.
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// Agents who take conversations.
    pub agents: Vec<Agent>,
    /// Queues that route conversations.
    pub queues: Vec<Named>,
    /// Wrap-up codes that agents choose from.
    pub codes: Vec<Named>,
    /// Customers that Pipedrive has.
    pub customers: Vec<Customer>,
    /// Id of the division that everything belongs to.
    pub division: String,
}

/// An agent of the call centre, who is a user of Genesys.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// The user's id in Genesys.
    pub id: String,
    /// Name of the agent, for people to read.
    pub name: String,
    /// The e-mail address in Genesys.
    pub email: String,
    /// Whether Pipedrive has a user with that address, in other letters' case for some.
    pub is_pipedrive_user: bool,
}

/// A customer that Pipedrive has.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// Name of the customer, for people to read.
    pub name: String,
    /// The number, in E.164.
    pub phone: String,
    /// The e-mail address, which no other customer has.
    pub email: String,
    /// The contact in Genesys, where it knows the customer.
    pub contact_id: Option<String>,
    /// Positions of customers with the same number.
    pub shares_with: Vec<usize>,
}

impl Cast {
    pub(super) fn generate(rng: &mut StdRng) -> Self {
        let agents = (0..24).map(|position| agent(rng, position)).collect();
        let named = |rng: &mut StdRng, name: &&str| Named {
            id: id(rng),
            name: (*name).to_owned(),
        };
        let queues = QUEUES.iter().map(|name| named(rng, name)).collect();
        let codes = CODES.iter().map(|name| named(rng, name)).collect();
        let mut customers: Vec<Customer> = (0..CUSTOMERS)
            .map(|position| customer(rng, position, phone(position)))
            .collect();
        for pair in 0..SHARED {
            let position = customers.len();
            let mut twin = customer(rng, position, customers[pair].phone.clone());
            twin.shares_with = vec![pair];
            customers[pair].shares_with = vec![position];
            customers.push(twin);
        }
        Self {
            agents,
            queues,
            codes,
            customers,
            division: id(rng),
        }
    }

    pub(super) fn directory(&self) -> Directory {
        let user = |agent: &Agent| User {
            id: agent.id.clone(),
            name: agent.name.clone(),
            email: agent.email.clone(),
        };
        let contact = |customer: &Customer| {
            let (first_name, last_name) = customer.name.split_once(' ')?;
            Some(Contact {
                id: customer.contact_id.clone()?,
                first_name: first_name.to_owned(),
                last_name: last_name.to_owned(),
                phone: Some(customer.phone.clone()),
                email: Some(customer.email.clone()),
                merged_from: Vec::new(),
            })
        };
        Directory {
            users: self.agents.iter().map(user).collect(),
            queues: self.queues.clone(),
            wrapup_codes: self.codes.clone(),
            contacts: self.customers.iter().filter_map(contact).collect(),
        }
    }
}

fn agent(rng: &mut StdRng, position: usize) -> Agent {
    let name = format!("{} {}", FIRST[position % 16], LAST[(position * 7 + 3) % 20]);
    let plain = name.to_lowercase().replace(' ', ".");
    // Genesys and Pipedrive often differ in the case of letters.
    let local = if position.is_multiple_of(3) {
        name.replace(' ', ".")
    } else {
        plain
    };
    Agent {
        id: id(rng),
        name,
        email: format!("{local}@agents.example.com"),
        is_pipedrive_user: position % 5 != 4,
    }
}

fn customer(rng: &mut StdRng, position: usize, phone: String) -> Customer {
    let name = format!("{} {}", FIRST[position % 16], LAST[(position / 16) % 20]);
    let plain = name.to_lowercase().replace(' ', ".");
    let contact_id = rng.random_bool(0.5).then(|| id(rng));
    Customer {
        name,
        phone,
        email: format!("{plain}.{position}@example.com"),
        contact_id,
        shares_with: Vec::new(),
    }
}

/// The number at a position: a hundred of Washington, then British mobile ones.
fn phone(position: usize) -> String {
    match position {
        0..100 => format!("+120255501{position:02}"),
        _ => format!("+447700900{:03}", position - 100),
    }
}

/// A number that no customer has.
pub(super) fn stranger(rng: &mut StdRng) -> String {
    format!("+442079460{:03}", rng.random_range(100..1000))
}

/// An id as Genesys makes them.
pub(super) fn id(rng: &mut StdRng) -> String {
    uuid::Builder::from_random_bytes(rng.random())
        .into_uuid()
        .to_string()
}
