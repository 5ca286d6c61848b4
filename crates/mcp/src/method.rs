//! The methods that the gateway serves. What is not here is refused as unknown: a method whose parameters nobody
//! reads would be a way around the rules on those that are read.

/// How a message is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Finding out what a server is. Never limited: a refused `server/discover` makes clients fall back an era.
    Free,
    /// The opening of a session.
    Opening,
    /// A sign of life.
    Handshake,
    /// A list of what a server has.
    List,
    /// One request, one answer.
    Call,
    /// A long-lived stream.
    Stream,
    /// A message without an answer: notifications, and responses to the server's requests.
    Message,
}

macro_rules! methods {
    ($($variant:ident = $text:literal, $class:ident;)*) => {
        /// A JSON-RPC method of MCP.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// Any other.
            Unknown,
        }

        impl Method {
            /// The method with this name.
            pub fn of(name: &str) -> Self {
                match name {
                    $($text => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }

            /// Its name; `unknown` for any other, so that a log line repeats nothing a stranger made up.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown => "unknown",
                }
            }

            /// How it is limited.
            pub fn class(self) -> Class {
                match self {
                    $(Self::$variant => Class::$class,)*
                    Self::Unknown => Class::Call,
                }
            }
        }
    };
}

methods! {
    Initialize = "initialize", Opening;
    Discover = "server/discover", Free;
    Ping = "ping", Handshake;
    ToolsList = "tools/list", List;
    ToolsCall = "tools/call", Call;
    PromptsList = "prompts/list", List;
    PromptsGet = "prompts/get", Call;
    ResourcesList = "resources/list", List;
    ResourcesTemplatesList = "resources/templates/list", List;
    ResourcesRead = "resources/read", Call;
    ResourcesSubscribe = "resources/subscribe", Call;
    ResourcesUnsubscribe = "resources/unsubscribe", Call;
    Complete = "completion/complete", Call;
    SetLevel = "logging/setLevel", Call;
    Listen = "subscriptions/listen", Stream;
}

impl Method {
    /// Methods of the handshake versions alone; modern ones answer them as unknown (2026-07-28, changelog).
    pub fn is_legacy_only(self) -> bool {
        matches!(
            self,
            Self::Initialize | Self::Ping | Self::SetLevel | Self::ResourcesSubscribe | Self::ResourcesUnsubscribe
        )
    }

    /// Methods whose answers are read and, where the tenant may not see all, shortened.
    pub fn answers_are_rewritten(self) -> bool {
        matches!(
            self,
            Self::Initialize
                | Self::Discover
                | Self::ToolsList
                | Self::PromptsList
                | Self::ResourcesList
                | Self::ResourcesTemplatesList
                | Self::ResourcesRead
        )
    }
}
