//! Genesys' terms, which the conversation API, analytics and events spell differently.

/// Declares an enum whose values are written in several dialects.
macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident: $($dialect:ident $text:literal),+;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$value_doc])* $value,)+ }

        spelled!(@methods $name [$($value: $($dialect $text),+;)+]);
    };
    (@methods $name:ident [$($value:ident: event $event:literal, api $api:literal, analytics $analytics:literal;)+]) => {
        impl $name {
            /// As events write it.
            #[must_use]
            pub fn event(self) -> &'static str { match self { $(Self::$value => $event,)+ } }
            /// As the conversation API writes it.
            #[must_use]
            pub fn api(self) -> &'static str { match self { $(Self::$value => $api,)+ } }
            /// As analytics writes it.
            #[must_use]
            pub fn analytics(self) -> &'static str { match self { $(Self::$value => $analytics,)+ } }
        }
    };
    (@methods $name:ident [$($value:ident: all $text:literal;)+]) => {
        impl $name {
            /// As all dialects write it.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$value => $text,)+ } }
        }
    };
}

spelled! {
    /// Which side began the conversation.
    Direction {
        /// The customer began the conversation.
        Inbound: event "INBOUND", api "inbound", analytics "inbound";
        /// An agent began the conversation.
        Outbound: event "OUTBOUND", api "outbound", analytics "outbound";
    }
}

spelled! {
    /// How a session communicates. `api` is the member of a participant that holds it.
    Media {
        /// Conversations by telephone.
        Voice: event "VOICE", api "calls", analytics "voice";
        /// A callback that was asked for.
        Callback: event "CALLBACK", api "callbacks", analytics "callback";
        /// A conversation by e-mail.
        Email: event "EMAIL", api "emails", analytics "email";
        /// A chat on a web site.
        WebMessage: event "MESSAGE", api "messages", analytics "message";
        /// A text message by SMS.
        Sms: event "MESSAGE", api "messages", analytics "message";
        /// A message of `WhatsApp`.
        WhatsApp: event "MESSAGE", api "messages", analytics "message";
    }
}

impl Media {
    /// The kind of message in upper case, for those that are messages. The API and analytics write it in lower case.
    #[must_use]
    pub fn message_type(self) -> Option<&'static str> {
        match self {
            Self::WebMessage => Some("WEBMESSAGING"),
            Self::Sms => Some("SMS"),
            Self::WhatsApp => Some("WHATSAPP"),
            Self::Voice | Self::Callback | Self::Email => None,
        }
    }

    /// The provider that Genesys names.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Self::Voice => "Edge",
            Self::Callback => "PureCloud Callback",
            Self::Email => "PureCloud Email",
            Self::WebMessage | Self::Sms | Self::WhatsApp => "PureCloud Messaging",
        }
    }
}

spelled! {
    /// Why a session ended.
    Disconnect {
        /// Genesys' own side hung up: the agent, by the client.
        Client: event "CLIENT", api "client", analytics "client";
        /// The far end hung up: the customer's telephone.
        Endpoint: event "ENDPOINT", api "endpoint", analytics "endpoint";
        /// The other session of the two ended.
        Peer: event "PEER", api "peer", analytics "peer";
        /// The conversation was transferred.
        Transfer: event "TRANSFER", api "transfer", analytics "transfer";
        /// It was transferred after asking a colleague.
        ConsultTransfer: event "CONSULT_TRANSFER", api "transfer.consult", analytics "consultTransfer";
        /// It was transferred by joining both sides.
        ConferenceTransfer: event "CONFERENCE_TRANSFER", api "transfer.conference", analytics "conferenceTransfer";
        /// The agent let it ring, and it went back to the queue.
        NoAnswerTransfer: event "NO_ANSWER_TRANSFER", api "transfer.noanswer", analytics "noAnswerTransfer";
        /// It was not answered in time.
        Timeout: event "TIMEOUT", api "timeout", analytics "timeout";
        /// Genesys ended the communication.
        System: event "SYSTEM", api "system", analytics "system";
        /// The communication ended with an error of the connection.
        Error: event "ERROR", api "error", analytics "error";
        /// The number cannot be called.
        Uncallable: event "UNCALLABLE", api "uncallable", analytics "uncallable";
        /// Busy, or declined by the telephone.
        DoNotDisturb: event "DND_ENDPOINT", api "endpoint.donotdisturb", analytics "dndEndpoint";
    }
}

spelled! {
    /// The part that a participant plays.
    Purpose {
        /// A customer of a queue.
        Customer: all "customer";
        /// A party outside of the organisation, without a queue.
        External: all "external";
        /// An agent of a queue.
        Agent: all "agent";
        /// A user without a queue.
        User: all "user";
        /// The participant is a queue.
        Acd: all "acd";
        /// The participant is a voice menu.
        Ivr: all "ivr";
        /// The participant is a mailbox.
        Voicemail: all "voicemail";
        /// The participant is the dialler of a campaign.
        Dialer: all "dialer";
    }
}

spelled! {
    /// What happened in a stretch of a session.
    SegmentKind {
        /// The conversation was offered to an agent.
        Alert: all "alert";
        /// It was set up.
        Contacting: all "contacting";
        /// It rang at the other end.
        Dialing: all "dialing";
        /// Time in which both sides talked.
        Interact: all "interact";
        /// The conversation was on hold.
        Hold: all "hold";
        /// Time that Genesys itself took.
        System: all "system";
        /// A message was recorded.
        Voicemail: all "voicemail";
        /// A menu was heard.
        Ivr: all "ivr";
        /// It waited to be called back.
        Callback: all "callback";
    }
}
