//! The kinds of conversations, and how often they happen.

mod calls;
mod digital;
mod missed;

use rand::Rng;
use rand::rngs::StdRng;

use super::story::{Ended, Story};

/// Declares the kinds with their weights and what plays them.
macro_rules! scenarios {
    ($($(#[$doc:meta])* $name:ident: $weight:literal, $play:path;)+) => {
        /// A kind of conversation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Scenario { $($(#[$doc])* $name,)+ }

        impl Scenario {
            /// Every kind of scenario.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            fn weight(self) -> u32 {
                match self { $(Self::$name => $weight,)+ }
            }

            pub(super) fn play(self, story: Story<'_>) -> Ended {
                match self { $(Self::$name => $play(story),)+ }
            }
        }
    };
}

scenarios! {
    /// A customer calls, and an agent answers.
    Inbound: 26, calls::inbound;
    /// An agent calls a customer.
    Outbound: 12, calls::outbound;
    /// An agent does not take the call, the next one does.
    Declined: 5, calls::declined;
    /// Passed on to another agent without asking first.
    BlindTransfer: 6, calls::blind_transfer;
    /// Passed on after asking the other agent.
    ConsultTransfer: 5, calls::consult_transfer;
    /// A third party joins.
    Conference: 3, calls::conference;
    /// The caller withholds the number.
    Withheld: 3, calls::withheld;
    /// Asked for a callback, which happened within the same conversation.
    CalledBack: 3, calls::called_back;
    /// Colleagues talk among themselves, without a customer.
    Internal: 5, calls::internal;
    /// The customer gives up in the queue.
    Abandoned: 7, missed::abandoned;
    /// The customer leaves a message.
    Voicemail: 3, missed::voicemail;
    /// Asked for a callback, which has not happened.
    CallbackAsked: 2, missed::callback_asked;
    /// The dialler tries, and the call is not answered.
    DialerNoAnswer: 4, missed::dialer_no_answer;
    /// The dialler tries, and it is busy.
    DialerBusy: 2, missed::dialer_busy;
    /// The dialler tries a number that cannot be called.
    DialerFailed: 1, missed::dialer_failed;
    /// A web chat of a customer who gave an e-mail address.
    WebMessage: 6, digital::web_message;
    /// A web chat that the customer takes up again.
    Reopened: 2, digital::reopened;
    /// A text message by SMS.
    Sms: 4, digital::sms;
    /// A message by `WhatsApp`.
    WhatsApp: 1, digital::whatsapp;
}

impl Scenario {
    pub(super) fn pick(rng: &mut StdRng) -> Self {
        let total: u32 = Self::ALL.iter().map(|kind| kind.weight()).sum();
        let mut drawn = rng.random_range(0..total);
        for kind in Self::ALL {
            match drawn.checked_sub(kind.weight()) {
                Some(left) => drawn = left,
                None => return *kind,
            }
        }
        Self::Inbound
    }
}
