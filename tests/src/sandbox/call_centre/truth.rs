//! What a record of a conversation has to say.

use std::time::Duration;

use jiff::Timestamp;

/// What a record of a conversation has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Id of the conversation that this belongs to.
    pub conversation: String,
    /// Whether there is to be a record: calls between colleagues have none.
    pub is_recorded: bool,
    /// Which channel it took.
    pub channel: Channel,
    /// Whether the customer began.
    pub is_inbound: bool,
    /// Who the customer is, and how they can be found.
    pub who: Who,
    /// What became of it.
    pub outcome: Outcome,
    /// Those who talked with the customer, in order; who was offered it and did not answer is not among them.
    pub agents: Vec<AgentTalk>,
    /// The queue that it came through last, by name.
    pub queue: Option<String>,
    /// Begin of the conversation.
    pub start: Timestamp,
    /// When its last session ended. After-call work goes on after that.
    pub end: Timestamp,
    /// Whose record it is.
    pub owner: Owner,
    /// The last wrap-up code, by name.
    pub wrap_up: Option<String>,
    /// What the agent wrote with it.
    pub notes: Option<String>,
    /// Whether a recording can be heard.
    pub has_recording: bool,
    /// How many events happen more than three minutes after the customer's session ended, or the first of several.
    pub late_events: usize,
}

/// A channel, as the product names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Conversations by telephone.
    Voice,
    /// Chats on a web site.
    Chat,
    /// Messages by SMS or `WhatsApp`.
    Message,
}

/// Who the customer is.
#[derive(Clone, Debug, PartialEq)]
pub enum Who {
    /// One person, by position among the cast's customers, found by number or e-mail address.
    Person(usize),
    /// Several people who share the number: positions among the cast's customers.
    Shared(Vec<usize>),
    /// A number that no customer has.
    Unknown(String),
    /// The number is withheld, and nothing else is known.
    Withheld,
    /// Colleagues talk among themselves, without a customer.
    Internal,
}

/// What became of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An agent and the customer talked.
    Connected,
    /// The customer gave up in the queue, after this long there.
    Abandoned(Duration),
    /// It rang, and was not answered.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// The customer left a message.
    Voicemail,
    /// The customer asked to be called back, which has not happened.
    Callback,
    /// The call could not be made.
    Failed,
}

/// What one agent did in a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentTalk {
    /// Id of the agent's user in Genesys.
    pub user_id: String,
    /// Name of the agent, for people to read.
    pub name: String,
    /// E-mail address of the agent.
    pub email: String,
    /// How long they talked, time on hold left out.
    pub talk: Duration,
    /// How long the customer was on hold.
    pub held: Duration,
}

/// Whose record it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Owner {
    /// The Pipedrive user with this e-mail address, in any case of letters: of the last agent who talked.
    User(String),
    /// The fallback: no agent talked, or the agent has no user in Pipedrive.
    Fallback,
}
